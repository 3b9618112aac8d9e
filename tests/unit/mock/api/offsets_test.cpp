// Offsets that groups commit, in transactions and without, and how they are read back.
#include <ottla/msg/offset_commit.hpp>
#include <ottla/msg/offset_fetch.hpp>

#include "unit/mock/transaction_world.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

struct OffsetWorld : TransactionWorld {
    OffsetWorld() { create("t", 2); }

    Errc commit_plainly(int64_t offset, int16_t version = 8, const Member& member = {}) {
        return commit_plainly("g", "t", offset, version, member);
    }

    Errc commit_plainly(
        const std::string& group,
        const std::string& topic,
        int64_t offset,
        int16_t version,
        const Member& member = {},
        std::string metadata = "m"
    ) {
        msg::OffsetCommitRequest request;
        request.group_id = group;
        request.generation_id_or_member_epoch = member.generation;
        request.member_id = member.id;
        auto& wanted = request.topics.emplace_back();
        if (version < 10)
            wanted.name = topic;
        else if (const Topic* known = core.find_topic(topic))
            wanted.topic_id = known->id;
        else
            wanted.topic_id = Uuid{{1}};
        auto& partition = wanted.partitions.emplace_back();
        partition.committed_offset = offset;
        partition.committed_metadata = std::move(metadata);
        return static_cast<Errc>(ask(request, version).topics.at(0).partitions.at(0).error_code);
    }

    struct Read {
        int64_t offset;
        std::string metadata;
        Errc error;
        bool operator==(const Read&) const = default;
    };

    Read read(int16_t version = 7, bool stable = true) {
        msg::OffsetFetchRequest request;
        request.require_stable = stable && version >= 7;
        if (version < 8) {
            request.group_id = "g";
            auto& topic = request.topics.emplace().emplace_back();
            topic.name = "t";
            topic.partition_indexes = {0};
            const auto answer = ask(request, version);
            CHECK(answer.error_code == 0);
            return as_read(answer.topics.at(0).partitions.at(0));
        }
        auto& group = request.groups.emplace_back();
        group.group_id = "g";
        auto& topic = group.topics.emplace().emplace_back();
        if (version < 10)
            topic.name = "t";
        else
            topic.topic_id = core.find_topic("t")->id;
        topic.partition_indexes = {0};
        const auto answer = ask(request, version);
        CHECK(answer.groups.at(0).error_code == 0);
        return as_read(answer.groups.at(0).topics.at(0).partitions.at(0));
    }

    template <class Partition>
    static Read as_read(const Partition& partition) {
        return {
            partition.committed_offset,
            partition.metadata.value_or("null"),
            static_cast<Errc>(partition.error_code)};
    }
};

using Read = OffsetWorld::Read;
const Read nothing{-1, "", Errc::no_error};
const Read unstable{-1, "", Errc::unstable_offset_commit};

} // namespace

TEST_CASE("what a group commits can be read in every version") {
    OffsetWorld world;
    for (int16_t version = 1; version <= 10; ++version)
        CHECK(world.read(version) == nothing);
    int64_t offset = 10;
    for (int16_t version = 2; version <= 10; ++version) {
        CHECK(world.commit_plainly(++offset, version) == Errc::no_error);
        for (int16_t reader = 1; reader <= 10; ++reader)
            CHECK(world.read(reader) == Read{offset, "m", Errc::no_error});
    }
}

