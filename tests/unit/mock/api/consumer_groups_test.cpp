// ConsumerGroupHeartbeat and ConsumerGroupDescribe, and what other requests say of groups of the new protocol.
#include <ottla/msg/consumer_group_describe.hpp>
#include <ottla/msg/consumer_group_heartbeat.hpp>
#include <ottla/msg/delete_groups.hpp>
#include <ottla/msg/describe_groups.hpp>
#include <ottla/msg/list_groups.hpp>
#include <ottla/msg/offset_commit.hpp>
#include <ottla/msg/offset_delete.hpp>
#include <ottla/msg/offset_fetch.hpp>

#include "unit/mock/group_client.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

struct World : GroupClusterWorld {
    World() { REQUIRE_FALSE(core.create_topic({.name = "t", .partitions = 2})); }

    static msg::ConsumerGroupHeartbeatRequest joining(const std::string& id) {
        msg::ConsumerGroupHeartbeatRequest request;
        request.group_id = "g";
        request.member_id = id;
        request.rebalance_timeout_ms = 60'000;
        request.subscribed_topic_names = std::vector<std::string>{"t"};
        request.topic_partitions.emplace();
        return request;
    }

    msg::ConsumerGroupHeartbeatResponse beat(const std::string& id, int32_t epoch) {
        msg::ConsumerGroupHeartbeatRequest request;
        request.group_id = "g";
        request.member_id = id;
        request.member_epoch = epoch;
        return ask(request, 1);
    }

    Errc commit(const std::string& id, int32_t epoch, int16_t version) {
        msg::OffsetCommitRequest request;
        request.group_id = "g";
        request.member_id = id;
        request.generation_id_or_member_epoch = epoch;
        auto& topic = request.topics.emplace_back();
        topic.name = version < 10 ? "t" : "";
        topic.topic_id = version < 10 ? Uuid() : core.find_topic("t")->id;
        topic.partitions.emplace_back().committed_offset = 5;
        return static_cast<Errc>(ask(request, version).topics.at(0).partitions.at(0).error_code);
    }
};

} // namespace

TEST_CASE("a member of the new protocol joins and leaves in every version") {
    for (int16_t version = 0; version <= 1; ++version) {
        World world;
        const auto joined = world.ask(World::joining(version == 0 ? "" : "m"), version);
        CHECK(joined.error_code == 0);
        REQUIRE(joined.member_id);
        CHECK(joined.member_epoch == 2);
        CHECK(joined.heartbeat_interval_ms == 5000);
        REQUIRE(joined.assignment);
        REQUIRE(joined.assignment->topic_partitions.size() == 1);
        CHECK(joined.assignment->topic_partitions[0].topic_id == world.core.find_topic("t")->id);
        CHECK(joined.assignment->topic_partitions[0].partitions == std::vector<int32_t>{0, 1});
        const auto stays = world.beat(*joined.member_id, 2);
        CHECK(stays.error_code == 0);
        CHECK_FALSE(stays.assignment);
        const auto gone = world.beat(*joined.member_id, -1);
        CHECK(gone.error_code == 0);
        CHECK(gone.member_epoch == -1);
    }
    World world;
    auto nothing = World::joining("");
    nothing.subscribed_topic_names->clear();
    CHECK(world.ask(nothing, 0).error_code == number(Errc::invalid_request));
    CHECK(world.ask(World::joining(""), 1).error_message == "MemberId can't be empty.");
}

TEST_CASE("sessions end by the clock of the cluster, and a coordinator that moves counts them anew") {
    World world;
    world.ask(World::joining("m"), 1);
    world.now += 40s;
    world.core.poll(world.now);
    CHECK_FALSE(world.core.move_coordinator(ClusterCore::CoordinatorOf::group, "g", 1, world.now));
    CHECK(world.core.poll(world.now) <= world.now + 45s);
    world.now += 5s;
    world.core.poll(world.now);
    CHECK(world.beat("m", 2).error_code == 0);
    world.now += 45s;
    world.core.poll(world.now);
    CHECK(world.beat("m", 2).error_code == number(Errc::unknown_member_id));
}

