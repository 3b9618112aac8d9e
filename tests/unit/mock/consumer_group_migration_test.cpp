// Members of both protocols in one group, and groups that pass from one to the other. The scenes are those that were played
// with Apache Kafka 4.3.0.
#include "base/endian.hpp"
#include "unit/mock/consumer_group_world.hpp"
#include "unit/mock/group_world.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

using Joined = GroupCoordinator::JoinAnswer;
using Synced = GroupCoordinator::SyncAnswer;

void put(std::vector<uint8_t>& out, const PartitionSet& partitions) {
    const auto put_be = [&](auto value) {
        out.resize(out.size() + sizeof value);
        store_be(out.data() + out.size() - sizeof value, value);
    };
    std::map<char, std::vector<int32_t>> topics;
    for (const auto& each : partitions)
        topics[static_cast<char>(each.topic.bytes.back())].push_back(each.partition);
    put_be(static_cast<int32_t>(topics.size()));
    for (const auto& [name, indexes] : topics) {
        put_be(int16_t{1});
        out.push_back(static_cast<uint8_t>(name));
        put_be(static_cast<int32_t>(indexes.size()));
        for (const int32_t index : indexes)
            put_be(index);
    }
}

/// What a classic member says of itself, version 2, and what it is given, version 1.
std::vector<uint8_t> subscription(const std::string& topic, std::string_view owned = "", int32_t generation = -1) {
    std::vector<uint8_t> out{0, 2, 0, 0, 0, 1, 0, 1, static_cast<uint8_t>(topic.front()), 0xff, 0xff, 0xff, 0xff};
    put(out, ConsumerGroupWorld::partitions(owned));
    out.resize(out.size() + sizeof generation);
    store_be(out.data() + out.size() - sizeof generation, generation);
    return out;
}

std::vector<uint8_t> assignment(std::string_view partitions) {
    std::vector<uint8_t> out{0, 2};
    put(out, ConsumerGroupWorld::partitions(partitions));
    out.insert(out.end(), 4, 0xff); // no user data
    return out;
}

struct MixedWorld : ConsumerGroupWorld {
    static GroupCoordinator::Join classic_join(
        const std::string& id, std::string_view owned = "", int32_t generation = -1, const std::string& topic = "t"
    ) {
        auto join = GroupWorld::member(id, {{"range", subscription(topic, owned, generation)}});
        join.rebalance_timeout = 5s;
        return join;
    }

    /// By whichever protocol the group is of.
    Joined classic_joined(const GroupCoordinator::Join& request) {
        if (coordinator.takes_join("g"))
            return coordinator.join(request, now);
        const Waiter waiter = next_waiter++;
        auto answer = classic.join(request, waiter, now);
        REQUIRE(answer);
        return *answer;
    }

    static GroupCoordinator::Sync sync_of(const std::string& id, int32_t generation) {
        return {.group = "g", .member = id, .generation = generation};
    }

    std::string classic_beat(const std::string& id, int32_t generation) {
        return std::string(error_name(coordinator.classic_heartbeat("g", {id}, generation, now)));
    }

    /// A group of the classic protocol with one member that has all of "t".
    std::string found_classic() {
        const auto id = classic_joined(classic_join("")).member;
        REQUIRE(classic_joined(classic_join(id)).generation == 1);
        auto sync = sync_of(id, 1);
        sync.assignments[id] = assignment("t0 t1 t2 t3");
        REQUIRE(classic.sync(sync, 0, now));
        return id;
    }

    Waiter next_waiter = 1;
};

} // namespace