TEST_CASE("all that a group committed is told when no topics are named") {
    OffsetWorld world;
    world.create("u", 1);
    world.commit_plainly("g", "t", 1, 8);
    world.commit_plainly("g", "u", 2, 8);
    msg::OffsetFetchRequest request;
    request.group_id = "g";
    request.topics = std::nullopt;
    const auto answer = world.ask(request, 7);
    REQUIRE(answer.topics.size() == 2);
    CHECK(answer.topics[0].name == "t");
    CHECK(answer.topics[1].partitions.at(0).committed_offset == 2);

    msg::OffsetFetchRequest many;
    for (const char* name : {"g", "unheard of"}) {
        auto& group = many.groups.emplace_back();
        group.group_id = name;
        group.topics = std::nullopt;
    }
    const auto by_id = world.ask(many, 10);
    REQUIRE(by_id.groups.at(0).topics.size() == 2);
    CHECK(by_id.groups[0].topics[1].topic_id == world.core.find_topic("u")->id);
    CHECK(by_id.groups.at(1).topics.empty());
    CHECK(by_id.groups[1].error_code == 0);
}

TEST_CASE("a commit names topics that exist, and no member") {
    OffsetWorld world;
    CHECK(world.commit_plainly("g", "no", 1, 9) == Errc::unknown_topic_or_part);
    CHECK(world.commit_plainly("g", "no", 1, 10) == Errc::unknown_topic_id);
    CHECK(world.commit_plainly("g", "t", 1, 8, {}, std::string(4097, 'x')) == Errc::offset_metadata_too_large);
    CHECK(world.commit_plainly("new", "t", 1, 8, {5, "m"}) == Errc::illegal_generation);
    CHECK(world.commit_plainly("new", "t", 1, 9, {5, "m"}) == Errc::group_id_not_found);
    CHECK(world.commit_plainly("new", "t", 1, 8, {-1, "m"}) == Errc::no_error);
    CHECK(world.commit_plainly("new", "t", 1, 9, {0, ""}) == Errc::unknown_member_id);
}

TEST_CASE("offsets of a transaction are pending until it ends") {
    OffsetWorld world;
    for (const Versions& versions : {v1, v2}) {
        for (const bool commits : {true, false}) {
            const auto before = world.read();
            const auto producer = world.producer("id");
            const auto version = static_cast<int16_t>(versions.end == v2.end ? 5 : 3);
            if (version == 3)
                CHECK(world.add_offsets("id", producer, "g") == Errc::no_error);
            const int64_t offset = before.offset + 10;
            CHECK(world.commit_in_transaction("id", producer, "g", offset, version) == Errc::no_error);
            CHECK(world.read(7, true) == unstable);
            CHECK(world.read(10, true) == unstable);
            CHECK(world.read(7, false) == before);
            CHECK(world.read(6) == before);
            CHECK(world.end("id", producer, commits, versions.end).error == Errc::no_error);
            CHECK(world.read() == (commits ? Read{offset, "", Errc::no_error} : before));
        }
    }
}

TEST_CASE("a group must be part of the transaction, in version 2 it becomes so") {
    OffsetWorld world;
    const auto producer = world.producer("id");
    for (const int16_t version : std::initializer_list<int16_t>{0, 1, 2, 3})
        CHECK(world.commit_in_transaction("id", producer, "g", 1, version) == Errc::invalid_txn_state);
    CHECK(world.commit_in_transaction("id", producer, "g", 1, 4) == Errc::transaction_abortable);
    CHECK(world.commit_in_transaction("id", producer, "g", 1, 5) == Errc::no_error);
    CHECK(world.commit_in_transaction("id", producer, "g", 1, 3) == Errc::no_error);
}

TEST_CASE("a fenced producer commits no offsets") {
    OffsetWorld world;
    const auto old = world.producer("id");
    world.producer("id");
    for (int16_t version = 0; version <= 5; ++version)
        CHECK(world.commit_in_transaction("id", old, "g", 1, version) == Errc::invalid_producer_epoch);
    for (int16_t version = 0; version <= 4; ++version)
        CHECK(world.add_offsets("id", old, "g", version) ==
              (version < 2 ? Errc::invalid_producer_epoch : Errc::producer_fenced));
    CHECK(world.commit_in_transaction("other", old, "g", 1, 5) == Errc::invalid_producer_id_mapping);
    CHECK(world.add_offsets("other", old, "g") == Errc::invalid_producer_id_mapping);
    CHECK(world.add_offsets("", old, "g") == Errc::invalid_request);
    CHECK(world.commit_in_transaction("id", old, "", 1, 5) == Errc::invalid_group_id);
}