TEST_CASE("a group of the new protocol is described with what members have and shall have") {
    World world;
    auto request = World::joining("a");
    request.rack_id = "r";
    world.ask(request, 1);
    world.ask(World::joining("b"), 1);
    msg::ConsumerGroupDescribeRequest describe;
    describe.group_ids = {"g", "h"};
    describe.include_authorized_operations = true;
    const auto answer = world.ask(describe, 1);
    const auto& group = answer.groups.at(0);
    CHECK(group.error_code == 0);
    CHECK(group.group_state == "Reconciling");
    CHECK(group.group_epoch == 3);
    CHECK(group.assignment_epoch == 3);
    CHECK(group.assignor_name == "uniform");
    CHECK(group.authorized_operations == 3400);
    const auto& member = group.members.at(0);
    CHECK(member.member_id == "a");
    CHECK(member.rack_id == "r");
    CHECK(member.member_epoch == 2);
    CHECK(member.client_id == "test");
    CHECK(member.client_host == "/127.0.0.1");
    CHECK(member.subscribed_topic_names == std::vector<std::string>{"t"});
    CHECK(member.assignment.topic_partitions.at(0).topic_name == "t");
    CHECK(member.assignment.topic_partitions.at(0).partitions == std::vector<int32_t>{0, 1});
    CHECK(member.target_assignment.topic_partitions.at(0).partitions == std::vector<int32_t>{0});
    CHECK(member.member_type == 1);
    CHECK(answer.groups.at(1).error_code == number(Errc::group_id_not_found));
    CHECK(answer.groups.at(1).error_message == "Group h not found.");
    world.found("h");
    CHECK(world.ask(describe, 0).groups.at(1).error_message == "Group h is not a consumer group.");
}

TEST_CASE("the classic requests know groups of the new protocol, too") {
    World world;
    world.ask(World::joining("m"), 1);
    msg::ListGroupsRequest list;
    list.types_filter = {"consumer"};
    const auto listed = world.ask(list, 5);
    REQUIRE(listed.groups.size() == 1);
    CHECK(listed.groups[0].group_state == "Stable");
    CHECK(listed.groups[0].group_type == "consumer");
    CHECK(listed.groups[0].protocol_type == "consumer");
    list.types_filter = {"classic"};
    CHECK(world.ask(list, 5).groups.empty());

    msg::DescribeGroupsRequest describe;
    describe.groups = {"g"};
    CHECK(world.ask(describe, 6).groups.at(0).error_code == number(Errc::group_id_not_found));
    CHECK(world.ask(describe, 6).groups.at(0).error_message == "Group g is not a classic group.");
    CHECK(world.ask(describe, 5).groups.at(0).group_state == "Dead");

    msg::DeleteGroupsRequest erase;
    erase.groups_names = {"g"};
    CHECK(world.ask(erase, 2).results.at(0).error_code == number(Errc::non_empty_group));
    msg::OffsetDeleteRequest offsets;
    offsets.group_id = "g";
    auto& topic = offsets.topics.emplace_back();
    topic.name = "t";
    topic.partitions.emplace_back();
    CHECK(world.ask(offsets, 0).topics.at(0).partitions.at(0).error_code == number(Errc::group_subscribed_to_topic));
    world.beat("m", -1);
    CHECK(world.ask(offsets, 0).topics.at(0).partitions.at(0).error_code == 0);
    CHECK(world.ask(erase, 2).results.at(0).error_code == 0);
    CHECK_FALSE(world.core.consumer_groups().find("g"));
}

TEST_CASE("offsets are committed and read with member epochs") {
    World world;
    CHECK(world.commit("", -1, 9) == Errc::no_error); // a group of offsets alone, which members then take over
    world.ask(World::joining("m"), 1);
    CHECK(world.commit("m", 2, 8) == Errc::unsupported_version);
    CHECK(world.commit("m", 1, 9) == Errc::stale_member_epoch);
    CHECK(world.commit("m", 2, 9) == Errc::no_error);
    CHECK(world.commit("m", 2, 10) == Errc::no_error);
    CHECK(world.commit("x", 2, 10) == Errc::unknown_member_id);

    msg::OffsetFetchRequest fetch;
    auto& group = fetch.groups.emplace_back();
    group.group_id = "g";
    group.member_id = "m";
    group.member_epoch = 2;
    auto& topic = group.topics.emplace().emplace_back();
    topic.name = "t";
    topic.partition_indexes = {0};
    CHECK(world.ask(fetch, 9).groups.at(0).topics.at(0).partitions.at(0).committed_offset == 5);
    group.member_epoch = 1;
    CHECK(world.ask(fetch, 9).groups.at(0).error_code == number(Errc::stale_member_epoch));
    CHECK(world.ask(fetch, 8).groups.at(0).error_code == 0);
}

TEST_CASE("a member of each protocol speaks to one group") {
    World world;
    world.ask(World::joining("m"), 1);
    auto request = GroupClusterWorld::join_request("n");
    const auto joined = world.ask(request, 9);
    CHECK(joined.error_code == 0);
    CHECK(joined.leader.empty());
    CHECK(world.ask(GroupClusterWorld::sync_request("n", joined.generation_id), 5).error_code == 0);
    CHECK(world.heartbeat("n", joined.generation_id) == Errc::no_error);
    CHECK(world.leave("n") == Errc::no_error);
    CHECK(world.heartbeat("n", joined.generation_id) == Errc::unknown_member_id);
}
