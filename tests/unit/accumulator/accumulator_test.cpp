#include "accumulator/accumulator.hpp"

#include <set>
#include <thread>

#include "catch.hpp"
#include "record/record_parser.hpp"

using namespace ottla;
using namespace ottla::accumulator;
using namespace std::chrono_literals;

namespace {

struct World {
    explicit World(AccumulatorConfig config = {}) : accumulator(config, [this] { ++wakes; }) {}

    Errc append(std::string_view topic, std::string_view value, int32_t partition = 0, Bytes key = {}, Token token = {}) {
        return accumulator.append(
            {.topic = topic, .key = key, .value = value, .headers = {}, .timestamp_ms = 1000, .partition = partition, .token = token});
    }
    Topic& topic(std::string_view name) {
        for (Topic* t : accumulator.topics())
            if (t->name == name)
                return *t;
        throw std::runtime_error("no such topic");
    }
    /// Makes the topic known: a record is what makes the handle.
    Topic& know(std::string_view name, int32_t partitions) {
        append(name, "first", 0);
        Topic& t = topic(name);
        BatchList rejected;
        accumulator.set_partitions(t, partitions, rejected);
        for (BatchList all = t.buffers[0]->take_all(); !all.empty();)
            accumulator.finish(all.pop());
        accumulator.drain_ready([](PartitionBuffer&) {});
        return t;
    }

    std::atomic<int> wakes{0};
    Accumulator accumulator;
};

std::vector<std::string> values(const Batch& batch) {
    std::vector<std::string> all;
    for (const Chunk& chunk : batch.chunks) {
        const auto bytes = chunk.records();
        RecordView view;
        for (const uint8_t* at = bytes.data(); at != bytes.data() + bytes.size();) {
            at = record::RecordParser::parse(at, bytes.data() + bytes.size(), {}, view);
            REQUIRE(at != nullptr);
            all.emplace_back(view.value().text());
        }
    }
    return all;
}

std::vector<std::vector<std::string>> take_all(World& world, PartitionBuffer& buffer) {
    std::vector<std::vector<std::string>> all;
    for (BatchList batches = buffer.take_all(); !batches.empty();) {
        Batch* batch = batches.pop();
        all.push_back(values(*batch));
        world.accumulator.finish(batch);
    }
    return all;
}

} // namespace

TEST_CASE("the core hears of a partition only when a batch opens or fills") {
    World world({.limits = {.bytes = 1'000'000, .records = 3}});
    Topic& topic = world.know("t", 2);
    const int before = world.wakes;
    int listed = 0;
    const auto drain = [&] { world.accumulator.drain_ready([&](PartitionBuffer&) { ++listed; }); };

    world.append("t", "1");
    drain();
    CHECK(listed == 1); // opened
    world.append("t", "2");
    drain();
    CHECK(listed == 1); // quiet
    world.append("t", "3");
    drain();
    CHECK(listed == 2); // full

    CHECK(world.wakes == before + 2);
    CHECK(take_all(world, *topic.buffers[0]) == std::vector<std::vector<std::string>>{{"1", "2", "3"}});
}

TEST_CASE("a batch ends at its limit of records or of bytes with framing") {
    World by_count({.limits = {.bytes = 1'000'000, .records = 2}});
    Topic& counted = by_count.know("t", 1);
    for (const char* value : {"1", "2", "3"})
        by_count.append("t", value);
    CHECK(take_all(by_count, *counted.buffers[0]) == std::vector<std::vector<std::string>>{{"1", "2"}, {"3"}});

    World by_bytes({.limits = {.bytes = 61 + 2 * 109, .records = 1000}});
    Topic& sized = by_bytes.know("t", 1);
    for (int i = 0; i < 3; ++i)
        by_bytes.append("t", std::string(100, 'x'));
    BatchList batches = sized.buffers[0]->take_all();
    Batch* first = batches.pop();
    CHECK(first->count == 2);
    CHECK(first->bytes <= 61 + 2 * 109);
    Batch* second = batches.pop();
    CHECK(second->count == 1);
    by_bytes.accumulator.finish(first);
    by_bytes.accumulator.finish(second);
}

