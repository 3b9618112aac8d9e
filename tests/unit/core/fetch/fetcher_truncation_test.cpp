// The fetcher when a leader lacks records that an earlier one had (KIP-320).
#include <ottla/msg/offset_for_leader_epoch.hpp>

#include "catch.hpp"
#include "unit/core/fetch/fetch_world.hpp"

using namespace ottla;
using namespace ottla::core;
using namespace ottla::test;
using config::ClientConfig;
using config::OffsetReset;

using Lines = std::vector<std::string>;

namespace {

struct TruncationWorld : FetchWorld {
    explicit TruncationWorld(OffsetReset reset = OffsetReset::earliest, int16_t fetch_version = 18)
        : FetchWorld([&] {
            ClientConfig with_policy;
            with_policy.auto_offset_reset = reset;
            return with_policy;
        }()) {
        caller.limits[msg::ApiKey::fetch] = fetch_version;
    }

    /// Reads offsets 0 to 9, written under leader epoch 5, which is the leader's.
    void read_ten() {
        add(1, 0, 0);
        auto fetch = take_fetch();
        REQUIRE(fetch);
        auto response = empty_answer(*fetch, 10);
        auto bytes = batch(0, 10);
        store_be<int32_t>(bytes.data() + 12, 5);
        line(response).records.pieces = {Buffer::copy_of(bytes)};
        answer(*fetch, response);
        CHECK(sink.take() == Lines{"1:slice 0-10"});
    }

    /// The next request for partition 0, whose epochs are as expected.
    Fetch expect(int64_t offset, int32_t leader_epoch, int32_t last_epoch) {
        auto fetch = take_fetch();
        REQUIRE(fetch);
        const auto& asked = fetch->request.topics.at(0).partitions.at(0);
        CHECK(asked.fetch_offset == offset);
        CHECK(asked.current_leader_epoch == leader_epoch);
        CHECK(asked.last_fetched_epoch == last_epoch);
        return std::move(*fetch);
    }

    void answer_diverging(Fetch& fetch, int32_t last_common, int64_t end_offset) {
        auto response = empty_answer(fetch);
        line(response).diverging_epoch.epoch = last_common;
        line(response).diverging_epoch.end_offset = end_offset;
        answer(fetch, response);
    }

    /// Broker 1 says that it leads under the next epoch now.
    void change_leader(Fetch& fetch) {
        ++epoch;
        auto response = empty_answer(fetch);
        line(response).error_code = static_cast<int16_t>(Errc::fenced_leader_epoch);
        if (caller.limits[msg::ApiKey::fetch] >= first_telling_truncation) {
            line(response).current_leader.leader_id = 1;
            line(response).current_leader.leader_epoch = epoch;
        }
        answer(fetch, response);
        if (!caller.waiting<msg::FetchRequest>() && !caller.waiting<msg::OffsetForLeaderEpochRequest>())
            advance(1s);
    }

    /// Answers the waiting OffsetForLeaderEpoch request.
    void answer_epoch(int32_t leader_epoch, int64_t end_offset, Errc error = Errc::no_error) {
        auto asked = caller.take<msg::OffsetForLeaderEpochRequest>();
        REQUIRE(asked);
        CHECK(asked->first.replica_id == -1);
        CHECK(asked->first.topics.at(0).partitions.at(0).leader_epoch == 5);
        CHECK(asked->first.topics[0].partitions[0].current_leader_epoch == epoch);
        msg::OffsetForLeaderEpochResponse response;
        response.topics.emplace_back().topic = "t";
        auto& line = response.topics[0].partitions.emplace_back();
        line.error_code = static_cast<int16_t>(error);
        line.leader_epoch = leader_epoch;
        line.end_offset = end_offset;
        caller.answer(asked->second, response, now);
        run();
    }
};

} // namespace

TEST_CASE("a fetch says under which epoch the last record was written", "[fetch]") {
    TruncationWorld world;
    world.read_ten();
    auto fetch = world.expect(10, 5, 5);
    world.change_leader(fetch);
    world.expect(10, 6, 5); // at once: the leader need not be looked for
    CHECK(world.caller.waiting<msg::OffsetForLeaderEpochRequest>() == 0);

    TruncationWorld committed;
    committed.fetcher->add({.where = {"t", 0}, .stream = 1, .offset = 7, .epoch = 3}, committed.now);
    committed.run();
    committed.expect(7, 5, 3);
}

TEST_CASE("a leader whose log diverges from what was read ends the reading there", "[fetch]") {
    struct Row {
        OffsetReset reset;
        Lines told;
        size_t lookups;
    };

    for (const Row& row : {
             Row{OffsetReset::earliest, {}, 1},
             Row{OffsetReset::latest, {}, 1},
             Row{OffsetReset::error, {"1:error _LOG_TRUNCATION at 10"}, 0},
         }) {
        TruncationWorld world(row.reset);
        world.read_ten();
        auto fetch = world.expect(10, 5, 5);
        world.answer_diverging(fetch, 4, 8);
        CHECK(world.sink.take() == row.told);
        CHECK(world.caller.waiting<msg::ListOffsetsRequest>() == row.lookups);
        CHECK_FALSE(world.take_fetch());
    }
    TruncationWorld replaced; // record 9 is there, but another one
    replaced.read_ten();
    auto fetch = replaced.expect(10, 5, 5);
    replaced.answer_diverging(fetch, 4, 12);
    CHECK(replaced.caller.waiting<msg::ListOffsetsRequest>() == 1);
}

