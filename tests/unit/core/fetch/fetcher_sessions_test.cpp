// The fetcher with brokers that keep fetch sessions (KIP-227).
#include "catch.hpp"
#include "unit/core/fetch/fetch_world.hpp"

using namespace ottla;
using namespace ottla::core;
using namespace ottla::test;

using Lines = std::vector<std::string>;

namespace {

/// Partitions 0 and 1 are read as streams 1 and 2, in session 7 of broker 1.
struct SessionWorld : FetchWorld {
    explicit SessionWorld(config::ClientConfig c = {})
        : FetchWorld(std::move(c)) {
        for (int32_t i = 0; i < 2; ++i)
            fetcher->add({.where = {"t", i}, .stream = static_cast<StreamId>(i + 1), .offset = 0}, now);
        run();
        auto fetch = expect({"0/0", "0@0", "1@0"});
        auto response = empty_answer(fetch, 10);
        response.session_id = 7;
        answer(fetch, response);
    }

    /// The request that waits; `lines` are its session and epoch, what is asked, and "-p" for what is forgotten.
    Fetch expect(Lines lines, int32_t node = 1) {
        auto fetch = take_fetch();
        REQUIRE(fetch);
        CHECK(fetch->node() == node);
        Lines is{std::to_string(fetch->request.session_id) + "/" + std::to_string(fetch->request.session_epoch)};
        for (const auto& line : fetch->asked())
            is.push_back(line);
        for (const auto& topic : fetch->request.forgotten_topics_data)
            for (const int32_t partition : topic.partitions)
                is.push_back("-" + std::to_string(partition));
        CHECK(is == lines);
        return std::move(*fetch);
    }

    /// An answer in the session with a line of `partition`.
    msg::FetchResponse session_answer(std::optional<int32_t> partition = {}, int64_t high_watermark = 10) const {
        msg::FetchResponse response;
        response.session_id = 7;
        if (!partition)
            return response;
        auto& topic = response.responses.emplace_back();
        topic.topic = "t";
        topic.topic_id = topic_id;
        auto& line = topic.partitions.emplace_back();
        line.partition_index = *partition;
        line.high_watermark = high_watermark;
        line.last_stable_offset = high_watermark;
        line.log_start_offset = 0;
        return response;
    }
};

config::ClientConfig with(auto change) {
    config::ClientConfig config;
    change(config);
    return config;
}

} // namespace

TEST_CASE("in a session only partitions that have moved are asked for again", "[fetch]") {
    SessionWorld world;
    auto fetch = world.expect({"7/1"});
    auto response = world.session_answer(1);
    FetchWorld::line(response).records.pieces = {Buffer::copy_of(batch(0, 5))};
    world.answer(fetch, response);
    CHECK(world.sink.take() == Lines{"2:slice 0-5"});
    fetch = world.expect({"7/2", "1@5"});
    world.answer(fetch, world.session_answer());
    world.expect({"7/3"});
}

TEST_CASE("what is paused, removed, moved or in trouble is forgotten, and comes back", "[fetch]") {
    SessionWorld world;
    auto fetch = world.expect({"7/1"});
    world.fetcher->pause(1);
    world.run();
    world.answer(fetch, world.session_answer());
    fetch = world.expect({"7/2", "-0"});
    world.fetcher->resume(1);
    world.answer(fetch, world.session_answer());
    fetch = world.expect({"7/3", "0@0"});

    world.fetcher->remove(2);
    world.run();
    world.answer(fetch, world.session_answer());
    fetch = world.expect({"7/4", "-1"});
    world.add(3, 1, 5);
    world.answer(fetch, world.session_answer());
    fetch = world.expect({"7/5", "1@5"});

    auto response = world.session_answer(0);
    FetchWorld::line(response).error_code = static_cast<int16_t>(Errc::topic_authorization_failed);
    world.answer(fetch, response);
    CHECK(world.sink.take() == Lines{"1:error TOPIC_AUTHORIZATION_FAILED at 0"});
    fetch = world.expect({"7/6", "-0"});
    world.advance(5s);
    world.answer(fetch, world.session_answer());
    fetch = world.expect({"7/7", "0@0"});

    world.leaders[0] = 2;
    ++world.epoch;
    response = world.session_answer(0);
    FetchWorld::line(response).error_code = static_cast<int16_t>(Errc::not_leader_for_partition);
    world.answer(fetch, response);
    fetch = world.expect({"7/8", "-0"});
    world.advance(1s);
    world.expect({"0/0", "0@0"}, 2);
    world.answer(fetch, world.session_answer());
    world.expect({"7/9", "1@5"}); // for its leader has another epoch now
}

