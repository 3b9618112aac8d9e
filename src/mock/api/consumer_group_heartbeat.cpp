// ConsumerGroupHeartbeat v0-1 (KIP-848): joining, reconciling, staying and leaving. v1 has members make their ids, and
// subscribe by regular expression.
#include <ottla/msg/consumer_group_heartbeat.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

using std::chrono::milliseconds;

ConsumerGroupCoordinator::Heartbeat as_heartbeat(const Call& call, msg::ConsumerGroupHeartbeatRequest& request) {
    ConsumerGroupCoordinator::Heartbeat heartbeat;
    heartbeat.group = request.group_id;
    heartbeat.member = request.member_id;
    heartbeat.epoch = request.member_epoch;
    heartbeat.instance_id = std::move(request.instance_id);
    heartbeat.rack = std::move(request.rack_id);
    heartbeat.client_id = call.client_id;
    if (request.rebalance_timeout_ms != -1)
        heartbeat.rebalance_timeout = milliseconds(request.rebalance_timeout_ms);
    heartbeat.topics = std::move(request.subscribed_topic_names);
    if (call.version < 1 && request.member_epoch == 0 && heartbeat.topics && heartbeat.topics->empty())
        heartbeat.topics.reset(); // v0 cannot do without
    heartbeat.regex = std::move(request.subscribed_topic_regex);
    heartbeat.assignor = std::move(request.server_assignor);
    if (request.topic_partitions) {
        auto& owned = heartbeat.owned.emplace();
        for (const auto& topic : *request.topic_partitions)
            for (const int32_t partition : topic.partitions)
                owned.insert({topic.topic_id, partition});
    }
    heartbeat.names_itself = call.version >= 1;
    return heartbeat;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::ConsumerGroupHeartbeatRequest& request) {
    msg::ConsumerGroupHeartbeatResponse response;
    const Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, request.group_id, call);
    if (error != Errc::no_error) {
        response.error_code = code(error);
        return reply(call, response);
    }
    auto answer = cluster.consumer_groups().heartbeat(as_heartbeat(call, request), call.now);
    response.error_code = code(answer.error);
    if (answer.error != Errc::no_error) {
        response.error_message = std::move(answer.message);
        return reply(call, response);
    }
    response.member_id = std::move(answer.member);
    response.member_epoch = answer.epoch;
    response.heartbeat_interval_ms = static_cast<int32_t>(answer.interval.count());
    if (answer.assignment) {
        auto& topics = response.assignment.emplace().topic_partitions;
        for (const TopicIdPartition& partition : *answer.assignment) {
            if (topics.empty() || topics.back().topic_id != partition.topic)
                topics.emplace_back().topic_id = partition.topic;
            topics.back().partitions.push_back(partition.partition);
        }
    }
    return reply(call, response);
}

} // namespace

const Api consumer_group_heartbeat{68, 0, 1, 0, decoded<msg::ConsumerGroupHeartbeatRequest, act>};

} // namespace ottla::mock::api
