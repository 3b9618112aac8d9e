// The producer: takes records, batches them by partition, sends them to the leaders, reports what became of each.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <ottla/config.hpp>
#include <ottla/detail/initiate.hpp>
#include <ottla/engine.hpp>
#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/log.hpp>
#include <ottla/metrics.hpp>
#include <ottla/partitioner.hpp>
#include <ottla/record.hpp>
#include <ottla/types.hpp>

namespace ottla {

namespace client {
class ProducerImpl;
}
class ProducerInterceptor;

/// What to send. All views: they need to live for the call only, the record is encoded in it.
struct ProducerRecord {
    std::string_view topic;
    Bytes value{};
    Bytes key{};
    int32_t partition = partition_any; ///< partition_any: the partitioner decides
    int64_t timestamp_ms = 0;          ///< 0: now
    std::span<const Header> headers{};
    /// The value is not copied but sent from where it is, if it is larger than message.copy.max.bytes (4095 if not set): its bytes must
    /// stay as they are until the message's report. Delivery::value() is then this very pointer. The report of a message that failed waits
    /// until no connection reads the value any more, up to socket.timeout.ms. Without effect in async_send, which copies.
    bool lend_value = false;
};

/// Whether the broker stored a message, as far as the producer knows.
enum class MessageStatus : uint8_t { not_persisted = 0, possibly_persisted = 1, persisted = 2 };

/// What became of one message. A view, valid during the callback; key, value and headers are decoded on demand.
class OTTLA_EXPORT Delivery {
public:
    error_code error() const { return error_; } ///< success: stored as acks demands
    /// What happened in full, naming the topic or the broker; empty: no more is known than the code says.
    std::string_view detail() const { return detail_ ? std::string_view(*detail_) : std::string_view(); }
    std::string_view topic() const { return topic_; }
    int32_t partition() const { return partition_; }
    int64_t offset() const { return offset_; } ///< offset_invalid: not known
    int64_t timestamp_ms() const;
    MessageStatus status() const { return status_; }
    Bytes key() const;
    Bytes value() const;
    /// The record as it was encoded; headers are read through it.
    RecordView record() const;
    /// From produce() to the acknowledgement; an upper bound, off by at most linger.
    std::chrono::microseconds latency() const { return latency_; }
    void* opaque() const { return opaque_; } ///< as given to produce()

private:
    friend class client::ProducerImpl;
    error_code error_;
    const std::string* detail_ = nullptr;
    std::string_view topic_;
    int32_t partition_ = -1;
    int64_t offset_ = offset_invalid;
    int64_t log_append_time_ms_ = -1;
    int64_t base_timestamp_ms_ = 0;
    MessageStatus status_ = MessageStatus::not_persisted;
    std::chrono::microseconds latency_{};
    void* opaque_ = nullptr;
    const uint8_t* encoded_ = nullptr; ///< the v2 record, length prefix included
    Bytes lent_{};                     ///< the value, if it is the caller's
    const uint8_t* rest_ = nullptr;    ///< what follows a value that lies elsewhere, up to `end_`
    const uint8_t* end_ = nullptr;
};

/// A report that outlives the callback: for futures and coroutines.
struct DeliveryReport {
    int32_t partition = -1;
    int64_t offset = offset_invalid;
    int64_t timestamp_ms = -1;
    MessageStatus status = MessageStatus::not_persisted;
    std::chrono::microseconds latency{};
};

using DeliveryHandler = std::function<void(const Delivery&)>;

struct ProducerOptions {
    /// Called from poll(), flush() and close() for every message that had no handler of its own. One callback a message.
    DeliveryHandler on_delivery{};
    /// The same, a whole batch at once; wins over `on_delivery`.
    std::function<void(std::span<const Delivery>)> on_batch_delivery{};
    /// Chooses partitions instead of the property `partitioner`.
    PartitionerFunction partitioner{};
    /// Informational errors: the client recovers by itself. Called from poll() and flush().
    std::function<void(const KafkaError&)> on_error{};
    /// Log lines; default: to stderr. See log.hpp.
    LogSink on_log{};
    /// Called in this order for each record and each outcome. See interceptor.hpp. None cost nothing.
    std::vector<std::shared_ptr<ProducerInterceptor>> interceptors{};
    /// Statistics as JSON, at each statistics.interval.ms (0: never). Called from poll() and flush(); of what was not served in
    /// time only the newest is kept. See metrics.hpp and docs/STATISTICS.md.
    std::function<void(std::string_view json)> on_statistics{};
    /// A broker delayed a request. Called from poll() and flush(); the newest 32 are kept.
    std::function<void(const ThrottleEvent&)> on_throttle{};
    /// Hears of requests, batches and snapshots on the engine's thread.
    std::shared_ptr<MetricsListener> metrics_listener{};
};

struct PurgeOptions {
    bool queued = true;    ///< messages that were not sent
    bool in_flight = true; ///< messages whose acknowledgement is awaited
};

/// Thread-safe. Making one never waits for the network. A wrong property throws KafkaException(_INVALID_ARG).
class OTTLA_EXPORT Producer {
public:
    explicit Producer(const Config& config, ProducerOptions options = {});
    Producer(const Config& config, Engine engine, ProducerOptions options = {});
    Producer(Producer&&) noexcept;
    Producer& operator=(Producer&&) noexcept;
    /// Purges what is unsent (with a warning on the log) and never blocks when embedded. Call flush or close before.
    ~Producer();

