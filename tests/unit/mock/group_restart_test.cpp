// What a new coordinator knows of a group: that which the old one had stored.
#include "unit/mock/group_world.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

using Joined = GroupWorld::Joined;
using Synced = GroupWorld::Synced;

void restart(GroupWorld& world, GroupWorld::Milliseconds load = 0ms) {
    world.coordinator.restart("g", world.now + load);
    world.collect();
}

} // namespace

TEST_CASE("a stable group is the same after its coordinator has moved, and sessions begin anew") {
    GroupWorld world;
    const auto ids = world.grow(2);
    world.advance(9s);
    restart(world, 2s);
    CHECK(world.state() == GroupState::stable);
    CHECK(world.group().leader() == ids[0]);
    CHECK(world.sync(world.sync_of(ids[1], 2)) == Synced{Errc::no_error, "consumer", "range", bytes_of(ids[1])});
    world.advance(11999ms);
    CHECK(world.ids() == ids);
    world.advance(1ms);
    CHECK(world.state() == GroupState::empty);
}

TEST_CASE("of what members propose only that is stored which they use") {
    GroupWorld world;
    const std::vector<GroupProtocol> both{{"range", bytes_of("r")}, {"sticky", bytes_of("s")}};
    const auto id = world.join(GroupWorld::member(world.new_id(), both)).member;
    world.assign();
    restart(world);
    CHECK(world.group().members()[0].protocols == std::vector<GroupProtocol>{{"range", bytes_of("r")}});
    CHECK(world.join(GroupWorld::member("", {{"sticky", {}}})).error == Errc::inconsistent_group_protocol);
    CHECK(world.join(GroupWorld::member(id, both)).generation == 2);
}

TEST_CASE("requests that wait are sent to the new coordinator") {
    GroupWorld world;
    const auto ids = world.grow(2);
    const auto join = world.ask(GroupWorld::member(ids[0]));
    restart(world);
    CHECK(world.joined(join) == Joined{Errc::not_coordinator, ids[0]});
    CHECK(world.state() == GroupState::stable);
    world.ask(GroupWorld::member(ids[0]));
    world.ask(GroupWorld::member(ids[1]));
    const auto sync = world.ask(world.sync_of(ids[1], 3));
    restart(world);
    CHECK(world.synced(sync) == Synced{Errc::not_coordinator});
}

TEST_CASE("a generation that was never assigned is forgotten") {
    GroupWorld world;
    const auto ids = world.grow(2);
    const auto third = world.new_id();
    for (const auto& id : {third, ids[0], ids[1]})
        world.ask(GroupWorld::member(id));
    CHECK(world.generation() == 3);
    restart(world);
    CHECK(world.generation() == 2);
    CHECK(world.ids() == ids);
    CHECK(world.heartbeat(ids[0], 3) == Errc::illegal_generation);
    CHECK(world.heartbeat(ids[0], 2) == Errc::no_error);
    CHECK(world.heartbeat(third, 3) == Errc::unknown_member_id);
}

TEST_CASE("ids that were given out are forgotten") {
    GroupWorld world;
    const auto id = world.new_id();
    restart(world);
    CHECK(world.state() == GroupState::empty);
    CHECK(world.join(GroupWorld::member(id)).error == Errc::unknown_member_id);
    CHECK(world.coordinator.next_due(world.now) == TimePoint::max());
}

TEST_CASE("a static member that was replaced stays so") {
    GroupWorld world;
    world.grow_static({"a", "b"});
    const auto back = world.join(GroupWorld::static_member("b")).member;
    restart(world);
    CHECK(world.coordinator.heartbeat("g", {back, "b"}, 2, world.now) == Errc::no_error);
    CHECK(world.state() == GroupState::stable);
}

TEST_CASE("a group that was empty stays so, with its generation and type") {
    GroupWorld world;
    world.leave(world.grow(1).front());
    restart(world);
    CHECK(world.state() == GroupState::empty);
    CHECK(world.generation() == 2);
    CHECK(world.group().protocol_type() == "consumer");
    world.coordinator.restart("unheard of", world.now);
    CHECK(world.coordinator.find("unheard of") == nullptr);
}
