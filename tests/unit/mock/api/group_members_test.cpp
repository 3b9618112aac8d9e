// JoinGroup, SyncGroup, Heartbeat and LeaveGroup in their versions, and offsets that members commit.
#include "unit/mock/group_client.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

TEST_CASE("a member joins, syncs, beats and leaves in every version") {
    for (int16_t version = 0; version <= 9; ++version) {
        INFO(version);
        GroupClusterWorld world;
        auto request = GroupClusterWorld::join_request("");
        if (version == 0)
            request.rebalance_timeout_ms = -1;
        if (version >= 4) {
            const auto first = world.ask(request, version);
            CHECK(first.error_code == number(Errc::member_id_required));
            request.member_id = first.member_id;
        }
        const auto joined = world.ask(request, version);
        CHECK(joined.error_code == 0);
        CHECK(joined.generation_id == 1);
        CHECK(joined.protocol_name == "range");
        CHECK(joined.protocol_type == (version >= 7 ? std::optional<std::string>("consumer") : std::nullopt));
        CHECK(joined.leader == joined.member_id);
        CHECK(joined.member_id.starts_with("test-"));
        REQUIRE(joined.members.size() == 1);
        CHECK(joined.members[0].metadata == bytes_of("m"));
        CHECK(world.group().rebalance_timeout() == (version == 0 ? 10s : 60s));

        const auto sync_version = std::min<int16_t>(version, 5);
        auto sync = GroupClusterWorld::sync_request(joined.member_id, 1);
        auto& assigned = sync.assignments.emplace_back();
        assigned.member_id = joined.member_id;
        assigned.assignment = bytes_of("all");
        const auto synced = world.ask(sync, sync_version);
        CHECK(synced.error_code == 0);
        CHECK(synced.assignment == bytes_of("all"));
        CHECK(synced.protocol_name == (sync_version >= 5 ? std::optional<std::string>("range") : std::nullopt));

        CHECK(world.heartbeat(joined.member_id, 1, 1, std::min<int16_t>(version, 4)) == Errc::no_error);
        CHECK(world.leave(joined.member_id, sync_version) == Errc::no_error);
        CHECK(world.leave(joined.member_id, sync_version) == Errc::unknown_member_id);
    }
}

TEST_CASE("refusals can be read in every version") {
    GroupClusterWorld world;
    for (int16_t version = 0; version <= 9; ++version) {
        auto request = GroupClusterWorld::join_request("made up");
        const auto answer = world.ask(request, version);
        CHECK(answer.error_code == number(Errc::unknown_member_id));
        CHECK(answer.member_id == "made up");
        CHECK(answer.generation_id == -1);
        CHECK(answer.protocol_name.value_or("").empty());
    }
    for (int16_t version = 0; version <= 5; ++version)
        CHECK(world.ask(GroupClusterWorld::sync_request("made up", 1), version).error_code ==
              number(Errc::unknown_member_id));
    for (int16_t version = 0; version <= 4; ++version)
        CHECK(world.heartbeat("made up", 1, 1, version) == Errc::unknown_member_id);
    msg::LeaveGroupRequest request;
    for (int16_t version = 0; version <= 5; ++version)
        CHECK(world.ask(request, version).error_code == number(Errc::invalid_group_id));
}

TEST_CASE("from v5 on a sync must name the protocol") {
    GroupClusterWorld world;
    const auto id = world.found();
    auto sync = GroupClusterWorld::sync_request(id, 1);
    CHECK(world.ask(sync, 5).error_code == 0);
    sync.protocol_name = std::nullopt;
    CHECK(world.ask(sync, 5).error_code == number(Errc::inconsistent_group_protocol));
    sync = GroupClusterWorld::sync_request(id, 1);
    sync.protocol_type = std::nullopt;
    CHECK(world.ask(sync, 5).error_code == number(Errc::inconsistent_group_protocol));
    CHECK(world.ask(sync, 4).error_code == 0);
}

