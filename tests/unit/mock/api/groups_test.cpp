// Groups from outside: DescribeGroups, ListGroups, DeleteGroups, OffsetDelete.
#include <ottla/msg/delete_groups.hpp>
#include <ottla/msg/describe_groups.hpp>
#include <ottla/msg/list_groups.hpp>
#include <ottla/msg/offset_delete.hpp>

#include "unit/mock/group_client.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

msg::describe_groups_response::DescribedGroup
describe(GroupClusterWorld& world, int16_t version = 6, bool operations = false) {
    msg::DescribeGroupsRequest request;
    request.groups = {"g"};
    request.include_authorized_operations = operations;
    const auto answer = world.ask(request, version);
    REQUIRE(answer.groups.size() == 1);
    CHECK(answer.groups[0].group_id == "g");
    return answer.groups[0];
}

std::vector<std::string> names(GroupClusterWorld& world, const msg::ListGroupsRequest& request, int32_t broker = 1) {
    std::vector<std::string> names;
    for (const auto& group : world.ask(request, 5, broker).groups)
        names.push_back(group.group_id);
    return names;
}

} // namespace

TEST_CASE("a stable group is described with what its members said and got, another one without") {
    GroupClusterWorld world;
    const auto id = world.found();
    for (int16_t version = 0; version <= 6; ++version) {
        const auto group = describe(world, version);
        CHECK(group.error_code == 0);
        CHECK(group.group_state == "Stable");
        CHECK(group.protocol_type == "consumer");
        CHECK(group.protocol_data == "range");
        REQUIRE(group.members.size() == 1);
        CHECK(group.members[0].member_id == id);
        CHECK(group.members[0].client_id == "test");
        CHECK(group.members[0].client_host == "/127.0.0.1");
        CHECK(group.members[0].member_metadata == bytes_of("m"));
        CHECK(group.members[0].member_assignment == bytes_of("all"));
        CHECK(group.authorized_operations == INT32_MIN);
    }
    CHECK(describe(world, 3, true).authorized_operations == 3400);

    world.ask(GroupClusterWorld::join_request(id), 9);
    const auto group = describe(world);
    CHECK(group.group_state == "CompletingRebalance");
    CHECK(group.protocol_data.empty());
    CHECK(group.members.at(0).member_metadata.empty());
    CHECK(group.members[0].member_assignment.empty());
    const ConnectionId connection = world.connect();
    world.put(connection, GroupClusterWorld::join_request(world.new_id()), 9);
    CHECK(describe(world).group_state == "PreparingRebalance");
}

TEST_CASE("instance ids are described from v4 on") {
    GroupClusterWorld world;
    auto request = GroupClusterWorld::join_request("");
    request.group_instance_id = "i";
    world.ask(request, 9);
    CHECK(describe(world, 3).members.at(0).group_instance_id == std::nullopt);
    CHECK(describe(world, 4).members.at(0).group_instance_id == "i");
}

TEST_CASE("a group that nobody knows is dead, or not found") {
    GroupClusterWorld world;
    for (int16_t version = 0; version <= 5; ++version) {
        CHECK(describe(world, version).error_code == 0);
        CHECK(describe(world, version).group_state == "Dead");
    }
    const auto group = describe(world);
    CHECK(group.error_code == number(Errc::group_id_not_found));
    CHECK(group.group_state == "Dead");
    CHECK(group.error_message == "Group g not found.");
    CHECK(describe(world, 6, true).authorized_operations == INT32_MIN);
    CHECK(describe(world, 5, true).authorized_operations == 3400);
}

