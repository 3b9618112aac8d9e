// OffsetFetch v1-10. v2 adds an error of the whole and, with null, all that is committed, v5 leader epochs, v7 the
// demand for stable offsets (KIP-447), v8 many groups in one request, v9 members (which only groups of KIP-848 look at),
// v10 topic ids.
#include <ottla/msg/offset_fetch.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

/// What one group says of one partition.
template <class Out>
void fill(
    const GroupOffsets& offsets, const std::string& group, const TopicPartition& where, bool stable, Out& out
) {
    out.partition_index = where.partition;
    out.committed_offset = -1;
    out.committed_leader_epoch = -1;
    out.metadata = "";
    if (stable && offsets.is_pending(group, where)) {
        out.error_code = code(Errc::unstable_offset_commit);
        return;
    }
    if (const CommittedOffset* known = offsets.find(group, where)) {
        out.committed_offset = known->offset;
        out.committed_leader_epoch = known->leader_epoch;
        out.metadata = known->metadata;
    }
}

/// All that the group has committed, by topic.
template <class Topics>
void fill_all(ClusterCore& cluster, const std::string& group, bool stable, bool with_ids, Topics& out) {
    for (const auto& [where, offset] : cluster.offsets().all(group)) {
        if (out.empty() || out.back().name != where.topic) {
            auto& topic = out.emplace_back();
            topic.name = where.topic;
            if constexpr (requires { topic.topic_id; })
                if (const Topic* known = cluster.find_topic(where.topic); known && with_ids)
                    topic.topic_id = known->id;
        }
        fill(cluster.offsets(), group, where, stable, out.back().partitions.emplace_back());
    }
}

Outcome act_one(ClusterCore& cluster, const Call& call, const msg::OffsetFetchRequest& request) {
    const Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, request.group_id, call);
    msg::OffsetFetchResponse response;
    if (call.version >= 2)
        response.error_code = code(error);
    if (error == Errc::no_error && !request.topics)
        fill_all(cluster, request.group_id, request.require_stable, false, response.topics);
    const bool in_partitions = error == Errc::no_error || call.version < 2;
    if (!request.topics || !in_partitions)
        return reply(call, response);
    for (const auto& topic : *request.topics) {
        auto& out_topic = response.topics.emplace_back();
        out_topic.name = topic.name;
        for (const int32_t partition : topic.partition_indexes) {
            auto& out = out_topic.partitions.emplace_back();
            fill(cluster.offsets(), request.group_id, {topic.name, partition}, request.require_stable, out);
            if (error == Errc::no_error)
                continue;
            out.committed_offset = -1;
            out.error_code = code(error);
        }
    }
    return reply(call, response);
}

Outcome act(ClusterCore& cluster, const Call& call, msg::OffsetFetchRequest& request) {
    if (call.version < 8)
        return act_one(cluster, call, request);
    const bool by_id = call.version >= 10;
    msg::OffsetFetchResponse response;
    for (const auto& group : request.groups) {
        auto& out = response.groups.emplace_back();
        out.group_id = group.group_id;
        Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, group.group_id, call);
        if (error == Errc::no_error && call.version >= 9 && cluster.consumer_groups().find(group.group_id))
            error = cluster.consumer_groups().check_fetch(group.group_id, group.member_id, group.member_epoch);
        out.error_code = code(error);
        if (error != Errc::no_error)
            continue;
        if (!group.topics) {
            fill_all(cluster, group.group_id, request.require_stable, by_id, out.topics);
            continue;
        }
        for (const auto& wanted : *group.topics) {
            const Topic* topic = by_id ? cluster.find_topic(wanted.topic_id) : nullptr;
            const std::string& name = topic ? topic->name : wanted.name;
            auto& out_topic = out.topics.emplace_back();
            out_topic.name = wanted.name;
            out_topic.topic_id = wanted.topic_id;
            for (const int32_t partition : wanted.partition_indexes) {
                auto& line = out_topic.partitions.emplace_back();
                fill(
                    cluster.offsets(), group.group_id, {name, partition}, request.require_stable, line
                );
                if (by_id && !topic)
                    line.error_code = code(Errc::unknown_topic_id);
            }
        }
    }
    return reply(call, response);
}

} // namespace

const Api offset_fetch{9, 1, 10, 1, decoded<msg::OffsetFetchRequest, act>};

} // namespace ottla::mock::api