TEST_CASE("an epoch under which nothing had been written is no loss", "[fetch]") {
    TruncationWorld world;
    world.add(1, 0, offset_end);
    auto lookup = world.caller.take<msg::ListOffsetsRequest>();
    REQUIRE(lookup);
    msg::ListOffsetsResponse offsets;
    offsets.topics.emplace_back().name = "t";
    auto& line = offsets.topics[0].partitions.emplace_back();
    line.offset = 40;
    line.leader_epoch = 5;
    world.caller.answer(lookup->second, offsets, world.now);
    world.run();
    auto fetch = world.expect(40, 5, 5);
    world.answer_diverging(fetch, 4, 40);
    fetch = world.expect(40, 5, 4);
    world.answer_diverging(fetch, 4, 41); // no sense in that
    fetch = world.expect(40, 5, -1);
    CHECK(world.sink.take().empty());
}

TEST_CASE("brokers whose fetches do not tell are asked when the leader has changed", "[fetch]") {
    TruncationWorld world(OffsetReset::error, 11);
    world.read_ten();
    auto fetch = world.take_fetch();
    REQUIRE(fetch);
    world.change_leader(*fetch);
    CHECK_FALSE(world.take_fetch());
    world.answer_epoch(5, 10);
    fetch = world.take_fetch();
    REQUIRE(fetch);
    CHECK(fetch->asked() == Lines{"0@10"});

    world.change_leader(*fetch);
    world.answer_epoch(-1, -1, Errc::unknown_leader_epoch);
    CHECK_FALSE(world.take_fetch());
    world.advance(1s);
    world.answer_epoch(5, 9);
    CHECK(world.sink.take() == Lines{"1:error _LOG_TRUNCATION at 10"});
    CHECK_FALSE(world.take_fetch());
}

TEST_CASE("a position is checked before the first records of an old broker are taken", "[fetch]") {
    TruncationWorld world(OffsetReset::error, 11);
    world.fetcher->add({.where = {"t", 0}, .stream = 1, .offset = 10, .epoch = 5}, world.now);
    world.epoch = 6;
    world.run();
    auto fetch = world.take_fetch();
    REQUIRE(fetch);
    world.answer_records(*fetch, 10, 5);
    CHECK(world.sink.take().empty());
    world.answer_epoch(5, 12);
    fetch = world.take_fetch();
    REQUIRE(fetch);
    world.answer_records(*fetch, 10, 5);
    CHECK(world.sink.take() == Lines{"1:slice 10-15"});
}

TEST_CASE("brokers that cannot be asked are read without", "[fetch]") {
    TruncationWorld world(OffsetReset::error, 11);
    world.caller.limits[msg::ApiKey::offset_for_leader_epoch] = 2;
    world.read_ten();
    auto fetch = world.take_fetch();
    REQUIRE(fetch);
    world.change_leader(*fetch);
    auto asked = std::find_if(world.caller.calls.begin(), world.caller.calls.end(), [](const PendingCall& call) {
        return call.api_key == msg::ApiKey::offset_for_leader_epoch;
    });
    REQUIRE(asked != world.caller.calls.end());
    CHECK(asked->min_version == 3);
    PendingCall call = std::move(*asked);
    world.caller.calls.erase(asked);
    call.deliver(CallError(Error(Errc::_unsupported_feature)), world.now, false); // as the router does
    world.run();
    fetch = world.take_fetch();
    REQUIRE(fetch);
    CHECK(fetch->asked() == Lines{"0@10"});
}

TEST_CASE("a lost connection while the position is checked is survived", "[fetch]") {
    TruncationWorld world(OffsetReset::error, 11);
    world.read_ten();
    auto fetch = world.take_fetch();
    REQUIRE(fetch);
    world.change_leader(*fetch);
    auto asked = world.caller.take<msg::OffsetForLeaderEpochRequest>();
    REQUIRE(asked);
    world.lose(asked->second);
    world.advance(1s);
    world.answer_epoch(5, 10);
    CHECK(world.take_fetch());
    CHECK(world.sink.take().empty());
}

TEST_CASE("records are not read from a leader of an older epoch than theirs", "[fetch]") {
    TruncationWorld world;
    world.fetcher->add({.where = {"t", 0}, .stream = 1, .offset = 10, .epoch = 8}, world.now);
    world.run();
    CHECK_FALSE(world.take_fetch());
    world.epoch = 8; // the metadata were out of date
    world.advance(1s);
    world.advance(1s);
    world.expect(10, 8, 8);

    TruncationWorld nonsense;
    nonsense.fetcher->add({.where = {"t", 0}, .stream = 1, .offset = 10, .epoch = 1000}, nonsense.now);
    nonsense.run();
    for (int i = 0; i < 10; ++i)
        nonsense.advance(1s);
    nonsense.expect(10, 5, -1);
}

TEST_CASE("a topic that was created again is read from its beginning", "[fetch]") {
    TruncationWorld world;
    world.read_ten();
    auto fetch = world.expect(10, 5, 5);
    world.topic_id = Uuid{{9}};
    world.epoch = 0;
    world.answer_error(fetch, Errc::unknown_topic_id);
    world.advance(1s);
    CHECK(world.answer_offsets(0) == std::vector<int64_t>{-2});
    fetch = world.expect(0, 0, -1);
    CHECK(fetch.request.topics[0].topic_id == world.topic_id);
    CHECK(world.sink.take().empty());

    TruncationWorld strict(OffsetReset::error);
    strict.read_ten();
    fetch = strict.expect(10, 5, 5);
    strict.topic_id = Uuid{{9}};
    strict.answer_error(fetch, Errc::unknown_topic_id);
    strict.advance(1s);
    CHECK(strict.sink.take() == Lines{"1:error _AUTO_OFFSET_RESET at 10"});
}
