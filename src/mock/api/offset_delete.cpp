// OffsetDelete v0: offsets of topics that no member of the group reads (KIP-496).
#include <ottla/msg/offset_delete.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

Errc check(ClusterCore& cluster, const Call& call, const std::string& group) {
    const Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, group, call);
    if (error != Errc::no_error)
        return error;
    if (cluster.consumer_groups().find(group))
        return Errc::no_error;
    return group.empty() ? Errc::invalid_group_id : cluster.groups().check_offset_deletion(group);
}

Errc erase(ClusterCore& cluster, const std::string& group, const TopicPartition& where) {
    Topic* topic = cluster.find_topic(where.topic);
    if (!topic || !topic->find(where.partition))
        return Errc::unknown_topic_or_part;
    const ConsumerGroup* consumers = cluster.consumer_groups().find(group);
    if (consumers ? consumers->is_subscribed_to(where.topic)
                  : cluster.groups().find(group)->is_subscribed_to(where.topic))
        return Errc::group_subscribed_to_topic;
    cluster.offsets().forget(group, where);
    return Errc::no_error;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::OffsetDeleteRequest& request) {
    msg::OffsetDeleteResponse response;
    const Errc error = check(cluster, call, request.group_id);
    response.error_code = code(error);
    if (error != Errc::no_error)
        return reply(call, response);
    for (const auto& topic : request.topics) {
        auto& out_topic = response.topics.emplace_back();
        out_topic.name = topic.name;
        for (const auto& partition : topic.partitions) {
            auto& out = out_topic.partitions.emplace_back();
            out.partition_index = partition.partition_index;
            out.error_code = code(erase(cluster, request.group_id, {topic.name, partition.partition_index}));
        }
    }
    return reply(call, response);
}

} // namespace

const Api offset_delete{47, 0, 0, 0, decoded<msg::OffsetDeleteRequest, act>};

} // namespace ottla::mock::api
