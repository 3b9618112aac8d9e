// Groups of the new protocol: joining, reconciling, fencing, static members, time. The scenes are those that were played
// with Apache Kafka 4.3.0.
#include "unit/mock/consumer_group_world.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

TEST_CASE("a heartbeat that makes no sense is refused, and says why") {
    ConsumerGroupWorld world;
    const auto joining = ConsumerGroupWorld::joining("m");
    struct Row {
        ConsumerGroupCoordinator::Heartbeat request;
        std::string why;
    };
    std::vector<Row> rows(10, {joining, ""});
    rows[0].request.group = "";
    rows[0].why = "GroupId can't be empty.";
    rows[1].request.member = "";
    rows[1].why = "MemberId can't be empty.";
    rows[2].request.epoch = -3;
    rows[2].why = "MemberEpoch is invalid.";
    rows[3].request.epoch = -2;
    rows[3].why = "InstanceId can't be null.";
    rows[4].request.rebalance_timeout.reset();
    rows[4].why = "RebalanceTimeoutMs must be provided in first request.";
    rows[5].request.owned.reset();
    rows[5].why = "TopicPartitions must be empty when (re-)joining.";
    rows[6].request.owned = ConsumerGroupWorld::partitions("t0");
    rows[6].why = "TopicPartitions must be empty when (re-)joining.";
    rows[7].request.topics.reset();
    rows[7].why = "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.";
    rows[8].request.instance_id = "";
    rows[8].why = "InstanceId can't be empty.";
    rows[9].request.rack = "";
    rows[9].why = "RackId can't be empty.";
    for (const Row& row : rows) {
        const auto answer = world.ask(row.request);
        CHECK(answer.error == Errc::invalid_request);
        CHECK(answer.message == row.why);
    }
    CHECK(world.state() == "none");
}

TEST_CASE("a member makes its own id, or in the first version is given one") {
    ConsumerGroupWorld world;
    auto request = ConsumerGroupWorld::joining("");
    request.names_itself = false;
    const auto answer = world.ask(request);
    CHECK(answer.error == Errc::no_error);
    CHECK(answer.member.size() == 22);
    CHECK(answer.epoch == 2);
    CHECK(answer.interval == 1s);
    CHECK(world.ask(ConsumerGroupWorld::joining("mine")).member == "mine");
}

TEST_CASE("partitions are given up before another gets them") {
    ConsumerGroupWorld world;
    CHECK(world.join("a") == "2: t0 t1 t2 t3");
    CHECK(world.hear("a", 2) == "2");
    CHECK(world.hear("a", 2, "t0 t1 t2 t3") == "2");
    CHECK(world.join("b") == "3: ");
    CHECK(world.state() == "Reconciling 3 (a 2: t0 t1 t2 t3) (b 3: )");

    CHECK(world.hear("a", 2) == "2: t0 t1");
    CHECK(world.hear("b", 3) == "3");
    CHECK(world.hear("a", 2, "t0 t1 t2 t3") == "2");
    CHECK(world.state() == "Reconciling 3 (a 2: t0 t1 t2 t3) (b 3: )");

    CHECK(world.hear("a", 2, "t0 t1") == "3");
    CHECK(world.hear("b", 3) == "3: t2 t3");
    CHECK(world.state() == "Stable 3 (a 3: t0 t1) (b 3: t2 t3)");

    CHECK(world.hear("b", -1) == "-1");
    CHECK(world.state() == "Assigning 4 (a 3: t0 t1)");
    CHECK(world.hear("a", 3) == "4: t0 t1 t2 t3");
    CHECK(world.hear("a", -1) == "-1");
    CHECK(world.state() == "Empty 5");
}

