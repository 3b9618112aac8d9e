#include "client/admin_impl.hpp"

#include <algorithm>
#include <random>

#include <ottla/msg/create_topics.hpp>
#include <ottla/msg/delete_topics.hpp>
#include <ottla/msg/metadata.hpp>

#include "client/link_options.hpp"
#include "core/cluster/metadata_request.hpp"

namespace ottla::client {
namespace {

core::CallOptions options_for(Duration timeout) {
    core::CallOptions options;
    options.timeout = timeout;
    return options;
}

// For the broker's part of an operation: a tenth less, at most a second, so that it can still say that time was up.
int32_t broker_milliseconds(Duration timeout) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout - std::min<Duration>(timeout / 10, std::chrono::seconds(1))).count();
    return static_cast<int32_t>(std::clamp<int64_t>(ms, 1, INT32_MAX));
}

Error topic_error(const std::string& topic, int16_t code, const std::optional<std::string>& text) {
    const auto errc = static_cast<Errc>(code);
    if (errc == Errc::no_error)
        return {};
    return {errc, topic + ": " + (text && !text->empty() ? *text : error_text(errc))};
}

// What makes a request worth sending again to another broker: the controller has moved.
template <class Response>
Errc controller_error(const Response& response, const auto& results) {
    (void)response;
    for (const auto& result : results)
        if (static_cast<Errc>(result.error_code) == Errc::not_controller)
            return Errc::not_controller;
    return Errc::no_error;
}

// Before the first answer only addresses are known, numbered -1, -2, ...: which broker's was it? -1 if none has that name.
int32_t broker_of(int32_t node, const std::vector<config::HostPort>& bootstrap, const msg::MetadataResponse& response) {
    const auto index = static_cast<size_t>(-1 - static_cast<int64_t>(node));
    if (node >= 0 || index >= bootstrap.size())
        return node;
    for (const auto& broker : response.brokers)
        if (broker.host == bootstrap[index].host && broker.port == bootstrap[index].port)
            return broker.node_id;
    return -1;
}

