// The append path: credit and batches between producing threads and the core.
#include <atomic>
#include <map>

#include "accumulator/accumulator.hpp"
#include "catch.hpp"
#include "record/record_parser.hpp"
#include "stress.hpp"

using namespace ottla;
using namespace ottla::accumulator;
using test::together;

namespace {

constexpr int64_t max_messages = 300;
constexpr int32_t partitions = 3;

Bytes bytes_of(const uint64_t& number) { return {reinterpret_cast<const uint8_t*>(&number), sizeof(number)}; }

uint64_t number_in(Bytes bytes) {
    uint64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof(number));
    return number;
}

// What the core's side saw: by producing thread and partition the numbers, in their order.
struct Seen {
    std::map<std::pair<uint64_t, int32_t>, uint64_t> last;
    int64_t count = 0;
    int wrong = 0;

    void look(const Batch& batch) {
        const record::BatchContext context{};
        RecordView view;
        for (const Chunk& chunk : batch.chunks) {
            const auto bytes = chunk.records();
            for (const uint8_t* at = bytes.data(); at != bytes.data() + bytes.size(); ++count) {
                at = record::RecordParser::parse(at, bytes.data() + bytes.size(), context, view);
                const uint64_t number = number_in(view.value());
                auto& before = last[{number >> 32, batch.partition}];
                wrong += (number & UINT32_MAX) <= before;
                before = number & UINT32_MAX;
            }
        }
    }
};

} // namespace

TEST_CASE("credit is never overdrawn nor lost, and each record comes out once, in order", "[threads]") {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        const int producers = 1 + static_cast<int>(seed % 7);
        std::atomic<int> rings = 0;
        Accumulator accumulator(
            {.limits = {.bytes = 400, .records = 10}, .max_messages = max_messages, .max_bytes = 1 << 20}, [&] { ++rings; });
        std::atomic<int64_t> accepted = 0;
        std::atomic<int> running = producers;
        std::atomic<int> surprises = 0;
        Seen seen;
        int64_t most = 0;
        together(producers + 1, seed, [&](int index, Rng& rng) {
            if (index < producers) {
                uint64_t number = static_cast<uint64_t>(index) << 32;
                for (int i = 0; i < 3'000; ++i) {
                    ++number;
                    const Errc code = accumulator.append(
                        {.topic = "orders", .key = {}, .value = bytes_of(number), .headers = {}, .timestamp_ms = 1, .partition = static_cast<int32_t>(rng.below(partitions)), .token = {}});
                    if (code == Errc::no_error) {
                        ++accepted;
                        continue;
                    }
                    surprises += code != Errc::_queue_full && code != Errc::_state;
                    if (code == Errc::_state)
                        break;
                    std::this_thread::yield();
                }
                --running;
                return;
            }
            // The core: learns of the topic, takes batches, gives credit back; closes at some moment, with appends in their middle.
            const auto closes_after = static_cast<int64_t>(rng.below(static_cast<uint64_t>(producers) * 4'000));
            bool open = true;
            BatchList pool;
            const auto settle = [&](BatchList list) {
                while (!list.empty()) {
                    Batch* batch = list.pop();
                    seen.look(*batch);
                    accumulator.settle(*batch);
                    accumulator.finish(batch);
                }
            };
            while (running > 0 || accumulator.outstanding() > 0) {
                most = std::max(most, accumulator.outstanding());
                if (open && seen.count >= closes_after) {
                    open = false;
                    accumulator.refuse(Errc::_state);
                }
                if (!open) {
                    settle(accumulator.take_everything());
                    continue;
                }
                accumulator.drain_ready([&](PartitionBuffer& buffer) {
                    if (buffer.partition() == partition_any) {
                        BatchList rejected;
                        accumulator.set_partitions(buffer.topic(), partitions, rejected);
                        settle(std::move(rejected));
                        return;
                    }
                    settle(buffer.take(PartitionBuffer::precise_now(), Duration::zero(), true, 100));
                });
                if (running == 0)
                    settle(accumulator.take_everything());
            }
        });
        INFO("seed " << seed << ", " << producers << " threads");
        CHECK(seen.wrong == 0);
        CHECK(surprises == 0);
        CHECK(seen.count == accepted);
        CHECK(accumulator.outstanding() == 0);
        CHECK(accumulator.outstanding_bytes() == 0);
        CHECK(most <= max_messages + producers); // an append that is about to be refused counts for a moment
        CHECK(rings > 0);
    }
}
