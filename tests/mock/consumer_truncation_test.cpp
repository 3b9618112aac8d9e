// Consumers of a partition whose log loses its end in an unclean election (KIP-320).
#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

constexpr int16_t fetch = 1;

using Values = std::vector<std::string>;

/// Five records have been read; the last two get lost, and three others are written.
void lose_two(ConsumerWorld& world, Consumer& consumer) {
    world.cluster.create_topic("t", 1);
    for (const char* value : {"a", "b", "c", "d", "e"})
        world.fill("t", 0, 1, value);
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    CHECK(values_of(consumer, 5) == Values{"a0", "b0", "c0", "d0", "e0"});
    REQUIRE_FALSE(world.cluster.truncate("t", 0, 3));
    for (const char* value : {"x", "y", "z"})
        world.fill("t", 0, 1, value);
}

} // namespace

TEST_CASE("records that were read and then lost do not hide those that came in their place", "[mock][consumer]") {
    for (const int16_t newest : {int16_t{18}, int16_t{11}}) { // told by fetches, or asked for
        INFO("Fetch up to version " << newest);
        ConsumerWorld world;
        world.cluster.limit_versions(fetch, 4, newest);
        Consumer consumer(world.config());
        lose_two(world, consumer);
        CHECK(values_of(consumer, 6) == Values{"a0", "b0", "c0", "x0", "y0", "z0"}); // auto.offset.reset=earliest
    }
}

TEST_CASE("without a reset policy the application hears of truncation and decides", "[mock][consumer]") {
    for (const int16_t newest : {int16_t{18}, int16_t{11}}) {
        INFO("Fetch up to version " << newest);
        ConsumerWorld world;
        world.cluster.limit_versions(fetch, 4, newest);
        Consumer consumer(world.config({{"auto.offset.reset", "error"}}));
        lose_two(world, consumer);
        CHECK(values_of(consumer, 1) == Values{"_LOG_TRUNCATION 5"});
        consumer.seek({.topic = "t", .partition = 0, .offset = 3});
        CHECK(values_of(consumer, 3) == Values{"x0", "y0", "z0"});
    }
}

TEST_CASE("a group's place is checked by the epoch that was committed with it", "[mock][consumer]") {
    ConsumerWorld world;
    Config config = world.config({{"group.id", "g"}, {"auto.offset.reset", "error"}});
    {
        Consumer consumer(config);
        lose_two(world, consumer);
        consumer.commit();
    }
    Consumer next(config);
    next.assign({{.topic = "t", .partition = 0}});
    CHECK(values_of(next, 1) == Values{"_LOG_TRUNCATION 5"});
}