    /// Accepts a record into the local queue and returns at once.
    /// Errors: _queue_full (poll, then try again), msg_size_too_large, _unknown_partition, _unknown_topic, _state, _fatal.
    /// `opaque` comes back in the delivery report. The overloads without error_code throw KafkaException.
    void produce(const ProducerRecord& record, void* opaque = nullptr);
    void produce(const ProducerRecord& record, void* opaque, error_code& ec) noexcept;
    /// With a handler for this message alone, called from poll(), flush() or close(). Costs one allocation.
    void produce(const ProducerRecord& record, DeliveryHandler handler);
    void produce(const ProducerRecord& record, DeliveryHandler handler, error_code& ec);

    /// Many records with one lock a partition instead of one a record. Returns how many were accepted; results[i] tells of
    /// records[i], opaques[i] comes back in its report; both may be empty, or have an element for each record (else
    /// _invalid_arg is thrown). A record that is refused does not stop those after it.
    size_t produce_many(
        std::span<const ProducerRecord> records, std::span<error_code> results = {}, std::span<void* const> opaques = {});

    /// Sends and completes with the report: `void(error_code, DeliveryReport)`. The record is encoded in this call, before
    /// the operation is initiated, so views may end with it. When the queue is full the record is copied and waits, first
    /// in first out. Terminal cancellation stops the waiting; it does not recall what was sent.
    template <class Token>
    auto async_send(const ProducerRecord& record, Token&& token) {
        return async_send_prepared(prepare_send(record), std::forward<Token>(token));
    }

    /// As produce, but waits up to `wait` while the local queue is full (negative: no limit), serving reports meanwhile as poll
    /// does. Errors: _queue_full at the limit; _state on a thread that must not block.
    void produce(const ProducerRecord& record, std::chrono::milliseconds wait, void* opaque = nullptr);

    /// Serves delivery reports and events; waits up to `timeout` for the first (negative: no limit). Returns how many
    /// reports were served.
    size_t poll(std::chrono::milliseconds timeout);
    /// Sends at once (linger ignored), serves reports until nothing is queued or in flight. Returns how many messages
    /// remain at the time limit; 0: all reported. Negative: no limit.
    size_t flush(std::chrono::milliseconds timeout);
    /// Completes when all that was accepted before the call is acknowledged or has failed: `void(error_code)`.
    template <class Token>
    auto async_flush(Token&& token) {
        return detail::initiate<void(error_code)>(
            std::forward<Token>(token), [impl = impl_](PlainHandler handler) { start_flush(impl, std::move(handler)); });
    }
    /// Messages accepted and not yet reported.
    size_t outstanding() const;
    /// Drops messages: their reports, _purge_queue or _purge_inflight, come with the next poll. The broker may still store what
    /// is in flight. Returns when the messages are dropped; on a thread that must not block, at once. Error: _invalid_arg when
    /// nothing is to be dropped.
    void purge(PurgeOptions options = {});
    /// The producer in numbers, now. From any thread; also on the engine's own, and neither waits for the network nor for a turn
    /// of the loop but the one that runs. Distributions want statistics.interval.ms. After the end: no brokers and topics.
    Metrics metrics() const;
    /// The error that has ended this producer: kept once it came up, no error before.
    Error fatal_error() const;

    // --- Transactions (KIP-98), with `transactional.id`. Calls wait up to `timeout`; negative: transaction.timeout.ms.
    // Errors are retriable (_timed_out: the same call made again goes on waiting; its work goes on meanwhile), or want
    // the transaction aborted (txn_requires_abort), or fatal (_fenced: a newer producer of this id has taken over), or
    // tell a wrong call: _state, _conflict (another call is unfinished), _prev_in_progress, _not_configured.
    // The blocking ones serve reports and throw KafkaException; the others end with void(error_code) and want poll() elsewhere
    // for reports. Cancelled, they stop waiting, as at a timeout.

