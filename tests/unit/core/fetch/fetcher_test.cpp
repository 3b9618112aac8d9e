// The fetcher, step by step: where it starts, what it asks, when it stops asking, what it makes of every
// answer.
#include "core/fetch/fetcher.hpp"

#include "catch.hpp"
#include "unit/core/fetch/fetch_world.hpp"

using namespace ottla;
using namespace ottla::core;
using namespace ottla::test;

using Lines = std::vector<std::string>;

namespace {

config::ClientConfig with(auto change) {
    config::ClientConfig config;
    change(config);
    return config;
}

} // namespace

TEST_CASE("fetches from an absolute offset and goes on when the answer has arrived", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, 5);

    auto first = world.take_fetch();
    REQUIRE(first);
    CHECK(first->node() == 1);
    CHECK(first->asked() == Lines{"0@5"});
    CHECK(first->request.session_id == 0);
    CHECK(first->request.session_epoch == 0);
    CHECK(first->request.isolation_level == 1);
    CHECK(first->request.max_wait_ms == 500);
    CHECK(first->request.topics[0].topic_id == world.topic_id);
    CHECK(first->request.topics[0].partitions[0].current_leader_epoch == 5);
    CHECK(first->call.options.lane == Lane::fetch);
    CHECK(first->call.options.client == 3);
    CHECK_FALSE(first->call.options.retry);
    CHECK_FALSE(world.take_fetch()); // one in flight per leader

    world.answer_records(*first, 5, 10);
    CHECK(world.sink.take() == Lines{"1:slice 5-15"});
    auto second = world.take_fetch();
    REQUIRE(second);
    CHECK(second->asked() == Lines{"0@15"});
}

TEST_CASE("logical offsets are looked up at the leader", "[fetch]") {
    struct Row {
        int64_t start;
        int64_t timestamp;
        std::string first_fetch;
    };

    for (const Row& row : {
             Row{offset_beginning, -2, "0@100"},
             Row{offset_end, -1, "0@100"},
             Row{offset_tail(30), -1, "0@70"},
             Row{offset_tail(300), -1, "0@0"},
             Row{offset_invalid, -1, "0@100"}, // auto.offset.reset is latest
             Row{offset_stored, -1, "0@100"},
         }) {
        FetchWorld world;
        world.add(1, 0, row.start);
        CHECK_FALSE(world.take_fetch());
        CHECK(world.answer_offsets(100) == std::vector<int64_t>{row.timestamp});
        auto fetch = world.take_fetch();
        REQUIRE(fetch);
        CHECK(fetch->asked() == Lines{row.first_fetch});
    }
}

TEST_CASE("offsets of several partitions are asked for in one request per leader", "[fetch]") {
    FetchWorld world;
    for (int32_t i = 0; i < 3; ++i)
        world.fetcher->add(
            {.where = {"t", i}, .stream = static_cast<StreamId>(i + 1), .offset = offset_beginning}, world.now
        );
    world.run();
    CHECK(world.caller.waiting<msg::ListOffsetsRequest>() == 2);
    world.answer_offsets(7);
    world.answer_offsets(8);
    CHECK(world.take_fetch()->asked() == Lines{"0@7", "1@7"});
    CHECK(world.take_fetch()->asked() == Lines{"2@8"});
}

TEST_CASE("a lookup is tried again after lost connections and stale leaders", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, offset_end);
    auto lost = world.caller.take<msg::ListOffsetsRequest>();
    REQUIRE(lost);
    world.lose(lost->second);
    CHECK(world.caller.waiting<msg::ListOffsetsRequest>() == 0);
    world.advance(200ms);
    world.answer_offsets(-1, Errc::not_leader_for_partition);
    world.leaders[0] = 2;
    world.epoch = 6;
    world.advance(2s);
    world.answer_offsets(42);
    auto fetch = world.take_fetch();
    REQUIRE(fetch);
    CHECK(fetch->node() == 2);
    CHECK(fetch->asked() == Lines{"0@42"});
    CHECK(world.sink.take().empty());
}

