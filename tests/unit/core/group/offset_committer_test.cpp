#include "core/group/offset_committer.hpp"

#include "catch.hpp"
#include "unit/core/fetch/fetch_world.hpp"

using namespace ottla;
using namespace ottla::core;
using namespace ottla::test;

namespace {

CommittedOffset row(const std::string& topic, int32_t partition, int64_t offset) {
    CommittedOffset out;
    out.topic = topic;
    out.partition = partition;
    out.offset = offset;
    out.leader_epoch = 3;
    out.metadata = "m";
    return out;
}

msg::OffsetCommitResponse response_to(const msg::OffsetCommitRequest& request, Errc code = Errc::no_error) {
    msg::OffsetCommitResponse response;
    for (const auto& topic : request.topics) {
        auto& out = response.topics.emplace_back();
        out.name = topic.name;
        for (const auto& partition : topic.partitions) {
            auto& line = out.partitions.emplace_back();
            line.partition_index = partition.partition_index;
            line.error_code = static_cast<int16_t>(code);
        }
    }
    return response;
}

struct World {
    void commit(std::vector<CommittedOffset> offsets, Committer who = {}) {
        committer.commit(std::move(who), std::move(offsets), [this](const Error& error, std::vector<CommittedOffset> rows) {
            std::string line = error_name(error.errc());
            for (const auto& r : rows)
                line += fmt::format(" {}[{}]={}{}", r.topic, r.partition, r.offset, r.error ? " " + error_name(r.error.errc()) : "");
            done.push_back(line);
        });
    }
    std::pair<msg::OffsetCommitRequest, PendingCall> take() {
        auto taken = caller.take<msg::OffsetCommitRequest>();
        REQUIRE(taken);
        return std::move(*taken);
    }

    FakeCaller caller;
    OffsetCommitter committer{caller, "g", 10s};
    std::vector<std::string> done;
};

using Lines = std::vector<std::string>;

} // namespace

TEST_CASE("a commit goes to the group's coordinator, with all that its version can carry", "[group]") {
    const auto version = GENERATE(int16_t{1}, int16_t{5}, int16_t{6}, int16_t{7}, int16_t{9}, int16_t{10});
    World world;
    world.caller.limits[msg::ApiKey::offset_commit] = version;
    world.commit({row("t", 1, 10), row("u", 0, 5), row("t", 0, 7)}, {.generation = 4, .member = "me", .instance = "static"});
    auto [request, call] = world.take();
    const auto& route = std::get<Coordinator>(call.route);
    CHECK(route.type == CoordinatorType::group);
    CHECK(route.key == "g");
    CHECK(request.group_id == "g");
    CHECK(request.generation_id_or_member_epoch == 4);
    CHECK(request.member_id == "me");
    CHECK(request.group_instance_id == (version >= 7 ? std::optional<std::string>("static") : std::nullopt));
    REQUIRE(request.topics.size() == 2);
    CHECK(request.topics[0].name == "t");
    REQUIRE(request.topics[0].partitions.size() == 2);
    const auto& first = request.topics[0].partitions[0];
    CHECK(first.partition_index == 1);
    CHECK(first.committed_offset == 10);
    CHECK(first.committed_leader_epoch == (version >= 6 ? 3 : -1));
    CHECK(first.committed_metadata == "m");
    world.caller.answer(call, response_to(request), {});
    CHECK(world.done == Lines{"NO_ERROR t[1]=10 u[0]=5 t[0]=7"});
}

TEST_CASE("commits are done one after the other", "[group]") {
    World world;
    world.commit({row("t", 0, 1)});
    world.commit({row("t", 0, 2)});
    CHECK(world.caller.waiting<msg::OffsetCommitRequest>() == 1);
    auto [first, call] = world.take();
    CHECK(world.caller.waiting<msg::OffsetCommitRequest>() == 0);
    CHECK_FALSE(world.committer.answered(world.committer.asked()));
    world.caller.answer(call, response_to(first), {});
    auto [second, other] = world.take();
    CHECK(second.topics[0].partitions[0].committed_offset == 2);
    world.caller.answer(other, response_to(second), {});
    CHECK(world.done == Lines{"NO_ERROR t[0]=1", "NO_ERROR t[0]=2"});
    CHECK(world.committer.answered(world.committer.asked()));
}

