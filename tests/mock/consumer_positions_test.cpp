// Where reading starts and how it moves: offsets, seek, pause, queries.
#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

Errc error_of(auto f) {
    try {
        f();
    } catch (const KafkaException& e) {
        return e.error().code();
    }
    return Errc::no_error;
}

} // namespace

TEST_CASE("reading starts at absolute and logical offsets", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 10);
    Consumer consumer(world.config());
    for (const auto& [start, first] : {
             std::pair{int64_t{7}, 7},
             std::pair{offset_beginning, 0},
             std::pair{offset_tail(2), 8},
             std::pair{offset_tail(50), 0},
             std::pair{offset_stored, 0}, // auto.offset.reset is earliest
             std::pair{offset_invalid, 0},
             std::pair{int64_t{999}, 0},
         }) {
        consumer.assign({{.topic = "t", .partition = 0, .offset = start}});
        const auto message = consumer.poll(10s);
        REQUIRE(message);
        CHECK(message->offset() == first);
    }
    consumer.assign({{.topic = "t", .partition = 0, .offset = offset_end}});
    CHECK_FALSE(consumer.poll(300ms));
    world.fill("t", 0, 1, "new");
    CHECK(values_of(consumer, 1) == std::vector<std::string>{"new0"});
    consumer.unassign();
    CHECK(consumer.assignment().empty());
    world.fill("t", 0, 1);
    CHECK_FALSE(consumer.poll(200ms));
}

TEST_CASE("an offset out of range is an error where the policy says so", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 3);
    Consumer consumer(world.config({{"auto.offset.reset", "error"}}));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 50}});
    CHECK(values_of(consumer, 1) == std::vector<std::string>{"_AUTO_OFFSET_RESET 50"});
    consumer.seek({.topic = "t", .partition = 0, .offset = 1});
    CHECK(values_of(consumer, 2) == std::vector<std::string>{"v1", "v2"});
}

TEST_CASE("after a seek nothing that was fetched before is returned", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    for (int i = 0; i < 10; ++i)
        world.fill("t", 0, 100);
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    REQUIRE(consumer.poll(10s));
    for (const int64_t to : {500, 3, 997, 0, 500}) {
        consumer.seek({.topic = "t", .partition = 0, .offset = to});
        const auto message = consumer.poll(10s);
        REQUIRE(message);
        CHECK(message->offset() == to);
    }
    CHECK(error_of([&] { consumer.seek({.topic = "t", .partition = 1, .offset = 0}); }) == Errc::_state);
}

TEST_CASE("a paused partition is silent, the others are not, and nothing is lost", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    world.fill("t", 0, 100, "a");
    world.fill("t", 1, 100, "b");
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}, {.topic = "t", .partition = 1, .offset = 0}}
    );
    std::vector<std::string> seen[2];
    const auto read = [&](std::chrono::milliseconds wait) {
        while (const auto message = consumer.poll(wait))
            seen[message->partition()].emplace_back(message->value().text());
    };
    auto first = consumer.poll(10s);
    REQUIRE(first);
    seen[first->partition()].emplace_back(first->value().text());
    consumer.pause({{"t", 0}});
    const size_t at_pause = seen[0].size();
    read(500ms);
    CHECK(seen[0].size() == at_pause);
    CHECK(seen[1] == numbered("b", 100));
    world.fill("t", 1, 3, "c");
    read(500ms);
    CHECK(seen[1].size() == 103);
    consumer.resume({{"t", 0}});
    read(500ms);
    CHECK(seen[0] == numbered("a", 100));
}

TEST_CASE("a small demand is refilled as messages are taken", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    for (int i = 0; i < 50; ++i) {
        world.fill("t", 0, 10, "a");
        world.fill("t", 1, 10, "b");
    }
    Consumer consumer(world.config(
        {{"queued.min.messages", "1"}, {"fetch.message.max.bytes", "500"}, {"fetch.wait.max.ms", "5000"}}
    ));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}, {.topic = "t", .partition = 1, .offset = 0}}
    );
    const auto before = Clock::now();
    CHECK(values_of(consumer, 1000).size() == 1000);
    CHECK(Clock::now() - before < 5s);
}

TEST_CASE("watermarks are asked for, and known from fetching", "[mock][consumer]") {
    ConsumerWorld world({.brokers = 2});
    world.cluster.create_topic("t", 2);
    world.fill("t", 1, 7);
    Consumer consumer(world.config());
    const auto marks = consumer.query_watermarks({"t", 1}, 10s);
    CHECK(marks.low == 0);
    CHECK(marks.high == 7);
    CHECK(consumer.query_watermarks({"t", 0}, 10s).high == 0);
    CHECK(consumer.cached_watermarks({"t", 1}).high == offset_invalid);
    consumer.assign({{.topic = "t", .partition = 1, .offset = 0}});
    CHECK(values_of(consumer, 7).size() == 7);
    CHECK(consumer.cached_watermarks({"t", 1}).high == 7);
    CHECK(consumer.cached_watermarks({"t", 1}).low == 0);
    CHECK(error_of([&] { consumer.query_watermarks({"t", 9}, 1s); }) != Errc::no_error);
}

TEST_CASE("offsets are found by time", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 10); // times 1000 to 1009
    Consumer consumer(world.config());
    std::vector<TopicPartitionOffset> times;
    for (const int64_t time : {0, 1000, 1004, 1009, 1010})
        times.push_back({.topic = "t", .partition = 0, .offset = time});
    std::vector<int64_t> found;
    for (const auto& offset : consumer.offsets_for_times(times, 10s))
        found.push_back(offset.offset);
    CHECK(found == std::vector<int64_t>{0, 0, 4, 9, offset_end});
}

TEST_CASE("wrong arguments and closed consumers are refused", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    Consumer consumer(world.config());
    CHECK(error_of([&] { consumer.assign({{.topic = "", .partition = 0}}); }) == Errc::_invalid_arg);
    CHECK(error_of([&] { consumer.assign({{.topic = "t", .partition = -1}}); }) == Errc::_invalid_arg);
    CHECK(error_of([&] {
              consumer.assign({{.topic = "t", .partition = 0}, {.topic = "t", .partition = 0}});
          }) == Errc::_invalid_arg);
    CHECK(error_of([&] {
              Consumer wrong(Config{{"bootstrap.servers", "x"}, {"fetch.min.bytes", "nonsense"}});
          }) == Errc::_invalid_arg);
    consumer.close();
    consumer.close();
    CHECK(error_of([&] { consumer.poll(0ms); }) == Errc::_state);
    CHECK(error_of([&] { consumer.assign({}); }) == Errc::_state);
    CHECK(error_of([&] { consumer.query_watermarks({"t", 0}, 1s); }) == Errc::_state);
}
