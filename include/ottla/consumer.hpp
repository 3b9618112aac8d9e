// The consumer: reads assigned partitions; records arrive as views into the received bytes.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ottla/close_options.hpp>
#include <ottla/config.hpp>
#include <ottla/detail/initiate.hpp>
#include <ottla/engine.hpp>
#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/log.hpp>
#include <ottla/metrics.hpp>
#include <ottla/offsets.hpp>
#include <ottla/partition_stream.hpp>
#include <ottla/records.hpp>
#include <ottla/types.hpp>

namespace ottla {

namespace client {
class ConsumerImpl;
}

class ConsumerInterceptor;
class Transform;

class PartitionAssignor;

struct ConsumerOptions {
    /// Informational errors: the client recovers by itself. Called from poll calls.
    std::function<void(const KafkaError&)> on_error{};
    /// Log lines; default: to stderr. See log.hpp.
    LogSink on_log{};
    /// Statistics as JSON, at each statistics.interval.ms (0: never). Called from poll calls; of what was not served in time
    /// only the newest is kept. See metrics.hpp and docs/STATISTICS.md.
    std::function<void(std::string_view json)> on_statistics{};
    /// A broker delayed a request. Called from poll calls; the newest 32 are kept.
    std::function<void(const ThrottleEvent&)> on_throttle{};
    /// What asynchronous and automatic commits have come to: the error when none of the partitions was committed, and each
    /// partition with its own. Called from poll calls and close.
    std::function<void(const Error&, const std::vector<CommittedOffset>&)> on_commit{};
    /// Hears of requests and snapshots on the engine's thread.
    std::shared_ptr<MetricsListener> metrics_listener{};
    /// The application's own ways to divide partitions (assignor.hpp), whose names may stand in partition.assignment.strategy;
    /// if that is not set these are used, best first. Called on the engine's thread, one at a time; not with
    /// group.protocol=consumer. Each belongs to one consumer.
    std::vector<std::shared_ptr<PartitionAssignor>> assignors{};
    /// See what is handed out and what is committed. See consumer_interceptor.hpp.
    std::vector<std::shared_ptr<ConsumerInterceptor>> interceptors{};
};

/// Hear of a rebalance, from poll calls and close; the partitions are the change only with cooperative assignors (KIP-429), else all.
/// A handler that calls none of assign, unassign, incremental_assign and incremental_unassign leaves that to the consumer.
struct RebalanceHandlers {
    /// Partitions are this member's now; with assign(...) or incremental_assign(...) it says from where they are read.
    std::function<void(const std::vector<TopicPartition>&)> on_assign{};
    /// They will be another's: commit what is done.
    std::function<void(const std::vector<TopicPartition>&)> on_revoke{};
    /// They are another's already: do not commit. Not set: on_revoke.
    std::function<void(const std::vector<TopicPartition>&)> on_lost{};
};

struct Watermarks {
    int64_t low = offset_invalid;
    int64_t high = offset_invalid;
};

/// Use from one thread at a time. Making one never waits for the network.
class OTTLA_EXPORT Consumer {
public:
    explicit Consumer(const Config& config, ConsumerOptions options = {});
    Consumer(const Config& config, Engine engine, ConsumerOptions options = {});
    Consumer(Consumer&&) noexcept;
    Consumer& operator=(Consumer&&) noexcept;
    ~Consumer();

    /// Joins the group `group.id`, whose members share the partitions of these topics; replaces the subscription. Returns before
    /// joining: that goes on in the background, and what it comes to in poll calls, which must come within max.poll.interval.ms.
    /// What was assigned by hand before ends, committed as by `assign`. No topics: as unsubscribe. Throws KafkaException: _unknown_group without group.id, _invalid_arg.
    void subscribe(std::vector<std::string> topics, RebalanceHandlers handlers = {});
    /// Leaves the group, once poll calls have given up what is assigned.
    void unsubscribe();
    std::vector<std::string> subscription() const;
    /// Who this is to its group; empty before joining.
    std::string member_id() const;