TEST_CASE("a lookup that does not reach its broker is tried again, and nobody is bothered", "[fetch]") {
    const Errc error = GENERATE(Errc::_unknown_broker, Errc::_resolve, Errc::_timed_out, Errc::_transport);
    FetchWorld world;
    world.add(1, 0, offset_end);
    auto failed = world.caller.take<msg::ListOffsetsRequest>();
    REQUIRE(failed);
    failed->second.deliver(core::CallError(Error(error, "not reached"), false), world.now, false);
    world.run();
    CHECK(world.sink.take().empty());
    world.advance(200ms);
    world.answer_offsets(42);
    CHECK(world.take_fetch()->asked() == Lines{"0@42"});
}

TEST_CASE("brokers that answer lookups with a list are understood", "[fetch]") {
    FetchWorld world; // reading committed, of which such brokers know nothing
    world.caller.limits[msg::ApiKey::list_offsets] = 0;
    world.caller.limits[msg::ApiKey::fetch] = 0;
    world.topic_id = {};
    world.add(1, 0, offset_end);
    CHECK(world.answer_offsets(17).empty());
    world.run();
    CHECK(world.answer_offsets(17) == std::vector<int64_t>{-1});
    auto fetch = world.take_fetch();
    REQUIRE(fetch);
    CHECK(fetch->asked() == Lines{"0@17"});
}

TEST_CASE("an offset out of range follows auto.offset.reset", "[fetch]") {
    using config::OffsetReset;
    for (const auto policy : {OffsetReset::earliest, OffsetReset::latest}) {
        FetchWorld world(with([&](auto& c) { c.auto_offset_reset = policy; }));
        world.add(1, 0, 5000);
        auto fetch = world.take_fetch();
        world.answer_error(*fetch, Errc::offset_out_of_range);
        CHECK(world.answer_offsets(77) == std::vector<int64_t>{policy == OffsetReset::earliest ? -2 : -1});
        CHECK(world.take_fetch()->asked() == Lines{"0@77"});
        CHECK(world.sink.take().empty());
    }
    FetchWorld world(with([](auto& c) { c.auto_offset_reset = OffsetReset::error; }));
    world.add(1, 0, 5000);
    auto fetch = world.take_fetch();
    world.answer_error(*fetch, Errc::offset_out_of_range);
    world.advance(1min);
    CHECK(world.sink.take() == Lines{"1:error _AUTO_OFFSET_RESET at 5000"});
    CHECK_FALSE(world.take_fetch());
    CHECK(world.caller.waiting<msg::ListOffsetsRequest>() == 0);
}

TEST_CASE("a tail that reaches below the log starts at its beginning", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, offset_tail(50));
    world.answer_offsets(100);
    auto fetch = world.take_fetch();
    CHECK(fetch->asked() == Lines{"0@50"});
    world.answer_error(*fetch, Errc::offset_out_of_range);
    CHECK(world.answer_offsets(80) == std::vector<int64_t>{-2});
    CHECK(world.take_fetch()->asked() == Lines{"0@80"});
}

TEST_CASE("a lost connection after any step is survived", "[fetch]") {
    for (int lose_at = 0; lose_at < 6; ++lose_at) {
        FetchWorld world;
        world.add(1, 0, offset_beginning);
        int step = 0;
        int64_t at = 0;
        while (at < 30) {
            REQUIRE(step < 30);
            if (auto lookup = world.caller.take<msg::ListOffsetsRequest>()) {
                if (step++ == lose_at) {
                    world.lose(lookup->second);
                } else {
                    msg::ListOffsetsResponse response;
                    response.topics.emplace_back().name = "t";
                    response.topics[0].partitions.emplace_back().offset = 0;
                    world.caller.answer(lookup->second, response, world.now);
                    world.run();
                }
            } else if (auto fetch = world.take_fetch()) {
                REQUIRE(fetch->asked() == Lines{"0@" + std::to_string(at)});
                if (step++ == lose_at) {
                    world.lose(fetch->call);
                } else {
                    world.answer_records(*fetch, at, 10);
                    at += 10;
                }
            } else {
                world.advance(200ms);
                ++step;
            }
        }
        CHECK(world.sink.take() == Lines{"1:slice 0-10", "1:slice 10-20", "1:slice 20-30"});
    }
}

