// Where records of one partition gather: encoded once, in place, by the thread that produces them. Hot path: one lock, no
// allocation but new chunks and batches.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>

#include <ottla/error.hpp>
#include <ottla/record.hpp>

#include "accumulator/batch.hpp"
#include "accumulator/chunk_pool.hpp"

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
};

struct AppendRecord {
    Bytes key;
    Bytes value;
    std::span<const Header> headers;
    int64_t timestamp_ms;
    Token token;
    int32_t wanted_partition = partition_any; ///< kept only in unassigned buffers
    TimePoint since{};                        ///< when it was accepted, if that is not now
};

/// What the credit counts of a record: its payload, without framing.
inline size_t payload_size(const AppendRecord& record) {
    size_t size = record.key.size() + record.value.size();
    for (const Header& header : record.headers)
        size += header.key.size() + header.value.size();
    return size;
}

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
    /// Any thread. The record is encoded before it returns.
    Appended append(const AppendRecord& record);

    /// Takes what is complete; the open batch too when `now` is past its linger or `flush` is set. At most `max` batches.
    BatchList take(TimePoint now, Duration linger, bool flush, size_t max);
    /// When the open batch is due; `never`-like max when there is none. Complete batches are due at once.
    TimePoint due(Duration linger) const;
    /// Takes everything, complete or not.
    BatchList take_all();
    bool empty() const;
    /// When the oldest record came in; max when there is none.
    TimePoint oldest() const;

    /// The precise monotonic clock: one reading a batch. Replaced by tests in virtual time.
    static TimePoint (*precise_now)();

    Topic& topic() const { return topic_; }
    int32_t partition() const { return partition_; }

    // Membership of the accumulator's ready list.
    std::atomic<bool> listed{false};
    PartitionBuffer* next_ready = nullptr;
    /// The core's state of this partition; touched only by the core.
    void* core_state = nullptr;

private:
    void open(TimePoint since);
    void close();
    uint8_t* room(size_t size);

    Topic& topic_;
    const int32_t partition_;
    const Supplies supplies_;
    mutable std::mutex mutex_; // lock 1
    Batch* open_ = nullptr;
    BatchList full_;
    size_t full_count_ = 0;
};

} // namespace ottla::accumulator
