// The log of one partition: batches in offset order, kept as the bytes that arrived. Base offset and leader
// epoch are set in a copy of the batch header (the crc covers neither), so received frames stay untouched.
// Knows offsets, sizes, timestamps, epochs and transactions. Does not judge batches (batch_check) and knows no
// sequences (producer_state). The log of a null broker counts what is appended, and reads a canned batch for ever.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/types.hpp>

#include "mock/canned_batch.hpp"
#include "mock/transaction_index.hpp"

namespace ottla::mock {

/// What a batch is to transactions.
enum class BatchRole : uint8_t { plain, transactional, commit_marker, abort_marker };

/// Which records a reader gets: all, or none at or beyond the last stable offset.
enum class ReadLevel { uncommitted, committed };

/// A batch that passed the checks, and what of its header the log needs.
struct NewBatch {
    Buffer bytes;                  ///< one whole batch of magic 2
    int32_t last_offset_delta = 0; ///< its records have the offsets base .. base + last_offset_delta
    int64_t max_timestamp = -1;    ///< ms
    BatchRole role = BatchRole::plain;
    int64_t producer_id = -1; ///< of any other role than plain
};

struct StoredBatch {
    int64_t base_offset = 0;
    int64_t last_offset = 0; ///< inclusive
    int64_t max_timestamp = -1;
    int32_t leader_epoch = 0;
    BatchRole role = BatchRole::plain;
    int64_t producer_id = -1;
    Buffer head; ///< the batch header, or the whole of a small batch
    Buffer rest; ///< what follows `head`
    bool raw = false; ///< nobody has looked at the bytes, which may be anything

    size_t size() const { return head.size() + rest.size(); }
};

/// The end of what was written under a leader epoch.
struct EpochEnd {
    int32_t epoch = -1;      ///< the largest one at or below the epoch asked for; -1: none is known
    int64_t end_offset = -1; ///< exclusive
};

class PartitionLog {
public:
    /// Oldest batches go when the log exceeds `retention_bytes`, except the newest one; 0: they never go.
    explicit PartitionLog(size_t retention_bytes = 0)
        : retention_bytes_(retention_bytes) {}

    /// A log that is nothing but `canned`, and keeps no more.
    explicit PartitionLog(CannedBatch canned)
        : canned_(std::move(canned))
        , end_offset_(CannedBatch::end_offset) {}

    /// Returns the base offset it got.
    int64_t append(NewBatch batch, int32_t leader_epoch);
    /// `bytes` as they are, taking up so many offsets. Returns the base offset they got.
    int64_t append_raw(Buffer bytes, int64_t offsets, int32_t leader_epoch);
    /// Forgets the batches from `end_offset` (the base offset of one of them) on, and the leader epochs that began there.
    void truncate(int64_t end_offset);
    /// Says that `epoch` begins at the present end.
    void begin_epoch(int32_t epoch);

    int64_t start_offset() const { return start_offset_; }

    /// The offset that the next record gets; also the high watermark.
    int64_t end_offset() const { return end_offset_; }

    /// What is below belongs to no open transaction.
    int64_t last_stable_offset() const {
        return std::max(transactions_.first_unstable(end_offset_), start_offset_);
    }

    /// Where a reader has to stop.
    int64_t end_for(ReadLevel level) const {
        return level == ReadLevel::committed ? last_stable_offset() : end_offset_;
    }

    const TransactionIndex& transactions() const { return transactions_; }

    /// Aborted transactions that a reader of the `size` bytes from `offset` on must know. As with a broker, whose
    /// index has an entry every 4 KiB, some that lie a little further are among them.
    std::vector<AbortedTransaction> aborted_in(int64_t offset, size_t size) const;

    size_t size_bytes() const { return size_bytes_; }

    enum class FirstBatch {
        within_limit, ///< nothing comes when the first batch exceeds the limit
        always        ///< the first batch comes whole, however large
    };
    /// Appends to `out` the stored bytes from the batch that holds `offset` on, at most `max_bytes`: like a
    /// broker it cuts the last batch anywhere. `offset` must be within [start_offset, end_offset]. Returns
    /// how many bytes.
    size_t read(
        int64_t offset,
        size_t max_bytes,
        FirstBatch first,
        std::vector<Buffer>& out,
        ReadLevel level = ReadLevel::uncommitted
    ) const;
    /// What `read` without a limit would give, counted no further than `enough`.
    size_t available(int64_t offset, size_t enough) const;
    /// Size of the batches from the one that holds `from` to the one before `to`.
    size_t bytes_between(int64_t from, int64_t to) const;

    /// Oldest first.
    const std::deque<StoredBatch>& batches() const { return batches_; }

    EpochEnd end_of_epoch(int32_t epoch) const;
    /// The leader epoch under which `offset` was written, or would be.
    int32_t epoch_at(int64_t offset) const;

private:
    struct EpochStart {
        int32_t epoch;
        int64_t offset;
    };

    size_t find(int64_t offset) const;
    int64_t add(StoredBatch batch);
    void note(const StoredBatch& batch);
    void apply_retention();

    size_t retention_bytes_ = 0;
    std::optional<CannedBatch> canned_;
    int64_t appended_ = 0; ///< records that a canned log was given
    std::deque<StoredBatch> batches_;
    std::vector<EpochStart> epochs_;
    TransactionIndex transactions_;
    int64_t start_offset_ = 0;
    int64_t end_offset_ = 0;
    size_t size_bytes_ = 0;
};

/// The bytes of `batch` in one piece (copied when they are in two).
Buffer whole(const StoredBatch& batch);

} // namespace ottla::mock