    /// Replaces the assignment. Offsets are where to start: absolute, or offset_beginning, offset_end, offset_tail(n);
    /// offset_invalid and offset_stored: what the group `group.id` has committed; without one, or when it has committed
    /// nothing, by `auto.offset.reset`.
    void assign(const std::vector<TopicPartitionOffset>& partitions);
    void unassign();
    /// Adds to the assignment. Throws _conflict for a partition that is assigned.
    void incremental_assign(const std::vector<TopicPartitionOffset>& partitions);
    /// Takes away from it. Throws _invalid_arg for a partition that is not assigned.
    void incremental_unassign(const std::vector<TopicPartition>& partitions);
    std::vector<TopicPartition> assignment() const;
    /// Assigned partitions only (_state). Messages fetched before are never returned after it.
    void seek(const TopicPartitionOffset& to);
    /// Nothing of a paused partition is returned after pause; what was fetched is kept.
    void pause(const std::vector<TopicPartition>& partitions);
    void resume(const std::vector<TopicPartition>& partitions);
    /// Last handed-out offset + 1; offset_invalid when none yet.
    std::vector<TopicPartitionOffset> position(const std::vector<TopicPartition>& partitions) const;

    /// One message or event; nullopt at the time limit (negative: no limit). Serves callbacks.
    std::optional<Message> poll(std::chrono::milliseconds timeout);
    /// Up to `count` (at most 1,000,000); waits until that many, the time limit, or a rebalance that wants some of their partitions.
    /// Less when ottla.memory.budget is spent.
    std::vector<Message> consume(size_t count, std::chrono::milliseconds timeout);
    /// Whatever has arrived, as views; waits only while nothing is there. Nothing is allocated or locked per message.
    /// Pass the same object again to reuse its memory; its old views end.
    Records poll_records(std::chrono::milliseconds timeout);
    void poll_records(Records& into, std::chrono::milliseconds timeout);
    /// As poll_records without a time limit, completing with `void(error_code, Records)`. Errors: _destroy when the consumer is closed,
    /// _in_progress when another asynchronous poll waits, operation_aborted when cancelled or woken up. Cancelling loses nothing.
    template <class Token>
    auto async_poll_records(Token&& token) {
        return detail::initiate<void(error_code, Records)>(
            std::forward<Token>(token), [impl = impl_](Handler<Records> handler) { start_poll(impl, std::move(handler)); });
    }
    /// The same for poll: completes with `void(error_code, Message)`.
    template <class Token>
    auto async_poll(Token&& token) {
        return detail::initiate<void(error_code, Message)>(
            std::forward<Token>(token), [impl = impl_](Handler<Message> handler) { start_poll(impl, std::move(handler)); });
    }
    /// Ends the wait of the poll call that another thread is in, as its time limit would; an asynchronous one ends with
    /// operation_aborted. If none waits, the next that would wait does not. From any thread.
    void wakeup();

    /// Reads an assigned partition apart from the others, on any thread: poll calls bring the rest. Throws KafkaException: _state when it
    /// is not assigned, _conflict when it has a stream.
    PartitionStream stream(const TopicPartition& partition);

    /// Asks the leader for the lowest and the next offset. Throws KafkaException (_timed_out, _unknown_partition...).
    Watermarks query_watermarks(const TopicPartition& partition, std::chrono::milliseconds timeout);
    /// The last ones seen in fetch responses; offset_invalid when unknown.
    Watermarks cached_watermarks(const TopicPartition& partition) const;
    /// How many offsets the application is behind the end of the partition, as last seen in fetch responses: the next offset, or
    /// with isolation.level=read_committed the last stable one. Asks nobody. nullopt while that is not known. Throws
    /// KafkaException: _state (not assigned).
    std::optional<int64_t> current_lag(const TopicPartition& partition) const;
    /// For each partition the first offset whose timestamp is >= the given one (ms, in `offset`); offset_end when none.
    std::vector<TopicPartitionOffset>
    offsets_for_times(const std::vector<TopicPartitionOffset>& times, std::chrono::milliseconds timeout);