TEST_CASE("records never straddle chunks: small ones first, then large ones, its own for a giant") {
    World world;
    Topic& topic = world.know("t", 1);
    std::vector<std::string> sent;
    for (int i = 0; i < 100; ++i)
        sent.push_back(std::string(1500, static_cast<char>('a' + i % 26)));
    sent.push_back(std::string(200'000, 'Z'));
    sent.push_back("after");
    for (const auto& value : sent)
        REQUIRE(world.append("t", value) == Errc::no_error);

    BatchList batches = topic.buffers[0]->take_all();
    Batch* batch = batches.pop();
    CHECK(values(*batch) == sent);
    CHECK(batch->chunks.front().memory.size() == small_chunk);
    CHECK(batch->chunks.at(1).memory.size() == large_chunk);
    CHECK(batches.empty());
    world.accumulator.finish(batch);
}

TEST_CASE("linger counts from the first record of a batch; full batches and flushes do not wait") {
    World world({.limits = {.bytes = 1'000'000, .records = 2}});
    Topic& topic = world.know("t", 1);
    PartitionBuffer& buffer = *topic.buffers[0];
    world.append("t", "1");
    const TimePoint opened = buffer.oldest();

    CHECK(buffer.due(5ms) == opened + 5ms);
    CHECK(buffer.take(opened + 4ms, 5ms, false, 5).empty());
    BatchList on_time = buffer.take(opened + 5ms, 5ms, false, 5);
    REQUIRE_FALSE(on_time.empty());
    world.accumulator.finish(on_time.pop());

    world.append("t", "2");
    BatchList flushed = buffer.take(opened, 1h, true, 5);
    REQUIRE_FALSE(flushed.empty());
    world.accumulator.finish(flushed.pop());

    world.append("t", "3");
    world.append("t", "4");
    BatchList full = buffer.take(opened, 1h, false, 5);
    REQUIRE_FALSE(full.empty());
    CHECK(full.front()->count == 2);
    world.accumulator.finish(full.pop());
}

TEST_CASE("credit by count and by bytes is exact and comes back when a batch is finished") {
    World world({.max_messages = 3, .max_bytes = 100});
    Topic& topic = world.know("t", 1);

    CHECK(world.append("t", "1") == Errc::no_error);
    CHECK(world.append("t", "2") == Errc::no_error);
    CHECK(world.append("t", std::string(99, 'x')) == Errc::_queue_full); // bytes
    CHECK(world.append("t", "3") == Errc::no_error);
    CHECK(world.append("t", "4") == Errc::_queue_full); // count
    CHECK(world.accumulator.outstanding() == 3);
    CHECK(world.accumulator.outstanding_bytes() == 3);

    take_all(world, *topic.buffers[0]);

    CHECK(world.accumulator.outstanding() == 0);
    CHECK(world.accumulator.outstanding_bytes() == 0);
    CHECK(world.append("t", std::string(99, 'x')) == Errc::no_error);
}

TEST_CASE("what is refused takes no credit") {
    World world({.max_record_bytes = 10});
    world.know("t", 2);

    CHECK(world.append("t", "12345678901") == Errc::msg_size_too_large);
    CHECK(world.append("t", "1", 2) == Errc::_unknown_partition);
    CHECK(world.append("t", "1", -5) == Errc::_unknown_partition);
    world.topic("t").refused = static_cast<int>(Errc::_unknown_topic);
    CHECK(world.append("t", "1") == Errc::_unknown_topic);
    world.accumulator.refuse(Errc::_fatal);
    CHECK(world.append("t", "1") == Errc::_fatal);

    CHECK(world.accumulator.outstanding() == 0);
    CHECK(world.accumulator.outstanding_bytes() == 0);
}

TEST_CASE("tokens are kept by record, and only if given") {
    World world;
    Topic& topic = world.know("t", 1);
    world.append("t", "1");
    world.append("t", "2", 0, {}, {.value = 7});
    world.append("t", "3");

    BatchList batches = topic.buffers[0]->take_all();
    Batch* batch = batches.pop();
    CHECK(batch->token(0).value == 0);
    CHECK(batch->token(1).value == 7);
    CHECK(batch->token(2).value == 0);
    world.accumulator.finish(batch);

    world.append("t", "4");
    batches = topic.buffers[0]->take_all();
    CHECK(batches.front()->tokens.empty());
    world.accumulator.finish(batches.pop());
}

TEST_CASE("keyless records stick to a partition for a while, keyed ones go where the key says") {
    static int64_t now_ms = 1'000'000;
    struct Clock {
        Clock() { Accumulator::coarse_now_ms = [] { return now_ms; }; }
        ~Clock() { Accumulator::coarse_now_ms = before; }
        int64_t (*before)() = Accumulator::coarse_now_ms;
    } clock;
    World world({.sticky = 10ms});
    Topic& topic = world.know("t", 64);
    const auto used = [&] {
        std::set<int32_t> partitions;
        for (auto& buffer : topic.buffers)
            if (!take_all(world, *buffer).empty())
                partitions.insert(buffer->partition());
        return partitions;
    };

    for (int i = 0; i < 20; ++i)
        world.append("t", "v", partition_any);
    CHECK(used().size() == 1);

    for (int i = 0; i < 20; ++i) {
        now_ms += 10;
        world.append("t", "v", partition_any);
    }
    CHECK(used().size() > 5);

    for (int i = 0; i < 20; ++i)
        world.append("t", "v", partition_any, "key");
    CHECK(used().size() == 1);
}

TEST_CASE("records of a topic without metadata wait, keep order and tokens, and move when partitions are known") {
    World world;
    for (int i = 0; i < 10; ++i)
        REQUIRE(world.append("t", std::to_string(i), i % 2, {}, {.value = static_cast<uintptr_t>(i + 1)}) == Errc::no_error);
    world.append("t", "stray", 9, {}, {.value = 99});
    Topic& topic = world.topic("t");
    const TimePoint accepted = topic.unassigned.oldest();

    BatchList rejected;
    world.accumulator.set_partitions(topic, 2, rejected);

    REQUIRE_FALSE(rejected.empty());
    Batch* stray = rejected.pop();
    CHECK(stray->error.errc() == Errc::_unknown_partition);
    CHECK(stray->token(0).value == 99);
    CHECK(rejected.empty());
    world.accumulator.finish(stray);
    CHECK(topic.buffers[0]->oldest() == accepted); // time limits count from the acceptance
    BatchList batches = topic.buffers[1]->take_all();
    Batch* odd = batches.pop();
    CHECK(values(*odd) == std::vector<std::string>{"1", "3", "5", "7", "9"});
    CHECK(odd->token(4).value == 10);
    world.accumulator.finish(odd);
    CHECK(take_all(world, *topic.buffers[0]) == std::vector<std::vector<std::string>>{{"0", "2", "4", "6", "8"}});
    CHECK(world.accumulator.outstanding() == 0);
}

TEST_CASE("four threads keep their order per key across first metadata and growth") {
    constexpr int threads = 4;
    constexpr int each = 5000;
    World world({.limits = {.bytes = 1'000'000, .records = 100}});
    world.append("t", "0 -1", partition_any, "k0");
    Topic& topic = world.topic("t");
    std::atomic<int> begun{0};

    std::vector<std::thread> writers;
    for (int t = 0; t < threads; ++t)
        writers.emplace_back([&world, &begun, t] {
            const std::string key = "k" + std::to_string(t);
            ++begun;
            for (int i = 0; i < each; ++i)
                world.append("t", std::to_string(t) + " " + std::to_string(i), partition_any, key);
        });
    while (begun < threads)
        std::this_thread::yield();
    std::this_thread::sleep_for(1ms);
    BatchList rejected;
    world.accumulator.set_partitions(topic, 3, rejected);
    for (auto& writer : writers)
        writer.join();

    std::vector<int> last(threads, -1);
    size_t count = 0;
    for (auto& buffer : topic.buffers)
        for (const auto& batch : take_all(world, *buffer))
            for (const auto& value : batch) {
                const auto t = static_cast<size_t>(value[0] - '0');
                const int number = std::stoi(value.substr(2));
                ++count;
                if (number >= 0) {
                    REQUIRE(number == last[t] + 1);
                    last[t] = number;
                }
            }
    CHECK(count == threads * each + 1);
    CHECK(topic.unassigned.empty());
}

TEST_CASE("chunks go back to the pool and are used again") {
    ChunkPool pool;
    const uint8_t* memory;
    {
        const Buffer chunk = pool.take(100);
        CHECK(chunk.size() == small_chunk);
        memory = chunk.data();
    }
    const Buffer again = pool.take(small_chunk);
    CHECK(again.data() == memory);
    CHECK(pool.take(small_chunk + 1).size() == large_chunk);
    CHECK(pool.take(large_chunk + 1).size() == large_chunk + 1);
}

TEST_CASE("a chunk may outlive its pool") {
    Buffer chunk;
    {
        ChunkPool pool;
        chunk = pool.take(10);
    }
    CHECK(chunk.size() == small_chunk);
}