TEST_CASE("groups are listed by the broker that coordinates them, by state and by type") {
    GroupClusterWorld world(2);
    world.found();
    int32_t there = world.group_coordinator("g");
    const auto on = [&](const std::string& name, int32_t broker) {
        REQUIRE_FALSE(world.core.move_coordinator(ClusterCore::CoordinatorOf::group, name, broker, world.now));
    };
    const int32_t other = there % 2 + 1;
    on("simple", there);
    on("elsewhere", other);
    world.core.groups().check_commit("simple", {}, -1, GroupCoordinator::CommitKind::plain, world.now);
    world.found("elsewhere");

    msg::ListGroupsRequest request;
    CHECK(names(world, request, there) == std::vector<std::string>{"g", "simple"});
    CHECK(names(world, request, other) == std::vector<std::string>{"elsewhere"});
    for (int16_t version = 0; version <= 5; ++version) {
        const auto answer = world.ask(request, version, there);
        REQUIRE(answer.groups.size() == 2);
        CHECK(answer.groups[0].protocol_type == "consumer");
        CHECK(answer.groups[1].protocol_type == "");
        CHECK(answer.groups[0].group_state == (version >= 4 ? "Stable" : ""));
        CHECK(answer.groups[1].group_type == (version >= 5 ? "classic" : ""));
    }
    request.states_filter = {"eMpTy", "Unheard"};
    CHECK(names(world, request, there) == std::vector<std::string>{"simple"});
    request.states_filter = {"Unheard"};
    CHECK(names(world, request, there).empty());
    request.states_filter = {};
    request.types_filter = {"Consumer"};
    CHECK(names(world, request, there).empty());
    request.types_filter = {"Classic"};
    CHECK(names(world, request, there).size() == 2);

    world.core.set_failover({.load = 10ms});
    on("g", there);
    CHECK(world.ask(request, 5, there).error_code == number(Errc::coordinator_load_in_progress));
    world.core.faults().add(16, every_broker, 1, {Faults::Kind::error, Errc::coordinator_not_available});
    CHECK(world.ask(request, 5, other).error_code == number(Errc::coordinator_not_available));
}

TEST_CASE("a group is deleted with its offsets, unless it has members") {
    GroupClusterWorld world;
    const auto id = world.found();
    world.core.offsets().commit("g", {"t", 0}, {5});
    msg::DeleteGroupsRequest request;
    request.groups_names = {"g", "unheard of"};
    for (int16_t version = 0; version <= 2; ++version) {
        const auto answer = world.ask(request, version);
        REQUIRE(answer.results.size() == 2);
        CHECK(answer.results[0].group_id == "g");
        CHECK(answer.results[0].error_code == number(Errc::non_empty_group));
        CHECK(answer.results[1].error_code == number(Errc::group_id_not_found));
    }
    CHECK(world.core.offsets().find("g", {"t", 0}));
    world.leave(id);
    CHECK(world.ask(request, 2).results.at(0).error_code == 0);
    CHECK(world.core.offsets().find("g", {"t", 0}) == nullptr);
    CHECK(world.core.groups().find("g") == nullptr);
}

TEST_CASE("offsets of topics that are not read can be deleted") {
    GroupClusterWorld world;
    world.create("t", 1);
    msg::OffsetDeleteRequest request;
    request.group_id = "g";
    for (const char* name : {"t", "no"}) {
        auto& topic = request.topics.emplace_back();
        topic.name = name;
        topic.partitions.emplace_back();
    }
    CHECK(world.ask(request, 0).error_code == number(Errc::group_id_not_found));
    world.core.groups().check_commit("g", {}, -1, GroupCoordinator::CommitKind::plain, world.now);
    world.core.offsets().commit("g", {"t", 0}, {5});
    const auto answer = world.ask(request, 0);
    CHECK(answer.error_code == 0);
    REQUIRE(answer.topics.size() == 2);
    CHECK(answer.topics[0].partitions.at(0).error_code == 0);
    CHECK(answer.topics[1].partitions.at(0).error_code == number(Errc::unknown_topic_or_part));
    CHECK(world.core.offsets().find("g", {"t", 0}) == nullptr);

    const auto id = world.found(); // what it reads cannot be known from what it says
    CHECK(world.ask(request, 0).topics.at(0).partitions.at(0).error_code == number(Errc::group_subscribed_to_topic));
    world.leave(id);
    auto worker = GroupClusterWorld::join_request("");
    worker.protocol_type = "connect";
    world.ask(worker, 3);
    const auto refused = world.ask(request, 0);
    CHECK(refused.error_code == number(Errc::non_empty_group));
    CHECK(refused.topics.empty());
    request.group_id = "";
    CHECK(world.ask(request, 0).error_code == number(Errc::invalid_group_id));
}
