// The producer's protocol logic: which batches go out when, in which order, and what their answers mean. Knows sequences,
// limits and outcomes; finds leaders in the metadata, sends through the Caller, hands finished batches to the sink.
// Its parts: producer.cpp (the turn), producer_requests, producer_topics, producer_identity, producer_end, producer_numbers.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include <ottla/msg/init_producer_id.hpp>
#include <ottla/msg/produce.hpp>

#include "accumulator/accumulator.hpp"
#include "base/backoff.hpp"
#include "base/move_only_function.hpp"
#include "config/client_config.hpp"
#include "core/cluster/cluster.hpp"
#include "core/core.hpp"
#include "core/produce/sealer.hpp"
#include "core/produce/verdict.hpp"
#include "stats/histogram.hpp"

namespace ottla::core::produce {

/// Of a sealed batch, as it goes out.
inline int64_t wire_size(const accumulator::Batch& batch) {
    size_t size = 0;
    for (const Buffer& piece : batch.wire)
        size += piece.size();
    return static_cast<int64_t>(size);
}

/// Takes batches whose outcome is settled. Called on the owning thread.
class BatchSink {
public:
    virtual ~BatchSink() = default;
    virtual void deliver(accumulator::Batch* batch) = 0;
    /// The producer cannot go on; told once.
    virtual void on_fatal(const Error& error) = 0;
};

/// A transaction's say in what is sent (core/txn). Called on the owning thread.
class TransactionGate {
public:
    virtual ~TransactionGate() = default;
    /// Whether batches of this partition may go out now. If not, what is missing is seen to, and the producer is woken.
    virtual bool admit(const std::string& topic, int32_t partition) = 0;
    /// Whether Produce itself makes a partition part of the transaction (KIP-890, transaction version 2).
    virtual bool joins_by_produce() const = 0;
    /// A batch for this partition goes out.
    virtual void on_send(const std::string& topic, int32_t partition) = 0;
    /// A batch of the transaction has failed for good. `numbered`: its sequence is missing now.
    virtual void on_batch_failed(const Error& error, bool numbered) = 0;
    /// The producer has done what there was to do.
    virtual void on_turn() = 0;
};

/// What the producer needs of its surroundings.
struct ClusterPorts {
    Caller& caller;
    Metadata& metadata;
    /// The highest usable version of Produce at a broker; -1: not known yet.
    std::function<int16_t(int32_t node)> produce_version;
    /// Produce requests that wait unsent for a broker.
    std::function<size_t(int32_t node)> unsent;
    /// A leader has become known: opens the connection before it is needed.
    std::function<void(int32_t node)> prepare;
    /// Nothing but the client runs on its thread, so that a turn may take some milliseconds.
    bool long_turns = false;
};

class ProducerCore final : public Core {
public:
    ProducerCore(
        accumulator::Accumulator& accumulator,
        ClusterPorts cluster,
        const config::ClientConfig& config,
        BatchSink& sink,
        ClusterEvents& events,
        uint32_t client,
        uint64_t seed);
    ~ProducerCore() override;

    TimePoint poll(TimePoint now) override;
    /// Transactional: who is asked before sending, until it is gone (nullptr). Set before the first poll; then set_identity says when and as whom.
    void set_gate(TransactionGate* gate) { gate_ = gate; }
    /// Transactional: sends under this identity from now on, sequences beginning anew if it is another one. Nothing may be in flight.
    void set_identity(const Identity& identity);
    /// Batches that went out and are neither answered nor lost.
    bool idle() const { return requests_.empty(); }
    /// No message is in its hands, nor in the buffers.
    bool empty() const;
    /// Whether numbers are missing, so that the epoch must go up.
    bool has_gap() const;
    /// Records go out at once while this is set.
    void set_flushing(bool flushing);
    /// Sends at once what was accepted until `until`; calls `done` when the outcome of all of that is settled.
    void flush(TimePoint until, MoveOnlyFunction<void()> done);
    enum class Purge : uint8_t { queued = 1, in_flight = 2, all = 3 };
    /// Fails what is queued with _purge_queue and what is in flight with _purge_inflight. The broker may still store the latter.
    void purge(Purge what, TimePoint now);
    /// Set once the producer has become useless; kept.
    const Error& fatal() const { return fatal_; }
    /// Topics, partitions, identity and sums over them, into `all`, where the brokers are already.
    void gather(Metrics& all, TimePoint now) const;
    /// The interval of statistics is over: windows begin anew.
    void roll_statistics();
    /// Ends the producer: everything fails with `error`, told once.
    void go_fatal(Error error, TimePoint now);
    /// Fails everything that is left with `error`. Nothing is sent afterwards.
    void close(const Error& error, TimePoint now);

private:
    using Batch = accumulator::Batch;

    static constexpr int16_t first_batch_version = 3; ///< Produce: record batches of version 2
    static constexpr int16_t first_zstd_version = 7; ///< KIP-110
    static constexpr int16_t first_topic_id_version = 13;
    static constexpr int16_t first_joining_version = 12; ///< KIP-890: the partition joins the transaction by it

