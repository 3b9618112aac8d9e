// Where records without a partition go, and many records at once.
#include <array>
#include <map>
#include <set>

#include "accumulator/accumulator.hpp"
#include "catch.hpp"

using namespace ottla;
using namespace ottla::accumulator;
using namespace std::chrono_literals;

namespace {

struct World {
    explicit World(AccumulatorConfig config, int32_t partitions = 4) : accumulator(std::move(config), [] {}) {
        Accumulator::seed_thread(7);
        append({}, 0);
        topic = accumulator.topics().front();
        BatchList rejected;
        accumulator.set_partitions(*topic, partitions, rejected);
        empty();
    }
    Errc append(Bytes key = {}, int32_t partition = partition_any, std::string_view value = "v") {
        return accumulator.append(
            {.topic = "t", .key = key, .value = value, .headers = {}, .timestamp_ms = 1, .partition = partition, .token = {}});
    }
    void empty() {
        for (BatchList all = accumulator.take_everything(); !all.empty();) {
            Batch* batch = all.pop();
            accumulator.settle(*batch);
            accumulator.finish(batch);
        }
    }
    /// Records by partition since the last time.
    std::map<int32_t, int> counts() {
        std::map<int32_t, int> all;
        for (BatchList taken = accumulator.take_everything(); !taken.empty();) {
            Batch* batch = taken.pop();
            all[batch->partition] += batch->count;
            accumulator.settle(*batch);
            accumulator.finish(batch);
        }
        return all;
    }

    Accumulator accumulator;
    Topic* topic = nullptr;
};

} // namespace

TEST_CASE("the application's function chooses partitions") {
    std::vector<std::string> asked;
    World world({.choose = [&](const PartitionQuery& query) -> int32_t {
        asked.push_back(
            std::string(query.topic) + " " + std::string(query.key.text()) + " of " + std::to_string(query.partition_count) +
            (query.available(2) ? "" : ", 2 has no leader") + (query.available(4) || query.available(-1) ? "?" : ""));
        if (query.key.text() == "throw")
            throw std::runtime_error("no");
        if (query.key.is_null())
            return query.keyless();
        return query.key.text() == "wrong" ? 4 : 3;
    }});
    CHECK(world.append("a") == Errc::no_error);
    CHECK(world.append("wrong") == Errc::_unknown_partition);
    CHECK(world.append("throw") == Errc::_unknown_partition);
    CHECK(world.append("b", 1) == Errc::no_error); // it has one
    CHECK(world.accumulator.append(
              {.topic = "", .key = {}, .value = "v", .headers = {}, .timestamp_ms = 1, .partition = 0, .token = {}}) == Errc::topic_exception);
    CHECK(world.accumulator.outstanding() == 2);
    CHECK(world.counts() == std::map<int32_t, int>{{1, 1}, {3, 1}});
    CHECK(asked == std::vector<std::string>{"t a of 4", "t wrong of 4", "t throw of 4"});
    world.topic->buffers[2]->has_leader = false;
    CHECK(world.append() == Errc::no_error);
    CHECK(asked.back() == "t  of 4, 2 has no leader");
    CHECK(world.counts().size() == 1);
}

TEST_CASE("records without a key keep away from partitions without a leader") {
    const bool adaptive = GENERATE(false, true);
    const auto sticky = GENERATE(0ms, 1ms);
    World world({.limits = {.bytes = 100}, .sticky = sticky, .adaptive = adaptive});
    for (const size_t dead : {0u, 2u, 3u})
        world.topic->buffers[dead]->has_leader = false;
    for (int i = 0; i < 50; ++i)
        REQUIRE(world.append() == Errc::no_error);
    CHECK(world.counts() == std::map<int32_t, int>{{1, 50}});
    world.topic->buffers[1]->has_leader = false; // none is left: any will do
    CHECK(world.append() == Errc::no_error);
}

TEST_CASE("a sticky partition that is gone is not kept to") {
    World world({.sticky = 1h}, 4);
    for (int round = 0; round < 20; ++round) {
        Accumulator::seed_thread(static_cast<uint64_t>(round));
        CHECK(world.append() == Errc::no_error);
        BatchList rejected;
        world.accumulator.set_partitions(*world.topic, 1, rejected);
        CHECK(world.append() == Errc::no_error);
        world.empty();
        world.accumulator.set_partitions(*world.topic, 4, rejected);
    }
}

TEST_CASE("a thread does not stick to a partition for ever when the clock is set back") {
    static int64_t now;
    now = 1'000'000'000;
    auto* const clock = std::exchange(Accumulator::coarse_now_ms, [] { return now; });
    {
        World world({.sticky = 10ms});
        std::set<int32_t> chosen;
        for (int i = 0; i < 50; ++i) {
            now -= 3'600'000;
            world.append();
            chosen.insert(world.counts().begin()->first);
        }
        CHECK(chosen.size() == 4);
    }
    Accumulator::coarse_now_ms = clock;
}

