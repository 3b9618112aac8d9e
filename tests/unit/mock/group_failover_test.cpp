// Coordinators of groups that move, load and end.
#include "unit/mock/group_client.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

void move(GroupClusterWorld& world, int32_t broker) {
    REQUIRE_FALSE(world.core.move_coordinator(ClusterCore::CoordinatorOf::group, "g", broker, world.now));
}

} // namespace

TEST_CASE("members go on at the new coordinator, and the old one does not know them") {
    GroupClusterWorld world(2);
    const auto id = world.found();
    const int32_t old = world.group_coordinator("g");
    const int32_t next = old % 2 + 1;
    move(world, next);
    CHECK(world.heartbeat(id, 1, old) == Errc::not_coordinator);
    CHECK(world.heartbeat(id, 1, next) == Errc::no_error);
    CHECK(world.ask(GroupClusterWorld::join_request(id), 9, old).error_code == number(Errc::not_coordinator));
    CHECK(world.ask(GroupClusterWorld::sync_request(id, 1), 5, old).error_code == number(Errc::not_coordinator));
    CHECK(world.ask(GroupClusterWorld::sync_request(id, 1), 5, next).assignment == bytes_of("all"));
}

TEST_CASE("a join that waits is answered when the coordinator moves") {
    GroupClusterWorld world(2);
    const auto first = world.found();
    const int32_t old = world.group_coordinator("g");
    const auto second = world.new_id();
    const ConnectionId waiting = world.connect();
    world.put(waiting, GroupClusterWorld::join_request(second), 9);
    move(world, old % 2 + 1);
    const auto answer = world.take<msg::JoinGroupRequest>(waiting, 9);
    REQUIRE(answer);
    CHECK(answer->error_code == number(Errc::not_coordinator));
    CHECK(answer->member_id == second);
    CHECK(world.heartbeat(first, 1) == Errc::no_error);
    CHECK(world.ask(GroupClusterWorld::join_request(second), 9, old % 2 + 1).error_code ==
          number(Errc::unknown_member_id));
}

TEST_CASE("while a coordinator loads, heartbeats are taken and sessions are not counted") {
    GroupClusterWorld world(2);
    const auto id = world.found();
    const int32_t next = world.group_coordinator("g") % 2 + 1;
    world.core.set_failover({.election = 5s, .load = 20s});
    move(world, next);
    CHECK(world.heartbeat(id, 1, next) == Errc::not_coordinator);
    world.advance(5s);
    CHECK(world.heartbeat(id, 1, next) == Errc::no_error);
    CHECK(world.heartbeat("made up", 1, next) == Errc::no_error);
    CHECK(world.ask(GroupClusterWorld::join_request(id), 9, next).error_code ==
          number(Errc::coordinator_load_in_progress));
    world.advance(20s);
    CHECK(world.heartbeat("made up", 1, next) == Errc::unknown_member_id);
    CHECK(world.core.poll(world.now) == world.now + 10s);
    world.advance(9999ms);
    CHECK(world.group().state() == GroupState::stable);
    world.advance(1ms);
    CHECK(world.group().state() == GroupState::empty);
}

TEST_CASE("a group outlives its coordinator, and what waited there is gone with it") {
    GroupClusterWorld world(2);
    const auto first = world.found();
    const int32_t old = world.group_coordinator("g");
    const ConnectionId waiting = world.connect();
    world.put(waiting, GroupClusterWorld::join_request(world.new_id()), 9);
    world.core.stop(old, world.now);
    CHECK(world.closed.contains(waiting));
    CHECK(world.answers[waiting].empty());
    const int32_t next = world.group_coordinator("g");
    CHECK(next != old);
    CHECK(world.heartbeat(first, 1, next) == Errc::no_error);
    world.core.start(old, world.now);
    CHECK(world.group_coordinator("g") == next);
}

TEST_CASE("with no broker left sessions do not end, and the first one back counts them anew") {
    GroupClusterWorld world;
    const auto id = world.found();
    world.core.stop(1, world.now);
    world.advance(1h);
    CHECK(world.group().state() == GroupState::stable);
    world.core.start(1, world.now);
    world.connections[1] = world.core.connect(1);
    CHECK(world.heartbeat(id, 1) == Errc::no_error);
    world.advance(10s);
    CHECK(world.group().state() == GroupState::empty);
}

TEST_CASE("groups elsewhere do not notice that a coordinator moves") {
    GroupClusterWorld world(3);
    const auto id = world.found();
    const auto waiting = world.connect();
    world.put(waiting, GroupClusterWorld::join_request(world.new_id()), 9);
    REQUIRE_FALSE(world.core.move_coordinator(ClusterCore::CoordinatorOf::group, "another", 1, world.now));
    CHECK(world.answers[waiting].empty());
    CHECK(world.group().state() == GroupState::preparing_rebalance);
    CHECK(world.heartbeat(id, 1) == Errc::rebalance_in_progress);
}
