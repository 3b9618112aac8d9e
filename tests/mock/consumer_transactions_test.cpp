// What a consumer sees of transactions. They are made by a socket of the test's own.
#include <ottla/msg/api_versions.hpp>
#include <ottla/msg/end_txn.hpp>
#include <ottla/msg/find_coordinator.hpp>
#include <ottla/msg/init_producer_id.hpp>
#include <ottla/msg/offset_commit.hpp>

#include "mock/consumer_world.hpp"
#include "mock/raw_client.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

constexpr auto transaction = MockCluster::Coordinator::transaction;

/// A transactional producer of one cluster with one broker, in single requests of transaction version 2.
class Writer {
public:
    Writer(ConsumerWorld& world, std::string id)
        : broker_(world.cluster.port(1))
        , id_(std::move(id)) {
        msg::InitProducerIdRequest request;
        request.transactional_id = id_;
        request.transaction_timeout_ms = 60'000;
        const auto answer = broker_.ask(request, 5);
        REQUIRE(answer.error_code == 0);
        producer_id_ = answer.producer_id;
        epoch_ = answer.producer_epoch;
    }

    void write(const std::string& prefix, int count) {
        std::vector<std::string> values = numbered(prefix, count);
        std::vector<record::BuildRecord> records;
        for (int i = 0; i < count; ++i)
            records.push_back({.offset = i, .timestamp_ms = 1000, .value = values[static_cast<size_t>(i)]});
        record::BuildOptions options;
        options.producer_id = producer_id_;
        options.producer_epoch = epoch_;
        options.base_sequence = sequence_;
        options.transactional = true;
        sequence_ += count;
        msg::ProduceRequest request;
        request.transactional_id = id_;
        request.acks = -1;
        auto& data = request.topic_data.emplace_back();
        data.name = "t";
        data.partition_data.emplace_back().records.pieces = {record::build_batch(options, records).value()};
        const auto answer = broker_.ask(request, 12);
        REQUIRE(answer.responses.at(0).partition_responses.at(0).error_code == 0);
    }

    void end(bool commit) {
        msg::EndTxnRequest request;
        request.transactional_id = id_;
        request.producer_id = producer_id_;
        request.producer_epoch = epoch_;
        request.committed = commit;
        const auto answer = broker_.ask(request, 5);
        REQUIRE(answer.error_code == 0);
        epoch_ = answer.producer_epoch;
        sequence_ = 0;
    }

private:
    RawClient broker_;
    std::string id_;
    int64_t producer_id_ = -1;
    int16_t epoch_ = -1;
    int32_t sequence_ = 0;
};

std::vector<std::string> joined(std::vector<std::string> a, const std::vector<std::string>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

} // namespace

TEST_CASE("a consumer of committed records gets what was committed, in order, and nothing else", "[consumer]") {
    ConsumerWorld world;
    REQUIRE_FALSE(world.cluster.create_topic("t", 1));
    Writer first(world, "first");
    Writer second(world, "second");
    first.write("lost", 5);
    second.write("kept", 5);
    first.write("gone", 5);
    first.end(false);
    second.end(true);
    world.fill("t", 0, 3, "plain");
    first.write("more", 4);
    first.end(true);

    Consumer consumer(world.config({{"isolation.level", "read_committed"}}));
    consumer.assign({{"t", 0, offset_beginning}});
    CHECK(values_of(consumer, 12) == joined(joined(numbered("kept", 5), numbered("plain", 3)), numbered("more", 4)));
    CHECK_FALSE(consumer.poll(200ms));

    Consumer careless(world.config({{"isolation.level", "read_uncommitted"}}));
    careless.assign({{"t", 0, offset_beginning}});
    CHECK(values_of(careless, 22).size() == 22);
}

TEST_CASE("a consumer of committed records waits at an open transaction until its marker comes", "[consumer]") {
    ConsumerWorld world;
    REQUIRE_FALSE(world.cluster.create_topic("t", 1));
    Writer open(world, "open");
    world.fill("t", 0, 2, "before");
    open.write("in", 2);
    world.fill("t", 0, 2, "after");
    CHECK(world.cluster.last_stable_offset("t", 0) == 2);
    CHECK(world.cluster.open_transactions() == std::vector<std::string>{"open"});

    Consumer consumer(world.config({{"isolation.level", "read_committed"}}));
    consumer.assign({{"t", 0, offset_beginning}});
    CHECK(values_of(consumer, 2) == numbered("before", 2));
    CHECK_FALSE(consumer.poll(300ms));
    open.end(true);
    CHECK(values_of(consumer, 4) == joined(numbered("in", 2), numbered("after", 2)));
    CHECK(world.cluster.last_stable_offset("t", 0) == 7);
    CHECK(world.cluster.open_transactions().empty());
    CHECK(world.cluster.coordinator(transaction, "open") == 1);
}

TEST_CASE("a cluster moves coordinators and changes the version of transactions while it runs", "[consumer]") {
    MockCluster cluster({.brokers = 2, .transaction_version = 1});
    const auto version_told = [&] {
        msg::ApiVersionsRequest request;
        request.client_software_name = "test";
        request.client_software_version = "1";
        const auto features = RawClient(cluster.port(1)).ask(request, 4).finalized_features;
        return features.empty() ? 0 : features[0].max_version_level;
    };
    CHECK(version_told() == 1);
    cluster.set_transaction_version(2);
    CHECK(version_told() == 2);
    cluster.set_transaction_version(0);
    CHECK(version_told() == 0);

    msg::FindCoordinatorRequest request;
    request.key_type = 1;
    request.coordinator_keys = {"id"};
    const auto found = [&] { return RawClient(cluster.port(1)).ask(request, 4).coordinators.at(0); };
    const int32_t old = *cluster.coordinator(transaction, "id");
    CHECK(found().node_id == old);
    CHECK_FALSE(cluster.move_coordinator(transaction, "id", 3 - old));
    CHECK(found().node_id == 3 - old);
    CHECK(cluster.move_coordinator(transaction, "id", 9) == Errc::broker_not_available);
    cluster.coordinator_failover(10min, 0ms);
    cluster.stop(3 - old);
    CHECK_FALSE(cluster.coordinator(transaction, "id"));
}

TEST_CASE("a cluster tells what a group has committed", "[consumer]") {
    MockCluster cluster;
    REQUIRE_FALSE(cluster.create_topic("t", 2));
    CHECK(cluster.committed("g").empty());
    msg::OffsetCommitRequest request;
    request.group_id = "g";
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = 1;
    partition.committed_offset = 12;
    partition.committed_leader_epoch = 3;
    CHECK(RawClient(cluster.port(1)).ask(request, 8).topics.at(0).partitions.at(0).error_code == 0);
    const auto committed = cluster.committed("g");
    REQUIRE(committed.size() == 1);
    CHECK(committed[0].topic == "t");
    CHECK(committed[0].partition == 1);
    CHECK(committed[0].offset == 12);
    CHECK(committed[0].leader_epoch == 3);
}
