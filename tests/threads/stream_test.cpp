// Partitions read on threads of their own, while another polls, seeks, pauses, takes them away and closes; with and without a
// memory budget.
#include <atomic>
#include <memory>

#include <ottla/consumer.hpp>
#include <ottla/mock_cluster.hpp>
#include <ottla/producer.hpp>

#include "catch.hpp"
#include "stress.hpp"

using namespace ottla;
using namespace std::chrono_literals;
using test::together;

namespace {

constexpr int32_t partitions = 4;
constexpr int64_t records = 3000; ///< in each

void fill(const MockCluster& cluster) {
    Producer producer({{"bootstrap.servers", cluster.bootstrap_servers()}, {"compression.type", "lz4"}, {"batch.num.messages", "100"}});
    const std::string value(200, 'v');
    for (int64_t i = 0; i < records; ++i)
        for (int32_t p = 0; p < partitions; ++p)
            producer.produce({.topic = "t", .value = value, .partition = p}, 10s);
    REQUIRE(producer.flush(30s) == 0);
}

} // namespace

TEST_CASE("streams go on in order, whoever disturbs them", "[threads]") {
    MockCluster cluster;
    cluster.create_topic("t", partitions);
    fill(cluster);
    for (uint64_t seed = 1; seed <= 10; ++seed) {
        Consumer consumer({
            {"bootstrap.servers", cluster.bootstrap_servers()},
            {"group.id", "g" + std::to_string(seed)},
            {"auto.commit.interval.ms", "5"},
            {"ottla.memory.budget", seed % 2 ? "200000" : "0"},
            {"log_level", "0"},
        });
        std::vector<TopicPartitionOffset> all;
        for (int32_t p = 0; p < partitions; ++p)
            all.push_back({.topic = "t", .partition = p, .offset = 0});
        consumer.assign(all);
        std::vector<std::unique_ptr<PartitionStream>> streams;
        for (int32_t p = 0; p < partitions - 1; ++p)
            streams.push_back(std::make_unique<PartitionStream>(consumer.stream({"t", p})));
        std::atomic<int> wrong = 0;
        std::atomic<int> read_to_the_end = 0;
        together(partitions, seed, [&](int index, Rng& rng) {
            Records some;
            if (index < partitions - 1) { // partition 0 is sought, the others are not
                int64_t next = 0;
                auto stream = std::move(streams[static_cast<size_t>(index)]);
                while (stream->poll_records(some, 50ms)) {
                    for (const auto& batch : some.batches())
                        for (const auto& record : batch) {
                            wrong += index > 0 && record.offset() != next;
                            next = record.offset() + 1;
                        }
                    wrong += static_cast<int>(some.events().size());
                    if (next == records && index > 0) {
                        ++read_to_the_end;
                        break; // the stream goes away
                    }
                }
                return;
            }
            for (int i = 0; i < 200 || (read_to_the_end < partitions - 2 && i < 20'000); ++i) {
                switch (rng.below(6)) {
                case 0:
                    consumer.seek({.topic = "t", .partition = 0, .offset = static_cast<int64_t>(rng.below(records))});
                    break;
                case 1:
                    consumer.pause({{"t", 1}});
                    break;
                case 2:
                    consumer.resume({{"t", 1}});
                    break;
                case 3:
                    consumer.commit_async();
                    break;
                default:
                    consumer.poll_records(some, 1ms);
                }
            }
            consumer.resume({{"t", 1}});
            while (read_to_the_end < partitions - 2)
                consumer.poll_records(some, 1ms);
            if (seed % 3 == 0)
                consumer.unassign();
            else
                consumer.close();
        });
        INFO("seed " << seed);
        CHECK(wrong == 0);
        CHECK(read_to_the_end == partitions - 2);
    }
}
