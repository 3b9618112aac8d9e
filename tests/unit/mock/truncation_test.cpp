// An unclean election in the embedded cluster: what readers are told.
#include <ottla/msg/offset_for_leader_epoch.hpp>

#include "unit/mock/cluster_world.hpp"

using namespace ottla;
using namespace ottla::mock;

namespace {

/// Three records under epoch 0 and two under epoch 1, which then get lost; the leader's epoch is 2.
struct TruncatedWorld : ClusterWorld {
    TruncatedWorld()
        : ClusterWorld(2) {
        create("t", 1, 2);
        core.move_leader("t", 0, 1, now); // epoch 1
        for (int i = 0; i < 3; ++i)
            ask(produce_request("t", 0, batch_of({"old"})), 12);
        core.move_leader("t", 0, 1, now); // epoch 2
        for (int i = 0; i < 2; ++i)
            ask(produce_request("t", 0, batch_of({"lost"})), 12);
        REQUIRE_FALSE(core.truncate("t", 0, 3, every_broker, now)); // epoch 3
    }

    auto fetch(int64_t offset, int32_t last_epoch) {
        auto request = fetch_request("t", 0, offset, {.max_wait_ms = 0});
        request.topics[0].partitions[0].last_fetched_epoch = last_epoch;
        return ask(request, 12).responses.at(0).partitions.at(0);
    }
};

} // namespace

TEST_CASE("what an unclean election cuts off is gone, and so is its leader epoch") {
    TruncatedWorld world;
    CHECK(world.partition("t", 0).log.end_offset() == 3);
    CHECK(world.partition("t", 0).leader_epoch == 3);
    msg::OffsetForLeaderEpochRequest request;
    request.topics.emplace_back().topic = std::string("t");
    auto& asked = request.topics[0].partitions.emplace_back();
    asked.current_leader_epoch = 3;
    asked.leader_epoch = 2;
    const auto answer = world.ask(request, 3).topics.at(0).partitions.at(0);
    CHECK(answer.error_code == 0);
    CHECK(answer.leader_epoch == 1);
    CHECK(answer.end_offset == 3);
    CHECK(world.core.truncate("x", 0, 0, every_broker, world.now).errc() == Errc::unknown_topic_or_part);
    CHECK(world.core.truncate("t", 0, 0, 7, world.now).errc() == Errc::broker_not_available);
}

TEST_CASE("a fetch after records that are gone hears where the logs diverge") {
    TruncatedWorld world;
    const auto gone = world.fetch(5, 2);
    CHECK(gone.error_code == 0);
    CHECK(gone.diverging_epoch.epoch == 1);
    CHECK(gone.diverging_epoch.end_offset == 3);
    CHECK(world.fetch(3, 1).diverging_epoch.epoch == -1);
    CHECK(world.fetch(5, -1).error_code == number(Errc::offset_out_of_range)); // says no epoch

    for (int i = 0; i < 3; ++i)
        world.ask(produce_request("t", 0, batch_of({"new"})), 12);
    CHECK(world.fetch(5, 2).diverging_epoch.end_offset == 3); // another record 4 is there by now
    CHECK(world.fetch(3, 1).records.size() > 0);
    CHECK(world.fetch(6, 3).error_code == 0);
}

TEST_CASE("a damaged log wakes who waits for records, and outlives elections") {
    ClusterWorld world;
    world.create("t", 1);
    world.put(world.connections[1], fetch_request("t", 0, 0), 12);
    REQUIRE_FALSE(world.core.append_raw("t", 0, Buffer::copy_of("?"), 2, world.now));
    const auto answer = world.take<msg::FetchRequest>(world.connections[1], 12);
    REQUIRE(answer);
    CHECK(answer->responses.at(0).partitions.at(0).records.size() == 1);
    world.ask(produce_request("t", 0, batch_of({"good"})), 12);
    REQUIRE_FALSE(world.core.truncate("t", 0, 2, every_broker, world.now));
    CHECK(world.partition("t", 0).log.end_offset() == 2);

    CHECK(world.core.append_raw("t", 7, Buffer::copy_of("?"), 1, world.now).errc() == Errc::unknown_topic_or_part);
    CHECK(world.core.append_raw("t", 0, Buffer(), 1, world.now).errc() == Errc::_invalid_arg);
    CHECK(world.core.append_raw("t", 0, Buffer::copy_of("?"), 0, world.now).errc() == Errc::_invalid_arg);
}
