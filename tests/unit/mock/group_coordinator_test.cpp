// Joining, syncing, heartbeats, leaving: what one request is answered.
#include "mock/group_coordinator.hpp"

#include "unit/mock/group_world.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

using Joined = GroupWorld::Joined;
using Synced = GroupWorld::Synced;

} // namespace

TEST_CASE("a new member is given an id first, and joins with it") {
    GroupWorld world;
    const Joined first = world.join(GroupWorld::member());
    CHECK(first == Joined{Errc::member_id_required, first.member});
    CHECK(first.member.starts_with("client-"));
    CHECK(first.member.size() == std::string("client-").size() + 36);
    CHECK(world.state() == GroupState::empty);
    CHECK(world.new_id() != first.member);

    CHECK(world.join(GroupWorld::member(first.member)) ==
          Joined{Errc::no_error, first.member, 1, "consumer", "range", first.member, false, {{first.member, {}, {}}}});
    CHECK(world.join(GroupWorld::member("made up")) == Joined{Errc::unknown_member_id, "made up"});
}

TEST_CASE("with an old request a new member joins at once") {
    GroupWorld world;
    auto request = GroupWorld::member();
    request.can_join_twice = false;
    const Joined answer = world.join(request);
    CHECK(answer.error == Errc::no_error);
    CHECK(answer.leader == answer.member);
}

TEST_CASE("a group must be named, exist for those who say they know it, and sessions have limits") {
    GroupWorld world({.shortest_session = 100ms, .longest_session = 1000ms});
    auto request = GroupWorld::member("m");
    request.session_timeout = 500ms;
    CHECK(world.join(request) == Joined{Errc::unknown_member_id, "m"});
    for (const auto timeout : {99ms, 1001ms}) {
        request.session_timeout = timeout;
        CHECK(world.join(request) == Joined{Errc::invalid_session_timeout, "m"});
    }
    for (const auto timeout : {100ms, 1000ms}) {
        request.session_timeout = timeout;
        CHECK(world.join(request).error == Errc::unknown_member_id);
    }
    request.group = "";
    CHECK(world.join(request) == Joined{Errc::invalid_group_id, "m"});
    CHECK(world.coordinator.all().empty());
    CHECK(world.coordinator.heartbeat("", {"m"}, 1, world.now) == Errc::invalid_group_id);
    CHECK(world.coordinator.heartbeat("g", {"m"}, 1, world.now) == Errc::unknown_member_id);
    CHECK(world.sync(world.sync_of("m", 1)) == Synced{Errc::unknown_member_id});
    CHECK(world.coordinator.leave("g", {{"m"}, {"n"}}, world.now) ==
          std::vector{Errc::unknown_member_id, Errc::unknown_member_id});
}

TEST_CASE("the leader is told what the others said of themselves, in the protocol that is used") {
    GroupWorld world;
    const auto first = world.new_id();
    world.ask(GroupWorld::member(first, {{"range", bytes_of("r1")}, {"sticky", bytes_of("s1")}}));
    const auto second = world.new_id();
    const auto follower = world.ask(GroupWorld::member(second, {{"sticky", bytes_of("s2")}, {"range", bytes_of("r2")}}));
    CHECK_FALSE(world.joined(follower));
    const auto leader = world.ask(GroupWorld::member(first, {{"range", bytes_of("r1")}, {"sticky", bytes_of("s1")}}));
    CHECK(world.joined(leader) ==
          Joined{
              Errc::no_error,
              first,
              2,
              "consumer",
              "range",
              first,
              false,
              {{first, {}, bytes_of("r1")}, {second, {}, bytes_of("r2")}}});
    CHECK(world.joined(follower) == Joined{Errc::no_error, second, 2, "consumer", "range", first});
}

TEST_CASE("members vote for what all can do") {
    GroupWorld world;
    const std::vector<std::vector<GroupProtocol>> wishes{
        {{"range", {}}, {"sticky", {}}, {"only", {}}}, {{"sticky", {}}, {"range", {}}}, {{"sticky", {}}, {"range", {}}}};
    std::vector<std::string> ids;
    for (const auto& wish : wishes) {
        ids.push_back(world.new_id());
        world.ask(GroupWorld::member(ids.back(), wish));
        for (size_t i = 0; i + 1 < ids.size(); ++i)
            world.ask(GroupWorld::member(ids[i], wishes[i]));
        CHECK(world.state() == GroupState::completing_rebalance);
        CHECK(world.group().protocol() == (ids.size() == 3 ? "sticky" : "range"));
        world.assign();
    }
}

