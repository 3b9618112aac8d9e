// Consumers that are refused something: rights to a topic or a group, an offset, a topic that is another one by now. The partition
// or the member that is concerned hears of it, and all else goes on.
#include <ottla/msg/consumer_group_heartbeat.hpp>
#include <ottla/msg/fetch.hpp>
#include <ottla/msg/find_coordinator.hpp>
#include <ottla/msg/heartbeat.hpp>
#include <ottla/msg/join_group.hpp>
#include <ottla/msg/list_offsets.hpp>
#include <ottla/msg/metadata.hpp>
#include <ottla/msg/offset_fetch.hpp>
#include <ottla/msg/sync_group.hpp>

#include "mock/group_workers.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

using Values = std::vector<std::string>;

template <class Request>
constexpr int16_t key_of = static_cast<int16_t>(Request::api_key);

/// Partition 0 is at one broker, partition 1 at another.
struct TwoBrokers : ConsumerWorld {
    TwoBrokers()
        : ConsumerWorld({.brokers = 2, .auto_create_topics = false}) {
        REQUIRE_FALSE(cluster.create_topic("t", 2));
        REQUIRE(cluster.leader("t", 0) != cluster.leader("t", 1));
        fill("t", 0, 2, "a");
        fill("t", 1, 2, "b");
    }

    Config reader(std::initializer_list<std::pair<const std::string, std::string>> more = {}) const {
        Config all = config({{"fetch.error.backoff.ms", "20"}, {"retry.backoff.ms", "10"}, {"fetch.wait.max.ms", "20"}});
        for (const auto& [name, value] : more)
            all.set(name, value);
        return all;
    }

    /// Reads so many messages and events; those of partition 0, as "ERROR offset" or the value.
    Values of_first(Consumer& consumer, size_t count) {
        Values values;
        others.clear();
        for (const auto deadline = Clock::now() + 20s; count > 0 && Clock::now() < deadline;) {
            const auto message = consumer.poll(100ms);
            if (!message)
                continue;
            --count;
            CHECK(message->topic() == "t");
            auto& into = message->partition() == 0 ? values : others;
            into.push_back(
                message->error() ? error_name(message->error().errc()) + " " + std::to_string(message->offset())
                                 : std::string(message->value().text())
            );
        }
        return values;
    }

    Values others; ///< of partition 1, from the last call
};

std::vector<TopicPartitionOffset> both_from(int64_t offset) {
    return {{.topic = "t", .partition = 0, .offset = offset}, {.topic = "t", .partition = 1, .offset = offset}};
}

/// A member's messages until all 40 have come; events by their names.
struct Member {
    explicit Member(const Config& config)
        : consumer(config) {
        consumer.subscribe({"t"});
    }

    bool reads(size_t count) {
        return comes([&] {
            const auto message = consumer.poll(20ms);
            if (message && message->error())
                events.push_back(error_name(message->error().errc()));
            else if (message)
                values.insert(std::string(message->value().text()));
            return values.size() == count;
        });
    }

    Consumer consumer;
    std::set<std::string> values;
    Values events;
};

} // namespace

TEST_CASE_METHOD(TwoBrokers, "a partition that may not be fetched is told of, and the others go on") {
    cluster.fail_next(key_of<msg::FetchRequest>, 1, Errc::topic_authorization_failed, *cluster.leader("t", 0));
    Consumer consumer(reader());
    consumer.assign(both_from(0));
    CHECK(of_first(consumer, 5) == Values{"TOPIC_AUTHORIZATION_FAILED 0", "a0", "a1"});
    CHECK(others == Values{"b0", "b1"});
}

TEST_CASE_METHOD(TwoBrokers, "a partition whose offsets may not be asked for is told of once, and read when they may") {
    cluster.fail_next(key_of<msg::ListOffsetsRequest>, 3, Errc::topic_authorization_failed, *cluster.leader("t", 0));
    Consumer consumer(reader());
    consumer.assign(both_from(offset_beginning));
    CHECK(of_first(consumer, 5) == Values{"TOPIC_AUTHORIZATION_FAILED " + std::to_string(offset_beginning), "a0", "a1"});
    CHECK(others == Values{"b0", "b1"});
}

TEST_CASE_METHOD(TwoBrokers, "a topic that may not be described is told of once for each partition, and read when it may") {
    cluster.fail_next(key_of<msg::MetadataRequest>, 2, Errc::topic_authorization_failed);
    Consumer consumer(reader({{"topic.metadata.refresh.interval.ms", "100"}}));
    consumer.assign(both_from(0));
    CHECK(of_first(consumer, 6) == Values{"TOPIC_AUTHORIZATION_FAILED 0", "a0", "a1"});
    CHECK(others == Values{"TOPIC_AUTHORIZATION_FAILED 0", "b0", "b1"});
}