TEST_CASE("fetching follows a leader that moves", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, 5);
    auto fetch = world.take_fetch();
    world.leaders[0] = 2;
    world.epoch = 6;
    world.answer_error(*fetch, Errc::not_leader_for_partition);
    world.advance(1s);
    auto moved = world.take_fetch();
    REQUIRE(moved);
    CHECK(moved->node() == 2);
    CHECK(moved->request.topics[0].partitions[0].current_leader_epoch == 6);
    CHECK(world.metadata_requests >= 2);
    CHECK(world.sink.take().empty());
}

TEST_CASE("a new leader named in the answer is used at once (KIP-951)", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, 5);
    auto fetch = world.take_fetch();
    auto response = world.empty_answer(*fetch);
    FetchWorld::line(response).error_code = static_cast<int16_t>(Errc::not_leader_for_partition);
    FetchWorld::line(response).current_leader = {.leader_id = 2, .leader_epoch = 9, .unknown_tags = {}};
    world.answer(*fetch, response);
    auto moved = world.take_fetch();
    REQUIRE(moved);
    CHECK(moved->node() == 2);
    CHECK(moved->request.topics[0].partitions[0].current_leader_epoch == 9);
}

TEST_CASE("a removed stream brings nothing more, also not what was in flight", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, 5);
    auto old = world.take_fetch();
    world.fetcher->add({.where = {"t", 0}, .stream = 2, .offset = 500}, world.now);
    world.fetcher->remove(1);
    world.run();
    world.answer_records(*old, 5, 10);
    CHECK(world.sink.take().empty());
    auto fresh = world.take_fetch();
    REQUIRE(fresh);
    CHECK(fresh->asked() == Lines{"0@500"});
}

TEST_CASE("a paused partition is not asked for and does not hold up others", "[fetch]") {
    FetchWorld world(with([](auto& c) { c.queued_max_kbytes = 1; }));
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    auto response = world.empty_answer(*fetch);
    FetchWorld::line(response).records.pieces = {Buffer::copy_of(batch(0, 10, 5000))};
    world.fetcher->pause(1);
    world.answer(*fetch, response); // in flight while pausing: kept
    CHECK(world.sink.take() == Lines{"1:slice 0-10"});
    CHECK_FALSE(world.take_fetch());

    world.add(2, 1, 0);
    auto other = world.take_fetch();
    REQUIRE(other);
    CHECK(other->asked() == Lines{"1@0"});
    world.answer(*other, world.empty_answer(*other));
    world.fetcher->resume(1); // now what waits counts again
    world.sink.credits = {{1, 10, 5061}};
    world.fetcher->wake();
    other = world.take_fetch();
    REQUIRE(other);
    world.answer(*other, world.empty_answer(*other));
    CHECK(world.take_fetch()->asked() == Lines{"1@0", "0@10"});
}

TEST_CASE("fetching stops at queued.min.messages and resumes with the next credit", "[fetch]") {
    FetchWorld world(with([](auto& c) { c.queued_min_messages = 15; }));
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    world.answer_records(*fetch, 0, 10);
    fetch = world.take_fetch();
    REQUIRE(fetch); // 10 < 15
    world.answer_records(*fetch, 10, 10);
    CHECK_FALSE(world.take_fetch());
    CHECK(world.sink.armed);
    CHECK(world.fetcher->poll(world.now) == never); // no timer looks again

    world.sink.credits = {{1, 10, 161}};
    world.fetcher->wake();
    world.run();
    fetch = world.take_fetch();
    REQUIRE(fetch);
    CHECK(fetch->asked() == Lines{"0@20"});
}