TEST_CASE("who has nothing in common with the group cannot join it") {
    GroupWorld world;
    CHECK(world.join(GroupWorld::member("", {})) == Joined{Errc::inconsistent_group_protocol});
    auto untyped = GroupWorld::member();
    untyped.protocol_type = "";
    CHECK(world.join(untyped).error == Errc::inconsistent_group_protocol);
    CHECK(world.state() == GroupState::empty);

    const auto id = world.grow(1).front();
    CHECK(world.join(GroupWorld::member("", {{"sticky", {}}})).error == Errc::inconsistent_group_protocol);
    CHECK(world.join(GroupWorld::member(id, {{"sticky", {}}})) == Joined{Errc::inconsistent_group_protocol, id});
    auto other = GroupWorld::member();
    other.protocol_type = "connect";
    CHECK(world.join(other).error == Errc::inconsistent_group_protocol);
    world.leave(id);
    CHECK(world.join(other).error == Errc::member_id_required);
    CHECK(world.join(untyped).error == Errc::inconsistent_group_protocol);
}

TEST_CASE("followers wait for what the leader assigns") {
    GroupWorld world;
    const auto ids = world.grow(2);
    world.ask(GroupWorld::member(ids[0]));
    world.ask(GroupWorld::member(ids[1]));
    const auto follower = world.ask(world.sync_of(ids[1], 3));
    CHECK_FALSE(world.synced(follower));
    auto decision = world.sync_of(ids[0], 3);
    decision.protocol_type = "consumer";
    decision.protocol = "range";
    decision.assignments = {{ids[1], bytes_of("all")}, {"nobody", bytes_of("x")}};
    CHECK(world.sync(decision) == Synced{Errc::no_error, "consumer", "range", {}});
    CHECK(world.synced(follower) == Synced{Errc::no_error, "consumer", "range", bytes_of("all")});
    CHECK(world.state() == GroupState::stable);
    CHECK(world.sync(world.sync_of(ids[1], 3)).assignment == bytes_of("all"));
}

TEST_CASE("a sync names a member, its generation and what the group uses") {
    GroupWorld world;
    const auto ids = world.grow(2);
    CHECK(world.sync(world.sync_of("made up", 2)) == Synced{Errc::unknown_member_id});
    CHECK(world.sync(world.sync_of(ids[0], 1)) == Synced{Errc::illegal_generation});
    auto sync = world.sync_of(ids[0], 2);
    sync.protocol_type = "connect";
    CHECK(world.sync(sync) == Synced{Errc::inconsistent_group_protocol});
    sync.protocol_type = "consumer";
    sync.protocol = "sticky";
    CHECK(world.sync(sync) == Synced{Errc::inconsistent_group_protocol});
    sync.protocol = "range";
    CHECK(world.sync(sync).error == Errc::no_error);
    world.ask(GroupWorld::member(ids[0]));
    CHECK(world.sync(sync) == Synced{Errc::rebalance_in_progress});
    sync.group = "";
    CHECK(world.sync(sync) == Synced{Errc::invalid_group_id});
}

TEST_CASE("who joins again while syncs are awaited is told the same again, unless it says something new") {
    GroupWorld world;
    const auto ids = world.grow(2);
    world.ask(GroupWorld::member(ids[0]));
    const auto first = world.ask(GroupWorld::member(ids[1]));
    CHECK(world.join(GroupWorld::member(ids[1])) == world.joined(first));
    CHECK(world.join(GroupWorld::member(ids[0])).members.size() == 2);
    CHECK(world.state() == GroupState::completing_rebalance);

    const auto sync = world.ask(world.sync_of(ids[1], 3));
    const auto changed = world.ask(GroupWorld::member(ids[0], {{"range", bytes_of("new")}}));
    CHECK(world.state() == GroupState::preparing_rebalance);
    CHECK(world.synced(sync) == Synced{Errc::rebalance_in_progress});
    CHECK_FALSE(world.joined(changed));
    world.ask(GroupWorld::member(ids[1]));
    CHECK(world.joined(changed)->generation == 4);
    CHECK(world.joined(changed)->members.at(0).metadata == bytes_of("new"));
}

TEST_CASE("in a stable group a leader that joins again, or a member that has changed, begins a rebalance") {
    GroupWorld world;
    const auto ids = world.grow(2);
    CHECK(world.join(GroupWorld::member(ids[1])) == Joined{Errc::no_error, ids[1], 2, "consumer", "range", ids[0]});
    CHECK(world.state() == GroupState::stable);
    CHECK_FALSE(world.joined(world.ask(GroupWorld::member(ids[0]))));
    CHECK(world.state() == GroupState::preparing_rebalance);
    world.ask(GroupWorld::member(ids[1]));
    world.assign();
    CHECK_FALSE(world.joined(world.ask(GroupWorld::member(ids[1], {{"range", bytes_of("new")}}))));
    CHECK(world.state() == GroupState::preparing_rebalance);
}

