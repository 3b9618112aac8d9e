// AddPartitionsToTxn v0-5. v2 tells PRODUCER_FENCED apart. Clients use v0-3, with one transaction; from v4 on brokers
// ask each other, for many transactions, and whether partitions are in one already (KIP-890). v5 changes nothing here.
#include <ottla/msg/add_partitions_to_txn.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

using msg::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
using msg::add_partitions_to_txn_response::AddPartitionsToTxnTopicResult;

struct Wanted {
    const std::string& transactional_id;
    ProducerIdentity producer;
    bool verify_only = false;
    const std::vector<AddPartitionsToTxnTopic>& topics;
};

bool exists(ClusterCore& cluster, const std::string& topic, int32_t partition) {
    Topic* found = cluster.find_topic(topic);
    return found && found->find(partition);
}

/// The error of all partitions alike.
Errc add(ClusterCore& cluster, const Call& call, const Wanted& wanted) {
    std::vector<TopicPartition> partitions;
    for (const auto& topic : wanted.topics)
        for (const int32_t partition : topic.partitions)
            partitions.push_back({topic.name, partition});
    if (wanted.transactional_id.empty())
        return Errc::invalid_request;
    const Errc error =
        cluster.check_coordinator(ClusterCore::CoordinatorOf::transaction, wanted.transactional_id, call);
    if (error != Errc::no_error || wanted.verify_only)
        return error;
    return cluster.transactions().add_partitions(
        wanted.transactional_id, wanted.producer, partitions, call.now
    );
}

std::vector<AddPartitionsToTxnTopicResult>
answer(ClusterCore& cluster, const Call& call, const Wanted& wanted) {
    bool all_exist = true;
    for (const auto& topic : wanted.topics)
        for (const int32_t partition : topic.partitions)
            all_exist = all_exist && exists(cluster, topic.name, partition);
    Errc common = call.injected;
    if (common == Errc::no_error)
        common = all_exist ? add(cluster, call, wanted) : Errc::operation_not_attempted;
    if (common == Errc::producer_fenced && call.version < 2)
        common = Errc::invalid_producer_epoch;

    std::vector<AddPartitionsToTxnTopicResult> results;
    for (const auto& topic : wanted.topics) {
        auto& out_topic = results.emplace_back();
        out_topic.name = topic.name;
        for (const int32_t partition : topic.partitions) {
            Errc error = common;
            if (error == Errc::operation_not_attempted && !exists(cluster, topic.name, partition))
                error = Errc::unknown_topic_or_part;
            if (error == Errc::no_error && wanted.verify_only)
                error = cluster.transactions().verify(
                    wanted.transactional_id, wanted.producer, {topic.name, partition}
                );
            auto& out = out_topic.results_by_partition.emplace_back();
            out.partition_index = partition;
            out.partition_error_code = code(error);
        }
    }
    return results;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::AddPartitionsToTxnRequest& request) {
    msg::AddPartitionsToTxnResponse response;
    if (call.version < 4) {
        response.results_by_topic_v3_and_below = answer(
            cluster,
            call,
            {.transactional_id = request.v3_and_below_transactional_id,
             .producer = {request.v3_and_below_producer_id, request.v3_and_below_producer_epoch},
             .topics = request.v3_and_below_topics}
        );
        return reply(call, response);
    }
    for (const auto& transaction : request.transactions) {
        auto& out = response.results_by_transaction.emplace_back();
        out.transactional_id = transaction.transactional_id;
        out.topic_results = answer(
            cluster,
            call,
            {.transactional_id = transaction.transactional_id,
             .producer = {transaction.producer_id, transaction.producer_epoch},
             .verify_only = transaction.verify_only,
             .topics = transaction.topics}
        );
    }
    return reply(call, response);
}

} // namespace

const Api add_partitions_to_txn{24, 0, 5, 0, decoded<msg::AddPartitionsToTxnRequest, act>};

} // namespace ottla::mock::api