TEST_CASE_METHOD(TwoBrokers, "an offset that does not exist is reset, for its partition alone") {
    Consumer consumer(reader());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 1000}, {.topic = "t", .partition = 1, .offset = 1}});
    CHECK(of_first(consumer, 3) == Values{"a0", "a1"});
    CHECK(others == Values{"b1"});

    Consumer at_end(reader({{"auto.offset.reset", "latest"}}));
    at_end.assign({{.topic = "t", .partition = 0, .offset = 1000}, {.topic = "t", .partition = 1, .offset = 1}});
    CHECK(of_first(at_end, 1).empty());
    REQUIRE(comes([&] { return at_end.cached_watermarks({"t", 0}).high == 2; }));
    fill("t", 0, 1, "new");
    CHECK(of_first(at_end, 1) == Values{"new0"});
}

TEST_CASE("a topic that is another one by now is an error where the policy says so, by id and by name", "[mock][consumer]") {
    for (const int16_t newest : {int16_t{18}, int16_t{12}}) {
        INFO("Fetch up to version " << newest);
        TwoBrokers world;
        world.cluster.limit_versions(key_of<msg::FetchRequest>, 4, newest);
        REQUIRE_FALSE(world.cluster.create_topic("other", 1));
        Consumer consumer(world.reader({{"auto.offset.reset", "error"}}));
        consumer.assign({{.topic = "t", .partition = 0, .offset = 0}, {.topic = "other", .partition = 0, .offset = 0}});
        CHECK(values_of(consumer, 2) == Values{"a0", "a1"});
        REQUIRE_FALSE(world.cluster.delete_topic("t"));
        REQUIRE_FALSE(world.cluster.create_topic("t", 2));
        for (int i = 0; i < 3; ++i)
            world.fill("t", 0, 1, "c"); // as many as to hide the change
        CHECK(values_of(consumer, 1) == Values{"_AUTO_OFFSET_RESET 2"});
        world.fill("other", 0, 1, "o");
        CHECK(values_of(consumer, 1) == Values{"o0"});
        consumer.seek({.topic = "t", .partition = 0, .offset = 1});
        CHECK(values_of(consumer, 2) == Values{"c0", "c0"});
    }
}

TEST_CASE("a member that has no right to its group hears of it, keeps trying, and others go on", "[mock][group]") {
    struct Refused {
        int16_t api;
        int times;
    };
    const auto refused = GENERATE(
        Refused{key_of<msg::FindCoordinatorRequest>, 3}, Refused{key_of<msg::JoinGroupRequest>, 3}, Refused{key_of<msg::SyncGroupRequest>, 1},
        Refused{key_of<msg::HeartbeatRequest>, 1}
    );
    INFO("API " << refused.api);
    GroupWorld world;
    Consumer bystander(world.config());
    bystander.assign({{.topic = "t", .partition = 0, .offset = 0}});
    CHECK(values_of(bystander, 10).size() == 10);
    world.cluster.fail_next(refused.api, refused.times, Errc::group_authorization_failed);
    Member member(world.member({{"retry.backoff.ms", "10"}}));
    CHECK(comes([&] { return member.reads(40) && !member.events.empty(); }));
    world.fill("t", 0, 1, "late");
    CHECK(values_of(bystander, 1) == Values{"late0"});
    CHECK(member.reads(41));
    CHECK(member.events == Values{"GROUP_AUTHORIZATION_FAILED"}); // once, however often it is refused
}

TEST_CASE("where the group may not be asked what it has committed, each partition is told of", "[mock][group]") {
    GroupWorld world;
    world.cluster.fail_next(key_of<msg::OffsetFetchRequest>, 2, Errc::topic_authorization_failed);
    Member member(world.member({{"retry.backoff.ms", "10"}}));
    CHECK(member.reads(40));
    CHECK(member.events == Values(4, "TOPIC_AUTHORIZATION_FAILED"));
}

TEST_CASE("a member that is shut out is ended by the new protocol", "[mock][group]") {
    const auto code = GENERATE(Errc::fenced_instance_id, Errc::group_authorization_failed);
    GroupWorld world;
    Member member(world.new_member({{"group.instance.id", "one"}}));
    CHECK(member.reads(40));
    world.cluster.fail_next(key_of<msg::ConsumerGroupHeartbeatRequest>, 1, code);
    REQUIRE(comes([&] {
        const auto message = member.consumer.poll(20ms);
        return message && message->error().errc() == Errc::_fatal;
    }));
    CHECK(member.consumer.fatal_error().errc() == code);
    CHECK(member.consumer.assignment().empty());
}
