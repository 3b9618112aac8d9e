// ConsumerGroupDescribe v0-1 (KIP-848): groups of the new protocol, with what members have and shall have. v1 tells which
// protocol each member speaks.
#include <fmt/format.h>
#include <ottla/msg/consumer_group_describe.hpp>

#include "mock/api/group_description.hpp"
#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

constexpr int8_t speaks_classic = 0;
constexpr int8_t speaks_new = 1;

void add(const ClusterCore& cluster, const PartitionSet& partitions, msg::consumer_group_describe_response::Assignment& out) {
    for (const TopicIdPartition& partition : partitions) {
        std::string name = cluster.name_of_topic(partition.topic);
        if (name.empty())
            continue; // it was deleted
        if (out.topic_partitions.empty() || out.topic_partitions.back().topic_id != partition.topic) {
            auto& topic = out.topic_partitions.emplace_back();
            topic.topic_id = partition.topic;
            topic.topic_name = std::move(name);
        }
        out.topic_partitions.back().partitions.push_back(partition.partition);
    }
}

void describe(const ClusterCore& cluster, const ConsumerGroup& group, msg::consumer_group_describe_response::DescribedGroup& out) {
    out.group_state = name_of(group.state());
    out.group_epoch = group.epoch();
    out.assignment_epoch = group.assignment_epoch();
    out.assignor_name = group.assignor();
    for (const auto& [id, member] : group.members()) {
        auto& one = out.members.emplace_back();
        one.member_id = id;
        one.instance_id = member.instance_id;
        one.rack_id = member.rack;
        one.member_epoch = member.epoch;
        one.client_id = member.client_id;
        one.client_host = client_host;
        one.subscribed_topic_names.assign(member.topics.begin(), member.topics.end());
        one.subscribed_topic_regex = member.regex;
        PartitionSet held = keys_of(member.assigned);
        held.merge(keys_of(member.revoking));
        add(cluster, held, one.assignment);
        add(cluster, group.target(id), one.target_assignment);
        one.member_type = member.classic ? speaks_classic : speaks_new;
    }
}

Outcome act(ClusterCore& cluster, const Call& call, msg::ConsumerGroupDescribeRequest& request) {
    msg::ConsumerGroupDescribeResponse response;
    for (const std::string& name : request.group_ids) {
        auto& out = response.groups.emplace_back();
        out.group_id = name;
        const Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, name, call);
        out.error_code = code(error);
        if (error != Errc::no_error)
            continue;
        const ConsumerGroup* group = cluster.consumer_groups().find(name);
        if (!group) {
            out.error_code = code(Errc::group_id_not_found);
            out.error_message = cluster.groups().find(name) ? fmt::format("Group {} is not a consumer group.", name)
                                                            : fmt::format("Group {} not found.", name);
            continue;
        }
        describe(cluster, *group, out);
        if (request.include_authorized_operations)
            out.authorized_operations = all_group_operations;
    }
    return reply(call, response);
}

} // namespace

const Api consumer_group_describe{69, 0, 1, 0, decoded<msg::ConsumerGroupDescribeRequest, act>};

} // namespace ottla::mock::api
