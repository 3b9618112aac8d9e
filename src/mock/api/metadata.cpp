// Metadata v0-13. All topics: an empty list in v0, null from v1 on. v4 adds the choice not to create topics,
// v5 offline replicas, v7 leader epochs, v8-10 and v8 authorized operations, v10 topic ids, v12 questions by
// id, v13 an error of the whole answer. A topic that is created by the question is there at once.
#include <ottla/msg/metadata.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

/// Bits of read, write, create, delete, alter, describe, describe_configs and alter_configs.
constexpr int32_t every_topic_operation = 3576;
constexpr int32_t every_cluster_operation = 8096;

template <class Out>
void fill_partition(const ClusterCore& cluster, const Partition& partition, Out& out) {
    out.leader_id = partition.leader;
    out.leader_epoch = partition.leader_epoch;
    out.replica_nodes = partition.replicas;
    for (const int32_t id : partition.replicas)
        (cluster.brokers().at(id).up ? out.isr_nodes : out.offline_replicas).push_back(id);
    if (partition.leader == no_leader)
        out.error_code = code(Errc::leader_not_available);
}

template <class Out>
void fill_topic(const ClusterCore& cluster, const Topic& topic, bool operations, Out& out) {
    out.name = topic.name;
    out.topic_id = topic.id;
    if (operations)
        out.topic_authorized_operations = every_topic_operation;
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
        auto& partition = out.partitions.emplace_back();
        partition.partition_index = static_cast<int32_t>(i);
        fill_partition(cluster, topic.partitions[i], partition);
    }
}

/// The one error that the answer as a whole can have (KIP-1102); any other injected error is that of each
/// topic.
bool rebootstraps(const Call& call) {
    return call.version >= 13 && call.injected == Errc::rebootstrap_required;
}

/// The topic that is asked for, made if need be.
Topic* look_up(ClusterCore& cluster, const std::string& name, bool may_create, Errc& error) {
    error = Errc::no_error;
    if (Topic* topic = cluster.find_topic(name))
        return topic;
    if (!is_valid_topic_name(name)) {
        error = Errc::topic_exception;
        return nullptr;
    }
    error = Errc::unknown_topic_or_part;
    if (!may_create)
        return nullptr;
    ClusterCore::NewTopic wanted;
    wanted.name = name;
    wanted.config = cluster.options().topic_defaults;
    if (const Error failed = cluster.create_topic(wanted)) {
        error = failed.errc();
        return nullptr;
    }
    error = Errc::no_error;
    return cluster.find_topic(name);
}

void answer_topics(
    ClusterCore& cluster,
    const Call& call,
    const msg::MetadataRequest& request,
    msg::MetadataResponse& response
) {
    const bool operations = request.include_topic_authorized_operations;
    const bool all_topics = !request.topics || (call.version == 0 && request.topics->empty());
    if (all_topics) {
        for (const auto& [name, topic] : cluster.topics()) {
            auto& out = response.topics.emplace_back();
            fill_topic(cluster, topic, operations, out);
            if (call.injected != Errc::no_error && !rebootstraps(call)) {
                out.error_code = code(call.injected);
                out.partitions.clear();
            }
        }
        return;
    }
    const bool may_create =
        cluster.options().auto_create_topics && (call.version < 4 || request.allow_auto_topic_creation);
    for (const auto& wanted : *request.topics) {
        auto& out = response.topics.emplace_back();
        const bool by_id = !wanted.name;
        Errc error = Errc::unknown_topic_id;
        Topic* topic =
            by_id ? cluster.find_topic(wanted.topic_id) : look_up(cluster, *wanted.name, may_create, error);
        if (topic)
            error = Errc::no_error;
        if (by_id && call.version < 12) {
            topic = nullptr;
            error = Errc::invalid_request;
        }
        if (call.injected != Errc::no_error && !rebootstraps(call)) {
            topic = nullptr;
            error = call.injected;
        }
        out.error_code = code(error);
        out.name = wanted.name;
        if (by_id && call.version < 12)
            out.name = "";
        out.topic_id = wanted.topic_id;
        if (topic)
            fill_topic(cluster, *topic, operations, out);
    }
}

Outcome act(ClusterCore& cluster, const Call& call, msg::MetadataRequest& request) {
    msg::MetadataResponse response;
    for (const auto& [id, broker] : cluster.brokers()) {
        if (!broker.up)
            continue;
        auto& out = response.brokers.emplace_back();
        out.node_id = id;
        out.host = broker.host;
        out.port = broker.port;
        if (!broker.rack.empty())
            out.rack = broker.rack;
    }
    response.cluster_id = cluster.cluster_id();
    response.controller_id = cluster.controller();
    if (rebootstraps(call))
        response.error_code = code(call.injected);
    if (request.include_cluster_authorized_operations)
        response.cluster_authorized_operations = every_cluster_operation;
    answer_topics(cluster, call, request, response);
    return reply(call, response);
}

} // namespace

const Api metadata{3, 0, 13, 0, decoded<msg::MetadataRequest, act>};

} // namespace ottla::mock::api
