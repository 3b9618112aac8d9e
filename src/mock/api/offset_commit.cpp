// OffsetCommit v2-10. v3 adds the throttle time, v6 leader epochs, v7 the group instance id, v9 GROUP_ID_NOT_FOUND
// and member epochs (KIP-848),
// v10 topic ids. A group with members takes offsets from them only, one without from whoever names none.
#include <ottla/msg/offset_commit.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

constexpr int16_t first_with_topic_ids = 10;

std::vector<TopicPartition>
partitions_of(ClusterCore& cluster, const msg::OffsetCommitRequest& request, int16_t version) {
    std::vector<TopicPartition> partitions;
    for (const auto& wanted : request.topics) {
        const Topic* topic = find_topic(cluster, version >= first_with_topic_ids, wanted.name, wanted.topic_id);
        for (const auto& partition : wanted.partitions)
            if (topic)
                partitions.push_back({topic->name, partition.partition_index});
    }
    return partitions;
}

Errc check(ClusterCore& cluster, const Call& call, const msg::OffsetCommitRequest& request) {
    const Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, request.group_id, call);
    if (error != Errc::no_error)
        return error;
    if (cluster.consumer_groups().find(request.group_id))
        return cluster.consumer_groups().check_commit(
            request.group_id,
            {request.member_id, request.group_instance_id},
            request.generation_id_or_member_epoch,
            partitions_of(cluster, request, call.version),
            call.version
        );
    const Errc refusal = cluster.groups().check_commit(
        request.group_id,
        {request.member_id, request.group_instance_id},
        request.generation_id_or_member_epoch,
        GroupCoordinator::CommitKind::plain,
        call.now
    );
    return refusal == Errc::group_id_not_found && call.version < 9 ? Errc::illegal_generation : refusal;
}

Errc commit(
    ClusterCore& cluster,
    const std::string& group,
    const std::string& topic,
    const msg::offset_commit_request::OffsetCommitRequestPartition& partition
) {
    std::string metadata = partition.committed_metadata.value_or("");
    if (metadata.size() > GroupOffsets::longest_metadata)
        return Errc::offset_metadata_too_large;
    cluster.offsets().commit(
        group,
        {topic, partition.partition_index},
        {partition.committed_offset, partition.committed_leader_epoch, std::move(metadata)}
    );
    return Errc::no_error;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::OffsetCommitRequest& request) {
    const bool by_id = call.version >= first_with_topic_ids;
    bool any_exists = false; // else the coordinator does not hear of it
    for (const auto& wanted : request.topics) {
        Topic* topic = find_topic(cluster, by_id, wanted.name, wanted.topic_id);
        for (const auto& partition : wanted.partitions)
            any_exists = any_exists || (topic && topic->find(partition.partition_index));
    }
    const Errc common = any_exists ? check(cluster, call, request) : call.injected;
    msg::OffsetCommitResponse response;
    for (const auto& wanted : request.topics) {
        Topic* topic = find_topic(cluster, by_id, wanted.name, wanted.topic_id);
        auto& out_topic = response.topics.emplace_back();
        out_topic.name = wanted.name;
        out_topic.topic_id = wanted.topic_id;
        for (const auto& partition : wanted.partitions) {
            Errc error = call.injected;
            if (error == Errc::no_error && (!topic || !topic->find(partition.partition_index)))
                error = !topic && by_id ? Errc::unknown_topic_id : Errc::unknown_topic_or_part;
            else if (common != Errc::no_error)
                error = common;
            else
                error = commit(cluster, request.group_id, topic->name, partition);
            auto& out = out_topic.partitions.emplace_back();
            out.partition_index = partition.partition_index;
            out.error_code = code(error);
        }
    }
    return reply(call, response);
}

} // namespace

const Api offset_commit{8, 2, 10, 2, decoded<msg::OffsetCommitRequest, act>};

} // namespace ottla::mock::api
