// Consumers that share topics as members of a group, the new protocol (KIP-848), against the embedded cluster.
#include <ottla/msg/consumer_group_heartbeat.hpp>
#include <ottla/msg/offset_commit.hpp>

#include "mock/group_workers.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

constexpr int16_t heartbeat_api = static_cast<int16_t>(msg::ConsumerGroupHeartbeatRequest::api_key);
constexpr int16_t commit_api = static_cast<int16_t>(msg::OffsetCommitRequest::api_key);

} // namespace

TEST_CASE("a lonely member of the new protocol gets all partitions, and who comes after it goes on", "[mock][group]") {
    GroupWorld world;
    {
        Consumer consumer(world.new_member());
        consumer.subscribe({"t"});
        auto values = values_of(consumer, 40);
        CHECK(std::set(values.begin(), values.end()).size() == 40);
        CHECK(consumer.assignment().size() == 4);
        const auto group = world.cluster.group("g");
        REQUIRE(group);
        CHECK(group->type == "consumer");
        CHECK(group->members == std::vector{consumer.member_id()});
        CHECK(consumer.group_metadata().generation_id == group->generation);
        consumer.close();
    }
    CHECK(world.cluster.group("g")->state == "Empty");
    int64_t committed = 0;
    for (const auto& row : world.cluster.committed("g"))
        committed += row.offset;
    CHECK(committed == 40);
    world.fill("t", 2, 1, "late");
    Consumer consumer(world.new_member());
    consumer.subscribe({"t"});
    CHECK(values_of(consumer, 1) == std::vector<std::string>{"late0"});
}

TEST_CASE("members of the new protocol share, also as they come and go", "[mock][group]") {
    GroupWorld world;
    const Config config = world.new_member({{"group.remote.assignor", GENERATE("range", "uniform")}});
    share_as_they_come_and_go(world, config);
}

TEST_CASE("members of both protocols share one group, which passes from one to the other", "[mock][group]") {
    GroupWorld world;
    const auto strategy = GENERATE("range", "cooperative-sticky");
    const auto type = [&] { return world.cluster.group("g")->type; };
    Worker classic(world.member({{"partition.assignment.strategy", strategy}}));
    CHECK(comes([&] { return classic.values().size() == 40; }));
    CHECK(type() == "classic");
    Worker other(world.new_member());
    CHECK(comes([&] { return divide({&classic, &other}, 2); }));
    CHECK(type() == "consumer");
    for (int32_t p = 0; p < 4; ++p)
        world.fill("t", p, 5, "again" + std::to_string(p) + "-");
    CHECK(comes([&] { return classic.values().size() + other.values().size() == 60; }));
    other.stop();
    CHECK(comes([&] { return divide({&classic}, 4); }));
    CHECK(type() == "classic");
    Worker last(world.new_member());
    CHECK(comes([&] { return divide({&classic, &last}, 2); }));
    classic.stop();
    CHECK(comes([&] { return divide({&last}, 4); }));
    CHECK(type() == "consumer");
    CHECK(last.values().size() + classic.values().size() + other.values().size() == 60);
}

TEST_CASE("handlers of the new protocol are told changes, and lost partitions as lost", "[mock][group]") {
    GroupWorld world;
    std::vector<std::string> calls;
    RebalanceHandlers handlers;
    handlers.on_assign = [&](const auto& partitions) { calls.push_back("assign " + std::to_string(partitions.size())); };
    handlers.on_revoke = [&](const auto& partitions) { calls.push_back("revoke " + std::to_string(partitions.size())); };
    handlers.on_lost = [&](const auto& partitions) { calls.push_back("lost " + std::to_string(partitions.size())); };
    Consumer consumer(world.new_member());
    consumer.subscribe({"t"}, handlers);
    CHECK(values_of(consumer, 40).size() == 40);
    world.cluster.fail_next(heartbeat_api, 1, Errc::fenced_member_epoch);
    world.fill("t", 0, 1, "more");
    CHECK(comes([&] {
        (void)consumer.poll(20ms);
        return calls.size() == 3;
    }));
    CHECK(calls == std::vector<std::string>{"assign 4", "lost 4", "assign 4"});
    consumer.close();
    CHECK(calls.back() == "revoke 4");
}

TEST_CASE("a static member of the new protocol finds its partitions when it is back", "[mock][group]") {
    GroupWorld world;
    const Config named = world.new_member({{"group.instance.id", "i"}});
    std::vector<TopicPartition> before;
    Worker other(world.new_member());
    {
        Worker self(named);
        CHECK(comes([&] { return divide({&self, &other}, 2); }));
        before = self.assignment();
    }
    CHECK(world.cluster.group("g")->members.size() == 2);
    const auto epoch = world.cluster.group("g")->generation;
    Worker again(named);
    CHECK(comes([&] { return again.assignment() == before; }));
    CHECK(world.cluster.group("g")->generation == epoch);
}

TEST_CASE("a commit in a stale member epoch is made again", "[mock][group]") {
    GroupWorld world;
    Consumer consumer(world.new_member({{"enable.auto.commit", "false"}}));
    consumer.subscribe({"t"});
    CHECK(values_of(consumer, 40).size() == 40);
    world.cluster.fail_next(commit_api, 1, Errc::stale_member_epoch);
    Worker other(world.new_member()); // whose coming gives a new epoch, when what it shall have is given up
    consumer.commit_async();
    CHECK(comes([&] {
        (void)consumer.poll(20ms);
        return !world.cluster.committed("g").empty();
    }));
}

TEST_CASE("patterns are subscriptions by either protocol", "[mock][group]") {
    GroupWorld world;
    REQUIRE_FALSE(world.cluster.create_topic("other", 1));
    const bool is_new = GENERATE(false, true);
    Config config = is_new ? world.new_member() : world.member();
    config.set("topic.metadata.refresh.interval.ms", "100");
    Worker worker(config, {}, {"^t"});
    CHECK(comes([&] { return worker.assignment().size() == 4; }));
    REQUIRE_FALSE(world.cluster.create_topic("two", 1));
    world.fill("two", 0, 1, "two");
    CHECK(comes([&] { return worker.assignment().size() == 5; }));
    CHECK(comes([&] { return worker.values().size() == 41; }));
    Consumer wrong(config);
    CHECK_THROWS_AS(wrong.subscribe({"^("}), KafkaException);
}

TEST_CASE("how a consumer leaves its group can be chosen", "[mock][group]") {
    GroupWorld world;
    const bool is_new = GENERATE(false, true);
    Config config = is_new ? world.new_member() : world.member();
    const auto members = [&] { return world.cluster.group("g")->members.size(); };
    const auto close = [&](CloseMembership membership) {
        Consumer consumer(config);
        consumer.subscribe({"t"});
        CHECK(comes([&] {
            (void)consumer.poll(20ms);
            return consumer.assignment().size() == 4;
        }));
        consumer.close({.membership = membership});
    };
    SECTION("a static member") {
        config.set("group.instance.id", "i");
        close(CloseMembership::by_default);
        CHECK(members() == 1);
        close(CloseMembership::leave);
        CHECK(members() == 0);
    }
    SECTION("a dynamic member") {
        close(CloseMembership::by_default);
        CHECK(members() == 0);
        close(CloseMembership::remain);
        CHECK(members() == 1);
    }
}
