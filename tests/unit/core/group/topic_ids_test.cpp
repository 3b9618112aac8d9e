// Offsets of groups by topic ids: OffsetFetch and OffsetCommit from version 10 on (KIP-848).
#include "core/cluster/topic_ids.hpp"

#include <ottla/msg/offset_fetch.hpp>

#include "catch.hpp"
#include "core/fetch/committed_offsets.hpp"
#include "core/group/offset_committer.hpp"
#include "unit/core/fetch/fetch_world.hpp"

using namespace ottla;
using namespace ottla::core;
using namespace ottla::test;

namespace {

const Uuid id_of_t{{1, 2, 3}};
const Uuid id_of_u{{4, 5, 6}};

struct World {
    World() {
        metadata.want("t");
        metadata.want("u");
        answer_metadata();
    }

    bool answer_metadata() {
        metadata.poll(now += 1s);
        auto asked = caller.take<msg::MetadataRequest>();
        if (!asked)
            return false;
        msg::MetadataResponse response;
        for (const auto& [name, id] : {std::pair("t", id_of_t), std::pair("u", id_of_u)}) {
            auto& topic = response.topics.emplace_back();
            topic.name = name;
            topic.topic_id = id;
            topic.partitions.emplace_back().leader_id = 1;
        }
        caller.answer(asked->second, response, now);
        return true;
    }

    void ask(std::vector<TopicPartition> partitions) {
        CommittedQuery query{.group = "g", .partitions = std::move(partitions), .timeout = 1s, .metadata = &metadata};
        query.member = "me";
        query.member_epoch = 5;
        query_committed(caller, std::move(query), scope, [this](Result<std::vector<CommittedOffset>> got, TimePoint) {
            REQUIRE_FALSE(found);
            found = std::move(got);
        });
    }

    template <class Request>
    std::pair<Request, PendingCall> take() {
        auto taken = caller.take<Request>();
        REQUIRE(taken);
        return std::move(*taken);
    }

    static msg::OffsetFetchResponse offset_of(const Uuid& id, int64_t offset, Errc code = Errc::no_error) {
        msg::OffsetFetchResponse response;
        auto& topic = response.groups.emplace_back().topics.emplace_back();
        topic.topic_id = id;
        topic.name = "t"; // goes out only where there are names
        auto& line = topic.partitions.emplace_back();
        line.committed_offset = offset;
        line.error_code = static_cast<int16_t>(code);
        return response;
    }

    TimePoint now{};
    FakeCaller caller;
    Metadata metadata{caller, {}, 7};
    CallScope scope;
    std::optional<Result<std::vector<CommittedOffset>>> found;
};

} // namespace

TEST_CASE("committed offsets are asked for by topic id where all ids are known", "[group]") {
    World world;
    world.ask({{"t", 0}});
    auto [request, call] = world.take<msg::OffsetFetchRequest>();
    CHECK(world.caller.version_of(call) == 10);
    REQUIRE(request.groups.size() == 1);
    CHECK(request.groups[0].member_id == "me");
    CHECK(request.groups[0].member_epoch == 5);
    REQUIRE(request.groups[0].topics->size() == 1);
    CHECK((*request.groups[0].topics)[0].topic_id == id_of_t);
    world.caller.answer(call, World::offset_of(id_of_t, 7), world.now);
    REQUIRE(world.found);
    CHECK(world.found->value().at(0).offset == 7);
    CHECK_FALSE(world.found->value().at(0).error);
}

TEST_CASE("one topic without an id, and all go by name", "[group]") {
    World world;
    world.ask({{"t", 0}, {"unheard of", 0}});
    auto [request, call] = world.take<msg::OffsetFetchRequest>();
    CHECK(world.caller.version_of(call) == 9);
    REQUIRE(request.groups.at(0).topics->size() == 2);
    CHECK((*request.groups[0].topics)[0].name == "t");
}

TEST_CASE("a topic id that proves old is left for the name, and metadata are asked for", "[group]") {
    World world;
    world.ask({{"t", 0}});
    auto [request, call] = world.take<msg::OffsetFetchRequest>();
    world.caller.answer(call, World::offset_of(id_of_t, -1, Errc::unknown_topic_id), world.now);
    CHECK_FALSE(world.found);
    auto [again, second] = world.take<msg::OffsetFetchRequest>();
    CHECK(world.caller.version_of(second) == 9);
    CHECK(again.groups.at(0).topics->at(0).name == "t");
    CHECK(again.groups[0].member_id == "me");
    CHECK(world.answer_metadata());
    world.caller.answer(second, World::offset_of({}, 3), world.now);
    REQUIRE(world.found);
    CHECK(world.found->value().at(0).offset == 3);
}

TEST_CASE("commits name topics by id; one that was made anew gets nothing of the old one", "[group]") {
    World world;
    OffsetCommitter committer(world.caller, "g", 10s);
    committer.name_by_ids(world.metadata);
    std::vector<std::pair<Errc, std::vector<CommittedOffset>>> done;
    const auto commit = [&](std::vector<std::string> topics) {
        std::vector<CommittedOffset> offsets;
        for (auto& topic : topics) {
            auto& row = offsets.emplace_back();
            row.topic = std::move(topic);
            row.partition = 0;
            row.offset = 9;
        }
        committer.commit({}, std::move(offsets), [&](const Error& error, std::vector<CommittedOffset> rows) {
            done.emplace_back(error.errc(), std::move(rows));
        });
    };
    commit({"t", "u"});
    auto [request, call] = world.take<msg::OffsetCommitRequest>();
    CHECK(world.caller.version_of(call) == 10);
    REQUIRE(request.topics.size() == 2);
    CHECK(request.topics[0].topic_id == id_of_t);
    CHECK(request.topics[1].topic_id == id_of_u);
    msg::OffsetCommitResponse response;
    for (const auto& [id, code] : {std::pair(id_of_u, Errc::unknown_topic_id), std::pair(id_of_t, Errc::no_error)}) {
        auto& topic = response.topics.emplace_back();
        topic.topic_id = id;
        topic.partitions.emplace_back().error_code = static_cast<int16_t>(code);
    }
    world.caller.answer(call, response, world.now);
    REQUIRE(done.size() == 1);
    CHECK(done[0].first == Errc::no_error); // one of them is committed
    REQUIRE(done[0].second.size() == 2);
    CHECK_FALSE(done[0].second[0].error);
    CHECK(done[0].second[1].error.errc() == Errc::unknown_topic_id);
    CHECK(world.answer_metadata()); // who made it anew?

    commit({"unheard of"});
    CHECK(world.caller.version_of(world.take<msg::OffsetCommitRequest>().second) == 9);
}
