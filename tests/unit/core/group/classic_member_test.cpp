#include "unit/core/group/member_world.hpp"

using namespace ottla;
using namespace ottla::test;

TEST_CASE("a member joins by the name it is given, leads, and takes its share", "[group]") {
    MemberWorld world;
    world.subscribe({"t", "nowhere", "t"});
    world.refuse_join(Errc::member_id_required, "me");
    GroupMember other{.id = "other", .topics = {"t", "u"}};
    const auto request = world.join("me", 4, {other});
    CHECK(request.member_id == "me");
    CHECK(request.group_id == "g");
    CHECK(request.session_timeout_ms == 10'000);
    CHECK(request.rebalance_timeout_ms == 60'000);
    CHECK(request.protocol_type == "consumer");
    CHECK(request.reason == "the application says so");
    REQUIRE(request.protocols.size() == 1);
    CHECK(request.protocols[0].name == "test");

    const auto dealt = world.sync();
    CHECK(dealt.generation_id == 4);
    CHECK(dealt.protocol_name == "test");
    CHECK(text_of(MemberWorld::given(dealt, "me")) == " t0 t2 u0");
    CHECK(text_of(MemberWorld::given(dealt, "other")) == " t1");
    CHECK(world.take_log() == Lines{"assign t0 t2 u0"});
    CHECK(world.member->state() == ClassicMember::State::taking);
    world.step();
    CHECK(world.member->state() == ClassicMember::State::stable);
    CHECK(world.member->committer().generation == 4);
    CHECK(world.member->committer().member == "me");
}

TEST_CASE("a follower deals out nothing; an empty share is a share, and so is none", "[group]") {
    const auto share = GENERATE(std::optional(std::vector<TopicPartition>()), std::optional<std::vector<TopicPartition>>());
    MemberWorld world;
    world.subscribe({"t"});
    world.join("me", 1, {}, false);
    CHECK(world.sync(share).assignments.empty());
    CHECK(world.take_log() == Lines{"assign"});
}

TEST_CASE("heartbeats come at their interval, and a rebalance makes an eager member give up all first", "[group]") {
    MemberWorld world;
    world.settle();
    world.advance(2500ms);
    CHECK_FALSE(world.asks<msg::HeartbeatRequest>());
    world.advance(500ms);
    const auto beat = world.beat();
    CHECK(beat.member_id == "me");
    CHECK(beat.generation_id == 1);
    world.advance(3s);
    world.beat(Errc::rebalance_in_progress);
    CHECK(world.take_log() == Lines{"revoke t0 t1 t2"});
    world.advance(3s);
    world.beat(Errc::rebalance_in_progress); // while the application thinks
    CHECK(world.take_log().empty());
    CHECK_FALSE(world.asks<msg::JoinGroupRequest>());
    world.step();
    world.advance(20s); // a rebalance may take its time: no heartbeats, no end of the session
    CHECK_FALSE(world.asks<msg::HeartbeatRequest>());
    const auto again = world.join("me", 2);
    CHECK(again.member_id == "me");
    CHECK(again.reason == "the group is rebalancing");
    world.sync();
    CHECK(world.take_log() == Lines{"assign t0 t1 t2"});
}

TEST_CASE("a cooperative member keeps what it holds, gives up only what shall move, and joins again for that", "[group]") {
    MemberWorld world(true);
    world.settle();
    world.advance(3s);
    world.beat(Errc::rebalance_in_progress);
    CHECK(world.take_log().empty());
    GroupMember other{.id = "other", .topics = {"t"}};
    const auto request = world.join("me", 2, {other});
    const auto self = core::group::decode_subscription(
        "me", {}, Buffer::copy_of(Bytes(request.protocols[0].metadata.data(), request.protocols[0].metadata.size()))).value();
    CHECK(text_of(self.owned) == " t0 t1 t2");
    CHECK(self.generation == 1);
    world.sync();
    CHECK(world.take_log() == Lines{"revoke+ t1"});
    world.step();
    CHECK(world.take_log() == Lines{"assign+"});
    world.step();
    const auto next = world.join("me", 3, {other});
    const auto now = core::group::decode_subscription(
        "me", {}, Buffer::copy_of(Bytes(next.protocols[0].metadata.data(), next.protocols[0].metadata.size()))).value();
    CHECK(text_of(now.owned) == " t0 t2");
    world.sync();
    CHECK(world.take_log() == Lines{"assign+"});
    world.step();
    CHECK(world.member->state() == ClassicMember::State::stable);
    CHECK_FALSE(world.asks<msg::JoinGroupRequest>());
}

TEST_CASE("a member that is not known any more has lost its partitions and comes as a new one", "[group]") {
    const auto code = GENERATE(Errc::unknown_member_id, Errc::illegal_generation);
    MemberWorld world;
    world.settle();
    world.advance(3s);
    world.beat(code);
    CHECK(world.take_log() == Lines{"lost t0 t1 t2"});
    CHECK(world.member->committer().generation == -1);
    CHECK_FALSE(world.member->may_commit()); // a group that is empty by now would take it from nobody
    CHECK_FALSE(world.asks<msg::JoinGroupRequest>());
    world.step();
    CHECK(world.join("new", 7).member_id.empty());
    CHECK(world.member->may_commit());
}

TEST_CASE("what a heartbeat of the generation before has come to says nothing of this one", "[group]") {
    const auto code = GENERATE(Errc::unknown_member_id, Errc::illegal_generation, Errc::rebalance_in_progress);
    MemberWorld world(true);
    world.settle();
    world.advance(3s);
    auto [request, call] = world.take<msg::HeartbeatRequest>();
    world.subscribe({"t", "u"}); // joins, on another connection
    world.join("me", 2);
    msg::HeartbeatResponse response;
    response.error_code = static_cast<int16_t>(code);
    world.caller.answer(call, response, world.now);
    world.run();
    world.sync();
    CHECK(world.take_log() == Lines{"assign+ u0"});
    world.step();
    CHECK(world.member->state() == ClassicMember::State::stable);
    CHECK_FALSE(world.asks<msg::JoinGroupRequest>());
}

TEST_CASE("a coordinator that is not heard of for a session has another member by now", "[group]") {
    MemberWorld world;
    world.settle();
    world.advance(9s);
    CHECK(world.take_log().empty());
    world.advance(1500ms);
    CHECK(world.take_log() == Lines{"lost t0 t1 t2"});
}

TEST_CASE("commits that wait for the end of a round hear of each step of the member, and of the end of its membership", "[group]") {
    MemberWorld world;
    world.settle();
    CHECK(world.heard == 2); // joined, has its partitions
    world.advance(3s);
    world.beat();
    CHECK(world.heard == 3);
    world.advance(11s);
    CHECK(world.take_log() == Lines{"lost t0 t1 t2"});
    CHECK(world.heard == 4);
    CHECK(world.member->committer().generation == -1);
}

TEST_CASE("an application that does not poll is out until it does", "[group]") {
    MemberWorld world;
    world.settle();
    world.clock.inside = true; // one long call
    for (int i = 0; i < 40; ++i) {
        world.advance(3s, false);
        if (world.asks<msg::HeartbeatRequest>())
            world.beat();
    }
    CHECK(world.take_log().empty());
    world.clock.inside = false;
    for (int i = 0; i < 22; ++i) {
        world.advance(3s, false);
        if (world.asks<msg::HeartbeatRequest>())
            world.beat();
    }
    CHECK(world.take_log() == Lines{"trouble _MAX_POLL_EXCEEDED", "lost t0 t1 t2"});
    CHECK(world.asks<msg::LeaveGroupRequest>());
    CHECK(world.member->state() == ClassicMember::State::expelled);
    world.step();
    world.advance(200s, false);
    CHECK_FALSE(world.asks<msg::JoinGroupRequest>());
    world.member->on_application_poll(world.now);
    world.run();
    CHECK(world.asks<msg::JoinGroupRequest>());
}

TEST_CASE("a member that is out for not polling leaves at once, and so does one that stops polling while it leaves", "[group]") {
    MemberWorld world;
    world.settle();
    bool out = false;
    SECTION("first out") {
        world.advance(61s, false);
        REQUIRE(world.member->state() == ClassicMember::State::expelled);
        world.subscribe({});
    }
    SECTION("first leaving") {
        world.subscribe({});
        world.advance(61s, false); // in its handler
    }
    world.member->when_out([&] { out = true; });
    while (world.told > 0)
        world.step();
    while (world.asks<msg::LeaveGroupRequest>()) {
        auto [request, call] = world.take<msg::LeaveGroupRequest>();
        world.caller.answer(call, msg::LeaveGroupResponse{}, world.now);
        world.run();
    }
    CHECK(world.member->state() == ClassicMember::State::out);
    CHECK(out);
}

TEST_CASE("leaving: what is held is given up, then the coordinator is told; static members stay", "[group]") {
    const bool is_static = GENERATE(true, false);
    MemberWorld world(false, is_static ? std::optional<std::string>("one") : std::nullopt);
    world.settle();
    bool out = false;
    world.subscribe({});
    world.member->when_out([&] { out = true; });
    world.run();
    CHECK(world.take_log() == Lines{"revoke t0 t1 t2"});
    CHECK_FALSE(world.asks<msg::LeaveGroupRequest>());
    CHECK(world.member->committer().generation == 1); // commits are possible still
    world.step();
    if (!is_static) {
        CHECK_FALSE(out);
        auto [request, call] = world.take<msg::LeaveGroupRequest>();
        REQUIRE(request.members.size() == 1);
        CHECK(request.members[0].member_id == "me");
        CHECK(request.members[0].reason == "the application says so");
        world.caller.answer(call, msg::LeaveGroupResponse{}, world.now);
        world.run();
    }
    CHECK(out);
    CHECK_FALSE(world.asks<msg::LeaveGroupRequest>());
    world.advance(20s);
    CHECK_FALSE(world.asks<msg::HeartbeatRequest>());
}

TEST_CASE("who leaves while it joins commits last in the generation that has begun meanwhile", "[group]") {
    MemberWorld world(true);
    world.settle();
    world.member->rejoin("there is more");
    world.run();
    REQUIRE(world.asks<msg::JoinGroupRequest>());
    world.subscribe({});
    CHECK(world.take_log() == Lines{"revoke+ t0 t1 t2"});
    CHECK(world.member->committer().generation == 1);
    world.heard = 0;
    world.join("me", 2, {}, false);
    CHECK(world.heard == 1);
    CHECK(world.member->committer().generation == 2);
    CHECK_FALSE(world.asks<msg::SyncGroupRequest>());
    world.step();
    CHECK(world.asks<msg::LeaveGroupRequest>());
}

TEST_CASE("unsubscribing in the middle of a join ends it", "[group]") {
    MemberWorld world;
    world.subscribe({"t"});
    world.refuse_join(Errc::member_id_required, "me");
    auto [request, call] = world.take<msg::JoinGroupRequest>();
    world.subscribe({});
    CHECK(world.asks<msg::LeaveGroupRequest>());
    CHECK(call.scope.expired());
    world.subscribe({"u"});
    CHECK(world.join("again", 1).member_id.empty());
}

TEST_CASE("a static member whose name another has taken is at its end", "[group]") {
    MemberWorld world(false, "one");
    world.settle();
    world.advance(3s);
    CHECK(world.beat(Errc::fenced_instance_id).group_instance_id == "one");
    CHECK(world.take_log() == Lines{"lost t0 t1 t2", "trouble FENCED_INSTANCE_ID"});
    world.step();
    world.advance(60s);
    CHECK(world.member->state() == ClassicMember::State::dead);
    CHECK_FALSE(world.asks<msg::JoinGroupRequest>());
}

TEST_CASE("another subscription, and other partitions of what the leader has dealt out, call for a rebalance", "[group]") {
    MemberWorld world(true);
    world.settle();
    world.subscribe({"u"});
    CHECK(world.take_log() == Lines{"revoke+ t0 t1 t2"});
    world.step();
    world.join("me", 2);
    world.sync();
    CHECK(world.take_log() == Lines{"assign+ u0"});
    world.step();
    world.partitions["u"] = 2;
    world.metadata->refresh("a test");
    world.advance(1s);
    CHECK(world.join("me", 3).reason == "partitions of subscribed topics have changed");
    world.sync();
    CHECK(world.take_log() == Lines{"assign+ u1"});
}

TEST_CASE("a leader that comes back and need not deal out watches the topics all the same", "[group]") {
    MemberWorld world(true);
    world.subscribe({"t"});
    GroupMember other{.id = "other", .topics = {"u"}};
    world.join("me", 7, {other}, true, true);
    CHECK(world.sync(std::vector<TopicPartition>{{"t", 1}}).assignments.empty());
    CHECK(world.take_log() == Lines{"assign+ t1"});
    world.step();
    CHECK(world.member->state() == ClassicMember::State::stable);
    CHECK_FALSE(world.asks<msg::JoinGroupRequest>());
    world.partitions["u"] = 2; // the other's topic
    world.metadata->refresh("a test");
    world.advance(1s);
    CHECK(world.join("me", 8, {other}).reason == "partitions of subscribed topics have changed");
    CHECK_FALSE(world.sync().assignments.empty());
}

TEST_CASE("what keeps it from joining is told once, and tried again ever more slowly", "[group]") {
    MemberWorld world;
    world.subscribe({"t"});
    for (int i = 0; i < 3; ++i) {
        world.refuse_join(Errc::group_authorization_failed);
        CHECK_FALSE(world.asks<msg::JoinGroupRequest>());
        world.advance(2s);
    }
    CHECK(world.take_log() == Lines{"trouble GROUP_AUTHORIZATION_FAILED"});
    world.refuse_join(Errc::rebalance_in_progress); // passes
    world.advance(2s);
    world.join("me", 1);
    world.sync({}, Errc::rebalance_in_progress);
    world.advance(2s);
    world.join("me", 2);
    world.sync({}, Errc::unknown_member_id);
    world.advance(2s);
    CHECK(world.join("other", 3).member_id.empty());
    world.sync();
    CHECK(world.take_log() == Lines{"assign t0 t1 t2"});
}

TEST_CASE("a member that talks nonsense, and an assignor that fails, end the round", "[group]") {
    MemberWorld world;
    world.subscribe({"t"});
    auto [request, call] = world.take<msg::JoinGroupRequest>();
    msg::JoinGroupResponse response;
    response.generation_id = 1;
    response.protocol_name = "test";
    response.member_id = response.leader = "me";
    auto& bad = response.members.emplace_back();
    bad.member_id = "bad";
    bad.metadata = {0, 1, 0xff};
    world.caller.answer(call, response, world.now);
    world.run();
    CHECK(world.take_log() == Lines{"trouble _BAD_MSG"});
    world.advance(2s);
    world.assignor->fails = true;
    world.join("me", 2);
    CHECK(world.take_log() == Lines{"trouble _INVALID_ARG"});
    world.assignor->fails = false;
    world.advance(2s);
    world.join("me", 3);
    world.sync();
    CHECK(world.take_log() == Lines{"assign t0 t1 t2"});
}

TEST_CASE("topics that match a pattern are subscribed to, and those that come later join them", "[group]") {
    MemberWorld world;
    world.partitions = {{"ta", 1}, {"tb", 1}, {"x", 1}, {"__t", 1}, {"gone", 0}};
    const auto subscribed = [](const msg::JoinGroupRequest& request) {
        const auto& bytes = request.protocols.at(0).metadata;
        return core::group::decode_subscription("", {}, Buffer::copy_of(Bytes(bytes.data(), bytes.size()))).value().topics;
    };
    world.subscribe({"^t", "x", "^__nothing$"});
    CHECK(subscribed(world.join("me", 1)) == std::vector<std::string>{"ta", "tb", "x"});
    world.sync();
    world.step();
    CHECK(world.take_log() == Lines{"assign ta0 tb0 x0"});

    world.partitions["tc"] = 1;
    world.metadata->refresh("time goes by");
    world.advance(1s);
    CHECK(world.take_log() == Lines{"revoke ta0 tb0 x0"});
    world.step();
    CHECK(subscribed(world.join("me", 2)) == std::vector<std::string>{"ta", "tb", "tc", "x"});
    world.sync();
    world.step();
    CHECK(world.take_log() == Lines{"assign ta0 tb0 tc0 x0"});

    world.subscribe({});
    CHECK(world.take_log() == Lines{"revoke ta0 tb0 tc0 x0"});
}

TEST_CASE("a pattern that matches nothing yet is a subscription, too", "[group]") {
    MemberWorld world;
    world.subscribe({"^later"});
    world.join("me", 1);
    world.sync();
    world.step();
    CHECK(world.take_log() == Lines{"assign"});
    world.partitions["later"] = 1;
    world.metadata->refresh("time goes by");
    world.advance(1s);
    world.join("me", 2);
    world.sync();
    CHECK(world.take_log() == Lines{"assign later0"});
}

TEST_CASE("a static member leaves, or a dynamic one stays, where the application says so", "[group]") {
    MemberWorld world(false, GENERATE(std::optional<std::string>("i"), std::optional<std::string>()));
    const bool is_static = !world.config.group_instance_id.empty();
    world.settle();
    world.member->set_departure(is_static ? CloseMembership::leave : CloseMembership::remain);
    world.subscribe({});
    world.step();
    CHECK(world.asks<msg::LeaveGroupRequest>() == is_static);
    if (is_static)
        CHECK(world.take<msg::LeaveGroupRequest>().first.members.at(0).group_instance_id == "i");
}

TEST_CASE("what is heard of a round that this member is about to join, or has joined, calls for no other", "[group]") {
    MemberWorld world;
    world.settle();
    world.advance(3s);
    world.beat(Errc::rebalance_in_progress);
    SECTION("while the application gives up what it has") {
        world.advance(3s);
        world.beat(Errc::rebalance_in_progress);
        world.step();
        world.join("me", 2);
        world.sync();
    }
    SECTION("before the partitions are dealt out, from brokers before 2.3") {
        world.step();
        world.join("me", 2, {}, false);
        world.advance(3s);
        world.beat(Errc::rebalance_in_progress);
        world.sync(std::vector<TopicPartition>{{"t", 0}});
    }
    SECTION("another subscription, with which it joins") {
        world.subscribe({"t", "u"});
        world.step();
        world.join("me", 2);
        world.sync();
    }
    world.take_log();
    world.step();
    CHECK(world.member->state() == ClassicMember::State::stable);
    CHECK(world.take_log().empty());
}

TEST_CASE("a subscription that no request can carry is told of, and tried again after a while", "[group]") {
    MemberWorld world;
    world.subscribe({"t\xff"});
    CHECK(world.take_log() == Lines{"trouble _INVALID_ARG"});
    CHECK_FALSE(world.asks<msg::JoinGroupRequest>());
    world.subscribe({"t"});
    world.advance(2s);
    world.join("me", 1);
    world.sync();
    CHECK(world.take_log() == Lines{"assign t0 t1 t2"});
}

TEST_CASE("a round that fails after joining is told of once, too, and tried again ever more slowly", "[group]") {
    MemberWorld world;
    world.assignor->fails = true;
    world.subscribe({"t"});
    Duration waited{};
    for (int32_t generation = 1; generation < 6; ++generation) {
        world.join("me", generation);
        for (waited = {}; !world.asks<msg::JoinGroupRequest>() && waited < 10s; waited += 10ms) {
            world.now += 10ms;
            ++world.clock.calls;
            world.run();
        }
    }
    CHECK(waited > 500ms);
    CHECK(world.take_log() == Lines{"trouble _INVALID_ARG"});
    world.assignor->fails = false;
    world.join("me", 6);
    world.sync();
    CHECK(world.take_log() == Lines{"assign t0 t1 t2"});
}

TEST_CASE("partitions that come while the leader takes its share call for a rebalance, too", "[group]") {
    MemberWorld world(true);
    world.subscribe({"t"});
    world.join("me", 1);
    world.sync();
    world.partitions["t"] = 4;
    world.metadata->refresh("a test");
    world.advance(1s);
    CHECK(world.take_log() == Lines{"assign+ t0 t1 t2"});
    world.step();
    CHECK(world.join("me", 2).reason == "partitions of subscribed topics have changed");
}