TEST_CASE("instance ids reach the coordinator by every request that has them") {
    GroupClusterWorld world;
    for (int16_t version = 5; version <= 9; ++version) {
        INFO(version);
        auto request = GroupClusterWorld::join_request("");
        request.group_instance_id = "i";
        const auto joined = world.ask(request, version);
        CHECK(joined.error_code == 0);
        CHECK(joined.members.at(0).group_instance_id == "i");
        request.member_id = "made up";
        CHECK(world.ask(request, version).error_code == number(Errc::fenced_instance_id));

        auto sync = GroupClusterWorld::sync_request("made up", joined.generation_id);
        sync.group_instance_id = "i";
        for (int16_t sync_version = 3; sync_version <= 5; ++sync_version)
            CHECK(world.ask(sync, sync_version).error_code == number(Errc::fenced_instance_id));
        msg::HeartbeatRequest heartbeat;
        heartbeat.group_id = "g";
        heartbeat.member_id = "made up";
        heartbeat.group_instance_id = "i";
        for (int16_t beat_version = 3; beat_version <= 4; ++beat_version)
            CHECK(world.ask(heartbeat, beat_version).error_code == number(Errc::fenced_instance_id));

        msg::LeaveGroupRequest leave;
        leave.group_id = "g";
        auto& stranger = leave.members.emplace_back();
        stranger.member_id = "made up";
        stranger.group_instance_id = "i";
        leave.members.emplace_back().group_instance_id = "i";
        const auto left = world.ask(leave, static_cast<int16_t>(std::max(version - 4, 3)));
        REQUIRE(left.members.size() == 2);
        CHECK(left.members[0].error_code == number(Errc::fenced_instance_id));
        CHECK(left.members[1].error_code == 0);
        CHECK(left.members[1].group_instance_id == "i");
        CHECK(world.group().state() == GroupState::empty);
    }
}

TEST_CASE("a static leader that is back is told to skip the assignment from v9 on") {
    for (const int16_t version : std::initializer_list<int16_t>{8, 9}) {
        GroupClusterWorld world;
        auto request = GroupClusterWorld::join_request("");
        request.group_instance_id = "i";
        const auto joined = world.ask(request, version);
        world.ask(GroupClusterWorld::sync_request(joined.member_id, 1), 5);
        const auto back = world.ask(request, version);
        CHECK(back.error_code == 0);
        CHECK(back.generation_id == 1);
        CHECK(back.skip_assignment == (version == 9));
        CHECK(back.leader == (version == 9 ? back.member_id : joined.member_id));
        CHECK(back.members.size() == (version == 9 ? 1 : 0));
    }
}

TEST_CASE("answers wait for other members, and other connections go on meanwhile") {
    GroupClusterWorld world;
    const auto first = world.found();
    const auto second = world.new_id();
    const ConnectionId one = world.connect();
    const ConnectionId two = world.connect();
    world.put(two, GroupClusterWorld::join_request(second), 9);
    CHECK_FALSE(world.take<msg::JoinGroupRequest>(two, 9));
    CHECK(world.heartbeat(first, 1) == Errc::rebalance_in_progress);
    world.put(one, GroupClusterWorld::join_request(first), 9);
    CHECK(world.take<msg::JoinGroupRequest>(one, 9)->members.size() == 2);
    CHECK(world.take<msg::JoinGroupRequest>(two, 9)->generation_id == 2);

    world.put(two, GroupClusterWorld::sync_request(second, 2), 5);
    CHECK_FALSE(world.take<msg::SyncGroupRequest>(two, 5));
    auto sync = GroupClusterWorld::sync_request(first, 2);
    auto& assigned = sync.assignments.emplace_back();
    assigned.member_id = second;
    assigned.assignment = bytes_of("all");
    world.put(one, sync, 5);
    CHECK(world.take<msg::SyncGroupRequest>(one, 5)->assignment.empty());
    CHECK(world.take<msg::SyncGroupRequest>(two, 5)->assignment == bytes_of("all"));
}

TEST_CASE("a request that comes behind one that waits is done after it") {
    GroupClusterWorld world;
    const auto first = world.found();
    const auto second = world.new_id();
    const ConnectionId two = world.connect();
    world.put(two, GroupClusterWorld::join_request(second), 9, 1);
    world.put(two, GroupClusterWorld::sync_request(second, 2), 5, 2);
    CHECK(world.answers[two].empty());
    world.ask(GroupClusterWorld::join_request(first), 9);
    CHECK(world.take<msg::JoinGroupRequest>(two, 9)->error_code == 0);
    CHECK_FALSE(world.take<msg::SyncGroupRequest>(two, 5));
    world.ask(GroupClusterWorld::sync_request(first, 2), 5);
    CHECK(world.take<msg::SyncGroupRequest>(two, 5)->error_code == 0);
}

