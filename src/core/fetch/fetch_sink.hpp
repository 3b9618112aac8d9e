// What fetching brings in, and where it goes: slices of records, ends of partitions, errors. The sink hands
// back credits for what the application has used up.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>

namespace ottla::core {

/// One uninterrupted run of reading a partition. Assign and seek begin a new one, so what still comes of an
/// older run is known by its number and dropped.
using StreamId = uint64_t;

/// An aborted transaction that reaches into a slice: its producer's records from `first_offset` on, up to its
/// marker.
struct AbortedTransaction {
    int64_t producer_id = -1;
    int64_t first_offset = -1;
    bool operator==(const AbortedTransaction&) const = default;
};

/// The records of one partition out of one response, as they came: neither checked nor decompressed.
struct FetchedSlice {
    Buffer records{};                          ///< whole batches; the last may be cut off
    int64_t from = 0;                          ///< what was asked for: a batch may begin below it
    int64_t next = 0;                          ///< offset after the last whole batch
    int64_t messages = 0;                      ///< as the batch headers say; what `Credit` counts
    std::vector<AbortedTransaction> aborted{}; ///< by first offset; empty unless reading committed
};

/// The next offset to read is the end of the partition (of its stable part, when reading committed).
struct EndOfPartition {
    int64_t offset = 0;
};

struct PartitionFailure {
    Error error{};
    int64_t offset = 0; ///< where reading stands
};

struct FetchEvent {
    StreamId stream = 0;
    std::variant<FetchedSlice, EndOfPartition, PartitionFailure> what{};
};

/// So much of a stream has been used up and need not count as waiting any more.
struct Credit {
    StreamId stream = 0;
    int64_t messages = 0;
    int64_t bytes = 0;
};

/// Called by the fetcher on the owning thread.
class FetchSink {
public:
    enum class Wake { no, on_next_credit };

    virtual ~FetchSink() = default;
    virtual void deliver(FetchEvent event) = 0;
    /// Lowest and next offset of the partition, whenever a response says something new.
    virtual void on_watermarks(StreamId stream, int64_t low, int64_t high) = 0;
    /// Where reading ends at present, whenever that changes: the next offset, reading committed the last stable one. `at` is
    /// where reading stands.
    virtual void on_end(StreamId /*stream*/, int64_t /*at*/, int64_t /*end*/) {}
    /// Appends the credits since the last call. When there are none and `wake` says so, the next credit wakes
    /// the fetcher.
    virtual void take_credits(std::vector<Credit>& into, Wake wake) = 0;
    /// Those that take_credits would bring now; for statistics.
    virtual std::vector<Credit> untaken_credits() const { return {}; }
};

} // namespace ottla::core