    /// Once, before anything else: gets producer id and epoch, fences older producers of this id, and ends what they left open.
    void init_transactions(std::chrono::milliseconds timeout = std::chrono::milliseconds(-1));
    /// From here to commit or abort, produce() takes messages; else it fails with _state. Does not ask the cluster.
    void begin_transaction();
    /// The group's offsets become part of the transaction: `offsets` are those to read next. Logical ones are left out.
    /// The consumer wants enable.auto.commit=false.
    void send_offsets_to_transaction(
        const std::vector<TopicPartitionOffset>& offsets,
        const ConsumerGroupMetadata& group,
        std::chrono::milliseconds timeout = std::chrono::milliseconds(-1));
    /// Sends what waits and ends the transaction once everything is acknowledged. A message that failed: txn_requires_abort.
    void commit_transaction(std::chrono::milliseconds timeout = std::chrono::milliseconds(-1));
    /// Drops what is not acknowledged (reports _purge_queue, _purge_inflight) and ends the transaction.
    void abort_transaction(std::chrono::milliseconds timeout = std::chrono::milliseconds(-1));

    template <class Token>
    auto async_init_transactions(Token&& token) {
        return async_transact(TransactionCall::init, {}, {}, std::forward<Token>(token));
    }
    template <class Token>
    auto async_begin_transaction(Token&& token) {
        return async_transact(TransactionCall::begin, {}, {}, std::forward<Token>(token));
    }
    template <class Token>
    auto async_send_offsets_to_transaction(std::vector<TopicPartitionOffset> offsets, ConsumerGroupMetadata group, Token&& token) {
        return async_transact(TransactionCall::send_offsets, std::move(offsets), std::move(group), std::forward<Token>(token));
    }
    template <class Token>
    auto async_commit_transaction(Token&& token) {
        return async_transact(TransactionCall::commit, {}, {}, std::forward<Token>(token));
    }
    template <class Token>
    auto async_abort_transaction(Token&& token) {
        return async_transact(TransactionCall::abort, {}, {}, std::forward<Token>(token));
    }

    /// flush(timeout), then ends; what remains is reported as failed. An open transaction is aborted instead. Further calls
    /// fail with _state.
    void close(std::chrono::milliseconds timeout = std::chrono::milliseconds(-1));

protected:
    // For async_send of the classes that add something to this one.
    struct PreparedSend;
    std::shared_ptr<PreparedSend> prepare_send(const ProducerRecord& record);
    /// Of a record that cannot be sent: the operation completes with `why`.
    std::shared_ptr<PreparedSend> prepare_refusal(error_code why);
    template <class Token>
    static auto async_send_prepared(std::shared_ptr<PreparedSend> prepared, Token&& token) {
        return detail::initiate<void(error_code, DeliveryReport)>(
            std::forward<Token>(token), [prepared = std::move(prepared)](Handler<DeliveryReport> handler) mutable {
                start_send(std::move(prepared), std::move(handler));
            });
    }

private:
    static void start_send(std::shared_ptr<PreparedSend> prepared, Handler<DeliveryReport> handler);
    enum class TransactionCall : uint8_t { init, begin, send_offsets, commit, abort };
    struct TransactionArguments {
        TransactionCall call;
        std::vector<TopicPartitionOffset> offsets;
        ConsumerGroupMetadata group;
    };
    friend class client::ProducerImpl;
    void transact(TransactionArguments arguments, std::chrono::milliseconds timeout);
    static void start_transact(const std::shared_ptr<client::ProducerImpl>& impl, TransactionArguments arguments, PlainHandler handler);
    template <class Token>
    auto async_transact(
        TransactionCall call, std::vector<TopicPartitionOffset> offsets, ConsumerGroupMetadata group, Token&& token) {
        return detail::initiate<void(error_code)>(
            std::forward<Token>(token),
            [impl = impl_, arguments = TransactionArguments{call, std::move(offsets), std::move(group)}](PlainHandler handler) mutable {
                start_transact(impl, std::move(arguments), std::move(handler));
            });
    }
    static void start_flush(const std::shared_ptr<client::ProducerImpl>& impl, PlainHandler handler);

    std::shared_ptr<client::ProducerImpl> impl_;
};

} // namespace ottla