    /// One partition with batches that have left its buffer, in the order of their sequences.
    struct Partition {
        accumulator::PartitionBuffer* buffer = nullptr;
        std::deque<Batch*> unresolved;
        int in_flight = 0;
        int32_t sent_to = -1; ///< leader of what is in flight
        int32_t next_sequence = 0;
        TimePoint not_before{}; ///< of the next try
        bool retrying = false;  ///< its first batch goes alone until it is resolved
        bool active = false;    ///< in active_
        bool introduced = false; ///< its leader has stored something under this identity
        bool gap = false;       ///< a number is missing: what follows it waits for a new identity
        // So far, for statistics:
        int64_t messages_sent = 0;
        int64_t bytes_sent = 0;
        int64_t messages_delivered = 0;
        int64_t messages_failed = 0;
    };
    struct Sent {
        Partition* partition;
        Batch* batch;
    };
    struct Building {
        msg::ProduceRequest request;
        std::vector<Sent> sent;
        size_t bytes = 0;
        int32_t messages = 0;
        TimePoint deadline = never;
        bool all_have_ids = true;
        Format format{};
    };
    enum class IdState : uint8_t {
        unneeded, ///< not idempotent
        wanted,   ///< to be asked for, perhaps after a backoff
        asking,   ///< InitProducerId is in flight
        known,
        renewing, ///< a number was lost: what is in flight drains, then the epoch goes up (KIP-360)
    };

    struct TopicNumbers {
        stats::Window batch_bytes;
        stats::Window batch_messages;
        int64_t unassigned_failed = 0; ///< messages that never had a partition
    };

    // numbers
    void count_sent(Partition& partition, Batch& batch, int32_t leader, TimePoint now);
    void count_outcome(const Batch& batch);
    void gather_partition(PartitionMetrics& one, const accumulator::PartitionBuffer& buffer) const;
    std::string_view id_state_name() const;

    // topics and identity
    void learn_topics(TimePoint now);
    void adopt_topic(accumulator::Topic& topic, TimePoint now);
    void refuse_topic(accumulator::Topic& topic, Errc code);
    void start_topic_anew(accumulator::Topic& topic);
    static bool has_vanished(const Partition& partition);
    void fail_vanished(Partition& partition, TimePoint now);
    TimePoint wait_limit(const accumulator::Topic& topic) const;
    static bool may_follow(IdState from, IdState to);
    void transition(IdState to);
    void ask_producer_id(TimePoint now);
    void on_producer_id(CallResult<msg::InitProducerIdResponse> result, TimePoint now);
    bool may_send(const Partition& partition) const;
    void lose_sequence(Partition& partition);
    void renumber(Partition& partition, Batch& batch);
    void renew_identity();
    void renew_identity_when_drained(TimePoint now);
    void restart_sequences();

    // partitions
    static void move_to(Batch& batch, Batch::State to);
    Partition& state_of(accumulator::PartitionBuffer& buffer);
    void activate(Partition& partition);
    TimePoint serve(Partition& partition, TimePoint now);
    bool is_late(const Batch& batch, TimePoint now) const;
    TimePoint expire(Partition& partition, TimePoint now);
    Batch* next_to_send(Partition& partition, TimePoint now, int32_t leader, TimePoint& next);
    Format format_for(int32_t leader);
    bool prepare(Partition& partition, Batch& batch, Format format, TimePoint now);

    TimePoint oldest_unsettled() const;
    void judge_flushes();
    bool flushing() const { return flushing_ > 0 || !flushes_.empty(); }

    // requests
    void add(Building& building, Partition& partition, Batch& batch, const TopicInfo& topic, Format format, int32_t leader, TimePoint now);
    void send(int32_t leader, Building building, TimePoint now);
    void on_answer(const std::vector<Sent>& sent, CallResult<msg::ProduceResponse> result, TimePoint now);
    void on_lost(Partition& partition, Batch& batch, const CallError& error, TimePoint now);
    void on_outcome(Partition& partition, Batch& batch, Errc code, std::string detail, int16_t version, TimePoint now);
    void back_off(Partition& partition, Batch& batch, TimePoint now);
    void split(Partition& partition, Batch& batch, TimePoint now);
    /// The batch has failed for good, and if it has a number, that is missing now.
    void fail(Partition& partition, Batch& batch, Error error, TimePoint now);
    void finish(Partition& partition, Batch& batch, Error error, TimePoint now);
    void fail_unsent(Batch* batch, Error error);
    /// Null: such batches are left alone.
    void fail_all(Partition& partition, const Error* queued, const Error* flying, TimePoint now);
    void fail_everything(const Error* queued, const Error* flying, TimePoint now);

    accumulator::Accumulator& accumulator_;
    const ClusterPorts cluster_;
    TransactionGate* gate_ = nullptr;
    const config::ClientConfig& config_;
    BatchSink& sink_;
    ClusterEvents& events_;
    const Log log_;
    const uint32_t client_;
    Rng rng_;
    CallScope scope_;
    Sealer sealer_;

    IdState id_state_ = IdState::unneeded;
    Identity identity_;
    TimePoint id_not_before_{};
    int id_tries_ = 0;
    TimePoint turn_{};       ///< of the last poll
    TimePoint id_since_{};   ///< in id_state_
    int64_t identities_ = 0; ///< obtained so far

    std::vector<std::unique_ptr<Partition>> partitions_;
    std::vector<Partition*> active_;
    std::vector<accumulator::Topic*> topics_;    ///< announced to the metadata
    const bool measures_; ///< durations and sizes, for statistics
    std::map<int32_t, stats::Window> queue_times_; ///< by leader
    std::map<const accumulator::Topic*, TopicNumbers> numbers_;
    std::vector<accumulator::Topic*> nameless_;  ///< their partitions are not known yet
    uint64_t seen_metadata_ = 0;
    std::map<int32_t, Building> building_; ///< by leader, of one poll
    std::vector<std::shared_ptr<std::vector<Sent>>> requests_; ///< unanswered ones
    int in_flight_ = 0;
    int flushing_ = 0;
    struct Flush {
        TimePoint until;
        MoveOnlyFunction<void()> done;
    };
    std::vector<Flush> flushes_;
    Error fatal_;
    bool zstd_lack_told_ = false;
    bool closed_ = false;
};

} // namespace ottla::core::produce
