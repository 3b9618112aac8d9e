// Rebalances and time: who is waited for, how long, and what happens to the others.
#include "unit/mock/group_world.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

using Joined = GroupWorld::Joined;
using Synced = GroupWorld::Synced;

} // namespace

TEST_CASE("an id that nobody comes back with is forgotten after a session") {
    GroupWorld world;
    const auto id = world.new_id();
    world.advance(GroupWorld::session - 1ms);
    CHECK(world.join(GroupWorld::member(id)).error == Errc::no_error);
    world.leave(id);
    const auto late = world.new_id();
    world.advance(GroupWorld::session);
    CHECK(world.join(GroupWorld::member(late)).error == Errc::unknown_member_id);
}

TEST_CASE("a rebalance waits for those who were given an id") {
    GroupWorld world;
    const auto first = world.grow(1).front();
    const auto second = world.new_id();
    const auto waiting = world.ask(GroupWorld::member(first));
    CHECK_FALSE(world.joined(waiting));
    world.ask(GroupWorld::member(second));
    CHECK(world.joined(waiting)->members.size() == 2);
}

TEST_CASE("an empty group gives members a while to come, longer when they do") {
    GroupWorld world({.initial_rebalance_delay = 3s});
    const auto join = [&] { return world.ask(GroupWorld::member(world.new_id())); };
    const auto alone = join();
    world.advance(2999ms);
    CHECK_FALSE(world.joined(alone));
    world.advance(1ms);
    CHECK(world.joined(alone)->generation == 1);
    world.leave(world.ids().front());
    REQUIRE(world.state() == GroupState::empty);

    const auto first = join();
    world.advance(2s);
    const auto second = join();
    world.advance(3999ms);
    CHECK_FALSE(world.joined(first));
    world.advance(1ms);
    CHECK(world.joined(first)->members.size() == 2);
    CHECK(world.joined(second)->generation == 3);
}

TEST_CASE("the first rebalance of a group does not take longer than members allow") {
    GroupWorld world({.initial_rebalance_delay = 3s});
    const auto join = [&] {
        auto request = GroupWorld::member(world.new_id());
        request.rebalance_timeout = 7s;
        return world.ask(request);
    };
    const auto first = join();
    for (int i = 0; i < 6; ++i) {
        world.advance(1s);
        join();
    }
    CHECK_FALSE(world.joined(first));
    world.advance(999ms);
    CHECK_FALSE(world.joined(first));
    world.advance(1ms);
    CHECK(world.joined(first)->members.size() == 7);
}

TEST_CASE("members that do not join in time are left behind") {
    GroupWorld world;
    const auto ids = world.grow(3);
    const auto waiting = world.ask(GroupWorld::member(ids[1], {{"range", bytes_of("new")}}));
    for (int i = 0; i < 6; ++i) { // they are alive, but do not join
        world.advance(9999ms);
        for (const auto& id : {ids[0], ids[2]})
            CHECK(world.heartbeat(id) == Errc::rebalance_in_progress);
    }
    CHECK_FALSE(world.joined(waiting));
    world.advance(6ms);
    REQUIRE(world.joined(waiting));
    CHECK(world.joined(waiting)->generation == 4);
    CHECK(world.joined(waiting)->leader == ids[1]);
    CHECK(world.ids() == std::vector{ids[1]});
    CHECK(world.heartbeat(ids[0]) == Errc::unknown_member_id);
}

TEST_CASE("a rebalance takes as long as the most patient member allows") {
    GroupWorld world;
    const auto ids = world.grow(2);
    auto patient = GroupWorld::member(ids[0]);
    patient.rebalance_timeout = 100s;
    world.ask(patient);
    world.ask(GroupWorld::member(ids[1]));
    world.assign();
    const auto waiting = world.ask(GroupWorld::member(ids[0]));
    CHECK(world.state() == GroupState::preparing_rebalance);
    const auto keep_alive = [&](GroupWorld::Milliseconds time) {
        for (; time > 0s; time -= 5s) {
            world.advance(std::min<GroupWorld::Milliseconds>(time, 5s));
            world.heartbeat(ids[1]);
        }
    };
    keep_alive(59s);
    CHECK_FALSE(world.joined(waiting));
    keep_alive(1s); // of the leader's new request, which asks for a minute only, as the other does
    CHECK(world.joined(waiting)->members.size() == 1);
}

TEST_CASE("a member without heartbeats is given up, and the others rebalance") {
    GroupWorld world;
    const auto ids = world.grow(2);
    world.advance(6s);
    CHECK(world.heartbeat(ids[0]) == Errc::no_error);
    world.advance(3999ms);
    CHECK(world.heartbeat(ids[0]) == Errc::no_error);
    CHECK(world.coordinator.next_due(world.now) == world.now + 1ms);
    world.advance(1ms);
    CHECK(world.heartbeat(ids[1], 2) == Errc::unknown_member_id);
    CHECK(world.heartbeat(ids[0]) == Errc::rebalance_in_progress);
    CHECK(world.join(GroupWorld::member(ids[0])).generation == 3);
}