TEST_CASE("a classic member takes part in a group of the new protocol") {
    MixedWorld world;
    world.join("a");
    const auto id = world.classic_joined(MixedWorld::classic_join("")).member;
    CHECK(world.state() == "Stable 2 (a 2: t0 t1 t2 t3)");
    CHECK(world.classic_joined(MixedWorld::classic_join("m")) == Joined{Errc::no_error, "m", 3, "consumer", "range"});
    CHECK(id.size() == 22);
    CHECK(world.coordinator.sync(MixedWorld::sync_of("m", 3), world.now) == Synced{Errc::no_error, "consumer", "range", assignment("")});
    CHECK(world.classic_beat("m", 3) == "NO_ERROR");
    CHECK(world.hear("a", 2) == "2: t0 t1");
    CHECK(world.classic_beat("m", 3) == "NO_ERROR");

    CHECK(world.hear("a", 2, "t0 t1") == "3");
    CHECK(world.classic_beat("m", 3) == "REBALANCE_IN_PROGRESS");
    CHECK(world.classic_joined(MixedWorld::classic_join("m", "", 3)).generation == 3);
    CHECK(world.coordinator.sync(MixedWorld::sync_of("m", 3), world.now).assignment == assignment("t2 t3"));
    CHECK(world.state() == "Stable 3 (a 3: t0 t1) (m 3: t2 t3)");
    CHECK(world.classic_beat("m", 2) == "ILLEGAL_GENERATION");
    CHECK(world.classic_beat("zz", 3) == "UNKNOWN_MEMBER_ID");
    CHECK(world.coordinator.check_commit("g", {"m"}, 3, {{"t", 2}}, 8) == Errc::no_error);
    CHECK(world.coordinator.check_commit("g", {"m"}, 2, {{"t", 2}}, 9) == Errc::illegal_generation);

    CHECK(world.coordinator.leave("g", {{"m"}, {"zz"}, {"a"}}, world.now) ==
          std::vector{Errc::no_error, Errc::unknown_member_id, Errc::unknown_member_id});
    CHECK(world.state() == "Assigning 4 (a 3: t0 t1)");
}

TEST_CASE("a classic member gives up what it holds over two rounds") {
    MixedWorld world;
    const auto id = world.found_classic();
    CHECK(world.join("a") == "2: ");
    CHECK_FALSE(world.classic.find("g"));
    CHECK(world.classic_beat(id, 1) == "REBALANCE_IN_PROGRESS");
    CHECK(world.classic_joined(MixedWorld::classic_join(id, "t0 t1 t2 t3", 1)).generation == 1);
    CHECK(world.coordinator.sync(MixedWorld::sync_of(id, 1), world.now).assignment == assignment("t0 t1"));
    CHECK(world.hear("a", 2) == "2");
    CHECK(world.classic_beat(id, 1) == "REBALANCE_IN_PROGRESS");
    CHECK(world.classic_joined(MixedWorld::classic_join(id, "t0 t1", 1)).generation == 2);
    CHECK(world.coordinator.sync(MixedWorld::sync_of(id, 2), world.now).assignment == assignment("t0 t1"));
    CHECK(world.classic_beat(id, 2) == "NO_ERROR");
    CHECK(world.hear("a", 2) == "2: t2 t3");
    CHECK(world.group().state() == ConsumerGroupState::stable);
}

TEST_CASE("a group returns to the classic protocol with its last member of the new one") {
    MixedWorld world;
    world.join("a");
    world.classic_joined(MixedWorld::classic_join("m"));
    SECTION("that leaves") { world.hear("a", -1); }
    SECTION("that is silent") { world.advance(ConsumerGroupWorld::session); }
    CHECK(world.state() == "none");
    const Group* group = world.classic.find("g");
    REQUIRE(group);
    CHECK(group->state() == GroupState::preparing_rebalance);
    CHECK(group->generation() == 3);
    CHECK(group->leader() == "m");
    CHECK(world.classic.heartbeat("g", {"m"}, 3, world.now) == Errc::rebalance_in_progress);
    const auto joined = world.classic_joined(MixedWorld::classic_join("m", "t0 t1", 3));
    CHECK(joined.generation == 4);
    CHECK(joined.leader == "m");
    CHECK(world.hear("a", 2) == "GROUP_ID_NOT_FOUND");
}

TEST_CASE("a static member may go from one protocol to the other") {
    MixedWorld world;
    world.join("a");
    auto classic = MixedWorld::classic_join("");
    classic.instance_id = "i";
    const auto first = world.classic_joined(classic).member;
    const auto second = world.classic_joined(classic).member;
    CHECK(world.coordinator.classic_heartbeat("g", {first, "i"}, 3, world.now) == Errc::fenced_instance_id);
    CHECK(world.coordinator.classic_heartbeat("g", {second, "i"}, 3, world.now) == Errc::no_error);
    auto next = ConsumerGroupWorld::joining("b");
    next.instance_id = "i";
    CHECK(world.tell(next) == "3: ");
    world.hear("a", -1);
    CHECK(world.coordinator.leave("g", {{"b", "i"}}, world.now) == std::vector{Errc::unknown_member_id});
    CHECK(world.classic_joined(classic).error == Errc::no_error);
    CHECK(world.state() == "none");
    CHECK(world.classic.find("g")->state() == GroupState::preparing_rebalance);
}