TEST_CASE("the consumer that offsets are committed for must be in the group") {
    OffsetWorld world;
    const auto producer = world.producer("id");
    const auto commit = [&](Member member) {
        return world.commit_in_transaction("id", producer, "g", 1, 5, member);
    };
    CHECK(commit({5, "m"}) == Errc::illegal_generation);
    CHECK(commit({-1, "m"}) == Errc::no_error);
    CHECK(commit({5, "m"}) == Errc::unknown_member_id);
    CHECK(commit({0, ""}) == Errc::unknown_member_id);
    CHECK(commit({-1, ""}) == Errc::no_error);
}

TEST_CASE("offsets wait for the markers of their transaction, as records do") {
    OffsetWorld world;
    world.delay_markers(40ms);
    const auto producer = world.producer("id");
    world.commit_in_transaction("id", producer, "g", 9, 5);
    const auto ended = world.end("id", producer, true, 5);
    CHECK(ended.error == Errc::no_error);
    CHECK(world.read() == unstable);
    for (const int16_t version : std::initializer_list<int16_t>{3, 4, 5})
        CHECK(world.commit_in_transaction("id", ended.producer, "g", 10, version) ==
              Errc::concurrent_transactions);
    CHECK(world.add_offsets("id", ended.producer, "g") == Errc::concurrent_transactions);
    world.advance(40ms);
    CHECK(world.read().offset == 9);
}

TEST_CASE("offsets are kept when their coordinator ends, and only the new one knows them") {
    TransactionWorld world(3);
    world.create("t", 1);
    const auto producer = world.producer("id");
    CHECK(world.commit_in_transaction("id", producer, "g", 9, 5) == Errc::no_error);
    CHECK(world.commit("id", producer, 5) == Errc::no_error);
    const int32_t old = world.group_coordinator("g");
    const int32_t next = old % 3 + 1;
    world.core.set_failover({.load = 10ms});
    world.core.move_coordinator(ClusterCore::CoordinatorOf::group, "g", next, world.now);
    const auto error_of = [&](int32_t broker, int16_t version) {
        msg::OffsetFetchRequest request;
        request.group_id = "g";
        auto& topic = request.topics.emplace().emplace_back();
        topic.name = "t";
        topic.partition_indexes = {0};
        const auto answer = world.ask(request, version, broker);
        return static_cast<Errc>(
            version >= 2 ? answer.error_code : answer.topics.at(0).partitions.at(0).error_code
        );
    };
    CHECK(error_of(old, 7) == Errc::not_coordinator);
    CHECK(error_of(old, 1) == Errc::not_coordinator);
    CHECK(error_of(next, 7) == Errc::coordinator_load_in_progress);
    world.advance(10ms);
    CHECK(error_of(next, 7) == Errc::no_error);
    CHECK(world.core.offsets().find("g", {"t", 0})->offset == 9);
}

TEST_CASE("clients that do not know of loading are told that there is no coordinator") {
    OffsetWorld world;
    const auto producer = world.producer("id");
    world.core.set_failover({.load = 10ms});
    world.core.move_coordinator(ClusterCore::CoordinatorOf::group, "g", 1, world.now);
    for (int16_t version = 0; version <= 5; ++version)
        CHECK(world.commit_in_transaction("id", producer, "g", 1, version) ==
              (version < 2 ? Errc::coordinator_not_available : Errc::coordinator_load_in_progress));
}

TEST_CASE("a deleted topic takes the offsets committed for it along") {
    OffsetWorld world;
    world.commit_plainly(5);
    REQUIRE_FALSE(world.core.delete_topic("t"));
    world.create("t", 2);
    CHECK(world.read() == nothing);
}