TEST_CASE("commits that wait for another go together, the last one of a partition counts", "[group]") {
    World world;
    world.commit({row("t", 0, 1)});
    world.commit({row("t", 0, 2), row("t", 1, 2)});
    world.commit({row("u", 0, 3), row("t", 0, 3)});
    world.commit({row("t", 0, 4)}, {.generation = 5}); // another generation's own
    auto [first, call] = world.take();
    CHECK_FALSE(world.committer.answered(1));
    world.caller.answer(call, response_to(first), {});
    CHECK(world.committer.answered(1));
    CHECK_FALSE(world.committer.answered(2));

    auto [second, other] = world.take();
    REQUIRE(second.topics.size() == 2);
    REQUIRE(second.topics[0].partitions.size() == 2);
    CHECK(second.topics[0].partitions[0].committed_offset == 3);
    CHECK(second.topics[0].partitions[1].committed_offset == 2);
    CHECK(second.topics[1].partitions[0].committed_offset == 3);
    auto response = response_to(second);
    response.topics[0].partitions[1].error_code = static_cast<int16_t>(Errc::topic_authorization_failed);
    world.caller.answer(other, response, {});
    CHECK(world.committer.answered(3));
    CHECK(world.done == Lines{"NO_ERROR t[0]=1", "NO_ERROR t[0]=2 t[1]=2 TOPIC_AUTHORIZATION_FAILED", "NO_ERROR u[0]=3 t[0]=3"});

    auto [third, last] = world.take();
    CHECK(third.generation_id_or_member_epoch == 5);
    CHECK(third.topics[0].partitions[0].committed_offset == 4);
    CHECK(world.committer.asked() == 4);
    CHECK_FALSE(world.committer.answered(world.committer.asked()));
    world.caller.answer(last, response_to(third), {});
    CHECK(world.committer.answered(world.committer.asked()));
}

TEST_CASE("each partition has its error; what all of them have is the commit's", "[group]") {
    World world;
    world.commit({row("t", 0, 1), row("t", 1, 2), row("t", 2, 3)});
    auto [request, call] = world.take();
    auto response = response_to(request);
    response.topics[0].partitions[1].error_code = static_cast<int16_t>(Errc::topic_authorization_failed);
    response.topics[0].partitions.pop_back(); // left out
    world.caller.answer(call, response, {});

    world.commit({row("t", 0, 1), row("t", 1, 2)});
    auto [again, other] = world.take();
    world.caller.answer(other, response_to(again, Errc::illegal_generation), {});

    world.commit({row("t", 0, 9)});
    auto [lost, last] = world.take();
    last.deliver(CallError(Error(Errc::_timed_out), true), {}, false);
    CHECK(world.done == Lines{
        "NO_ERROR t[0]=1 t[1]=2 TOPIC_AUTHORIZATION_FAILED t[2]=3 _BAD_MSG",
        "ILLEGAL_GENERATION t[0]=1 ILLEGAL_GENERATION t[1]=2 ILLEGAL_GENERATION",
        "_TIMED_OUT t[0]=9 _TIMED_OUT"});
}

TEST_CASE("a coordinator that moves or is coming up is asked again", "[group]") {
    const auto code = GENERATE(
        Errc::not_coordinator, Errc::coordinator_not_available, Errc::coordinator_load_in_progress, Errc::request_timed_out);
    World world;
    world.commit({row("t", 0, 1)});
    auto [request, call] = world.take();
    const auto response = response_to(request, code);
    CHECK(world.caller.answer(call, response, {}, false, true) == PendingCall::Judged::retry_route);
    CHECK(world.done.empty());
    world.caller.answer(call, response_to(request), {});
    CHECK(world.done == Lines{"NO_ERROR t[0]=1"});
}