TEST_CASE("adaptive: a thread keeps to a partition for a batch's bytes, then takes one with a short queue") {
    World world({.limits = {.bytes = 1000}, .adaptive = true});
    const std::string value(92, 'x'); // ten fill a batch
    for (int i = 0; i < 10; ++i)
        REQUIRE(world.append({}, partition_any, value) == Errc::no_error);
    CHECK(world.counts().size() == 1);

    // Queues of 0, 1, 3 and 7 batches: weights 8, 7, 5 and 1 of 21.
    const std::array<int, 4> queues{0, 1, 3, 7};
    for (size_t i = 0; i < queues.size(); ++i)
        world.topic->buffers[i]->load = queues[i];
    std::map<int32_t, int> chosen;
    for (int i = 0; i < 2100; ++i) {
        Accumulator::seed_thread(static_cast<uint64_t>(i));
        REQUIRE(world.append({}, partition_any, value) == Errc::no_error);
        for (const auto& [partition, count] : world.counts())
            chosen[partition] += count;
        for (size_t p = 0; p < queues.size(); ++p)
            CHECK(world.topic->buffers[p]->load == queues[p]);
    }
    CHECK(chosen[0] == Approx(800).margin(80));
    CHECK(chosen[1] == Approx(700).margin(80));
    CHECK(chosen[2] == Approx(500).margin(80));
    CHECK(chosen[3] == Approx(100).margin(40));
}

TEST_CASE("adaptive: a partition that stands still is left out, until it moves") {
    static TimePoint now;
    now = TimePoint(1h);
    auto* const clock = std::exchange(PartitionBuffer::precise_now, [] { return now; });
    {
        World world({.limits = {.bytes = 10}, .adaptive = true, .availability = 100ms}, 2);
        world.append({}, 0); // begins a batch on partition 0, which is not sent
        now += 100ms;
        world.append({}, 1); // a fresh one on 1
        now += 1ms;
        std::set<int32_t> chosen;
        const auto choose = [&](int times) {
            const auto before = [&](size_t i) { return world.topic->buffers[i]->load.load(); };
            for (int i = 0; i < times; ++i) {
                const int loads[] = {before(0), before(1)};
                world.append();
                chosen.insert(before(0) > loads[0] ? 0 : 1);
            }
        };
        choose(30);
        CHECK(chosen == std::set<int32_t>{1});
        world.topic->buffers[0]->progress = now;
        choose(60);
        CHECK(chosen == std::set<int32_t>{0, 1});
        world.empty();
    }
    PartitionBuffer::precise_now = clock;
}

TEST_CASE("many records at once: one result each, order by partition, credit exact") {
    World world({.limits = {.records = 7}, .max_messages = 300, .max_record_bytes = 100}, 3);
    std::vector<std::string> values;
    for (int i = 0; i < 400; ++i)
        values.push_back(std::to_string(i));
    const std::string large(200, 'x');
    std::vector<SendRecord> records;
    for (int i = 0; i < 400; ++i)
        records.push_back(
            {.topic = "t", .key = {}, .value = i == 5 ? large : values[static_cast<size_t>(i)], .headers = {}, .timestamp_ms = 1,
             .partition = i == 9 ? 17 : i % 3, .token = {.value = static_cast<uintptr_t>(i)}});
    std::vector<Errc> codes(records.size());
    world.accumulator.append(records, codes);

    CHECK(codes[5] == Errc::msg_size_too_large);
    CHECK(codes[9] == Errc::_unknown_partition);
    int accepted = 0;
    for (size_t i = 0; i < codes.size(); ++i)
        if (codes[i] == Errc::no_error)
            ++accepted;
        else if (i != 5 && i != 9)
            CHECK(codes[i] == Errc::_queue_full);
    CHECK(accepted == 300);
    CHECK(world.accumulator.outstanding() == 300);
    std::map<int32_t, int64_t> last;
    for (BatchList taken = world.accumulator.take_everything(); !taken.empty();) {
        Batch* batch = taken.pop();
        CHECK(batch->count <= 7);
        for (int32_t i = 0; i < batch->count; ++i) {
            const auto number = static_cast<int64_t>(batch->token(i).value);
            CHECK(number % 3 == batch->partition);
            CHECK((!last.contains(batch->partition) || number > last[batch->partition]));
            last[batch->partition] = number;
        }
        world.accumulator.finish(batch);
    }
    CHECK(world.accumulator.outstanding() == 0);
    CHECK(world.accumulator.outstanding_bytes() == 0);
}
