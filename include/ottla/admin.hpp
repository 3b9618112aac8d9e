// The admin client: asks about and changes the cluster. Every operation takes a completion token and has a blocking twin.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ottla/admin_groups.hpp>
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

    // --- groups. Each group is asked about at its coordinator, one that moves or is coming up again.

    /// The groups of all brokers. What a broker cannot tell is an error in the result; throws when no broker is known.
    GroupListings list_groups(const GroupFilter& filter, std::chrono::milliseconds timeout);
    /// In the order of `groups`, each with its own error. A group that does not exist has group_id_not_found; before Kafka 4.0
    /// it cannot be told from one that is dead, and is described as that.
    std::vector<GroupDescription>
    describe_groups(const std::vector<std::string>& groups, std::chrono::milliseconds timeout, DescribeGroupsOptions options = {});
    /// Deletes groups without members and what they have committed (brokers from 1.1). Errors of a group: non_empty_group,
    /// group_id_not_found, group_authorization_failed.
    GroupResults delete_groups(const std::vector<std::string>& groups, std::chrono::milliseconds timeout);
    /// How far the group has come; ordered by partition, or as asked for. Throws errors of the group.
    std::vector<CommittedOffset>
    list_group_offsets(const std::string& group, std::chrono::milliseconds timeout, GroupOffsetsOptions options = {});
    /// Commits in the name of a group without members (else unknown_member_id). Offsets are those to be read next, >= 0: others
    /// are _invalid_arg. An error of the group is that of each partition.
    PartitionResults alter_group_offsets(
        const std::string& group, const std::vector<CommittedOffset>& offsets, std::chrono::milliseconds timeout);
    /// Forgets what is committed of these (brokers from 2.4, KIP-496). Errors of a partition: group_subscribed_to_topic,
    /// unknown_topic_or_part. Throws errors of the group: group_id_not_found, non_empty_group...
    PartitionResults delete_group_offsets(
        const std::string& group, const std::vector<TopicPartition>& partitions, std::chrono::milliseconds timeout);

    /// Offsets of many partitions, asked of their leaders; each with its own error.
    ListedOffsets list_offsets(
        const std::map<TopicPartition, OffsetSpec>& partitions,
        std::chrono::milliseconds timeout,
        IsolationLevel isolation = IsolationLevel::read_uncommitted);

    template <class Token>
    auto async_list_groups(GroupFilter filter, Token&& token) {
        return detail::initiate<void(error_code, GroupListings)>(
            std::forward<Token>(token), [impl = impl_, filter = std::move(filter)](Handler<GroupListings> handler) mutable {
                start_list_groups(impl, std::move(filter), std::move(handler));
            });
    }
    template <class Token>
    auto async_describe_groups(std::vector<std::string> groups, DescribeGroupsOptions options, Token&& token) {
        return detail::initiate<void(error_code, std::vector<GroupDescription>)>(
            std::forward<Token>(token),
            [impl = impl_, groups = std::move(groups), options](Handler<std::vector<GroupDescription>> handler) mutable {
                start_describe_groups(impl, std::move(groups), options, std::move(handler));
            });
    }
    template <class Token>
    auto async_delete_groups(std::vector<std::string> groups, Token&& token) {
        return detail::initiate<void(error_code, GroupResults)>(
            std::forward<Token>(token), [impl = impl_, groups = std::move(groups)](Handler<GroupResults> handler) mutable {
                start_delete_groups(impl, std::move(groups), std::move(handler));
            });
    }
    template <class Token>
    auto async_list_group_offsets(std::string group, GroupOffsetsOptions options, Token&& token) {
        return detail::initiate<void(error_code, std::vector<CommittedOffset>)>(
            std::forward<Token>(token),
            [impl = impl_, group = std::move(group), options = std::move(options)](
                Handler<std::vector<CommittedOffset>> handler) mutable {
                start_list_group_offsets(impl, std::move(group), std::move(options), std::move(handler));
            });
    }
    template <class Token>
    auto async_alter_group_offsets(std::string group, std::vector<CommittedOffset> offsets, Token&& token) {
        return detail::initiate<void(error_code, PartitionResults)>(
            std::forward<Token>(token),
            [impl = impl_, group = std::move(group), offsets = std::move(offsets)](Handler<PartitionResults> handler) mutable {
                start_alter_group_offsets(impl, std::move(group), std::move(offsets), std::move(handler));
            });
    }
    template <class Token>
    auto async_delete_group_offsets(std::string group, std::vector<TopicPartition> partitions, Token&& token) {
        return detail::initiate<void(error_code, PartitionResults)>(
            std::forward<Token>(token),
            [impl = impl_, group = std::move(group), partitions = std::move(partitions)](
                Handler<PartitionResults> handler) mutable {
                start_delete_group_offsets(impl, std::move(group), std::move(partitions), std::move(handler));
            });
    }
    template <class Token>
    auto async_list_offsets(std::map<TopicPartition, OffsetSpec> partitions, IsolationLevel isolation, Token&& token) {
        return detail::initiate<void(error_code, ListedOffsets)>(
            std::forward<Token>(token),
            [impl = impl_, partitions = std::move(partitions), isolation](Handler<ListedOffsets> handler) mutable {
                start_list_offsets(impl, std::move(partitions), isolation, std::move(handler));
            });
    }

private:
    using Impl = std::shared_ptr<client::AdminImpl>;
    static void start_list_groups(const Impl&, GroupFilter, Handler<GroupListings>);
    static void
    start_describe_groups(const Impl&, std::vector<std::string> groups, DescribeGroupsOptions, Handler<std::vector<GroupDescription>>);
    static void start_delete_groups(const Impl&, std::vector<std::string> groups, Handler<GroupResults>);
    static void start_list_group_offsets(const Impl&, std::string group, GroupOffsetsOptions, Handler<std::vector<CommittedOffset>>);
    static void
    start_alter_group_offsets(const Impl&, std::string group, std::vector<CommittedOffset>, Handler<PartitionResults>);
    static void
    start_delete_group_offsets(const Impl&, std::string group, std::vector<TopicPartition>, Handler<PartitionResults>);
    static void
    start_list_offsets(const Impl&, std::map<TopicPartition, OffsetSpec>, IsolationLevel, Handler<ListedOffsets>);
    static void start_list(const Impl&, std::optional<std::string> topic, Handler<ClusterDescription>);
    static void start_create(const Impl&, std::vector<NewTopic>, Handler<TopicResults>);
    static void start_delete(const Impl&, std::vector<std::string>, Handler<TopicResults>);

    Impl impl_;
};

} // namespace ottla