TEST_CASE("fetching stops at queued.max.messages.kbytes over all partitions", "[fetch]") {
    FetchWorld world(with([](auto& c) { c.queued_max_kbytes = 5; }));
    world.add(1, 0, 0);
    world.add(2, 2, 0);
    for (int64_t at = 0; at < 2; ++at) {
        auto fetch = world.take_fetch();
        REQUIRE(fetch);
        auto response = world.empty_answer(*fetch);
        FetchWorld::line(response).records.pieces = {Buffer::copy_of(batch(0, 10, 2000))};
        world.answer(*fetch, response);
    }
    auto third = world.take_fetch();
    REQUIRE(third); // left while only one answer's bytes were waiting
    auto response = world.empty_answer(*third);
    FetchWorld::line(response).records.pieces = {Buffer::copy_of(batch(10, 10, 2000))};
    world.answer(*third, response);
    CHECK_FALSE(world.take_fetch());
    world.sink.credits = {{1, 10, 2061}, {2, 10, 2061}};
    world.fetcher->wake();
    world.run();
    CHECK(world.take_fetch());
}

TEST_CASE("fetching ahead begins with little, and goes further when the application had to wait", "[fetch]") {
    FetchWorld world(with([](auto& c) {
        c.fetch_ahead_kbytes = 4;
        c.queued_max_kbytes = 24;
    }));
    world.add(1, 0, 0);
    int64_t at = 0;
    const auto answer_one = [&] {
        auto fetch = world.take_fetch();
        if (!fetch)
            return false;
        auto response = world.empty_answer(*fetch);
        FetchWorld::line(response).records.pieces = {Buffer::copy_of(batch(at, 10, 2000))};
        at += 10;
        world.answer(*fetch, response);
        return true;
    };
    const auto answers = [&] {
        int count = 0;
        while (count < 20 && answer_one())
            ++count;
        return count;
    };
    const auto use_up = [&](int slices) {
        world.sink.credits.assign(static_cast<size_t>(slices), {1, 10, 2061});
        world.fetcher->wake();
        world.run();
    };
    CHECK(answers() == 2); // 4,122 wait
    use_up(1);
    CHECK(answer_one()); // in time
    CHECK_FALSE(world.take_fetch());
    use_up(1);
    CHECK(answers() == 1);

    SECTION("the application has to wait") {
        use_up(2);
        CHECK(answers() == 4);
        use_up(4);
        CHECK(answers() == 6); // half of the room is the most
        use_up(6);
        CHECK(answers() == 6);
    }
    SECTION("the end of the log is no reason") {
        use_up(1);
        auto fetch = world.take_fetch();
        REQUIRE(fetch);
        world.answer(*fetch, world.empty_answer(*fetch));
        use_up(1);
        fetch = world.take_fetch();
        REQUIRE(fetch);
        world.answer(*fetch, world.empty_answer(*fetch));
        CHECK(answers() == 2);
    }
}

TEST_CASE("the broker waits only shortly while a partition is left out for lack of demand", "[fetch]") {
    FetchWorld world(with([](auto& c) { c.queued_min_messages = 10; }));
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    world.fetcher->add({.where = {"t", 1}, .stream = 2, .offset = 0}, world.now);
    world.answer_records(*fetch, 0, 10); // partition 0 is full now
    std::vector<int32_t> waits;
    for (int i = 0; i < 8; ++i) {
        fetch = world.take_fetch();
        REQUIRE(fetch);
        CHECK(fetch->asked() == Lines{"1@0"});
        waits.push_back(fetch->request.max_wait_ms);
        world.answer(*fetch, world.empty_answer(*fetch));
    }
    CHECK(waits == std::vector<int32_t>{10, 20, 40, 80, 160, 320, 500, 500});
    fetch = world.take_fetch();
    world.sink.credits = {{1, 10, 161}};
    world.answer(*fetch, world.empty_answer(*fetch));
    fetch = world.take_fetch();
    CHECK(fetch->asked() == Lines{"1@0", "0@10"});
    CHECK(fetch->request.max_wait_ms == 500);
}

