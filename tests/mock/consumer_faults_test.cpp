// Brokers that stop, move, stall and lie: reading goes on, in order, without losing or repeating a message.
#include <atomic>
#include <thread>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {
constexpr int16_t fetch_api = 1;
constexpr int16_t list_offsets_api = 2;
} // namespace

TEST_CASE("reading goes on after a broker's stop and start", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 3, "a");
    std::atomic<int> errors{0};
    Consumer consumer(
        world.config(),
        {.on_error = [&](const KafkaError&) { ++errors; },
         .on_log = [](int, std::string_view, std::string_view, std::string_view) {}}
    );
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    CHECK(values_of(consumer, 3) == numbered("a", 3));
    world.cluster.stop(1);
    CHECK_FALSE(consumer.poll(500ms));
    CHECK(errors > 0);
    world.cluster.start(1);
    world.fill("t", 0, 3, "b");
    CHECK(values_of(consumer, 3) == numbered("b", 3));
}

TEST_CASE("reading follows a leader that moves", "[mock][consumer]") {
    ConsumerWorld world({.brokers = 2});
    world.cluster.create_topic("t", 1, 2);
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    for (int round = 0; round < 4; ++round) {
        const std::string prefix = "r" + std::to_string(round) + "-";
        world.fill("t", 0, 5, prefix);
        CHECK(values_of(consumer, 5) == numbered(prefix, 5));
        CHECK_FALSE(world.cluster.move_leader("t", 0, *world.cluster.leader("t", 0) == 1 ? 2 : 1));
    }
}

TEST_CASE("lost answers and errors of single requests are survived", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    for (int i = 0; i < 10; ++i)
        world.fill("t", 0, 100, "b" + std::to_string(i) + "-");
    std::vector<std::string> expected;
    for (int i = 0; i < 10; ++i)
        for (const auto& value : numbered("b" + std::to_string(i) + "-", 100))
            expected.push_back(value);

    const auto check = [&](auto fault) {
        fault();
        Consumer consumer(
            world.config({{"fetch.message.max.bytes", "2000"}, {"fetch.error.backoff.ms", "50"}}),
            {.on_log = [](int, std::string_view, std::string_view, std::string_view) {}}
        );
        consumer.assign({{.topic = "t", .partition = 0, .offset = offset_beginning}});
        CHECK(values_of(consumer, 1000) == expected);
    };
    check([] {});
    check([&] { world.cluster.drop_reply_next(fetch_api, 2); });
    check([&] { world.cluster.drop_request_next(fetch_api, 2); });
    check([&] { world.cluster.drop_reply_next(list_offsets_api, 1); });
    check([&] { world.cluster.drop_reply_next(3, 1); });
    check([&] { world.cluster.fail_next(fetch_api, 3, Errc::not_leader_for_partition); });
    check([&] { world.cluster.fail_next(list_offsets_api, 2, Errc::leader_not_available); });
    check([&] { world.cluster.fail_next(fetch_api, 2, Errc::kafka_storage_error); });
}

TEST_CASE("an error of a partition is an event, and reading goes on", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 2);
    Consumer consumer(world.config({{"fetch.error.backoff.ms", "50"}}));
    world.cluster.fail_next(fetch_api, 1, Errc::topic_authorization_failed);
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    CHECK(values_of(consumer, 3) == std::vector<std::string>{"TOPIC_AUTHORIZATION_FAILED 0", "v0", "v1"});
}

TEST_CASE("connections cut under load lose and repeat nothing", "[mock][consumer]") {
    ConsumerWorld world({.brokers = 2});
    world.cluster.create_topic("t", 4);
    constexpr int rounds = 20;
    for (int p = 0; p < 4; ++p)
        for (int r = 0; r < rounds; ++r)
            world.fill("t", p, 50);
    std::vector<TopicPartitionOffset> assignment;
    for (int p = 0; p < 4; ++p)
        assignment.push_back({.topic = "t", .partition = p, .offset = 0});
    Consumer consumer(
        world.config({{"fetch.message.max.bytes", "3000"}}),
        {.on_log = [](int, std::string_view, std::string_view, std::string_view) {}}
    );
    consumer.assign(assignment);
    std::atomic<bool> done{false};
    std::thread cutter([&] {
        for (int i = 0; i < 8 && !done; ++i) {
            std::this_thread::sleep_for(30ms);
            world.cluster.drop_connections(1 + i % 2);
        }
    });
    std::map<int, int64_t> next;
    size_t count = 0;
    Records records;
    const auto deadline = Clock::now() + 20s;
    while (count < 4 * rounds * 50 && Clock::now() < deadline) {
        consumer.poll_records(records, 100ms);
        for (const auto& batch : records.batches())
            for (const auto& record : batch)
                REQUIRE(record.offset() == next[batch.partition()]++);
        count += records.count();
    }
    done = true;
    cutter.join();
    CHECK(count == 4 * rounds * 50);
}

TEST_CASE("close ends waiting calls from any thread, with brokers up or down", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    for (const bool up : {true, false}) {
        if (!up)
            world.cluster.stop(1);
        Consumer consumer(world.config(), {.on_log = [](int, std::string_view, std::string_view, std::string_view) {}});
        consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
        std::atomic<bool> ended{false};
        std::thread poller([&] {
            try {
                consumer.poll(-1ms);
            } catch (const KafkaException& e) {
                ended = e.error().code() == Errc::_state;
            }
        });
        std::this_thread::sleep_for(200ms);
        const auto before = Clock::now();
        consumer.close();
        poller.join();
        CHECK(ended);
        CHECK(Clock::now() - before < 1s);
    }
}

TEST_CASE("queries end at their time limit and at close", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.cluster.stop(1);
    Consumer consumer(world.config(), {.on_log = [](int, std::string_view, std::string_view, std::string_view) {}});
    const auto before = Clock::now();
    CHECK_THROWS_AS(consumer.query_watermarks({"t", 0}, 300ms), KafkaException);
    CHECK(Clock::now() - before < 2s);
    std::thread closer([&] {
        std::this_thread::sleep_for(200ms);
        consumer.close();
    });
    CHECK_THROWS_AS(consumer.query_watermarks({"t", 0}, 60s), KafkaException);
    CHECK(Clock::now() - before < 5s);
    closer.join();
}