TEST_CASE("what a member has is told again when it joins again or says all of itself") {
    ConsumerGroupWorld world;
    world.join("a");
    CHECK(world.join("a") == "2: t0 t1 t2 t3");
    auto full = ConsumerGroupWorld::joining("a");
    full.epoch = 2;
    full.owned = ConsumerGroupWorld::partitions("t0");
    CHECK(world.tell(full) == "2: t0 t1 t2 t3");
    world.join("b");
    CHECK(world.join("a") == "3: t0 t1"); // it has lost what it had, so nothing is to be given up
    CHECK(world.hear("b", 3) == "3: t2 t3");
}

TEST_CASE("members of another epoch are fenced, but for the one before when an answer may have been lost") {
    ConsumerGroupWorld world;
    world.join("a");
    world.join("b");
    world.hear("a", 2);
    world.hear("a", 2, "t0 t1");
    CHECK(world.hear("a", 4) == "FENCED_MEMBER_EPOCH");
    CHECK(world.ask(ConsumerGroupWorld::beat("a", 4)).message ==
          "The consumer group member has a greater member epoch (4) than the one known by the group coordinator (3). The "
          "member must abandon all its partitions and rejoin.");
    CHECK(world.hear("a", 2) == "FENCED_MEMBER_EPOCH");
    CHECK(world.hear("a", 2, "t0 t2") == "FENCED_MEMBER_EPOCH");
    CHECK(world.hear("a", 2, "t0") == "3");
    CHECK(world.hear("c", 3) == "UNKNOWN_MEMBER_ID");
    auto elsewhere = ConsumerGroupWorld::beat("a", 3);
    elsewhere.group = "h";
    CHECK(world.tell(elsewhere) == "GROUP_ID_NOT_FOUND");
}

TEST_CASE("who keeps what it shall give up for too long is out, and so is who is silent") {
    ConsumerGroupWorld world;
    world.join("a");
    world.join("b");
    CHECK(world.hear("a", 2, "t0 t1 t2 t3") == "2: t0 t1");
    for (int i = 0; i < 3; ++i) {
        world.advance(500ms);
        CHECK(world.hear("a", 2, "t0 t1 t2 t3") == "2");
        CHECK(world.hear("b", 3) == "3");
    }
    world.advance(499ms);
    CHECK(world.hear("a", 2, "t0 t1 t2 t3") == "2");
    world.advance(1ms);
    CHECK(world.hear("a", 2, "t0 t1 t2 t3") == "UNKNOWN_MEMBER_ID");
    CHECK(world.hear("b", 3) == "4: t0 t1 t2 t3");
    CHECK(world.coordinator.next_due(world.now) == world.now + ConsumerGroupWorld::session);
    world.advance(ConsumerGroupWorld::session);
    CHECK(world.state() == "Empty 5");
    CHECK(world.coordinator.next_due(world.now) == TimePoint::max());
}

TEST_CASE("a static member's name is free when it has left for now, and its partitions wait for it") {
    ConsumerGroupWorld world;
    const auto as = [](ConsumerGroupWorld::Heartbeat request, const std::string& instance) {
        request.instance_id = instance;
        return request;
    };
    CHECK(world.tell(as(ConsumerGroupWorld::joining("a"), "i")) == "2: t0 t1 t2 t3");
    CHECK(world.tell(as(ConsumerGroupWorld::joining("b"), "i")) == "UNRELEASED_INSTANCE_ID");
    CHECK(world.tell(as(ConsumerGroupWorld::beat("b", 2), "i")) == "FENCED_INSTANCE_ID");
    CHECK(world.tell(as(ConsumerGroupWorld::beat("b", -2), "i")) == "FENCED_INSTANCE_ID");
    CHECK(world.tell(as(ConsumerGroupWorld::beat("b", 2), "k")) == "UNKNOWN_MEMBER_ID");
    CHECK(world.tell(as(ConsumerGroupWorld::beat("a", -2), "i")) == "-2");
    CHECK(world.state() == "Reconciling 2 (a -2: t0 t1 t2 t3)");
    CHECK(world.tell(as(ConsumerGroupWorld::beat("a", 2), "i")) == "FENCED_MEMBER_EPOCH");

    CHECK(world.tell(as(ConsumerGroupWorld::joining("b"), "i")) == "2: t0 t1 t2 t3");
    CHECK(world.join("c") == "3: ");
    CHECK(world.tell(as(ConsumerGroupWorld::beat("b", -2), "i")) == "-2");
    CHECK(world.hear("c", 3) == "3");
    CHECK(world.tell(as(ConsumerGroupWorld::joining("d"), "i")) == "3: t0 t1");
    CHECK(world.hear("c", 3) == "3: t2 t3");
    CHECK(world.tell(as(ConsumerGroupWorld::beat("d", -1), "i")) == "-1");
    CHECK(world.state() == "Assigning 4 (c 3: t2 t3)");
}