TEST_CASE("an answer in a session is not given to a reader that came after the request", "[fetch]") {
    SessionWorld world;
    auto fetch = world.expect({"7/1"});
    world.fetcher->add({.where = {"t", 0}, .stream = 3, .offset = 0}, world.now);
    world.fetcher->remove(1);
    world.run();
    auto response = world.session_answer(0);
    FetchWorld::line(response).records.pieces = {Buffer::copy_of(batch(0, 5))};
    world.answer(fetch, response);
    CHECK(world.sink.take().empty());
    world.expect({"7/2", "0@0"});
}

TEST_CASE("ends are told of partitions that an answer leaves out", "[fetch]") {
    SessionWorld world(with([](auto& c) { c.enable_partition_eof = true; }));
    CHECK(world.sink.take().empty()); // both have ten records
    auto fetch = world.expect({"7/1"});
    world.fetcher->add({.where = {"t", 0}, .stream = 3, .offset = 10}, world.now); // a seek to the end
    world.fetcher->remove(1);
    world.run();
    world.answer(fetch, world.session_answer());
    fetch = world.expect({"7/2", "0@10"});
    world.answer(fetch, world.session_answer()); // the broker has said already where the end is
    CHECK(world.sink.take() == Lines{"3:end 10"});
    CHECK(world.sink.watermarks[3] == std::pair<int64_t, int64_t>{0, 10});
    fetch = world.expect({"7/3"});
    world.answer(fetch, world.session_answer());
    CHECK(world.sink.take().empty());
}

TEST_CASE("a session that the broker does not know any more begins anew at once", "[fetch]") {
    for (const Errc error : {Errc::fetch_session_id_not_found, Errc::invalid_fetch_session_epoch, Errc::fetch_session_topic_id_error}) {
        INFO(error_name(error));
        const std::string anew = error == Errc::fetch_session_id_not_found ? "0/0" : "7/0";
        SessionWorld world;
        auto fetch = world.expect({"7/1"});
        msg::FetchResponse response;
        response.error_code = static_cast<int16_t>(error);
        world.answer(fetch, response);
        fetch = world.expect({anew, "0@0", "1@0"});
        world.answer(fetch, response); // a broker that says nothing else is not asked without end
        CHECK_FALSE(world.take_fetch());
        world.advance(1s);
        fetch = world.expect({anew, "0@0", "1@0"});
        auto good = world.empty_answer(fetch);
        good.session_id = 7;
        world.answer(fetch, good);
        world.expect({"7/1"});
        CHECK(world.sink.take().empty());
    }
}

TEST_CASE("after a lost connection nobody knows what the broker has heard", "[fetch]") {
    SessionWorld world;
    auto fetch = world.expect({"7/1"});
    world.lose(fetch.call);
    world.advance(1s);
    world.expect({"7/0", "0@0", "1@0"});
}

TEST_CASE("a partition without demand leaves the session until there is demand", "[fetch]") {
    SessionWorld world(with([](auto& c) { c.queued_min_messages = 10; }));
    auto fetch = world.expect({"7/1"});
    auto response = world.session_answer(0, 50);
    FetchWorld::line(response).records.pieces = {Buffer::copy_of(batch(0, 20))};
    world.answer(fetch, response);
    fetch = world.expect({"7/2", "-0"});
    CHECK(fetch.request.max_wait_ms == 10);
    world.sink.credits = {{1, 15, 100}};
    world.fetcher->wake();
    world.run();
    world.answer(fetch, world.session_answer());
    fetch = world.expect({"7/3", "0@20"});
    CHECK(fetch.request.max_wait_ms == 500);
}

TEST_CASE("brokers before 1.1 are told everything each time", "[fetch]") {
    FetchWorld world;
    world.caller.limits[msg::ApiKey::fetch] = 6;
    world.add(1, 0, 5);
    for (int i = 0; i < 3; ++i) {
        auto fetch = world.take_fetch();
        REQUIRE(fetch);
        CHECK(fetch->asked() == Lines{"0@5"});
        world.answer(*fetch, world.empty_answer(*fetch));
    }
}

TEST_CASE("a broker at which nothing is left to read is told to end the session", "[fetch]") {
    SessionWorld world;
    auto fetch = world.expect({"7/1"});
    world.fetcher->pause(1);
    world.fetcher->remove(2);
    world.run();
    world.answer(fetch, world.session_answer());
    CHECK_FALSE(world.take_fetch()); // it may be resumed
    world.fetcher->remove(1);
    world.run();
    auto end = world.expect({"7/-1"});
    CHECK(end.call.options.lane == Lane::fetch);
    CHECK(end.request.max_wait_ms == 0);
    world.add(3, 0, 5);
    world.expect({"0/0", "0@5"});
}

TEST_CASE("partitions that move to another leader end the session at the old one", "[fetch]") {
    SessionWorld world;
    auto fetch = world.expect({"7/1"});
    world.leaders = {2, 2, 2};
    ++world.epoch;
    world.metadata->refresh("a test");
    world.advance(1s);
    world.answer(fetch, world.session_answer());
    world.expect({"0/0", "0@0", "1@0"}, 2);
    auto end = world.expect({"7/-1"});
    world.lose(end.call); // best effort
    world.advance(1s);
    CHECK_FALSE(world.take_fetch());
    CHECK(world.sink.take().empty());
}

