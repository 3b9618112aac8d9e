// CreateTopics v2-7. v4 allows -1 for partitions and replication factor, v5 answers with what was made, v7
// with the id. The controller does it in a real cluster; since KRaft any broker passes the request on, so
// here any broker does it.
#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>
#include <ottla/msg/create_topics.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

using msg::create_topics_request::CreatableTopic;

/// Of all topics in a request, as with a broker.
constexpr int64_t most_partitions = 10000;

/// Understood settings are applied, others accepted and kept for nobody.
Error read_configs(const CreatableTopic& wanted, TopicConfig& config) {
    for (const auto& entry : wanted.configs) {
        const std::string value = entry.value.value_or("");
        if (entry.name == "message.timestamp.type") {
            if (value != "CreateTime" && value != "LogAppendTime")
                return {Errc::invalid_config, fmt::format("message.timestamp.type cannot be '{}'", value)};
            config.timestamp_type =
                value == "LogAppendTime" ? TimestampType::log_append_time : TimestampType::create_time;
            continue;
        }
        if (entry.name != "max.message.bytes" && entry.name != "retention.bytes")
            continue;
        int64_t number = 0;
        const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (failed != std::errc() || end != value.data() + value.size())
            return {Errc::invalid_config, fmt::format("{} cannot be '{}'", entry.name, value)};
        (entry.name == "retention.bytes" ? config.retention_bytes : config.max_message_bytes) =
            number < 0 ? 0 : static_cast<size_t>(number);
    }
    return {};
}

/// Partition indexes must be 0, 1, 2, ... in any order.
Error read_assignment(const CreatableTopic& wanted, ClusterCore::NewTopic& topic) {
    std::map<int32_t, std::vector<int32_t>> by_partition;
    for (const auto& assignment : wanted.assignments)
        if (!by_partition.emplace(assignment.partition_index, assignment.broker_ids).second)
            return {
                Errc::invalid_replica_assignment,
                fmt::format("partition {} is assigned twice", assignment.partition_index)};
    for (auto& [index, brokers] : by_partition) {
        if (index != static_cast<int32_t>(topic.assignment.size()))
            return {Errc::invalid_replica_assignment, "partitions must be numbered from 0 on, without gaps"};
        topic.assignment.push_back(std::move(brokers));
    }
    return {};
}

Error create(
    ClusterCore& cluster, const CreatableTopic& wanted, bool validate_only, ClusterCore::NewTopic& topic
) {
    topic.name = wanted.name;
    topic.partitions = wanted.num_partitions;
    topic.replication_factor = wanted.replication_factor;
    topic.config = cluster.options().topic_defaults;
    if (Error error = read_assignment(wanted, topic))
        return error;
    if (Error error = cluster.check(topic))
        return error;
    if (Error error = read_configs(wanted, topic.config))
        return error;
    return validate_only ? Error() : cluster.create_topic(topic);
}

Outcome act(ClusterCore& cluster, const Call& call, msg::CreateTopicsRequest& request) {
    std::map<std::string, int> mentions;
    for (const auto& wanted : request.topics)
        ++mentions[wanted.name];

    int64_t partitions_left = most_partitions;
    msg::CreateTopicsResponse response;
    for (const auto& wanted : request.topics) {
        if (mentions[wanted.name] == 0)
            continue;
        ClusterCore::NewTopic topic;
        Error error;
        if (call.injected != Errc::no_error)
            error = call.injected;
        else if (std::exchange(mentions[wanted.name], 0) > 1)
            error = Error(Errc::invalid_request, "the topic is named more than once");
        else if ((partitions_left -= std::max(wanted.num_partitions, 1)) < 0)
            error = Error(Errc::policy_violation, "too many partitions in one request");
        else
            error = create(cluster, wanted, request.validate_only, topic);

        auto& out = response.topics.emplace_back();
        out.name = wanted.name;
        out.error_code = code(error.errc());
        out.error_message = std::nullopt;
        if (error) {
            out.error_message = error.message();
            continue;
        }
        const auto& options = cluster.options();
        const bool assigned = !topic.assignment.empty();
        out.num_partitions = assigned                 ? static_cast<int32_t>(topic.assignment.size())
                             : topic.partitions == -1 ? options.default_partitions
                                                      : topic.partitions;
        out.replication_factor = assigned ? static_cast<int16_t>(topic.assignment[0].size())
                                 : topic.replication_factor == -1 ? options.default_replication_factor
                                                                  : topic.replication_factor;
        if (const Topic* made = cluster.find_topic(wanted.name))
            out.topic_id = made->id;
    }
    return reply(call, response);
}

} // namespace

const Api create_topics{19, 2, 7, 2, decoded<msg::CreateTopicsRequest, act>};

} // namespace ottla::mock::api
