#include "core/group/consumer_member.hpp"

#include "unit/core/group/consumer_member_world.hpp"

using namespace ottla;
using namespace ottla::test;

TEST_CASE("a member of the new protocol joins with all that it is, and then says no more than has changed", "[group]") {
    ConsumerMemberWorld world;
    world.config.client_rack = "r";
    world.config.group_remote_assignor = "range";
    world.subscribe({"u", "t", "t"});
    const Beat first = world.answer(2, "t0 t1 t2");
    CHECK(first.member_id.size() == 22);
    CHECK(first.member_epoch == 0);
    CHECK(first.rack_id == "r");
    CHECK(first.rebalance_timeout_ms == 60'000);
    CHECK(first.subscribed_topic_names == std::vector<std::string>{"t", "u"});
    CHECK_FALSE(first.subscribed_topic_regex);
    CHECK(first.server_assignor == "range");
    CHECK(ConsumerMemberWorld::owned(first).empty());
    CHECK(world.take_log() == Lines{"assign t0 t1 t2"});

    world.advance(1s); // it is heard of while the application takes its time
    const Beat meanwhile = world.answer(2);
    CHECK(meanwhile.member_epoch == 2);
    CHECK(meanwhile.rebalance_timeout_ms == -1);
    CHECK_FALSE(meanwhile.subscribed_topic_names);
    CHECK(ConsumerMemberWorld::owned(meanwhile) == "none");

    world.step();
    CHECK(ConsumerMemberWorld::owned(world.answer(2)) == "t0 t1 t2"); // at once
    CHECK_FALSE(world.beats());
    world.advance(1s);
    CHECK(ConsumerMemberWorld::owned(world.answer(2)) == "none");
    CHECK(world.member->committer().generation == 2);
    CHECK(world.member->committer().member == first.member_id);
    CHECK(world.heard == 4);
}

TEST_CASE("what is to be given up is, before the coordinator hears of it", "[group]") {
    ConsumerMemberWorld world;
    world.settle();
    world.advance(1s);
    world.answer(2, "t0 t1");
    CHECK(world.take_log() == Lines{"revoke t2"});
    world.advance(1s);
    CHECK(ConsumerMemberWorld::owned(world.answer(2)) == "none");
    world.step();
    CHECK(ConsumerMemberWorld::owned(world.answer(3)) == "t0 t1");
    CHECK(world.member->held() == std::vector<TopicPartition>{{"t", 0}, {"t", 1}});
    CHECK(world.take_log().empty());
}

TEST_CASE("one assignment after the other: a newer one waits until the application has done the last", "[group]") {
    ConsumerMemberWorld world;
    world.subscribe({"t", "u"});
    world.answer(2, "t0 t1 t2");
    world.advance(1s);
    world.answer(3, "t0 u0");
    CHECK(world.take_log() == Lines{"assign t0 t1 t2"});
    world.step();
    CHECK(world.take_log() == Lines{"revoke t1 t2"});
    world.step();
    CHECK(world.take_log() == Lines{"assign u0"});
    world.step();
    CHECK(world.take_log().empty());
    CHECK(world.member->held() == std::vector<TopicPartition>{{"t", 0}, {"u", 0}});
}

TEST_CASE("partitions of a topic that is not known yet are taken when it is", "[group]") {
    ConsumerMemberWorld world;
    world.partitions.erase("t");
    world.subscribe({"t", "u"});
    world.answer(2, "t0 u0");
    CHECK(world.take_log() == Lines{"assign u0"});
    world.step();
    CHECK(ConsumerMemberWorld::owned(world.answer(2)) == "u0");
    world.partitions["t"] = 1;
    world.advance(2s);
    CHECK(world.take_log() == Lines{"assign t0"});
}

TEST_CASE("what the coordinator takes away altogether is given up, also when its topic is gone", "[group]") {
    ConsumerMemberWorld world;
    world.settle();
    world.partitions = {{"t", 1}};
    world.advance(1s);
    world.answer(3, "");
    CHECK(world.take_log() == Lines{"revoke t0 t1 t2"});
}

TEST_CASE("who is fenced has lost its partitions, and joins anew under its name", "[group]") {
    const auto code = GENERATE(Errc::fenced_member_epoch, Errc::unknown_member_id);
    ConsumerMemberWorld world;
    world.settle();
    world.advance(1s);
    const auto id = world.refuse(code).member_id;
    CHECK(world.take_log() == Lines{"lost t0 t1 t2"});
    CHECK(world.member->committer().generation == -1);
    CHECK_FALSE(world.beats());
    world.step();
    const Beat again = world.answer(5, "t1");
    CHECK(again.member_id == id);
    CHECK(again.member_epoch == 0);
    CHECK(again.subscribed_topic_names);
    CHECK(ConsumerMemberWorld::owned(again).empty());
    CHECK(world.take_log() == Lines{"assign t1"});
}

TEST_CASE("whoever waits for a new epoch hears of each heartbeat, and of the end of the membership", "[group]") {
    ConsumerMemberWorld world;
    world.settle();
    world.advance(1s);
    world.heard = 0;
    SECTION("fenced, and what was lost is not given up before the commits of the epoch that is over have been answered") {
        world.refuse(Errc::fenced_member_epoch);
        CHECK(world.heard == 1);
        CHECK(world.member->committer().generation == -1);
    }
    SECTION("refused") {
        world.refuse(Errc::unknown);
        CHECK(world.heard == 1);
    }
    SECTION("unanswered") {
        auto taken = world.caller.take<Beat>();
        taken->second.deliver(core::CallError(Error(Errc::_timed_out)), world.now, false);
        CHECK(world.heard == 1);
    }
    SECTION("out") {
        world.answer(2);
        world.subscribe({});
        world.step();
        CHECK(world.heard == 2);
        CHECK(world.member->committer().generation == -1);
    }
}

TEST_CASE("after an error the coordinator is told everything again", "[group]") {
    ConsumerMemberWorld world;
    world.settle();
    world.advance(1s);
    SECTION("that passes by itself") {
        world.refuse(Errc::unknown);
        world.advance(1s);
    }
    SECTION("of the network") {
        auto taken = world.caller.take<Beat>();
        taken->second.deliver(core::CallError(Error(Errc::_timed_out)), world.now, false);
        world.advance(1s);
    }
    world.take_log();
    const Beat all = world.answer(2);
    CHECK(all.member_epoch == 2);
    CHECK(all.subscribed_topic_names);
    CHECK(ConsumerMemberWorld::owned(all) == "t0 t1 t2");
    CHECK(world.member->held().size() == 3);
}

TEST_CASE("when an answer went lost the assignment is asked for again", "[group]") {
    ConsumerMemberWorld world;
    world.settle();
    world.advance(1s);
    auto [beat, call] = world.take<Beat>();
    Beat::Response response;
    response.member_epoch = 3;
    response.heartbeat_interval_ms = 1000;
    world.caller.answer(call, response, world.now, true);
    world.run();
    const Beat all = world.answer(3, "t0 t1");
    CHECK(all.subscribed_topic_names);
    CHECK(all.rebalance_timeout_ms == 60'000);
    CHECK(ConsumerMemberWorld::owned(all) == "t0 t1 t2");
    CHECK(world.take_log() == Lines{"revoke t2"});
}

TEST_CASE("whoever tells everything in the midst of a step has what it gives up, and what it takes", "[group]") {
    ConsumerMemberWorld world;
    world.settle();
    world.subscribe({"t", "u"});
    world.answer(2, "t0 t1 u0");
    world.advance(1s);
    world.refuse(Errc::unknown);
    world.advance(1s);
    CHECK(ConsumerMemberWorld::owned(world.answer(2, "t0 t1 u0")) == "t0 t1 t2 u0");
    world.step();
    world.step();
    CHECK(ConsumerMemberWorld::owned(world.answer(3)) == "t0 t1 u0");
    CHECK(world.take_log() == Lines{"revoke t2", "trouble UNKNOWN", "assign u0"});
}

TEST_CASE("what no retry cures is told once, and tried on", "[group]") {
    ConsumerMemberWorld world;
    world.subscribe({"t"});
    for (int i = 0; i < 3; ++i) {
        CHECK(world.refuse(Errc::unreleased_instance_id).member_epoch == 0);
        world.advance(2s);
    }
    CHECK(world.take_log() == Lines{"trouble UNRELEASED_INSTANCE_ID"});
    world.answer(2, "t0");
    CHECK(world.take_log() == Lines{"assign t0"});
}

TEST_CASE("leaving is giving up, and then a last heartbeat", "[group]") {
    ConsumerMemberWorld world;
    world.settle();
    bool out = false;
    world.subscribe({});
    world.member->when_out([&] { out = true; });
    CHECK(world.take_log() == Lines{"revoke t0 t1 t2"});
    CHECK(world.member->committer().generation == 2); // for the last commits
    world.step();
    CHECK_FALSE(out);
    const Beat last = world.answer(-1);
    CHECK(last.member_epoch == -1);
    CHECK(out);
    CHECK(world.member->state() == ConsumerMember::State::out);
    world.subscribe({"u"});
    CHECK(world.answer(7).member_epoch == 0);
}

TEST_CASE("who is fenced while it leaves does not join again to leave", "[group]") {
    ConsumerMemberWorld world;
    world.settle();
    world.subscribe({});
    world.advance(1s);
    world.refuse(Errc::unknown_member_id);
    world.advance(3s);
    CHECK_FALSE(world.beats());
    world.step();
    CHECK(world.answer(-1).member_epoch == -1);
    CHECK(world.member->state() == ConsumerMember::State::out);
}

TEST_CASE("a group that has become one of the other protocol is joined anew, and nobody is bothered", "[group]") {
    ConsumerMemberWorld world;
    world.settle();
    world.advance(1s);
    world.refuse(Errc::group_id_not_found);
    CHECK(world.take_log() == Lines{"lost t0 t1 t2"});
    world.step();
    CHECK(world.refuse(Errc::group_id_not_found).member_epoch == 0); // which it is not for want of members
    CHECK(world.take_log() == Lines{"trouble GROUP_ID_NOT_FOUND"});
}

TEST_CASE("a static member leaves for now", "[group]") {
    ConsumerMemberWorld world("i");
    world.settle();
    world.subscribe({});
    world.step();
    const Beat last = world.answer(-2);
    CHECK(last.member_epoch == -2);
    CHECK(last.instance_id == "i");
}

TEST_CASE("a member that is about to leave does not change what it is subscribed to, for then all would be dealt out anew", "[group]") {
    ConsumerMemberWorld world("i");
    world.settle();
    world.subscribe({});
    world.advance(5s);
    const Beat beat = world.answer(2); // while the application gives up
    CHECK_FALSE(beat.subscribed_topic_names);
    CHECK_FALSE(beat.subscribed_topic_regex);
    world.step();
    CHECK(world.answer(-2).member_epoch == -2);
    world.subscribe({"t"});
    CHECK(world.answer(1).subscribed_topic_names == Lines{"t"});
}

TEST_CASE("how a member leaves can be chosen", "[group]") {
    const bool is_static = GENERATE(false, true);
    ConsumerMemberWorld world(is_static ? std::optional<std::string>("i") : std::nullopt);
    world.settle();
    SECTION("for good, a static member too") {
        world.member->set_departure(CloseMembership::leave);
        world.subscribe({});
        world.step();
        CHECK(world.answer(-1).member_epoch == -1);
    }
    SECTION("not at all, but that a static one says that its name is free") {
        world.member->set_departure(CloseMembership::remain);
        world.subscribe({});
        world.step();
        CHECK(world.beats() == is_static);
        if (is_static)
            CHECK(world.answer(-2).member_epoch == -2);
    }
    bool out = false;
    world.member->when_out([&] { out = true; });
    world.run();
    CHECK(out);
}

TEST_CASE("another instance of a static member ends this one", "[group]") {
    ConsumerMemberWorld world("i");
    world.settle();
    world.advance(1s);
    world.refuse(Errc::fenced_instance_id);
    CHECK(world.take_log() == Lines{"lost t0 t1 t2", "trouble FENCED_INSTANCE_ID"});
    world.step();
    world.advance(10s);
    CHECK_FALSE(world.beats());
}

TEST_CASE("what would be refused again ends a member for good", "[group]") {
    const auto code = GENERATE(
        Errc::invalid_group_id, Errc::group_authorization_failed, Errc::group_max_size_reached, Errc::invalid_request,
        Errc::invalid_regular_expression, Errc::unsupported_assignor, Errc::unsupported_version
    );
    ConsumerMemberWorld world;
    world.settle();
    world.advance(1s);
    world.refuse(code);
    CHECK(world.take_log() == Lines{"lost t0 t1 t2", "trouble " + error_name(code)});
    world.step();
    world.advance(10s);
    CHECK_FALSE(world.beats());
}

TEST_CASE("who has lost its partitions commits nothing as nobody until it knows of it", "[group]") {
    ConsumerMemberWorld world;
    world.settle();
    CHECK(world.member->may_commit());
    for (int i = 0; i < 59; ++i) {
        world.advance(1s, false);
        world.answer(2);
    }
    world.advance(2s, false);
    while (world.beats())
        world.answer(-1);
    world.subscribe({}); // while its application has not taken the step
    CHECK_FALSE(world.member->may_commit());
    world.step();
    CHECK(world.member->may_commit()); // as one that assigns partitions to itself
}

TEST_CASE("a member whose application does not poll leaves, and comes back with it", "[group]") {
    ConsumerMemberWorld world;
    world.settle();
    for (int i = 0; i < 59; ++i) {
        world.advance(1s, false);
        world.answer(2);
    }
    world.advance(2s, false);
    CHECK(world.take_log() == Lines{"trouble _MAX_POLL_EXCEEDED", "lost t0 t1 t2"});
    while (world.beats())
        CHECK(world.answer(-1).member_epoch == -1);
    world.step();
    world.advance(5s, false);
    CHECK_FALSE(world.beats());
    world.member->on_application_poll(world.now);
    world.run();
    CHECK(world.answer(4).member_epoch == 0);
}

TEST_CASE("patterns go to the coordinator, names beside them", "[group]") {
    ConsumerMemberWorld world;
    world.subscribe({"^t.*", "u"});
    const Beat first = world.answer(2, "t0 u0");
    CHECK(first.subscribed_topic_names == std::vector<std::string>{"u"});
    CHECK(first.subscribed_topic_regex == "^t.*");
    CHECK(world.take_log() == Lines{"assign t0 u0"});
    world.step();
    world.answer(2);
    world.subscribe({"u"});
    const Beat other = world.answer(2);
    CHECK(other.subscribed_topic_names == std::vector<std::string>{"u"});
    CHECK(other.subscribed_topic_regex == "");
}