ClusterDescription describe(const msg::MetadataResponse& response, int32_t answered_by) {
    ClusterDescription description;
    description.cluster_id = response.cluster_id.value_or("");
    description.controller = response.controller_id;
    description.answered_by = answered_by;
    for (const auto& broker : response.brokers)
        description.brokers.push_back(
            {broker.node_id, broker.host, static_cast<uint16_t>(broker.port), broker.rack.value_or("")});
    for (const auto& topic : response.topics) {
        TopicDescription& out = description.topics.emplace_back();
        out.name = topic.name.value_or("");
        out.id = topic.topic_id;
        out.internal = topic.is_internal;
        out.error = static_cast<Errc>(topic.error_code);
        for (const auto& partition : topic.partitions)
            out.partitions.push_back(
                {partition.partition_index,
                 partition.leader_id,
                 partition.leader_epoch,
                 partition.replica_nodes,
                 partition.isr_nodes,
                 static_cast<Errc>(partition.error_code)});
        std::sort(out.partitions.begin(), out.partitions.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    }
    std::sort(description.brokers.begin(), description.brokers.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    std::sort(description.topics.begin(), description.topics.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return description;
}

// Old brokers were asked for all topics.
void keep_only(msg::MetadataResponse& response, const std::string& topic) {
    std::erase_if(response.topics, [&](const auto& told) { return told.name != topic; });
    if (!response.topics.empty())
        return;
    auto& missing = response.topics.emplace_back();
    missing.name = topic;
    missing.error_code = static_cast<int16_t>(Errc::unknown_topic_or_part);
}

/// Topics are created by create_topics alone, not by asking about them.
config::ClientConfig creating_nothing(config::ClientConfig config) {
    config.allow_auto_create_topics = false;
    return config;
}

} // namespace

AdminImpl::AdminImpl(std::shared_ptr<engine::Loop> loop, config::ClientConfig config, LogSink log)
    : loop_(std::move(loop))
    , config_(creating_nothing(std::move(config)))
    , events_(config_, ClientKind::admin, std::move(log), {}) {}

void AdminImpl::start() {
    loop_->post([self = shared_from_this()](TimePoint) {
        self->cluster_.emplace(
            self->loop_->scheduler(),
            self->loop_->make_links(link_options(self->config_)),
            self->config_,
            self->events_,
            std::random_device{}());
    });
}

void AdminImpl::end() {
    events_.log().debug(LogContext::generic, "TERMINATE", "{} ends", events_.name());
    engine::finish_on(loop_, [self = shared_from_this()](TimePoint now) {
        if (self->cluster_)
            self->cluster_->close(now);
        self->scope_.reset();
        self->cluster_.reset();
    });
}

void AdminImpl::list(std::optional<std::string> topic, Duration timeout, Done<ClusterDescription> done) {
    events_.log().debug(LogContext::admin, "METADATA", "{} is asked for", topic.value_or("everything"));
    on_loop(std::move(done), [this, topic = std::move(topic), timeout](Done<ClusterDescription> finish) mutable {
        msg::MetadataRequest request;
        request.topics.reset(); // all of them
        request.allow_auto_topic_creation = false;
        if (topic)
            request.topics.emplace().emplace_back().name = *topic;
        core::call<msg::MetadataRequest>(
            cluster_->caller(), core::AnyBroker{}, std::move(request), options_for(timeout), scope_,
            [this, topic = std::move(topic), finish = std::move(finish)](
                core::CallResult<msg::MetadataResponse> result, TimePoint) mutable {
                if (!result) {
                    finish(result.error(), {});
                    return;
                }
                if (topic)
                    keep_only(result->response, *topic);
                const int32_t node = broker_of(result->node, config_.bootstrap_servers, result->response);
                finish({}, describe(result->response, node));
            },
            nullptr, core::metadata_request_for);
    });
}

void AdminImpl::create(std::vector<NewTopic> topics, Duration timeout, Done<TopicResults> done) {
    for (const auto& topic : topics)
        events_.log().debug(LogContext::admin, "CREATE", "topic {} with {} partitions", topic.name, topic.partitions);
    on_loop(std::move(done), [this, topics = std::move(topics), timeout](Done<TopicResults> finish) mutable {
        msg::CreateTopicsRequest request;
        request.timeout_ms = broker_milliseconds(timeout);
        auto options = options_for(timeout);
        for (const auto& topic : topics) {
            if (topic.partitions < 0 || topic.replication_factor < 0)
                options.min_version = 4; // the broker's defaults (KIP-464)
            auto& out = request.topics.emplace_back();
            out.name = topic.name;
            out.num_partitions = topic.partitions;
            out.replication_factor = topic.replication_factor;
            for (const auto& [name, value] : topic.configs) {
                auto& config = out.configs.emplace_back();
                config.name = name;
                config.value = value;
            }
        }
        core::call<msg::CreateTopicsRequest>(
            cluster_->caller(), core::Controller{}, std::move(request), options, scope_,
            [finish = std::move(finish)](core::CallResult<msg::CreateTopicsResponse> result, TimePoint) mutable {
                TopicResults results;
                if (result)
                    for (const auto& topic : result->response.topics)
                        results[topic.name] = topic_error(topic.name, topic.error_code, topic.error_message);
                finish(result ? Error() : result.error(), std::move(results));
            },
            [](const msg::CreateTopicsResponse& response) { return controller_error(response, response.topics); });
    });
}

void AdminImpl::remove(std::vector<std::string> topics, Duration timeout, Done<TopicResults> done) {
    for (const auto& topic : topics)
        events_.log().debug(LogContext::admin, "DELETE", "topic {}", topic);
    on_loop(std::move(done), [this, topics = std::move(topics), timeout](Done<TopicResults> finish) mutable {
        msg::DeleteTopicsRequest request;
        request.timeout_ms = broker_milliseconds(timeout);
        request.topic_names = topics;
        auto options = options_for(timeout);
        options.max_version = 5; // by name; from 6 on there are ids as well
        core::call<msg::DeleteTopicsRequest>(
            cluster_->caller(), core::Controller{}, std::move(request), options, scope_,
            [finish = std::move(finish)](core::CallResult<msg::DeleteTopicsResponse> result, TimePoint) mutable {
                TopicResults results;
                if (result)
                    for (const auto& topic : result->response.responses) {
                        const std::string name = topic.name.value_or("");
                        results[name] = topic_error(name, topic.error_code, topic.error_message);
                    }
                finish(result ? Error() : result.error(), std::move(results));
            },
            [](const msg::DeleteTopicsResponse& response) { return controller_error(response, response.responses); });
    });
}

} // namespace ottla::client