TEST_CASE("heartbeats name the generation, and tell of a rebalance") {
    GroupWorld world;
    const auto ids = world.grow(2);
    CHECK(world.heartbeat(ids[0]) == Errc::no_error);
    CHECK(world.heartbeat(ids[0], 1) == Errc::illegal_generation);
    CHECK(world.heartbeat(ids[0], 3) == Errc::illegal_generation);
    CHECK(world.heartbeat("made up") == Errc::unknown_member_id);
    world.ask(GroupWorld::member(ids[0]));
    CHECK(world.heartbeat(ids[1]) == Errc::rebalance_in_progress);
    world.ask(GroupWorld::member(ids[1]));
    CHECK(world.heartbeat(ids[1], 2) == Errc::illegal_generation);
    CHECK(world.heartbeat(ids[1], 3) == Errc::no_error);
}

TEST_CASE("who leaves starts a rebalance, and the last one empties the group") {
    GroupWorld world;
    const auto ids = world.grow(3);
    CHECK(world.leave(ids[0]) == Errc::no_error);
    CHECK(world.leave(ids[0]) == Errc::unknown_member_id);
    CHECK(world.state() == GroupState::preparing_rebalance);
    CHECK(world.group().leader() == ids[1]);
    const auto waiting = world.ask(GroupWorld::member(ids[1]));
    CHECK_FALSE(world.joined(waiting));
    CHECK(world.leave(ids[2]) == Errc::no_error);
    CHECK(world.joined(waiting)->generation == 4);
    world.assign();
    CHECK(world.leave(ids[1]) == Errc::no_error);
    CHECK(world.state() == GroupState::empty);
    CHECK(world.generation() == 5);
    CHECK(world.group().leader().empty());
    CHECK(world.group().protocol_type() == "consumer");
    CHECK(world.group().protocol() == std::nullopt);
    CHECK(world.coordinator.next_due(world.now) == TimePoint::max());
    CHECK(world.grow(1).size() == 1);
    CHECK(world.generation() == 6);
}

TEST_CASE("many leave in one request, by id, by instance id, or before they have joined") {
    GroupWorld world;
    const auto ids = world.grow_static({"a", "b"});
    const auto pending = world.new_id();
    const auto leave = [&](std::vector<GroupCoordinator::MemberRef> members) {
        const auto errors = world.coordinator.leave("g", members, world.now);
        world.collect();
        return errors;
    };
    CHECK(leave({{"", "c"}, {""}, {ids[0], "b"}, {ids[0], "c"}, {"made up"}}) ==
          std::vector{
              Errc::unknown_member_id,
              Errc::unknown_member_id,
              Errc::fenced_instance_id,
              Errc::unknown_member_id,
              Errc::unknown_member_id});
    CHECK(world.state() == GroupState::stable);
    CHECK(leave({{pending}, {"", "a"}, {ids[1], "b"}}) ==
          std::vector{Errc::no_error, Errc::no_error, Errc::no_error});
    CHECK(world.state() == GroupState::empty);
    CHECK(world.join(GroupWorld::member(pending)).error == Errc::unknown_member_id);
}

TEST_CASE("a request that waits is answered when its member is sent away") {
    GroupWorld world;
    const auto ids = world.grow(2);
    const auto join = world.ask(GroupWorld::member(ids[0]));
    world.leave(ids[0]);
    CHECK(world.joined(join) == Joined{Errc::unknown_member_id});
    world.ask(GroupWorld::member(ids[1]));
    world.assign();
    const auto third = world.grow(1).back();
    world.ask(GroupWorld::member(ids[1]));
    world.ask(GroupWorld::member(third));
    const auto sync = world.ask(world.sync_of(third, world.generation()));
    world.leave(third);
    CHECK(world.synced(sync) == Synced{Errc::unknown_member_id});
}

TEST_CASE("a group takes no more members than it may have") {
    GroupWorld world({.most_members = 2});
    const auto ids = world.grow(2);
    CHECK(world.join(GroupWorld::member()) == Joined{Errc::group_max_size_reached});
    CHECK(world.join(GroupWorld::member(ids[1])).error == Errc::no_error);
    world.leave(ids[1]);
    const auto next = world.ask(GroupWorld::member(world.new_id()));
    CHECK(world.join_error(world.ask(GroupWorld::member())) == Errc::member_id_required);
    world.ask(GroupWorld::member(ids[0]));
    CHECK(world.join_error(world.ask(GroupWorld::member())) == Errc::group_max_size_reached);
    CHECK_FALSE(world.joined(next)); // of the id that was given out and not used
    world.advance(GroupWorld::session);
    CHECK(world.join_error(next) == Errc::no_error);
}

