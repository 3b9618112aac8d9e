// Fetch from replicas that do not lead (KIP-392), in the embedded cluster.
#include "unit/mock/cluster_world.hpp"

using namespace ottla;
using namespace ottla::mock;

namespace {

/// "t" is led by broker 1 in the west, with replicas on brokers 2 and 3 in the east; it has one record.
struct RackWorld : ClusterWorld {
    RackWorld()
        : ClusterWorld(3) {
        for (const auto& [id, rack] : {std::pair(1, "west"), std::pair(2, "east"), std::pair(3, "east")})
            core.add_broker(id, "127.0.0.1", 9000 + id, rack);
        ClusterCore::NewTopic topic;
        topic.name = "t";
        topic.assignment = {{1, 2, 3}};
        REQUIRE_FALSE(core.create_topic(topic));
        ask(produce_request("t", 0, batch_of({"value"})), 12);
    }

    auto fetch(int32_t broker, const std::string& rack, int16_t version = 12) {
        auto request = fetch_request("t", 0, 0, {.max_wait_ms = 0});
        request.rack_id = rack;
        return ask(request, version, broker).responses.at(0).partitions.at(0);
    }
};

} // namespace

TEST_CASE("a leader sends readers to a replica in their rack") {
    RackWorld world;
    const auto sent = world.fetch(1, "east");
    CHECK(sent.preferred_read_replica == 2);
    CHECK(sent.records.size() == 0);
    CHECK(sent.high_watermark == 1);
    CHECK(world.fetch(2, "east").records.size() > 0);
    CHECK(world.fetch(2, "east").preferred_read_replica == -1);
    for (const char* rack : {"west", "north", ""}) {
        INFO(rack);
        CHECK(world.fetch(1, rack).preferred_read_replica == -1);
        CHECK(world.fetch(1, rack).records.size() > 0);
    }
    world.core.stop(2, world.now);
    CHECK(world.fetch(1, "east").preferred_read_replica == 3);
    world.core.stop(3, world.now);
    CHECK(world.fetch(1, "east").records.size() > 0);
}

TEST_CASE("before version 11 only leaders are read from") {
    RackWorld world;
    CHECK(world.fetch(2, "", 10).error_code == number(Errc::not_leader_for_partition));
    CHECK(world.fetch(1, "", 10).records.size() > 0);
}