TEST_CASE("partitions that were served last are asked for last", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    world.fetcher->add({.where = {"t", 1}, .stream = 2, .offset = 0}, world.now);
    world.answer_records(*fetch, 0, 10);
    CHECK(world.take_fetch()->asked() == Lines{"1@0", "0@10"});
}

TEST_CASE("the end of a partition is told once per reaching it", "[fetch]") {
    FetchWorld world(with([](auto& c) { c.enable_partition_eof = true; }));
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    world.answer(*fetch, world.empty_answer(*fetch, 0)); // empty at start
    CHECK(world.sink.take() == Lines{"1:end 0"});
    fetch = world.take_fetch();
    world.answer(*fetch, world.empty_answer(*fetch, 0));
    CHECK(world.sink.take().empty());
    fetch = world.take_fetch();
    world.answer_records(*fetch, 0, 5, 10);
    fetch = world.take_fetch();
    world.answer_records(*fetch, 5, 5, 10);
    fetch = world.take_fetch();
    world.answer(*fetch, world.empty_answer(*fetch, 10));
    CHECK(world.sink.take() == Lines{"1:slice 0-5", "1:slice 5-10", "1:end 10"});
    CHECK(world.sink.watermarks[1] == std::pair<int64_t, int64_t>{0, 10});
}

TEST_CASE("records may run past the high watermark that comes with them", "[fetch]") {
    // A leader takes the mark first and the records then.
    FetchWorld world(with([](auto& c) { c.enable_partition_eof = true; }));
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    world.answer_records(*fetch, 0, 10, 5);
    CHECK(world.sink.take() == Lines{"1:slice 0-10"});
    fetch = world.take_fetch();
    REQUIRE(fetch);
    CHECK(fetch->asked() == Lines{"0@10"});
    world.answer(*fetch, world.empty_answer(*fetch, 10));
    CHECK(world.sink.take() == Lines{"1:end 10"});
}

TEST_CASE("a high watermark behind what was read is not the end", "[fetch]") {
    // A new leader learns late how far its predecessor's records were acknowledged, and there may be more of them.
    FetchWorld world(with([](auto& c) { c.enable_partition_eof = true; }));
    world.add(1, 0, 50);
    auto fetch = world.take_fetch();
    world.answer(*fetch, world.empty_answer(*fetch, 40));
    CHECK(world.sink.take().empty());
    fetch = world.take_fetch();
    REQUIRE(fetch);
    world.answer_records(*fetch, 50, 10, 60);
    CHECK(world.sink.take() == Lines{"1:slice 50-60", "1:end 60"});
}

TEST_CASE("reading committed, the end is the last stable offset", "[fetch]") {
    FetchWorld world(with([](auto& c) { c.enable_partition_eof = true; }));
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    auto response = world.empty_answer(*fetch, 10);
    FetchWorld::line(response).records.pieces = {Buffer::copy_of(batch(0, 6))};
    FetchWorld::line(response).last_stable_offset = 6;
    FetchWorld::line(response).aborted_transactions = {
        {{.producer_id = 9, .first_offset = 4, .unknown_tags = {}},
         {.producer_id = 8, .first_offset = 2, .unknown_tags = {}}}};
    world.answer(*fetch, response);
    const auto& slice = std::get<FetchedSlice>(world.sink.events.at(0).what);
    CHECK(slice.aborted == std::vector<AbortedTransaction>{{8, 2}, {9, 4}});
    CHECK(world.sink.take() == Lines{"1:slice 0-6", "1:end 6"});
}

