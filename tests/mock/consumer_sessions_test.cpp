// Fetch sessions between consumer and brokers (KIP-227).
#include <boost/asio/post.hpp>

#include "catch.hpp"
#include "mock/group_workers.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

using Values = std::vector<std::string>;

constexpr int16_t fetch = 1;

std::vector<TopicPartitionOffset> all_of(const std::string& topic, int32_t partitions) {
    std::vector<TopicPartitionOffset> all;
    for (int32_t i = 0; i < partitions; ++i)
        all.push_back({.topic = topic, .partition = i, .offset = 0});
    return all;
}

} // namespace

TEST_CASE("consumers read in sessions, and through all that ends one", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 20);
    Consumer consumer(world.config());
    consumer.assign(all_of("t", 20));
    const auto next = [&](int32_t partition, const std::string& value) {
        world.fill("t", partition, 1, value);
        CHECK(values_of(consumer, 1) == std::vector{value + "0"});
    };
    next(3, "a");
    CHECK(world.cluster.fetch_sessions(1) == 1);
    next(4, "b");
    for (const Errc error : {Errc::fetch_session_id_not_found, Errc::invalid_fetch_session_epoch, Errc::fetch_session_topic_id_error}) {
        world.cluster.fail_next(fetch, 1, error);
        next(3, "c");
    }
    world.cluster.drop_reply_next(fetch, 1);
    next(5, "d");
    world.cluster.stop(1);
    CHECK(world.cluster.fetch_sessions(1) == 0);
    world.cluster.start(1);
    next(3, "e");
    consumer.pause({{"t", 3}});
    next(4, "f");
    consumer.resume({{"t", 3}});
    consumer.seek({.topic = "t", .partition = 4, .offset = 0});
    CHECK(values_of(consumer, 2) == std::vector<std::string>{"b0", "f0"});
    next(3, "g");
    CHECK(world.cluster.fetch_sessions(1) >= 1);
    CHECK(world.cluster.fetch_sessions(1) <= 2); // of a lost answer one more may be left
}

TEST_CASE("consumers read from brokers that have no room for a session", "[mock][consumer]") {
    ConsumerWorld world({.fetch_session_slots = 1});
    world.cluster.create_topic("t", 2);
    Consumer first(world.config());
    first.assign(all_of("t", 2));
    world.fill("t", 0, 1, "a");
    CHECK(values_of(first, 1) == std::vector<std::string>{"a0"});
    Consumer second(world.config());
    second.assign(all_of("t", 2));
    CHECK(values_of(second, 1) == std::vector<std::string>{"a0"});
    for (int i = 0; i < 5; ++i) {
        world.fill("t", 1, 1, "b");
        CHECK(values_of(first, 1) == std::vector<std::string>{"b0"});
        CHECK(values_of(second, 1) == std::vector<std::string>{"b0"});
    }
    CHECK(world.cluster.fetch_sessions(1) == 1);
}

TEST_CASE("a topic that is deleted and created again is read in a session", "[mock][consumer]") {
    ConsumerWorld world({.auto_create_topics = false});
    world.cluster.create_topic("t", 1);
    world.cluster.create_topic("other", 1);
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}, {.topic = "other", .partition = 0, .offset = 0}});
    world.fill("t", 0, 2, "a");
    CHECK(values_of(consumer, 2) == std::vector<std::string>{"a0", "a1"});
    world.cluster.delete_topic("t");
    world.fill("other", 0, 1, "b");
    CHECK(values_of(consumer, 1) == std::vector<std::string>{"b0"});
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 1, "c");
    CHECK(values_of(consumer, 1) == std::vector<std::string>{"c0"});
}