TEST_CASE("commits keep a member alive as heartbeats do") {
    GroupWorld world;
    const auto ids = world.grow(2);
    using Kind = GroupCoordinator::CommitKind;
    for (int i = 0; i < 3; ++i) {
        world.advance(6s);
        world.coordinator.check_commit("g", {ids[0]}, 2, Kind::plain, world.now);
        world.coordinator.check_commit("g", {ids[1]}, 2, Kind::transactional, world.now);
    }
    CHECK(world.ids() == std::vector{ids[0]});
}

TEST_CASE("who waits for an answer needs no heartbeats") {
    GroupWorld world;
    const auto ids = world.grow(2);
    const auto join = world.ask(GroupWorld::member(ids[0]));
    for (int i = 0; i < 5; ++i) {
        world.advance(9s);
        world.heartbeat(ids[1]);
    }
    CHECK_FALSE(world.joined(join));
    world.ask(GroupWorld::member(ids[1]));
    CHECK(world.joined(join)->members.size() == 2);

    const auto sync = world.ask(world.sync_of(ids[1], 3));
    for (int i = 0; i < 5; ++i) {
        world.advance(9s);
        world.heartbeat(ids[0]);
    }
    CHECK_FALSE(world.synced(sync));
    world.ask(world.sync_of(ids[0], 3));
    CHECK(world.sync_error(sync) == Errc::no_error);
    world.advance(9999ms); // counted from the answers on
    CHECK(world.heartbeat(ids[1]) == Errc::no_error);
}

TEST_CASE("a new member that waits too long is told to start over") {
    GroupWorld world;
    auto request = GroupWorld::member(world.grow(1).front());
    request.rebalance_timeout = 10min;
    world.ask(request);
    world.assign();
    const auto id = world.ids().front();
    const auto waiting = world.ask(GroupWorld::member(world.new_id()));
    for (int i = 0; i < 60; ++i) {
        CHECK_FALSE(world.joined(waiting));
        world.heartbeat(id);
        world.advance(5s);
    }
    CHECK(world.joined(waiting) == Joined{Errc::unknown_member_id});
    CHECK(world.ids() == std::vector{id});
}

TEST_CASE("members that do not sync in time are left behind") {
    GroupWorld world;
    const auto ids = world.grow(3);
    for (const auto& id : ids)
        world.ask(GroupWorld::member(id));
    const auto sync = world.ask(world.sync_of(ids[1], 4));
    const auto keep_alive = [&](GroupWorld::Milliseconds time) {
        for (; time > 0s; time -= 5s) {
            world.advance(std::min<GroupWorld::Milliseconds>(time, 5s));
            for (const auto& id : ids)
                world.heartbeat(id);
        }
    };
    keep_alive(59s);
    CHECK_FALSE(world.synced(sync));
    keep_alive(1s);
    CHECK(world.synced(sync) == Synced{Errc::rebalance_in_progress});
    CHECK(world.state() == GroupState::preparing_rebalance);
    CHECK(world.ids() == std::vector{ids[1]});
    CHECK(world.join(GroupWorld::member(ids[1])).leader == ids[1]);
}

TEST_CASE("a follower that does not sync is left behind though the group is stable") {
    GroupWorld world;
    const auto ids = world.grow(2);
    for (const auto& id : ids)
        world.ask(GroupWorld::member(id));
    CHECK(world.sync(world.sync_of(ids[0], 3)).error == Errc::no_error);
    CHECK(world.state() == GroupState::stable);
    for (int i = 0; i < 12; ++i) {
        CHECK(world.heartbeat(ids[1]) == Errc::no_error);
        world.heartbeat(ids[0]);
        world.advance(5s);
    }
    CHECK(world.ids() == std::vector{ids[0]});
    CHECK(world.state() == GroupState::preparing_rebalance);
}

TEST_CASE("when nobody comes back the group is empty after a rebalance timeout") {
    GroupWorld world;
    const auto ids = world.grow(2);
    world.leave(ids[0]);
    world.advance(5s);
    world.heartbeat(ids[1]);
    world.advance(10s);
    CHECK(world.state() == GroupState::empty);
    CHECK(world.generation() == 3);
    CHECK(world.coordinator.next_due(world.now) == TimePoint::max());
}

TEST_CASE("sessions end one after the other however late anybody looks") {
    GroupWorld world;
    world.grow(3);
    world.advance(1h);
    CHECK(world.state() == GroupState::empty);
    CHECK(world.generation() == 4);
}