TEST_CASE("time moves groups on by itself") {
    CoreOptions options;
    options.groups.initial_rebalance_delay = 3s;
    GroupClusterWorld world(1, options);
    const auto id = world.new_id();
    const ConnectionId connection = world.connect();
    world.put(connection, GroupClusterWorld::join_request(id), 9);
    CHECK(world.core.poll(world.now) == world.now + 3s);
    world.advance(3s);
    CHECK(world.take<msg::JoinGroupRequest>(connection, 9)->generation_id == 1);
    CHECK(world.core.poll(world.now) == world.now + 10s);
    world.advance(10s);
    CHECK(world.group().state() == GroupState::empty);
    CHECK(world.core.poll(world.now) == TimePoint::max());
}

TEST_CASE("a connection that closes while its request waits leaves its member behind") {
    GroupClusterWorld world;
    const auto first = world.found();
    const auto second = world.new_id();
    const ConnectionId lost = world.connect();
    world.put(lost, GroupClusterWorld::join_request(second), 9);
    world.core.on_closed(lost);
    const auto joined = world.ask(GroupClusterWorld::join_request(first), 9);
    CHECK(joined.members.size() == 2);
    CHECK(world.answers[lost].empty());
    const auto again = world.ask(GroupClusterWorld::join_request(second), 9);
    CHECK(again.generation_id == 2);
}

TEST_CASE("faults meet requests of members as they meet others") {
    GroupClusterWorld world;
    const auto id = world.found();
    const auto fail = [&](const auto& request) {
        world.core.faults().add(
            static_cast<int16_t>(request.api_key), every_broker, 1, {Faults::Kind::error, Errc::coordinator_not_available}
        );
        return static_cast<Errc>(world.ask(request, 2).error_code);
    };
    CHECK(fail(GroupClusterWorld::join_request(id)) == Errc::coordinator_not_available);
    CHECK(fail(GroupClusterWorld::sync_request(id, 1)) == Errc::coordinator_not_available);
    msg::HeartbeatRequest heartbeat;
    heartbeat.group_id = "g";
    heartbeat.member_id = id;
    heartbeat.generation_id = 1;
    CHECK(fail(heartbeat) == Errc::coordinator_not_available);
    msg::LeaveGroupRequest leave;
    leave.group_id = "g";
    leave.member_id = id;
    CHECK(fail(leave) == Errc::coordinator_not_available);
    CHECK(world.heartbeat(id, 1) == Errc::no_error);

    world.core.faults().add(11, every_broker, 1, {Faults::Kind::drop_reply});
    const ConnectionId connection = world.connect();
    world.put(connection, GroupClusterWorld::join_request(id), 9);
    CHECK(world.closed.contains(connection));
    CHECK(world.group().generation() == 2);
}

TEST_CASE("members commit in their generation, others do not") {
    GroupClusterWorld world;
    world.create("t", 1);
    const auto commit = [&](const std::string& id, int32_t generation, int16_t version, const std::string& topic = "t") {
        msg::OffsetCommitRequest request;
        request.group_id = "g";
        request.generation_id_or_member_epoch = generation;
        request.member_id = id;
        auto& wanted = request.topics.emplace_back();
        if (version < 10)
            wanted.name = topic;
        else
            wanted.topic_id = world.core.find_topic(topic)->id;
        wanted.partitions.emplace_back().committed_offset = 5;
        return static_cast<Errc>(world.ask(request, version).topics.at(0).partitions.at(0).error_code);
    };
    CHECK(commit("", -1, 9, "no") == Errc::unknown_topic_or_part);
    CHECK(world.core.groups().find("g") == nullptr);
    const auto id = world.found();
    for (int16_t version = 2; version <= 10; ++version) {
        CHECK(commit(id, 1, version) == Errc::no_error);
        CHECK(commit(id, 2, version) == Errc::illegal_generation);
        CHECK(commit("made up", 1, version) == Errc::unknown_member_id);
        CHECK(commit("", -1, version) == Errc::unknown_member_id);
    }
    CHECK(world.core.offsets().find("g", {"t", 0})->offset == 5);

    const auto producer = world.producer("id");
    const auto commit_in_transaction = [&](Member member) {
        return world.commit_in_transaction("id", producer, "g", 6, 5, member);
    };
    CHECK(commit_in_transaction({1, id}) == Errc::no_error);
    CHECK(commit_in_transaction({-1, ""}) == Errc::no_error);
    CHECK(commit_in_transaction({2, id}) == Errc::illegal_generation);
    CHECK(commit_in_transaction({1, "made up"}) == Errc::unknown_member_id);

    world.ask(GroupClusterWorld::join_request(id), 9);
    CHECK(commit(id, 2, 9) == Errc::rebalance_in_progress);
    CHECK(commit_in_transaction({2, id}) == Errc::no_error);
}
