// The append path: topics, partitions, credit, and the list of partitions that have something for the producer core.
// Application threads stop here. The core takes batches out and tells which partitions topics have.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <ottla/error.hpp>
#include <ottla/partitioner.hpp>
#include <ottla/record.hpp>

#include "accumulator/lent_value.hpp"
#include "accumulator/partition_buffer.hpp"
#include "config/client_config.hpp"

namespace ottla::accumulator {

/// The partitions of a topic at some time; never changed once published.
struct PartitionTable {
    std::vector<PartitionBuffer*> partitions;
};

struct Topic {
    Topic(std::string n, const Supplies& supplies) : name(std::move(n)), unassigned(*this, partition_any, supplies) {}

    const std::string name;
    std::atomic<const PartitionTable*> table{nullptr}; ///< null: partitions are not known yet
    std::atomic<int> refused{0}; ///< an Errc when records of this topic cannot be taken now (unknown topic, no access)

    std::mutex unassigned_mutex;
    PartitionBuffer unassigned; ///< records that wait for the first metadata

    // The core's own.
    TimePoint first_used{};
    bool announced = false;
    Uuid id{};             ///< as last seen; zero: brokers without topic ids
    std::vector<std::unique_ptr<PartitionBuffer>> buffers;
    std::vector<std::unique_ptr<const PartitionTable>> tables; ///< old ones too: a thread may still be reading them
};

struct AccumulatorConfig {
    BatchLimits limits;
    int64_t max_messages = 100'000;      ///< queue.buffering.max.messages, 0: no limit
    int64_t max_bytes = int64_t{1} << 30; ///< queue.buffering.max.kbytes
    size_t max_record_bytes = 1'000'000; ///< message.max.bytes, of key, value and headers
    size_t copy_max = 65535; ///< message.copy.max.bytes: larger values that are lent are not copied
    size_t sum_from = SIZE_MAX; ///< larger records are checksummed at once
    config::Partitioner partitioner = config::Partitioner::consistent_random;
    std::chrono::milliseconds sticky{10}; ///< sticky.partitioning.linger.ms; zero: each record anew
    bool adaptive = false; ///< keyless records stick for a batch's size, and prefer short queues (KIP-794)
    std::chrono::milliseconds availability{0}; ///< a partition whose batches have waited so long is left out; zero: none is
    PartitionerFunction choose{}; ///< wins over `partitioner`
};

class Accumulator {
public:
    /// `wake` is called, from the appending thread, when the ready list was empty and is not any more; `deliver` on any thread
    /// with a batch that `hold` has kept.
    Accumulator(AccumulatorConfig config, std::function<void()> wake, std::function<void(Batch*)> deliver = {});
    ~Accumulator();

    // --- any thread
    /// Errors: _queue_full, msg_size_too_large, _unknown_partition, _unknown_topic and what else metadata said of the topic.
    Errc append(SendRecord record);
    static constexpr size_t most_at_once = 128; ///< records of such a run
    /// Many at once, with one lock a partition and run: codes[i] tells of records[i]. Records of a partition keep their order.
    void append(std::span<SendRecord> records, std::span<Errc> codes);
    /// Gives back the credit of `batch`, which is settled, and the batch itself.
    void finish(Batch* batch);
    /// Messages accepted and not finished.
    int64_t outstanding() const { return messages_.load(std::memory_order_acquire) & ~closed; }
    int64_t outstanding_bytes() const { return bytes_.load(std::memory_order_relaxed); }
    /// From now on appends fail with this code. One in its middle may still succeed: until `outstanding()` is zero more may
    /// come out of take_everything().
    void refuse(Errc code) {
        refused_.store(static_cast<int>(code), std::memory_order_relaxed);
        messages_.fetch_or(closed, std::memory_order_acq_rel);
    }

    /// After `refuse`: appends succeed again.
    void accept() { messages_.fetch_and(~closed, std::memory_order_acq_rel); }