TEST_CASE("a consumer that closes leaves no session behind, whatever waits at the broker", "[mock][consumer]") {
    ConsumerWorld world({.brokers = 3});
    world.cluster.create_topic("t", 6);
    for (int32_t p = 0; p < 6; ++p)
        world.fill("t", p, 1);
    const auto sessions = [&] { return world.cluster.fetch_sessions(1) + world.cluster.fetch_sessions(2) + world.cluster.fetch_sessions(3); };
    const Config config = world.config({{"fetch.wait.max.ms", "60000"}, {"group.id", "g"}});
    SECTION("assigned") {
        Consumer consumer(config);
        consumer.assign(all_of("t", 6));
        CHECK(values_of(consumer, 6) == Values(6, "v0"));
        CHECK(sessions() == 3);
        consumer.close();
    }
    SECTION("a member") {
        Consumer consumer(config);
        consumer.subscribe({"t"});
        CHECK(values_of(consumer, 6) == Values(6, "v0"));
        CHECK(sessions() == 3);
        consumer.close();
    }
    SECTION("embedded") {
        boost::asio::io_context io;
        Consumer consumer(config, Engine(io.get_executor()));
        consumer.assign(all_of("t", 6));
        REQUIRE(comes([&] { return io.run_for(20ms), sessions() == 3; }));
        boost::asio::post(io, [&] { consumer.close(); });
        CHECK(comes([&] { return io.run_for(20ms), sessions() == 0; }));
    }
    CHECK(sessions() == 0);
}

TEST_CASE("a broker that does not answer keeps nobody from closing", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    Consumer consumer(world.config());
    consumer.assign(all_of("t", 1));
    world.fill("t", 0, 1);
    CHECK(values_of(consumer, 1) == Values{"v0"});
    world.cluster.delay(fetch, 60s);
    SECTION("within its own limit") {
        consumer.close();
        CHECK(world.cluster.fetch_sessions(1) == 0); // it was told
    }
    SECTION("within the caller's") { consumer.close(20ms); }
    SECTION("who does not wait") { consumer.close(0ms); }
}

TEST_CASE("a broker at which nothing is left to read keeps no session", "[mock][consumer]") {
    ConsumerWorld world({.brokers = 2});
    world.cluster.create_topic("t", 2);
    Consumer consumer(world.config({{"fetch.wait.max.ms", "20"}}));
    consumer.assign(all_of("t", 2));
    const int32_t first = *world.cluster.leader("t", 0);
    const int32_t second = *world.cluster.leader("t", 1);
    REQUIRE(first != second);
    const auto kept = [&](size_t at_first, size_t at_second) {
        return comes([&] { return world.cluster.fetch_sessions(first) == at_first && world.cluster.fetch_sessions(second) == at_second; });
    };
    CHECK(kept(1, 1));
    consumer.incremental_unassign({{"t", 1}});
    CHECK(kept(1, 0));
    CHECK_FALSE(world.cluster.move_leader("t", 0, second));
    CHECK(kept(0, 1));
    world.fill("t", 0, 1);
    CHECK(values_of(consumer, 1) == Values{"v0"});
    consumer.assign({});
    CHECK(kept(0, 0));
}

TEST_CASE("a seek does not wait for what waits at the broker", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    for (int32_t p = 0; p < 2; ++p)
        world.fill("t", p, 2, "p" + std::to_string(p) + "-");
    Consumer consumer(world.config({{"fetch.wait.max.ms", "60000"}}));
    consumer.assign(all_of("t", 2));
    CHECK(values_of(consumer, 4).size() == 4);
    const auto fetches = [&](uint64_t count) { return comes([&] { return world.cluster.request_count(fetch) >= count; }) && world.cluster.request_count(fetch) == count; };
    REQUIRE(fetches(2)); // the second one waits
    const auto connections = world.cluster.connection_count();
    consumer.seek({.topic = "t", .partition = 0, .offset = 1});
    CHECK(values_of(consumer, 1) == Values{"p0-1"});
    CHECK(fetches(4)); // another one found that this was all
    CHECK(world.cluster.connection_count() == connections + 1);
    consumer.pause({{"t", 1}});
    consumer.seek({.topic = "t", .partition = 1, .offset = 1});
    CHECK_FALSE(consumer.poll(50ms));
    consumer.resume({{"t", 1}});
    CHECK(values_of(consumer, 1) == Values{"p1-1"});
    CHECK(world.cluster.connection_count() == connections + 1);
    world.fill("t", 0, 1, "new"); // ends the wait: all are in the session again
    CHECK(values_of(consumer, 1) == Values{"new0"});
    world.fill("t", 1, 1, "new");
    CHECK(values_of(consumer, 1) == Values{"new0"});
}
