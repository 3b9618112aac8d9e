#include "core/fetch/offset_query.hpp"

#include "catch.hpp"
#include "core/fetch/list_offsets.hpp"
#include "unit/core/fetch/fetch_world.hpp"

using namespace ottla;
using namespace ottla::core;
using namespace ottla::test;

namespace {

struct World {
    explicit World(int16_t version) { caller.limits[msg::ApiKey::list_offsets] = version; }

    void ask(int64_t timestamp) {
        query_offset(caller, {.where = {"t", 0}, .timestamp = timestamp, .timeout = 1s}, scope, [this](Result<int64_t> answer) {
            results.push_back(answer.value());
        });
    }

    /// Answers the waiting request; returns the time that was asked for.
    int64_t answer(std::vector<int64_t> offsets) {
        auto asked = caller.take<msg::ListOffsetsRequest>();
        if (!asked) // what the version cannot carry has failed and is asked in another way
            asked = caller.take<msg::ListOffsetsRequest>();
        REQUIRE(asked);
        const auto& line = asked->first.topics.at(0).partitions.at(0);
        msg::ListOffsetsResponse response;
        auto& topic = response.topics.emplace_back();
        topic.name = asked->first.topics[0].name;
        auto& partition = topic.partitions.emplace_back();
        if (caller.version_of(asked->second) == 0)
            partition.old_style_offsets = offsets;
        else
            partition.offset = offsets.at(0);
        caller.answer(asked->second, response, TimePoint());
        return line.timestamp;
    }

    FakeCaller caller;
    CallScope scope;
    std::vector<int64_t> results;
};

} // namespace

TEST_CASE("an offset by time is that of a record", "[fetch]") {
    World world(1);
    world.ask(1000);
    CHECK(world.answer({7}) == 1000);
    CHECK(world.results == std::vector<int64_t>{7});
}

TEST_CASE("an offset by time that no record has is none", "[fetch]") {
    World world(1);
    world.ask(1000);
    world.answer({-1});
    CHECK(world.results == std::vector<int64_t>{-1});
}

TEST_CASE("before 0.10.1 an offset by time is the beginning of a segment", "[fetch]") {
    World world(0);
    world.ask(1000);
    CHECK(world.answer({5}) == 1000);
    CHECK(world.results == std::vector<int64_t>{5});
}

TEST_CASE("before 0.10.1 a time before all segments is the beginning of all", "[fetch]") {
    World world(0);
    world.ask(1000);
    CHECK(world.answer({}) == 1000);
    CHECK(world.results.empty());
    CHECK(world.answer({3}) == timestamp_earliest);
    CHECK(world.results == std::vector<int64_t>{3});
}