    // --- the core
    /// The outcome of `batch` is known; what is left is its report.
    void settle(const Batch& batch);
    /// Messages accepted whose outcome is not known, those included that are still on their way into a buffer. Now and then
    /// more than there are, never less.
    int64_t unsettled() const {
        const int64_t accepted = outstanding(); // first, see finish
        return accepted - settled_.load(std::memory_order_relaxed);
    }
    /// Calls `f(PartitionBuffer&)` for each partition that opened or filled a batch since the last time, in that order.
    template <class F>
    void drain_ready(F&& f) {
        PartitionBuffer* newest = ready_.exchange(nullptr, std::memory_order_acq_rel);
        PartitionBuffer* oldest = nullptr;
        while (newest)
            oldest = std::exchange(newest, std::exchange(newest->next_ready, oldest));
        while (oldest) {
            PartitionBuffer& buffer = *std::exchange(oldest, oldest->next_ready);
            // Cleared before the core looks into it: what comes later lists it again.
            buffer.listed.store(false, std::memory_order_release);
            f(buffer);
        }
    }
    /// Publishes that `topic` has `count` partitions and moves waiting records into them. Records for a partition that does
    /// not exist go to `rejected`, one batch each, error set. Buffers beyond `count` stay: the core empties them.
    void set_partitions(Topic& topic, int32_t count, BatchList& rejected);
    /// The records of a batch in two of about the same size, tokens included; the batch is used up. Its numbers, if any, are
    /// shared out. At least two records.
    BatchList halve(Batch* batch);
    /// Whatever is still in the buffers, complete or not.
    BatchList take_everything();
    /// Every topic that was ever used, in no order.
    std::vector<Topic*> topics() const;

    /// The report of `batch`, which is settled, has to wait for connections that still read values of it: `deliver` follows.
    bool hold(Batch& batch) { return batch.gathered != 0 && lent_.hold(batch); }
    /// All connections are closed: what is held, to be delivered now.
    BatchList release_held() { return lent_.release_all(); }

    /// Milliseconds since 1970 by the coarse clock: what records are stamped with. Replaced by simulations.
    static int64_t (*coarse_now_ms)();
    /// Begins the calling thread's choices of partitions anew, from `seed`. For simulations.
    static void seed_thread(uint64_t seed);

private:
    Topic& find_topic(std::string_view name);
    Topic& look_up_topic(std::string_view name);
    int32_t choose(Topic& topic, const SendRecord& record, const PartitionTable& table);
    int32_t ask_application(Topic& topic, const SendRecord& record, const PartitionTable& table);
    int32_t choose_keyless(Topic& topic, size_t payload, const PartitionTable& table);
    int32_t pick_available(const PartitionTable& table) const;
    int32_t pick_least_loaded(const PartitionTable& table) const;
    Errc measure(SendRecord& record) const;
    Errc locate(SendRecord& record, PartitionBuffer*& buffer);
    bool append_unassigned(Topic& topic, SendRecord& record);
    void lend(SendRecord& record);
    void list(PartitionBuffer& buffer);
    Errc take_credit(int64_t count, int64_t bytes);
    void return_credit(int64_t count, int64_t bytes);

    const AccumulatorConfig config_;
    const std::function<void()> wake_;
    const uint64_t serial_; ///< tells this accumulator's entries in threads' caches from those of others
    ChunkPool chunks_;
    BatchPool batches_;
    LentPool lent_;
    const Supplies supplies_;
    static constexpr int64_t closed = int64_t{1} << 62; ///< in messages_: one look tells that there is neither credit nor a refusal
    std::atomic<int64_t> messages_{0};
    std::atomic<int64_t> bytes_{0};
    std::atomic<int64_t> settled_{0};
    std::atomic<int> refused_{0};
    std::atomic<PartitionBuffer*> ready_{nullptr};
    mutable std::shared_mutex topics_mutex_;
    boost::unordered_flat_map<std::string_view, std::unique_ptr<Topic>> topics_; // keys are the topics' own names
};

} // namespace ottla::accumulator