TEST_CASE("headers that cannot be are that partition's error, after a pause it is tried again", "[fetch]") {
    const auto bytes = [](std::initializer_list<std::vector<uint8_t>> batches) {
        std::vector<uint8_t> all;
        for (const auto& b : batches)
            all.insert(all.end(), b.begin(), b.end());
        return all;
    };
    auto wrong_magic = batch(50, 1);
    wrong_magic[16] = 9;
    auto wrong_length = batch(50, 1);
    store_be<int32_t>(wrong_length.data() + 8, -5);
    auto wrong_delta = batch(50, 1);
    store_be<int32_t>(wrong_delta.data() + 23, -3);
    for (const auto& records : {
             batch(10, 5),                        // ends before what was asked for
             bytes({batch(10, 5), wrong_magic}),  // likewise
             wrong_magic,
             wrong_length,
             wrong_delta,
         }) {
        FetchWorld world;
        world.add(1, 0, 50);
        auto fetch = world.take_fetch();
        auto response = world.empty_answer(*fetch);
        FetchWorld::line(response).records.pieces = {Buffer::copy_of(records)};
        world.answer(*fetch, response);
        CHECK(world.sink.take() == Lines{"1:error _BAD_MSG at 50"});
        CHECK_FALSE(world.take_fetch());
        world.advance(500ms);
        auto again = world.take_fetch();
        REQUIRE(again);
        CHECK(again->asked() == Lines{"0@50"});
    }
}

TEST_CASE("what comes before a header that cannot be is taken, and the error told of where it is", "[fetch]") {
    auto wrong_magic = batch(60, 1);
    wrong_magic[16] = 9;
    for (const auto& bad : {wrong_magic, batch(40, 5)}) { // or it runs back
        FetchWorld world;
        world.add(1, 0, 50);
        auto fetch = world.take_fetch();
        auto records = batch(50, 10);
        records.insert(records.end(), bad.begin(), bad.end());
        auto response = world.empty_answer(*fetch);
        FetchWorld::line(response).records.pieces = {Buffer::copy_of(records)};
        world.answer(*fetch, response);
        const auto& slice = std::get<FetchedSlice>(world.sink.events.at(0).what);
        CHECK(slice.records.size() == batch(50, 10).size());
        CHECK(world.sink.take() == Lines{"1:slice 50-60"});
        fetch = world.take_fetch();
        REQUIRE(fetch);
        CHECK(fetch->asked() == Lines{"0@60"});
        response = world.empty_answer(*fetch);
        FetchWorld::line(response).records.pieces = {Buffer::copy_of(bad)};
        world.answer(*fetch, response);
        CHECK(world.sink.take() == Lines{"1:error _BAD_MSG at 60"});
        CHECK_FALSE(world.take_fetch());
    }
}

TEST_CASE("a batch cut off at the end of an answer is asked for again", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    auto records = batch(0, 10);
    const auto rest = batch(10, 10);
    records.insert(records.end(), rest.begin(), rest.begin() + 70);
    auto response = world.empty_answer(*fetch);
    FetchWorld::line(response).records.pieces = {Buffer::copy_of(records)};
    world.answer(*fetch, response);
    CHECK(world.sink.take() == Lines{"1:slice 0-10"});
    CHECK(world.take_fetch()->asked() == Lines{"0@10"});
}

TEST_CASE("old brokers cut off even the first message: more is asked for", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    const auto limit = fetch->request.topics[0].partitions[0].partition_max_bytes;
    auto response = world.empty_answer(*fetch);
    auto records = batch(0, 10);
    records.resize(70);
    FetchWorld::line(response).records.pieces = {Buffer::copy_of(records)};
    world.answer(*fetch, response);
    fetch = world.take_fetch();
    REQUIRE(fetch);
    CHECK(fetch->request.topics[0].partitions[0].partition_max_bytes == 2 * limit);
    CHECK(world.sink.take().empty());
}

TEST_CASE("topics without an id are fetched by name, at most with version 12", "[fetch]") {
    FetchWorld world;
    world.topic_id = {};
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    REQUIRE(fetch);
    CHECK(world.caller.version_of(fetch->call) == 12);
    CHECK(fetch->request.topics[0].topic == "t");
    world.answer_records(*fetch, 0, 10);
    CHECK(world.sink.take() == Lines{"1:slice 0-10"});
}