TEST_CASE("an administrator removes static members of either protocol by their name") {
    MixedWorld world;
    auto request = ConsumerGroupWorld::joining("a");
    request.instance_id = "i";
    world.ask(request);
    world.classic_joined(MixedWorld::classic_join("m"));
    CHECK(world.coordinator.leave("g", {{"", "i"}}, world.now) == std::vector{Errc::no_error});
    CHECK(world.classic.find("g")->members().size() == 1);
}

TEST_CASE("requests that wait are told to join again when their group passes over") {
    MixedWorld world;
    const auto id = world.found_classic();
    const auto other = world.classic_joined(MixedWorld::classic_join("")).member;
    CHECK_FALSE(world.classic.join(MixedWorld::classic_join(other), 77, world.now));
    world.join("a");
    CHECK(world.classic.take_join(77) == Joined{Errc::rebalance_in_progress, other});
    CHECK(world.classic_joined(MixedWorld::classic_join(other)).generation == 2);
    CHECK(world.group().members().size() == 3);
}

TEST_CASE("what is no group of consumers stays classic") {
    MixedWorld world;
    auto connect = MixedWorld::classic_join("");
    connect.protocol_type = "connect";
    connect.member = world.classic_joined(connect).member;
    world.classic_joined(connect);
    const auto answer = world.ask(ConsumerGroupWorld::joining("a"));
    CHECK(answer.error == Errc::group_id_not_found);
    CHECK(answer.message == "Cannot upgrade classic group g to consumer group because the group does not use the consumer "
                            "embedded protocol.");
    CHECK(world.state() == "none");
}

TEST_CASE("a group without members begins anew by either protocol") {
    MixedWorld world;
    const auto id = world.found_classic();
    world.classic.leave("g", {{id}}, world.now);
    CHECK(world.join("a") == "2: t0 t1 t2 t3");
    world.hear("a", -1);
    const auto next = world.classic_joined(MixedWorld::classic_join("")).member;
    CHECK(world.classic_joined(MixedWorld::classic_join(next)).generation == 1);
    CHECK(world.state() == "none");
}

TEST_CASE("classic members have to go together, and come in time") {
    MixedWorld world;
    world.join("a");
    world.classic_joined(MixedWorld::classic_join("m"));
    auto other = MixedWorld::classic_join("n");
    other.protocols.front().name = "roundrobin";
    CHECK(world.classic_joined(other) == Joined{Errc::inconsistent_group_protocol});
    other.protocols.clear();
    CHECK(world.classic_joined(other).error == Errc::inconsistent_group_protocol);
    auto wrong = MixedWorld::sync_of("m", 3);
    wrong.protocol = "roundrobin";
    CHECK(world.coordinator.sync(wrong, world.now).error == Errc::inconsistent_group_protocol);

    world.hear("a", 2);
    world.hear("a", 2, "t0 t1");
    for (int i = 0; i < 2; ++i) {
        world.advance(2s);
        CHECK(world.hear("a", 3) == "3");
    }
    world.advance(1s); // no SyncGroup has come
    CHECK(world.state() == "Assigning 4 (a 3: t0 t1)");
}

TEST_CASE("classic members that are told to rebalance have their time for it, and sessions of their own") {
    MixedWorld world;
    world.join("a");
    world.classic_joined(MixedWorld::classic_join("m"));
    world.coordinator.sync(MixedWorld::sync_of("m", 3), world.now);
    world.hear("a", 2);
    world.hear("a", 2, "t0 t1");
    for (int i = 0; i < 5; ++i) {
        CHECK(world.classic_beat("m", 3) == "REBALANCE_IN_PROGRESS");
        CHECK(world.hear("a", 3) == "3");
        world.advance(1s);
    }
    CHECK(world.classic_beat("m", 3) == "UNKNOWN_MEMBER_ID");

    world.classic_joined(MixedWorld::classic_join("n"));
    world.coordinator.sync(MixedWorld::sync_of("n", 5), world.now);
    for (int i = 0; i < 10; ++i) {
        CHECK(world.group().find("n"));
        world.hear("a", world.group().find("a")->epoch, "");
        world.advance(1s);
    }
    CHECK_FALSE(world.group().find("n"));
}