TEST_CASE("a commit in a stale member epoch is made again in the next one", "[group]") {
    World world;
    Committer now{2, "m"};
    world.committer.ask_latest([&] { return now; });
    world.commit({row("t", 0, 5)}, {2, "m"});
    world.commit({row("t", 0, 6)}, {2, "m"});
    auto [first, call] = world.take();
    world.caller.answer(call, response_to(first, Errc::stale_member_epoch), {});
    CHECK(world.done.empty());
    CHECK_FALSE(world.caller.waiting<msg::OffsetCommitRequest>());
    CHECK_FALSE(world.committer.answered(world.committer.asked()));

    SECTION("which a heartbeat tells") {
        world.committer.on_heard();
        CHECK_FALSE(world.caller.waiting<msg::OffsetCommitRequest>());
        now.generation = 3;
        world.committer.on_heard();
        auto [again, retry] = world.take();
        CHECK(again.generation_id_or_member_epoch == 3);
        CHECK(again.topics.at(0).partitions.at(0).committed_offset == 5);
        world.caller.answer(retry, response_to(again), {});
        CHECK(world.done == Lines{"NO_ERROR t[0]=5"});
        CHECK(world.take().first.topics.at(0).partitions.at(0).committed_offset == 6);
    }
    SECTION("unless the member is none any more") {
        now = {};
        world.committer.on_heard();
        CHECK(world.done == Lines{"STALE_MEMBER_EPOCH t[0]=5 STALE_MEMBER_EPOCH"});
    }
    SECTION("unless none comes") {
        for (int i = 0; i < 3; ++i)
            world.committer.on_heard();
        CHECK(world.done == Lines{"STALE_MEMBER_EPOCH t[0]=5 STALE_MEMBER_EPOCH"});
    }
}

TEST_CASE("a commit refused in the midst of a round is made again when the member has got on", "[group]") {
    World world;
    Committer now{2, "m"};
    world.committer.ask_latest([&] { return now; });
    world.commit({row("t", 0, 5)}, {2, "m"});
    const auto refuse = [&](Errc code) {
        auto [request, call] = world.take();
        world.caller.answer(call, response_to(request, code), {});
        return request.generation_id_or_member_epoch;
    };

    SECTION("to another generation, which may be known by then") {
        now.generation = 3;
        CHECK(refuse(Errc::illegal_generation) == 2);
        CHECK(refuse(Errc::no_error) == 3);
        CHECK(world.done == Lines{"NO_ERROR t[0]=5"});
    }
    SECTION("to another generation, which it hears of later") {
        refuse(Errc::illegal_generation);
        world.committer.on_heard();
        CHECK_FALSE(world.caller.waiting<msg::OffsetCommitRequest>());
        now.generation = 3;
        world.committer.on_heard();
        CHECK(refuse(Errc::no_error) == 3);
        CHECK(world.done == Lines{"NO_ERROR t[0]=5"});
    }
    SECTION("to the end of the round") {
        refuse(Errc::rebalance_in_progress);
        CHECK_FALSE(world.caller.waiting<msg::OffsetCommitRequest>());
        world.committer.on_heard();
        CHECK(refuse(Errc::no_error) == 2);
        CHECK(world.done == Lines{"NO_ERROR t[0]=5"});
    }
    SECTION("unless the round does not end") {
        for (int i = 0; i < 3; ++i) {
            CHECK(world.done.empty());
            refuse(Errc::rebalance_in_progress);
            world.committer.on_heard();
        }
        CHECK(world.done == Lines{"REBALANCE_IN_PROGRESS t[0]=5 REBALANCE_IN_PROGRESS"});
    }
    SECTION("unless it is another member by then") {
        refuse(Errc::illegal_generation);
        now = {1, "n"};
        world.committer.on_heard();
        CHECK(world.done == Lines{"ILLEGAL_GENERATION t[0]=5 ILLEGAL_GENERATION"});
    }
}
