// Reading from a replica in the reader's rack (KIP-392).
#include "catch.hpp"
#include "mock/group_workers.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

constexpr int16_t fetch = 1;

using Values = std::vector<std::string>;

/// "t" is led by broker 1 in the west, with a replica on broker 2 in the east.
struct RackWorld : ConsumerWorld {
    RackWorld()
        : ConsumerWorld({.brokers = 2, .racks = {"west", "east"}}) {
        cluster.create_topic("t", 1, 2);
        REQUIRE_FALSE(cluster.move_leader("t", 0, 1));
    }

    uint64_t fetches(int32_t broker) const { return cluster.request_count(fetch, broker); }
};

} // namespace

TEST_CASE("a consumer reads from the replica in its rack, and from the leader when that fails", "[mock][consumer]") {
    RackWorld world;
    Consumer consumer(world.config({{"client.rack", "east"}}));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    const auto next = [&](const std::string& value) {
        world.fill("t", 0, 1, value);
        CHECK(values_of(consumer, 1) == Values{value + "0"});
    };
    next("a");
    CHECK(comes([&] { return world.fetches(1) == 2; })); // the second ends the session there
    next("b");
    CHECK(world.fetches(1) == 2);
    CHECK(world.fetches(2) >= 2);
    for (const Errc error : {Errc::offset_out_of_range, Errc::offset_not_available, Errc::not_leader_for_partition, Errc::unknown_leader_epoch}) {
        INFO(error_name(error));
        const uint64_t before = world.fetches(1);
        world.cluster.fail_next(fetch, 1, error, 2);
        next("c");
        next("d");
        CHECK(world.fetches(1) > before);
    }
    world.cluster.stop(2);
    next("e"); // no replica in the rack is up
    world.cluster.start(2);
    REQUIRE_FALSE(world.cluster.move_leader("t", 0, 2));
    next("f");
}

TEST_CASE("a replica that fails again and again is not asked in a row", "[mock][consumer]") {
    RackWorld world;
    Consumer consumer(world.config({{"client.rack", "east"}}));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    world.cluster.fail_next(fetch, 1'000'000, Errc::offset_out_of_range, 2);
    CHECK_FALSE(consumer.poll(1s));
    CHECK(world.fetches(2) < 20);
    CHECK(world.fetches(1) < 20);
}

TEST_CASE("consumers of other racks, or of none, read from the leader", "[mock][consumer]") {
    for (const char* rack : {"west", "north", ""}) {
        RackWorld world;
        Consumer consumer(world.config({{"client.rack", rack}}));
        consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
        world.fill("t", 0, 1, "a");
        CHECK(values_of(consumer, 1) == Values{"a0"});
        CHECK(world.fetches(2) == 0);
    }
}