TEST_CASE("a group with members takes commits of theirs only, and not before they know what is theirs") {
    GroupWorld world;
    using Kind = GroupCoordinator::CommitKind;
    const auto check = [&](GroupCoordinator::MemberRef member, int32_t generation, Kind kind = Kind::plain) {
        return world.coordinator.check_commit("g", member, generation, kind, world.now);
    };
    CHECK(check({"m"}, 0) == Errc::group_id_not_found);
    CHECK(check({}, -1) == Errc::no_error);
    CHECK(world.state() == GroupState::empty);
    CHECK(world.group().protocol_type() == std::nullopt);
    CHECK(check({"m"}, 0) == Errc::unknown_member_id);
    CHECK(check({"m"}, -1) == Errc::no_error);

    const auto ids = world.grow(2);
    for (const Kind kind : {Kind::plain, Kind::transactional}) {
        CHECK(check({ids[1]}, 2, kind) == Errc::no_error);
        CHECK(check({ids[1]}, 1, kind) == Errc::illegal_generation);
        CHECK(check({ids[1]}, -1, kind) == Errc::illegal_generation);
        CHECK(check({"m"}, 2, kind) == Errc::unknown_member_id);
        CHECK(check({"", "instance"}, -1, kind) == Errc::unknown_member_id);
    }
    CHECK(check({}, -1) == Errc::unknown_member_id);
    CHECK(check({}, -1, Kind::transactional) == Errc::no_error);

    world.ask(GroupWorld::member(ids[0]));
    CHECK(check({ids[1]}, 2) == Errc::no_error); // its last chance
    world.ask(GroupWorld::member(ids[1]));
    CHECK(check({ids[1]}, 2) == Errc::illegal_generation);
    CHECK(check({ids[1]}, 3) == Errc::rebalance_in_progress);
    CHECK(check({ids[1]}, 3, Kind::transactional) == Errc::no_error);
}

TEST_CASE("only a group without members can be deleted") {
    GroupWorld world;
    CHECK(world.coordinator.erase("g") == Errc::group_id_not_found);
    const auto id = world.grow(1).front();
    CHECK(world.coordinator.erase("g") == Errc::non_empty_group);
    world.ask(GroupWorld::member(id));
    CHECK(world.coordinator.erase("g") == Errc::non_empty_group);
    world.leave(id);
    world.new_id();
    CHECK(world.coordinator.erase("g") == Errc::no_error);
    CHECK(world.coordinator.find("g") == nullptr);
    CHECK(world.coordinator.next_due(world.now) == TimePoint::max());
    CHECK(world.grow(1).size() == 1);
    CHECK(world.generation() == 1);
}

TEST_CASE("offsets can be deleted where no member reads, if members say what they read") {
    const auto subscription = [](std::string_view version_and_count, std::string_view name) {
        auto bytes = bytes_of(version_and_count);
        bytes.push_back(0);
        bytes.push_back(static_cast<uint8_t>(name.size()));
        bytes.insert(bytes.end(), name.begin(), name.end());
        return bytes;
    };
    using namespace std::string_view_literals;
    GroupWorld world;
    CHECK(world.coordinator.check_offset_deletion("g") == Errc::group_id_not_found);
    const auto id = world.new_id();
    CHECK_FALSE(world.group().is_subscribed_to("t"));
    world.ask(GroupWorld::member(id, {{"range", subscription("\0\1\0\0\0\1"sv, "t")}}));
    world.assign();
    CHECK(world.coordinator.check_offset_deletion("g") == Errc::no_error);
    CHECK(world.group().is_subscribed_to("t"));
    CHECK_FALSE(world.group().is_subscribed_to("u"));
    world.ask(GroupWorld::member(id, {{"range", subscription("\0\1\0\0\0\2"sv, "t")}})); // one is missing
    CHECK(world.group().is_subscribed_to("u"));
    world.leave(id);
    CHECK_FALSE(world.group().is_subscribed_to("t"));

    auto worker = GroupWorld::member();
    worker.protocol_type = "connect";
    worker.can_join_twice = false;
    const auto other = world.join(worker).member;
    CHECK(world.coordinator.check_offset_deletion("g") == Errc::non_empty_group);
    CHECK_FALSE(world.group().is_subscribed_to("t"));
    world.leave(other);
    CHECK(world.coordinator.check_offset_deletion("g") == Errc::no_error);
}
