#include "core/fetch/committed_offsets.hpp"

#include <ottla/msg/offset_fetch.hpp>

#include "catch.hpp"
#include "unit/core/fetch/fetch_world.hpp"

using namespace ottla;
using namespace ottla::core;
using namespace ottla::test;

namespace {

struct World {
    explicit World(int16_t version, bool stable = true) {
        caller.limits[msg::ApiKey::offset_fetch] = version;
        CommittedQuery query{.group = "g", .partitions = {{"t", 1}, {"u", 0}, {"t", 0}}, .stable = stable, .timeout = 1s};
        query_committed(caller, std::move(query), scope, [this](Result<std::vector<CommittedOffset>> got, TimePoint) {
            REQUIRE_FALSE(answer);
            answer = std::move(got);
        });
        auto taken = caller.take<msg::OffsetFetchRequest>();
        REQUIRE(taken);
        asked = std::move(taken->first);
        pending = std::move(taken->second);
    }

    FakeCaller caller;
    CallScope scope;
    msg::OffsetFetchRequest asked;
    PendingCall pending;
    std::optional<Result<std::vector<CommittedOffset>>> answer;
};

template <class Partition>
Partition line(int32_t index, int64_t offset, Errc code = Errc::no_error) {
    Partition partition;
    partition.partition_index = index;
    partition.committed_offset = offset;
    partition.committed_leader_epoch = 4;
    partition.metadata = "m";
    partition.error_code = static_cast<int16_t>(code);
    return partition;
}

/// What a coordinator has of t[0] (10), t[1] (nothing); it may not tell of u.
msg::OffsetFetchResponse response_for(int16_t version) {
    msg::OffsetFetchResponse response;
    const auto fill = [](auto& topics) {
        using Partition = std::decay_t<decltype(topics.front().partitions.front())>;
        topics.emplace_back().name = "t";
        topics.back().partitions = {line<Partition>(0, 10), line<Partition>(1, -1)};
        auto& other = topics.emplace_back();
        other.name = "u";
        other.partitions = {line<Partition>(0, 7, Errc::topic_authorization_failed)};
    };
    if (version < 8) {
        fill(response.topics);
    } else {
        auto& group = response.groups.emplace_back();
        group.group_id = "g";
        fill(group.topics);
    }
    return response;
}

} // namespace

TEST_CASE("committed offsets come in the order they were asked for, from every version of the request", "[fetch]") {
    const auto version = GENERATE(int16_t{1}, int16_t{2}, int16_t{5}, int16_t{6}, int16_t{7}, int16_t{8}, int16_t{9}, int16_t{10});
    World world(version);
    CHECK(world.asked.require_stable == (version >= 7));
    if (version < 8) {
        CHECK(world.asked.group_id == "g");
        REQUIRE(world.asked.topics->size() == 2);
        CHECK((*world.asked.topics)[0].partition_indexes == std::vector<int32_t>{1, 0});
    } else {
        REQUIRE(world.asked.groups.size() == 1);
        CHECK(world.asked.groups[0].group_id == "g");
        REQUIRE(world.asked.groups[0].topics->size() == 2);
        CHECK((*world.asked.groups[0].topics)[1].name == "u");
    }
    CHECK(world.caller.version_of(world.pending) <= 9);
    world.caller.answer(world.pending, response_for(version), TimePoint());
    REQUIRE(world.answer);
    const auto& all = world.answer->value();
    REQUIRE(all.size() == 3);
    CHECK(all[0].partition == 1);
    CHECK(all[0].offset == offset_invalid);
    CHECK_FALSE(all[0].error);
    CHECK(all[1].topic == "u");
    CHECK(all[1].offset == offset_invalid);
    CHECK(all[1].error.errc() == Errc::topic_authorization_failed);
    CHECK(all[2].topic == "t");
    CHECK(all[2].partition == 0);
    CHECK(all[2].offset == 10);
    CHECK(all[2].leader_epoch == (version >= 5 ? 4 : -1));
    CHECK(all[2].metadata == "m");
}

TEST_CASE("a coordinator that moves, and offsets that are not stable, are asked for again", "[fetch]") {
    const auto code = GENERATE(Errc::not_coordinator, Errc::coordinator_load_in_progress, Errc::unstable_offset_commit);
    World world(code == Errc::unstable_offset_commit ? int16_t{9} : int16_t{1});
    auto response = response_for(world.caller.version_of(world.pending));
    if (response.groups.empty())
        response.topics[0].partitions[0].error_code = static_cast<int16_t>(code);
    else
        response.groups[0].topics[0].partitions[0].error_code = static_cast<int16_t>(code);
    CHECK(world.caller.answer(world.pending, response, TimePoint(), false, true) == PendingCall::Judged::retry_route);
    CHECK_FALSE(world.answer);
    CHECK(world.caller.answer(world.pending, response, TimePoint()) == PendingCall::Judged::done);
    REQUIRE(world.answer);
    CHECK(world.answer->value()[2].error.errc() == code);
}

TEST_CASE("an error of the whole group is the answer; a partition that is left out is told", "[fetch]") {
    World world(9);
    msg::OffsetFetchResponse response;
    response.groups.emplace_back().error_code = static_cast<int16_t>(Errc::group_authorization_failed);
    world.caller.answer(world.pending, response, TimePoint());
    REQUIRE(world.answer);
    REQUIRE(world.answer->has_error());
    CHECK(world.answer->error().errc() == Errc::group_authorization_failed);
    CHECK(world.answer->error().message().find("group g") != std::string::npos);

    World silent(9);
    silent.caller.answer(silent.pending, msg::OffsetFetchResponse{}, TimePoint());
    REQUIRE(silent.answer);
    CHECK(silent.answer->value()[0].error.errc() == Errc::_bad_msg);
}