TEST_CASE("a static member that does not come back is given up when its session ends") {
    ConsumerGroupWorld world;
    auto request = ConsumerGroupWorld::joining("a");
    request.instance_id = "i";
    world.ask(request);
    request = ConsumerGroupWorld::beat("a", -2);
    request.instance_id = "i";
    world.ask(request);
    world.advance(ConsumerGroupWorld::session);
    CHECK(world.state() == "Empty 3");
}

TEST_CASE("a group takes so many members, and those it knows") {
    ConsumerGroupWorld world({.most_members = 2});
    world.join("a");
    world.join("b");
    CHECK(world.join("c") == "GROUP_MAX_SIZE_REACHED");
    CHECK(world.join("b") == "3: ");
}

TEST_CASE("the assignor is the one that most want") {
    ConsumerGroupWorld world;
    const auto wanting = [](const std::string& id, const std::string& assignor) {
        auto request = ConsumerGroupWorld::joining(id);
        request.assignor = assignor;
        return request;
    };
    CHECK(world.tell(wanting("a", "sticky")) == "UNSUPPORTED_ASSIGNOR");
    CHECK(world.state() == "none");
    world.ask(wanting("a", "range"));
    CHECK(world.group().assignor() == "range");
    world.ask(wanting("b", "uniform"));
    CHECK(world.group().assignor() == "uniform");
    world.ask(wanting("c", "range"));
    CHECK(world.group().assignor() == "range");
    CHECK(world.group().epoch() == 4);
}

TEST_CASE("subscriptions and topics may change under way") {
    ConsumerGroupWorld world;
    CHECK(world.join("a", {"t", "v", "u"}) == "2: t0 t1 t2 t3 u0 u1");
    world.set_topic("v", 1);
    CHECK(world.hear("a", 2) == "3: t0 t1 t2 t3 u0 u1 v0");
    world.set_topic("v", 2);
    CHECK(world.hear("a", 3) == "4: t0 t1 t2 t3 u0 u1 v0 v1");
    world.drop_topic("v");
    CHECK(world.hear("a", 4) == "4: t0 t1 t2 t3 u0 u1");
    CHECK(world.hear("a", 4, "t0 t1 t2 t3 u0 u1") == "5");
    auto other = ConsumerGroupWorld::beat("a", 5);
    other.topics = std::vector<std::string>{"u"};
    CHECK(world.tell(other) == "5: u0 u1");
    CHECK(world.hear("a", 5, "u0 u1") == "6");
    CHECK(world.group().is_subscribed_to("u"));
    CHECK_FALSE(world.group().is_subscribed_to("t"));
}

TEST_CASE("regular expressions are resolved after the heartbeat that brings them, and again when topics come") {
    ConsumerGroupWorld world;
    auto request = ConsumerGroupWorld::joining("a");
    request.topics.reset();
    request.regex = "(";
    CHECK(world.tell(request) == "INVALID_REGULAR_EXPRESSION");
    request.regex = "[tv].*";
    CHECK(world.tell(request) == "1: ");
    CHECK(world.state() == "Assigning 2 (a 1: )");
    CHECK(world.hear("a", 1) == "2: t0 t1 t2 t3");
    world.set_topic("v", 1);
    CHECK(world.hear("a", 2) == "2");
    CHECK(world.hear("a", 2) == "3: t0 t1 t2 t3 v0");
    auto none = ConsumerGroupWorld::beat("a", 3);
    none.regex = "";
    CHECK(world.tell(none) == "3: ");
    CHECK(world.hear("a", 3, "") == "4");
}

