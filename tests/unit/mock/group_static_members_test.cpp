// Static members (KIP-345): who they are, how they are replaced, and when that costs a rebalance (KIP-814).
#include "unit/mock/group_world.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

using Joined = GroupWorld::Joined;
using Synced = GroupWorld::Synced;
using Ref = GroupCoordinator::MemberRef;

} // namespace

TEST_CASE("a static member joins at once, with an id made of its instance id") {
    GroupWorld world;
    const Joined answer = world.join(GroupWorld::static_member("a"));
    CHECK(answer.error == Errc::no_error);
    CHECK(answer.member.starts_with("a-"));
    CHECK(answer.members == std::vector<GroupCoordinator::JoinedMember>{{answer.member, "a", {}}});
}

TEST_CASE("an instance id belongs to one member, and another one is fenced") {
    GroupWorld world;
    const auto ids = world.grow_static({"a", "b"});
    const int32_t generation = world.generation();
    const auto check = [&](const Ref& member, Errc error) {
        CHECK(world.coordinator.heartbeat("g", member, generation, world.now) == error);
        CHECK(world.join(GroupWorld::static_member(*member.instance_id, member.id)) == Joined{error, member.id});
        auto sync = world.sync_of(member.id, generation);
        sync.instance_id = member.instance_id;
        CHECK(world.sync(sync) == Synced{error});
        for (const auto kind : {GroupCoordinator::CommitKind::plain, GroupCoordinator::CommitKind::transactional})
            CHECK(world.coordinator.check_commit("g", member, generation, kind, world.now) == error);
    };
    check({ids[0], "b"}, Errc::fenced_instance_id);
    check({"made up", "b"}, Errc::fenced_instance_id);
    check({ids[0], "c"}, Errc::unknown_member_id);
    check({"made up", "c"}, Errc::unknown_member_id);
    CHECK(world.coordinator.heartbeat("g", {ids[0], "a"}, generation, world.now) == Errc::no_error);
    CHECK(world.coordinator.heartbeat("g", {ids[0]}, generation, world.now) == Errc::no_error);
    const auto pending = world.new_id();
    CHECK(world.join(GroupWorld::static_member("c", pending)) == Joined{Errc::unknown});
}

TEST_CASE("a follower that is back under a new id costs no rebalance, and keeps its assignment") {
    GroupWorld world;
    const auto ids = world.grow_static({"a", "b"});
    auto back = GroupWorld::static_member("b");
    back.protocols = {{"range", bytes_of("new")}};
    const Joined answer = world.join(back);
    CHECK(answer == Joined{Errc::no_error, answer.member, 2, "consumer", "range", ids[0]});
    CHECK(answer.member != ids[1]);
    CHECK(world.state() == GroupState::stable);
    CHECK(world.ids() == std::vector{ids[0], answer.member});
    CHECK(world.sync(world.sync_of(answer.member, 2)).assignment == bytes_of(ids[1]));
    CHECK(world.heartbeat(ids[0]) == Errc::no_error);
    CHECK(world.coordinator.heartbeat("g", {ids[1], "b"}, 2, world.now) == Errc::fenced_instance_id);
    CHECK(world.heartbeat(ids[1]) == Errc::unknown_member_id);
    CHECK(world.group().members()[1].metadata("range") == bytes_of("new"));
    world.advance(GroupWorld::session - 1ms);
    CHECK(world.heartbeat(answer.member) == Errc::no_error);
}

TEST_CASE("a leader that is back leads, and need not assign") {
    GroupWorld world;
    const auto ids = world.grow_static({"a", "b"});
    const Joined answer = world.join(GroupWorld::static_member("a"));
    CHECK(answer ==
          Joined{
              Errc::no_error,
              answer.member,
              2,
              "consumer",
              "range",
              answer.member,
              true,
              {{answer.member, "a", {}}, {ids[1], "b", {}}}});
    CHECK(world.state() == GroupState::stable);
    CHECK(world.group().leader() == answer.member);
}

TEST_CASE("a leader that is back with an old request does not learn that it leads") {
    GroupWorld world;
    const auto ids = world.grow_static({"a", "b"});
    auto request = GroupWorld::static_member("a");
    request.can_skip_assignment = false;
    const Joined answer = world.join(request);
    CHECK(answer == Joined{Errc::no_error, answer.member, 2, "consumer", "range", ids[0]});
    CHECK(world.group().leader() == answer.member);
    CHECK(world.state() == GroupState::stable);
}

