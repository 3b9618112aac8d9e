// What a consumer sees of transactions. They are made by a socket of the test's own.
#include <ottla/msg/add_partitions_to_txn.hpp>
#include <ottla/msg/end_txn.hpp>
#include <ottla/msg/init_producer_id.hpp>

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