TEST_CASE("a throttled client waits before its next fetch", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    auto response = world.empty_answer(*fetch);
    response.throttle_time_ms = 3000;
    world.answer(*fetch, response);
    world.advance(2999ms);
    CHECK_FALSE(world.take_fetch());
    world.advance(1ms);
    CHECK(world.take_fetch());
}

TEST_CASE("an unknown topic is told of once it has had time to spread", "[fetch]") {
    FetchWorld world;
    world.topic_error = Errc::unknown_topic_or_part;
    world.add(1, 0, 0);
    for (int i = 0; i < 29; ++i)
        world.advance(1s);
    CHECK(world.sink.take().empty());
    for (int i = 0; i < 20; ++i)
        world.advance(1s);
    CHECK(world.sink.take() == Lines{"1:error UNKNOWN_TOPIC_OR_PART at 0"});
    world.topic_error = Errc::no_error;
    world.advance(2s);
    CHECK(world.take_fetch()); // and read when it appears after all
}

TEST_CASE("a topic that may not be read is told of at once", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    world.answer_error(*fetch, Errc::topic_authorization_failed);
    CHECK(world.sink.take() == Lines{"1:error TOPIC_AUTHORIZATION_FAILED at 0"});
    world.advance(4999ms);
    CHECK_FALSE(world.take_fetch());
    world.advance(1ms);
    CHECK(world.take_fetch());
}

TEST_CASE("the replica that the leader prefers is read, until it fails (KIP-392)", "[fetch]") {
    FetchWorld world(with([](auto& c) { c.client_rack = "east"; }));
    world.add(1, 0, 5);
    auto fetch = world.take_fetch();
    CHECK(fetch->request.rack_id == "east");
    auto response = world.empty_answer(*fetch);
    FetchWorld::line(response).preferred_read_replica = 2;
    world.answer(*fetch, response);
    fetch = world.take_fetch();
    REQUIRE(fetch);
    CHECK(fetch->node() == 2);
    world.answer_error(*fetch, Errc::offset_out_of_range);
    fetch = world.take_fetch();
    REQUIRE(fetch);
    CHECK(fetch->node() == 1);
    CHECK(fetch->asked() == Lines{"0@5"});
}

TEST_CASE("answers that cannot be read are told of, lost connections are not", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    fetch->call.deliver(core::PendingCall::RawAnswer{Buffer::copy_of("nonsense"), 12, 1}, world.now, false);
    world.run();
    CHECK(world.sink.take() == Lines{"1:error _BAD_MSG at 0"});
    world.advance(499ms);
    CHECK_FALSE(world.take_fetch());
    world.advance(1ms);
    fetch = world.take_fetch();
    REQUIRE(fetch);
    world.lose(fetch->call);
    CHECK(world.sink.take().empty());
}

TEST_CASE("a fetcher that is destroyed gets no reply", "[fetch]") {
    FetchWorld world;
    world.add(1, 0, 0);
    auto fetch = world.take_fetch();
    world.scheduler.remove(*world.fetcher);
    world.fetcher.reset();
    CHECK(fetch->call.scope.expired());
}

TEST_CASE("brokers take turns when there is memory for one of them only", "[fetch][memory]") {
    FetchWorld world;
    const auto memory = std::make_shared<MemoryBudget>(1000);
    const auto held = memory->charge(650); // leaves 100 of the 750 for what is received; 62 are asked for
    world.fetcher->set_memory(memory);
    world.add(1, 0, 0);
    world.add(2, 2, 0);
    for (int i = 0; i < 3; ++i)
        for (const int32_t node : {1, 2}) {
            auto fetch = world.take_fetch();
            REQUIRE(fetch);
            CHECK(fetch->node() == node);
            CHECK_FALSE(world.take_fetch());
            world.now += 1ms;
            world.answer(*fetch, world.empty_answer(*fetch));
        }
}