TEST_CASE("a static member that comes back with another wish may change the vote, which is a rebalance") {
    GroupWorld world;
    auto request = GroupWorld::static_member("a");
    request.protocols = {{"range", {}}, {"sticky", {}}};
    const auto first = world.join(request).member;
    world.assign();
    request.protocols = {{"sticky", {}}, {"range", {}}};
    const Joined answer = world.join(request);
    CHECK(answer.generation == 2);
    CHECK(answer.protocol == "sticky");
    CHECK(world.state() == GroupState::completing_rebalance);
    CHECK(world.heartbeat(first) == Errc::unknown_member_id);
}

TEST_CASE("a static member that comes back while the leader assigns begins a rebalance") {
    GroupWorld world;
    const auto ids = world.grow_static({"a", "b"});
    world.ask(GroupWorld::static_member("a", ids[0]));
    world.ask(GroupWorld::static_member("b", ids[1]));
    REQUIRE(world.state() == GroupState::completing_rebalance);
    const auto sync = world.ask(world.sync_of(ids[1], 3));
    const auto back = world.ask(GroupWorld::static_member("b"));
    CHECK(world.synced(sync) == Synced{Errc::fenced_instance_id});
    CHECK(world.state() == GroupState::preparing_rebalance);
    world.ask(GroupWorld::static_member("a", ids[0]));
    CHECK(world.joined(back)->generation == 4);
}

TEST_CASE("a static member that comes back while members join fences its own request") {
    GroupWorld world;
    const auto ids = world.grow_static({"a", "b"});
    const auto old = world.ask(GroupWorld::static_member("a", ids[0]));
    REQUIRE(world.state() == GroupState::preparing_rebalance);
    const auto back = world.ask(GroupWorld::static_member("a"));
    CHECK(world.joined(old) == Joined{Errc::fenced_instance_id, ids[0]});
    CHECK_FALSE(world.joined(back));
    world.ask(GroupWorld::static_member("b", ids[1]));
    CHECK(world.joined(back)->generation == 3);
    CHECK(world.joined(back)->leader == world.joined(back)->member);
}

TEST_CASE("a static member that does not join stays in the group, until its session or the sync ends") {
    GroupWorld world;
    const auto ids = world.grow_static({"a", "b", "c"});
    const auto waiting = world.ask(GroupWorld::static_member("a", ids[0]));
    const auto keep_alive = [&](GroupWorld::Milliseconds time) {
        for (; time > 0s; time -= 5s) {
            world.advance(5s);
            world.heartbeat(ids[0]);
            world.heartbeat(ids[1]);
        }
    };
    keep_alive(60s);
    CHECK(world.joined(waiting)->members.size() == 2); // the session of "c" has ended
    CHECK(world.ids() == std::vector{ids[0], ids[1]});
    auto sync = world.sync_of(ids[0], world.generation());
    CHECK(world.sync(sync).error == Errc::no_error);
    CHECK(world.state() == GroupState::stable);
    keep_alive(60s);
    CHECK(world.ids() == std::vector{ids[0]});
}

TEST_CASE("when only static members are left that do not join, nothing is decided until their sessions end") {
    GroupWorld world;
    const auto ids = world.grow_static({"a", "b"});
    world.leave(ids[0]);
    CHECK(world.group().leader() == ids[1]);
    for (int i = 0; i < 13; ++i) {
        CHECK(world.heartbeat(ids[1]) == Errc::rebalance_in_progress);
        world.advance(5s);
    }
    CHECK(world.state() == GroupState::preparing_rebalance);
    CHECK(world.generation() == 2);
    world.advance(5s);
    CHECK(world.state() == GroupState::empty);
}

TEST_CASE("a static member that is gone has its place until its session ends") {
    GroupWorld world;
    const auto ids = world.grow_static({"a", "b"});
    world.advance(6s);
    world.heartbeat(ids[0]);
    world.advance(3999ms);
    CHECK(world.state() == GroupState::stable);
    world.advance(1ms);
    CHECK(world.state() == GroupState::preparing_rebalance);
    CHECK(world.ids() == std::vector{ids[0]});
    const auto back = world.ask(GroupWorld::static_member("b"));
    CHECK_FALSE(world.joined(back));
    world.ask(GroupWorld::static_member("a", ids[0]));
    CHECK(world.joined(back)->member != ids[1]);
}
