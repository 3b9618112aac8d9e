// What a member of a group tells of itself in numbers, against the embedded cluster.
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "mock/consumer_world.hpp"
#include "mock/statistics_schema.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

struct StatisticsWorld : ConsumerWorld {
    StatisticsWorld() {
        REQUIRE_FALSE(cluster.create_topic("t", 1));
        fill("t", 0, 100);
    }

    Config member(std::initializer_list<std::pair<const std::string, std::string>> more = {}) const {
        Config all = config({{"group.id", "g"}, {"enable.auto.commit", "false"}, {"statistics.interval.ms", "20"}});
        for (const auto& [name, value] : more)
            all.set(name, value);
        return all;
    }
};

PartitionMetrics partition_of(const Consumer& consumer) {
    const Metrics metrics = consumer.metrics();
    const auto topic = metrics.topics.find("t");
    return topic == metrics.topics.end() ? PartitionMetrics() : topic->second.partitions.at(0);
}

} // namespace

TEST_CASE_METHOD(StatisticsWorld, "the offsets of a member and its lag are told", "[statistics]") {
    Consumer consumer(member());
    consumer.subscribe({"t"});
    REQUIRE(values_of(consumer, 30).size() == 30);
    PartitionMetrics one = partition_of(consumer);
    CHECK(one.position == 30);
    CHECK(one.stored_offset == 30);
    CHECK(one.stored_leader_epoch == 0);
    CHECK(one.committed_offset == offset_invalid);
    CHECK(one.lag == 70);
    CHECK(one.lag_stored == 70);
    CHECK(one.lag_committed == -1);

    consumer.commit();
    REQUIRE(values_of(consumer, 10).size() == 10);
    one = partition_of(consumer);
    CHECK(one.committed_offset == 30);
    CHECK(one.committed_leader_epoch == 0);
    CHECK(one.lag_committed == 70);
    CHECK(one.lag_stored == 60);
    consumer.close();

    // The next one learns it from the coordinator.
    Consumer next(member());
    next.subscribe({"t"});
    REQUIRE(values_of(next, 1) == std::vector<std::string>{"v30"});
    CHECK(partition_of(next).committed_offset == 30);
    CHECK(partition_of(next).lag_committed == 70);
}

TEST_CASE_METHOD(StatisticsWorld, "what is partly worked off is told as it is", "[statistics]") {
    Consumer consumer(member());
    consumer.subscribe({"t"});
    Records records;
    for (const auto deadline = Clock::now() + 10s; records.count() == 0 && Clock::now() < deadline;)
        consumer.poll_records(records, 50ms);
    REQUIRE(records.count() == 100);
    CHECK(partition_of(consumer).position == 100);
    CHECK(partition_of(consumer).stored_offset == offset_invalid);
    consumer.poll_records(records, 0ms);
    CHECK(partition_of(consumer).stored_offset == 100);
    CHECK(partition_of(consumer).lag_stored == 0);
}

TEST_CASE_METHOD(StatisticsWorld, "the JSON of a member has its group, and the documented shape", "[statistics]") {
    using Json = nlohmann::json;
    std::optional<Json> last;
    ConsumerOptions options;
    options.on_statistics = [&](std::string_view json) { last = Json::parse(json); };
    Consumer consumer(member({{"auto.commit.interval.ms", "10"}, {"enable.auto.commit", "true"}}), options);
    const auto comes = [&](auto f) {
        for (const auto deadline = Clock::now() + 10s; Clock::now() < deadline;) {
            consumer.poll(10ms);
            if (last && f((*last)["cgrp"], *last))
                return true;
        }
        return false;
    };
    CHECK(comes([](const Json& group, const Json&) { return group["state"] == "init" && group["assignment_size"] == 0; }));
    CHECK(schema().problems(*last) == std::vector<std::string>{});
    consumer.subscribe({"t"});
    CHECK(comes([](const Json& group, const Json&) { return group["join_state"] == "steady" && group["state"] == "up"; }));
    CHECK(comes([](const Json&, const Json& all) {
        const Json::json_pointer where("/topics/t/partitions/0");
        if (!all.contains(where)) // its metadata may come later
            return false;
        const Json& row = all[where];
        return row["committed_offset"] == 100 && row["commited_offset"] == 100 && row["consumer_lag"] == 0 &&
               row["consumer_lag_stored"] == 0;
    }));
    CHECK(schema().problems(*last) == std::vector<std::string>{});
    const Json& group = (*last)["cgrp"];
    CHECK(group["assignment_size"] == 1);
    CHECK(group["rebalance_cnt"] == 1);
    CHECK(group["rebalance_reason"] == "the subscription has changed");
    CHECK(group["rebalance_age"] >= 0);
    CHECK(group["stateage"] >= group["rebalance_age"]);
    const Metrics now = consumer.metrics();
    CHECK(now.group->member_id == consumer.member_id());
    CHECK(now.group->generation == 1);
    consumer.unsubscribe();
    CHECK(comes([](const Json& one, const Json&) { return one["join_state"] == "init" && one["rebalance_cnt"] == 2; }));
    consumer.close();
    CHECK(consumer.metrics().group->state == "term");
    CHECK(schema().problems(Json::parse(to_json(consumer.metrics()))) == std::vector<std::string>{});
}

TEST_CASE_METHOD(StatisticsWorld, "without a group there is none in the numbers", "[statistics]") {
    Consumer consumer(config());
    CHECK_FALSE(consumer.metrics().group);
}