TEST_CASE("who finishes ends sessions, past requests that wait at the broker", "[fetch]") {
    SessionWorld world;
    auto fetch = world.expect({"7/1"});
    bool done = false;
    world.fetcher->finish(1s, [&] { done = true; });
    auto end = world.expect({"7/-1"});
    CHECK(end.call.options.lane == Lane::general);
    CHECK(end.call.options.timeout == 1s);
    CHECK_FALSE(done);
    world.answer(fetch, world.session_answer());
    world.advance(10s);
    CHECK_FALSE(world.take_fetch());
    world.answer(end, msg::FetchResponse{});
    CHECK(done);
}

TEST_CASE("who has no session that brokers are known to keep is finished at once", "[fetch]") {
    const auto finished = [](FetchWorld& world) {
        bool done = false;
        world.fetcher->finish(1s, [&] { done = true; });
        return done && !world.take_fetch();
    };
    SessionWorld lost;
    auto fetch = lost.expect({"7/1"});
    lost.lose(fetch.call);
    CHECK(finished(lost));
    FetchWorld fresh;
    fresh.add(1, 0, 0);
    REQUIRE(fresh.take_fetch());
    CHECK(finished(fresh));
}

TEST_CASE("who begins to read while a request waits at the broker is asked for beside it", "[fetch]") {
    SessionWorld world;
    auto fetch = world.expect({"7/1"});
    world.add(3, 0, 5);
    world.fetcher->remove(1);
    world.run();
    CHECK_FALSE(world.take_fetch()); // it may be back at once
    world.advance(9ms);
    CHECK_FALSE(world.take_fetch());
    world.advance(1ms);
    auto beside = world.expect({"0/-1", "0@5"});
    CHECK(beside.call.options.lane == Lane::fetch_beside);
    CHECK(beside.request.max_wait_ms == 0);
    world.answer_records(beside, 5, 5);
    CHECK(world.sink.take() == Lines{"3:slice 5-10"});
    beside = world.expect({"0/-1", "0@10"});
    world.answer(beside, world.empty_answer(beside));
    world.advance(400ms);
    CHECK_FALSE(world.take_fetch()); // there is nothing to hurry for
    world.answer(fetch, world.session_answer());
    world.expect({"7/2", "0@10"});
}

TEST_CASE("an answer that comes soon, or an error, leaves nobody to be asked for beside it", "[fetch]") {
    SessionWorld world;
    auto fetch = world.expect({"7/1"});
    world.add(3, 0, 5);
    world.answer(fetch, world.session_answer());
    fetch = world.expect({"7/2", "0@5"});
    world.advance(400ms);
    CHECK_FALSE(world.take_fetch());

    world.fetcher->pause(2);
    world.run();
    world.answer(fetch, world.session_answer());
    fetch = world.expect({"7/3", "-1"});
    world.fetcher->resume(2);
    world.run();
    world.advance(10ms);
    auto beside = world.expect({"0/-1", "1@0"});
    world.lose(beside.call);
    world.advance(400ms);
    CHECK_FALSE(world.take_fetch());
    world.answer(fetch, world.session_answer());
    world.expect({"7/4", "1@0"});
    CHECK(world.sink.take().empty());
}

TEST_CASE("what both requests bring is taken once", "[fetch]") {
    SessionWorld world;
    auto fetch = world.expect({"7/1"});
    world.add(3, 0, 5);
    world.fetcher->remove(1);
    world.run();
    world.advance(10ms);
    auto beside = world.expect({"0/-1", "0@5"});
    world.answer(fetch, world.session_answer());
    fetch = world.expect({"7/2", "0@5"});
    world.answer_records(beside, 5, 5);
    auto response = world.session_answer(0);
    FetchWorld::line(response).records.pieces = {Buffer::copy_of(batch(5, 5))};
    world.answer(fetch, response);
    CHECK(world.sink.take() == Lines{"3:slice 5-10"});
    world.expect({"7/3", "0@10"});
}

TEST_CASE("who comes to another leader is read there at once, unless paused or in trouble", "[fetch]") {
    SessionWorld world;
    world.fetcher->add({.where = {"t", 2}, .stream = 3, .offset = 0}, world.now);
    world.run();
    auto first = world.expect({"7/1"});
    world.expect({"0/0", "2@0"}, 2);
    world.fetcher->pause(2);
    world.leaders = {2, 2, 2};
    ++world.epoch;
    world.metadata->refresh("a test");
    world.advance(1s);
    world.expect({"0/-1", "0@0"}, 2);
    CHECK_FALSE(world.take_fetch());
}