TEST_CASE("offsets are committed by members of this epoch, and of an earlier one for what they had then") {
    ConsumerGroupWorld world;
    const auto commit = [&](const std::string& id, int32_t epoch, int32_t partition, int16_t version = 9) {
        return world.coordinator.check_commit("g", {id}, epoch, {{"t", partition}}, version);
    };
    world.join("a");
    CHECK(commit("a", 2, 0) == Errc::no_error);
    CHECK(commit("a", 0, 0) == Errc::stale_member_epoch);
    CHECK(commit("a", 3, 0) == Errc::stale_member_epoch);
    CHECK(commit("a", -1, 0) == Errc::stale_member_epoch);
    CHECK(commit("", -1, 0) == Errc::unknown_member_id);
    CHECK(commit("a", 2, 0, 8) == Errc::unsupported_version);
    CHECK(world.coordinator.check_fetch("g", "a", 2) == Errc::no_error);
    CHECK(world.coordinator.check_fetch("g", std::nullopt, -1) == Errc::no_error);
    CHECK(world.coordinator.check_fetch("g", "a", 1) == Errc::stale_member_epoch);
    CHECK(world.coordinator.check_fetch("g", "", -1) == Errc::unknown_member_id);

    world.join("b");
    world.hear("a", 2);
    CHECK(commit("a", 2, 2) == Errc::no_error); // being given up
    world.hear("a", 2, "t0 t1");
    CHECK(commit("a", 2, 0) == Errc::no_error);
    CHECK(commit("a", 2, 2) == Errc::stale_member_epoch);
    world.hear("b", 3);
    CHECK(commit("b", 2, 2) == Errc::stale_member_epoch); // it came with epoch 3
    CHECK(commit("b", 3, 2) == Errc::no_error);

    world.hear("a", -1);
    world.hear("b", -1);
    CHECK(commit("", -1, 0) == Errc::no_error);
}

TEST_CASE("older brokers take commits of this epoch only") {
    ConsumerGroupWorld world({.session_timeout = ConsumerGroupWorld::session, .takes_older_epochs = false});
    const auto commit = [&](int32_t epoch) { return world.coordinator.check_commit("g", {"a"}, epoch, {{"t", 0}}, 9); };
    world.join("a");
    world.join("b");
    world.hear("a", 2);
    CHECK(commit(2) == Errc::no_error);
    world.hear("a", 2, "t0 t1");
    CHECK(commit(2) == Errc::stale_member_epoch);
    CHECK(commit(3) == Errc::no_error);
}

TEST_CASE("a new coordinator knows the group, and counts sessions anew") {
    ConsumerGroupWorld world;
    world.join("a");
    world.join("b");
    world.hear("a", 2);
    const auto before = world.state();
    world.advance(1500ms);
    world.coordinator.restart("g", world.now + 1s);
    CHECK(world.state() == before);
    world.advance(2500ms);
    CHECK(world.state() == before);
    world.advance(500ms); // the rebalance timeout of "a"
    CHECK(world.state() == "Assigning 4 (b 3: )");
    world.advance(1s);
    CHECK(world.state() == "Empty 5");
}

TEST_CASE("a group is deleted when it has no members") {
    ConsumerGroupWorld world;
    CHECK(world.coordinator.erase("g") == Errc::group_id_not_found);
    world.join("a");
    CHECK(world.coordinator.erase("g") == Errc::non_empty_group);
    world.hear("a", -1);
    CHECK(world.coordinator.erase("g") == Errc::no_error);
    CHECK(world.state() == "none");
}
