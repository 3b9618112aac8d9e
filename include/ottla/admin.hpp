// The admin client: asks about and changes the cluster. Every operation takes a completion token and has a blocking twin.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ottla/config.hpp>
#include <ottla/detail/initiate.hpp>
#include <ottla/engine.hpp>
#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/log.hpp>
#include <ottla/types.hpp>

namespace ottla {

namespace client {
class AdminImpl;
}

struct BrokerDescription {
    int32_t id = -1;
    std::string host;
    uint16_t port = 0;
    std::string rack;
};

struct PartitionDescription {
    int32_t id = -1;
    int32_t leader = -1; ///< -1: none now
    int32_t leader_epoch = -1;
    std::vector<int32_t> replicas;
    std::vector<int32_t> isr;
    Errc error = Errc::no_error;
};

struct TopicDescription {
    std::string name;
    Uuid id;
    bool internal = false;
    std::vector<PartitionDescription> partitions; ///< ordered by id
    Errc error = Errc::no_error;
};

struct ClusterDescription {
    std::string cluster_id;
    int32_t controller = -1;
    int32_t answered_by = -1; ///< the broker whose view this is; -1: one whose id is not known
    std::vector<BrokerDescription> brokers; ///< ordered by id
    std::vector<TopicDescription> topics;   ///< ordered by name
};

struct NewTopic {
    std::string name;
    int32_t partitions = -1;         ///< -1: the broker's default
    int16_t replication_factor = -1; ///< -1: the broker's default
    std::map<std::string, std::string> configs;
};

/// Result per topic: no error means done.
using TopicResults = std::map<std::string, Error>;

struct AdminOptions {
    /// Log lines; default: to stderr. See log.hpp. There is no poll call: log.queue does not count.
    LogSink on_log{};
};

class OTTLA_EXPORT AdminClient {
public:
    explicit AdminClient(const Config& config, AdminOptions options = {});
    AdminClient(const Config& config, Engine engine, AdminOptions options = {});
    AdminClient(AdminClient&&) noexcept;
    AdminClient& operator=(AdminClient&&) noexcept;
    ~AdminClient();

    /// The cluster as one broker sees it; `topic` limits it to one topic (which is not created by asking).
    /// Errors: _timed_out, _transport, with the addresses that were tried in the text.
    ClusterDescription list_topics(const std::optional<std::string>& topic, std::chrono::milliseconds timeout);
    TopicResults create_topics(const std::vector<NewTopic>& topics, std::chrono::milliseconds timeout);
    TopicResults delete_topics(const std::vector<std::string>& topics, std::chrono::milliseconds timeout);

    template <class Token>
    auto async_list_topics(std::optional<std::string> topic, Token&& token) {
        return detail::initiate<void(error_code, ClusterDescription)>(
            std::forward<Token>(token), [impl = impl_, topic = std::move(topic)](Handler<ClusterDescription> handler) mutable {
                start_list(impl, std::move(topic), std::move(handler));
            });
    }
    template <class Token>
    auto async_create_topics(std::vector<NewTopic> topics, Token&& token) {
        return detail::initiate<void(error_code, TopicResults)>(
            std::forward<Token>(token), [impl = impl_, topics = std::move(topics)](Handler<TopicResults> handler) mutable {
                start_create(impl, std::move(topics), std::move(handler));
            });
    }
    template <class Token>
    auto async_delete_topics(std::vector<std::string> topics, Token&& token) {
        return detail::initiate<void(error_code, TopicResults)>(
            std::forward<Token>(token), [impl = impl_, topics = std::move(topics)](Handler<TopicResults> handler) mutable {
                start_delete(impl, std::move(topics), std::move(handler));
            });
    }

private:
    using Impl = std::shared_ptr<client::AdminImpl>;
    static void start_list(const Impl&, std::optional<std::string> topic, Handler<ClusterDescription>);
    static void start_create(const Impl&, std::vector<NewTopic>, Handler<TopicResults>);
    static void start_delete(const Impl&, std::vector<std::string>, Handler<TopicResults>);

    Impl impl_;
};

} // namespace ottla
