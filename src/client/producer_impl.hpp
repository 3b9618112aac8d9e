// What a Producer handle stands for: the append path on the application's threads, the core on the loop, and between them
// the queue of batches whose outcome is known (lock 2: once a batch).
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <ottla/producer.hpp>

#include "accumulator/accumulator.hpp"
#include "client/client_events.hpp"
#include "client/interceptors.hpp"
#include "client/interval_timer.hpp"
#include "config/client_config.hpp"
#include "core/cluster/cluster.hpp"
#include "core/produce/producer.hpp"
#include "core/txn/transaction.hpp"
#include "engine/loop.hpp"

namespace ottla::client {

struct AsyncSend;

class ProducerImpl final : public std::enable_shared_from_this<ProducerImpl>, public engine::Source, private core::produce::BatchSink {
public:
    /// Throws KafkaException (_invalid_arg) for a wrong property.
    static std::shared_ptr<ProducerImpl> make(const Config& config, const Engine& engine, ProducerOptions options);
    ProducerImpl(std::shared_ptr<engine::Loop> loop, config::ClientConfig config, ProducerOptions options);
    ~ProducerImpl() override;

    // --- any thread
    /// `take(record)`, which gives an Errc, with the interceptors around it.
    template <class F>
    Errc intercept(const ProducerRecord& record, F&& take) {
        if (interceptors_.none())
            return take(record);
        const Intercepted intercepted(interceptors_, record);
        const Errc code = take(intercepted.record());
        if (code != Errc::no_error)
            interceptors_.on_error(intercepted.record(), make_error_code(code));
        return code;
    }
    Errc append(const ProducerRecord& record, accumulator::Token token);
    static constexpr size_t most_at_once = accumulator::Accumulator::most_at_once;
    /// At most most_at_once records; codes[i] tells of records[i].
    void append_many(std::span<const ProducerRecord> records, std::span<void* const> opaques, std::span<Errc> codes);
    Error explain(Errc code, const ProducerRecord& record) const;
    size_t poll(std::chrono::milliseconds timeout);
    size_t flush(std::chrono::milliseconds timeout);
    size_t outstanding() const { return static_cast<size_t>(accumulator_.outstanding()) + waiting_count(); }
    void start_flush(PlainHandler handler);
    /// Ends everything on the loop; what is left is reported as failed with `error`.
    void end(const Error& error);
    /// After `end`: waits until what was left has been reported.
    void wait_until_ended();
    /// After `end`: serves all reports, also of calls that were in their middle.
    void report_rest(const Error& error);
    bool transactional() const { return !config_.transactional_id.empty(); }
    bool ended() const { return ended_.load(std::memory_order_acquire); }
    using Arguments = Producer::TransactionArguments;
    /// Waits up to `timeout` (negative: transaction.timeout.ms), serving reports.
    Error transact(Arguments arguments, std::chrono::milliseconds timeout);
    void start_transact(Arguments arguments, PlainHandler handler);
    /// The transaction that is open, if any, is aborted as far as `timeout` allows.
    void abort_open_transaction(std::chrono::milliseconds timeout);
    Error purge(PurgeOptions options);
    Error fatal_error() const;
    Metrics metrics() const;
    Errc append_or_wait(const ProducerRecord& record, accumulator::Token token, std::chrono::milliseconds wait);
    const std::shared_ptr<engine::Loop>& loop() const { return loop_; }
    Interceptors& interceptors() { return interceptors_; }
    void log(int level, std::string_view facility, std::string_view text) { events_.on_log(level, facility, text); }

    /// Sends now, or when there is room: in the order of the calls.
    void send_or_wait(const ProducerRecord& record, const std::shared_ptr<AsyncSend>& send);

    // --- engine::Source
    void drain(TimePoint now) override;
    void on_context_gone() noexcept override;

private:
    struct WaitingSend;

    bool try_waiting(const ProducerRecord& record, AsyncSend& send);
    void refuse_send(const ProducerRecord& record, AsyncSend& send, error_code why);
    void start(TimePoint now);
    Metrics gather(TimePoint now) const;
    void emit_statistics(TimePoint now);
    void fail_unstarted(const Error& error);
    void report_held();
    void refuse_waiting(const Error& error);
    void tear_down(const Error& error, TimePoint now);

    // --- core::produce::BatchSink, on the loop
    void deliver(accumulator::Batch* batch) override;
    void report(accumulator::Batch* batch);
    void on_fatal(const Error& error) override;

    using TransactionDone = MoveOnlyFunction<void(Error)>;
    void run_transaction_call(Arguments arguments, TransactionDone done);

    bool wants_report(const accumulator::Batch& batch) const;
    void complete_operations(const accumulator::Batch& batch);
    void finish(accumulator::Batch* batch);
    size_t serve();
    size_t serve_batch(accumulator::Batch* batch);
    void retry_waiting();
    size_t waiting_count() const;
    void wake_waiters();
    static Delivery describe(const accumulator::Batch& batch);
    static void describe(
        Delivery& delivery,
        const accumulator::Batch& batch,
        int32_t index,
        const uint8_t* encoded,
        const accumulator::Chunk& chunk,
        accumulator::Token token);
    static void describe_special(
        Delivery& delivery, const accumulator::Batch& batch, int32_t index, const accumulator::Chunk& chunk);

    const std::shared_ptr<engine::Loop> loop_;
    const config::ClientConfig config_;
    const ProducerOptions options_;
    ClientEvents events_;
    Interceptors interceptors_;
    accumulator::Accumulator accumulator_;
    std::atomic<bool> rung_{false};
    std::atomic<bool> ended_{false};
    std::atomic<bool> torn_down_{false}; ///< no report comes after this
    std::atomic<bool> transaction_open_{false};

    mutable std::mutex mutex_; // lock 2
    std::condition_variable delivered_or_done_;
    accumulator::BatchList delivered_;
    int waiters_ = 0;
    Error fatal_;
    std::atomic<int> credit_waiters_{0}; ///< calls of produce that wait for room

    std::atomic<bool> sends_wait_{false};
    mutable std::mutex waiting_mutex_;
    std::deque<WaitingSend> waiting_sends_;

    // --- on the loop
    std::optional<core::Cluster> cluster_;
    std::optional<core::produce::ProducerCore> core_;
    std::optional<core::txn::Transaction> transaction_;
    IntervalTimer statistics_;
    std::recursive_mutex serve_mutex_; ///< keeps reports in order
    int64_t being_served_ = 0;         ///< messages of batches whose callbacks run; under serve_mutex_
};

} // namespace ottla::client
