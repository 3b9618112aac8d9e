// Where records of one partition gather: encoded once, in place, by the thread that produces them. Hot path: one lock, no
// allocation but new chunks and batches.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <span>
#include <string_view>

#include <ottla/error.hpp>
#include <ottla/record.hpp>

#include "accumulator/batch.hpp"
#include "accumulator/chunk_pool.hpp"
#include "base/light_mutex.hpp"

namespace ottla::accumulator {

struct BatchLimits {
    size_t bytes = 1'000'000;
    int32_t records = 10'000;
};

/// What all partitions of a producer share.
struct Supplies {
    ChunkPool& chunks;
    BatchPool& batches;
    BatchLimits limits;
    size_t copy_max = 65535; ///< message.copy.max.bytes: larger values that are lent are not copied
    size_t sum_from = SIZE_MAX; ///< larger records are checksummed at once
};

struct SendRecord {
    std::string_view topic;
    Bytes key;
    Bytes value;
    std::span<const Header> headers;
    int64_t timestamp_ms; ///< 0: now
    int32_t partition;    ///< partition_any: the partitioner decides
    Token token;
    bool lends = false;   ///< the value stays where it is until the report

    // --- filled in on the way
    size_t payload = 0; ///< what the credit counts: keys and values, without framing
    TimePoint since{};  ///< when it was accepted, if that is not now
    const Buffer* gathered = nullptr; ///< the lent value as part of a batch before
};

class PartitionBuffer {
public:
    PartitionBuffer(Topic& topic, int32_t partition, const Supplies& supplies)
        : topic_(topic), partition_(partition), supplies_(supplies) {}
    ~PartitionBuffer();

    enum class Appended : uint8_t {
        quietly, ///< nobody needs to know
        opened,  ///< a batch began: linger counts from now
        filled,  ///< a batch is complete
    };
    /// Any thread. The record, complete, is encoded before it returns.
    Appended append(const SendRecord& record) {
        std::lock_guard lock(mutex_);
        return add(record);
    }
    /// The same for some of `records`, in their order.
    Appended append(std::span<const SendRecord> records, std::span<const uint8_t> which) {
        std::lock_guard lock(mutex_);
        auto result = Appended::quietly;
        for (const uint8_t i : which)
            result = std::max(result, add(records[i]));
        return result;
    }

    /// Takes what is complete; the open batch too when `now` is past its linger or `flush` is set. At most `max` batches.
    BatchList take(TimePoint now, Duration linger, bool flush, size_t max);
    /// When the open batch is due; `never`-like max when there is none. Complete batches are due at once.
    TimePoint due(Duration linger) const;
    /// Takes everything, complete or not.
    BatchList take_all();
    bool empty() const;
    struct Held {
        int64_t messages = 0;
        int64_t bytes = 0; ///< with framing
    };
    /// What is in it now.
    Held held() const;
    /// When the oldest record came in; max when there is none.
    TimePoint oldest() const;

    /// The precise monotonic clock: one reading a batch. Replaced by tests in virtual time.
    static TimePoint (*precise_now)();

    Topic& topic() const { return topic_; }
    int32_t partition() const { return partition_; }

    // What keyless records go by, from any thread.
    std::atomic<int32_t> load{0};         ///< batches begun and not settled
    std::atomic<TimePoint> progress{};    ///< when one was sent last, or begun while there was none
    std::atomic<bool> has_leader{true};

    // Membership of the accumulator's ready list.
    std::atomic<bool> listed{false};
    PartitionBuffer* next_ready = nullptr;
    /// The core's state of this partition; touched only by the core.
    void* core_state = nullptr;

private:
    Appended add(const SendRecord& record);
    void open(TimePoint since);
    void close();
    Batch* take_open();
    void begin_chunk(Chunk chunk);
    void end_chunk();
    void sum_up();
    size_t gather(Batch& batch, const SendRecord& record, int64_t timestamp_delta);

    Topic& topic_;
    const int32_t partition_;
    const Supplies supplies_;
    mutable LightMutex mutex_; // lock 1
    Batch* open_ = nullptr;
    uint8_t* at_ = nullptr; ///< where the open batch's last chunk goes on; its end is set when it is complete
    size_t room_ = 0;       ///< there
    size_t summed_chunk_ = 0; ///< up to where the open batch is summed: its chunk, and the place there
    size_t summed_at_ = 0;
    BatchList full_;
    size_t full_count_ = 0;
};

} // namespace ottla::accumulator
