#include <ottla/msg/list_offsets.hpp>
#include <ottla/msg/offset_for_leader_epoch.hpp>

#include "unit/mock/cluster_world.hpp"

using namespace ottla;
using namespace ottla::mock;

namespace {

auto ask(ClusterWorld& world, int64_t timestamp, int16_t version) {
    msg::ListOffsetsRequest request;
    request.replica_id = -1;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.partitions.emplace_back().timestamp = timestamp;
    return world.ask(request, version).topics.at(0).partitions.at(0);
}

} // namespace

TEST_CASE("offsets are found by place in the log, in every version") {
    ClusterWorld world;
    world.create("t", 1);
    world.ask(produce_request("t", 0, batch_of({"a", "b", "c"})), 12);
    for (int16_t v = 1; v <= 11; ++v) {
        CHECK(ask(world, -1, v).offset == 3);
        CHECK(ask(world, -2, v).offset == 0);
        CHECK(ask(world, -1, v).timestamp == -1);
    }
    CHECK(ask(world, -1, 4).leader_epoch == 0);
    CHECK(ask(world, -4, 8).offset == 0);
    CHECK(ask(world, -5, 9).offset == -1);
    CHECK(ask(world, -3, 6).error_code == number(Errc::unsupported_version));
    CHECK(ask(world, -4, 7).error_code == number(Errc::unsupported_version));
    CHECK(ask(world, -9, 11).error_code == number(Errc::unsupported_version));
}

TEST_CASE("offsets are found by timestamp within plain and compressed batches") {
    for (const auto codec :
         {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
        ClusterWorld world;
        world.create("t", 1);
        world.ask(produce_request("t", 0, batch_of({"a", "b", "c"}, {}, codec)), 12);
        world.ask(produce_request("t", 0, batch_of({"a", "b", "c", "d"}, {}, codec)), 12);
        CHECK(ask(world, 0, 7).offset == 0);
        CHECK(ask(world, 1001, 7).offset == 1);
        CHECK(ask(world, 1001, 7).timestamp == 1001);
        CHECK(ask(world, 1003, 7).offset == 6);
        CHECK(ask(world, 1004, 7).offset == -1);
        CHECK(ask(world, -3, 7).offset == 6);
        CHECK(ask(world, -3, 7).timestamp == 1003);
    }
}

TEST_CASE("an empty log has an end and a beginning, but no timestamps") {
    ClusterWorld world;
    world.create("t", 1);
    CHECK(ask(world, -1, 7).offset == 0);
    CHECK(ask(world, -2, 7).offset == 0);
    CHECK(ask(world, -3, 7).offset == -1);
    CHECK(ask(world, 0, 7).offset == -1);
    CHECK(ask(world, 0, 7).error_code == 0);
}

TEST_CASE("the end of a leader epoch can be asked for") {
    ClusterWorld world;
    world.create("t", 1);
    world.ask(produce_request("t", 0, batch_of({"a", "b"})), 12);
    world.core.move_leader("t", 0, 1, world.now);
    world.ask(produce_request("t", 0, batch_of({"c"})), 12);

    msg::OffsetForLeaderEpochRequest request;
    auto& topic = request.topics.emplace_back();
    topic.topic = "t";
    topic.partitions.emplace_back().leader_epoch = 0;
    for (int16_t v = 2; v <= 4; ++v) {
        const auto answer = world.ask(request, v).topics.at(0).partitions.at(0);
        CHECK(answer.end_offset == 2);
        CHECK(answer.leader_epoch == 0);
    }
    topic.partitions[0].leader_epoch = 1;
    CHECK(world.ask(request, 4).topics[0].partitions[0].end_offset == 3);
    topic.partitions[0].current_leader_epoch = 0;
    CHECK(world.ask(request, 4).topics[0].partitions[0].error_code == number(Errc::fenced_leader_epoch));
}