    /// What the group `group.id` has committed in each of these partitions, in their order; with isolation.level=read_committed what
    /// lies in open transactions is waited for (KIP-447; brokers from 2.5). Negative timeout: no limit. At the limit
    /// a partition that is still waited for has the error unstable_offset_commit, or the call fails. Throws KafkaException:
    /// _unknown_group without group.id, _timed_out, errors of the group (group_authorization_failed...).
    std::vector<CommittedOffset> committed(const std::vector<TopicPartition>& partitions, std::chrono::milliseconds timeout);
    /// As committed, completing with `void(error_code, std::vector<CommittedOffset>)`; the limit is socket.timeout.ms.
    /// Errors besides those above: _destroy when the consumer is closed meanwhile.
    template <class Token>
    auto async_committed(std::vector<TopicPartition> partitions, Token&& token) {
        return detail::initiate<void(error_code, std::vector<CommittedOffset>)>(
            std::forward<Token>(token),
            [impl = impl_, partitions = std::move(partitions)](Handler<std::vector<CommittedOffset>> handler) mutable {
                start_committed(impl, std::move(partitions), std::move(handler));
            });
    }
    // --- commits: offsets are those to be read next. All throw KafkaException _unknown_group without group.id.

    /// Commits what is stored of the assignment: with enable.auto.offset.store what was handed out, also by the last poll_records;
    /// else what store_offsets was given. Waits until the coordinator has answered, up to socket.timeout.ms. Returns what was
    /// committed, each partition with its error. Throws KafkaException: _no_offset when there is nothing to commit; when no partition
    /// was committed, the reason (illegal_generation, unknown_member_id, rebalance_in_progress, _timed_out...).
    std::vector<CommittedOffset> commit();
    /// The same for the place after this message. Throws _invalid_arg for an event or error.
    std::vector<CommittedOffset> commit(const Message& message);
    /// The same for these; logical and invalid offsets are left out.
    std::vector<CommittedOffset> commit(const std::vector<CommittedOffset>& offsets);
    // The same without waiting: what it comes to goes to ConsumerOptions::on_commit. Commits are done in the order of the calls.
    void commit_async();
    void commit_async(const Message& message);
    void commit_async(const std::vector<CommittedOffset>& offsets);
    /// As commit, completing with `void(error_code, std::vector<CommittedOffset>)`.
    template <class Token>
    auto async_commit(std::vector<CommittedOffset> offsets, Token&& token) {
        return detail::initiate<void(error_code, std::vector<CommittedOffset>)>(
            std::forward<Token>(token),
            [impl = impl_, offsets = std::move(offsets)](Handler<std::vector<CommittedOffset>> handler) mutable {
                start_commit(impl, std::move(offsets), std::move(handler));
            });
    }
    /// Says how far the application has come, for the next commit, also an automatic one. Throws KafkaException: _invalid_arg unless
    /// enable.auto.offset.store=false; _state for a partition that is not assigned.
    void store_offsets(const Message& message);
    void store_offsets(const std::vector<TopicPartitionOffset>& offsets);

    /// Who this consumer is to its group, for Producer::send_offsets_to_transaction. Throws _unknown_group without group.id.
    ConsumerGroupMetadata group_metadata() const;

    /// The error that has ended this consumer: another has come with its group.instance.id (fenced_instance_id). Polling tells of it
    /// once, as a message with the error _fatal; then all calls that poll, subscribe or commit fail with _fatal. Make a new one.
    Error fatal_error() const;

    /// The consumer in numbers, now. From any thread, also on the engine's own. Distributions want statistics.interval.ms.
    Metrics metrics() const;

    /// Commits what is stored, with enable.auto.commit. For that and for commits under way it waits up to `timeout` (embedded in an
    /// application's loop it does not wait), and serves callbacks; then ends fetching and connections. Afterwards every call fails
    /// with _state. A second close is a no-op.
    void close(std::chrono::milliseconds timeout = std::chrono::seconds(30));
    /// The same, with a word about the membership of its group.
    void close(const CloseOptions& options);

private:
    friend class Transform;
    bool commits_by_itself() const;
    static void start_poll(const std::shared_ptr<client::ConsumerImpl>& impl, Handler<Records> handler);
    static void start_poll(const std::shared_ptr<client::ConsumerImpl>& impl, Handler<Message> handler);
    static void start_committed(
        const std::shared_ptr<client::ConsumerImpl>& impl,
        std::vector<TopicPartition> partitions,
        Handler<std::vector<CommittedOffset>> handler);
    static void start_commit(
        const std::shared_ptr<client::ConsumerImpl>& impl,
        std::vector<CommittedOffset> offsets,
        Handler<std::vector<CommittedOffset>> handler);

    std::shared_ptr<client::ConsumerImpl> impl_;
};

} // namespace ottla
