// TxnOffsetCommit v0-5: offsets that count when the transaction is committed. v2 adds leader epochs, v3 the consumer's
// group metadata, which is checked (KIP-447), v4 TRANSACTION_ABORTABLE, v5 is that of transaction version 2: the group
// becomes part of the transaction by it (KIP-890).
#include <ottla/msg/txn_offset_commit.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

/// What the coordinator of the transaction says, as that of the group passes it on.
Errc as_told(Errc error, int16_t version) {
    switch (error) {
    case Errc::producer_fenced:
        return Errc::invalid_producer_epoch;
    case Errc::transaction_abortable:
        return version >= 4 ? error : Errc::invalid_txn_state;
    case Errc::coordinator_load_in_progress: // clients before v2 do not know it
        return version >= 2 ? error : Errc::coordinator_not_available;
    default:
        return error;
    }
}

/// The error of all partitions alike.
Errc check(ClusterCore& cluster, const Call& call, const msg::TxnOffsetCommitRequest& request) {
    if (call.injected != Errc::no_error)
        return call.injected;
    if (request.group_id.empty())
        return Errc::invalid_group_id;
    Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, request.group_id, call);
    if (error == Errc::no_error)
        error = cluster.coordinator_state(request.transactional_id, call.now);
    const ProducerIdentity producer{request.producer_id, request.producer_epoch};
    auto& transactions = cluster.transactions();
    if (error == Errc::no_error)
        error = call.version >= 5
                    ? transactions.add_group(request.transactional_id, producer, request.group_id, call.now)
                    : transactions.verify_group(request.transactional_id, producer, request.group_id);
    if (error != Errc::no_error)
        return as_told(error, call.version);
    if (const ConsumerGroup* group = cluster.consumer_groups().find(request.group_id)) {
        if (request.generation_id < 0 && request.member_id.empty() && !request.group_instance_id)
            return Errc::no_error;
        const ConsumerMember* member = group->find(request.member_id);
        if (!member)
            return Errc::unknown_member_id;
        return member->epoch == request.generation_id ? Errc::no_error : Errc::illegal_generation;
    }
    const Errc refusal = cluster.groups().check_commit(
        request.group_id,
        {request.member_id, request.group_instance_id},
        request.generation_id,
        GroupCoordinator::CommitKind::transactional,
        call.now
    );
    return refusal == Errc::group_id_not_found ? Errc::illegal_generation : refusal;
}

Errc commit(
    ClusterCore& cluster,
    const msg::TxnOffsetCommitRequest& request,
    const std::string& topic,
    const msg::txn_offset_commit_request::TxnOffsetCommitRequestPartition& partition
) {
    std::string metadata = partition.committed_metadata.value_or("");
    if (metadata.size() > GroupOffsets::longest_metadata)
        return Errc::offset_metadata_too_large;
    cluster.offsets().commit_in_transaction(
        request.group_id,
        request.producer_id,
        {topic, partition.partition_index},
        {partition.committed_offset, partition.committed_leader_epoch, std::move(metadata)}
    );
    return Errc::no_error;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::TxnOffsetCommitRequest& request) {
    const auto exists = [&](const std::string& name, int32_t partition) {
        Topic* topic = cluster.find_topic(name);
        return topic && topic->find(partition);
    };
    bool any_exists = false;
    for (const auto& topic : request.topics)
        for (const auto& partition : topic.partitions)
            any_exists = any_exists || exists(topic.name, partition.partition_index);
    const Errc common = any_exists ? check(cluster, call, request) : call.injected;

    msg::TxnOffsetCommitResponse response;
    for (const auto& topic : request.topics) {
        auto& out_topic = response.topics.emplace_back();
        out_topic.name = topic.name;
        for (const auto& partition : topic.partitions) {
            auto& out = out_topic.partitions.emplace_back();
            out.partition_index = partition.partition_index;
            Errc error = call.injected;
            if (error == Errc::no_error && !exists(topic.name, partition.partition_index))
                error = Errc::unknown_topic_or_part;
            else if (common != Errc::no_error)
                error = common;
            else
                error = commit(cluster, request, topic.name, partition);
            out.error_code = code(error);
        }
    }
    return reply(call, response);
}

} // namespace

const Api txn_offset_commit{28, 0, 5, 0, decoded<msg::TxnOffsetCommitRequest, act>};

} // namespace ottla::mock::api
