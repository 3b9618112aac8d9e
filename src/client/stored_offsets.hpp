// How far the application has come in its partitions, and what of it is committed. Thread-safe: the consuming thread writes,
// automatic commits read on the loop.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <ottla/metrics.hpp>
#include <ottla/offsets.hpp>

#include "config/client_config.hpp"

namespace ottla::client {

/// Of one assigned partition. Relaxed: each value stands for itself.
struct Progress {
    std::atomic<int64_t> position{offset_invalid}; ///< last handed-out offset + 1
    std::atomic<int64_t> stored{offset_invalid};   ///< to be committed
    std::atomic<int32_t> stored_epoch{-1};         ///< of the record before it
    std::atomic<uint64_t> reader{0};               ///< who reads on: the consumer's polls (0), or a stream

    void store(int64_t offset, int32_t epoch) {
        stored_epoch.store(epoch, std::memory_order_relaxed);
        stored.store(offset, std::memory_order_release);
    }
    /// Only ever forwards.
    void store_if_behind(int64_t offset, int32_t epoch) {
        for (int64_t now = stored.load(std::memory_order_relaxed); now < offset;)
            if (stored.compare_exchange_weak(now, offset, std::memory_order_release, std::memory_order_relaxed))
                stored_epoch.store(epoch, std::memory_order_relaxed);
    }
};

/// What is handed out together of some partitions, up to their positions; with the leader epoch of the last record.
using Loan = std::vector<std::pair<std::shared_ptr<Progress>, int32_t>>;

class StoredOffsets {
public:
    /// The partition is assigned from now on.
    std::shared_ptr<Progress> begin(const TopicPartition& where);
    /// It is not any more: whoever has it next goes on from what is committed then, and nothing may be committed behind its back.
    void end(const TopicPartition& where);

    /// Nothing of what is stored now can be committed any more.
    void abandon();

    /// Records that `reader` (a number of its own) was given together: they count as stored once nobody holds `lease` any more, or with `finish`.
    /// Ends those it was given before.
    void lend(uint64_t reader, Loan loan, const std::shared_ptr<void>& lease);
    /// What `reader` was given has been worked off.
    void finish(uint64_t reader);

    /// Reading goes on at `to` (logical: somewhere): what was read beyond has not been worked off. Nothing is committed back before
    /// something has been read again.
    void seek(const TopicPartition& where, int64_t to);

    /// What is stored and not committed.
    std::vector<CommittedOffset> uncommitted();
    /// So far a commit has come: rows with an error are still to be committed.
    void on_committed(const std::vector<CommittedOffset>& offsets);
    /// What the coordinator tells of one partition; offset_invalid: nothing is committed.
    void on_known(const CommittedOffset& offset);

    /// Partitions that are assigned.
    size_t assigned() const;
    /// What is stored and committed of assigned partitions, and how far that is behind the ends that `all` tells of.
    void gather(Metrics& all, config::Isolation isolation) const;

private:
    struct Entry {
        std::shared_ptr<Progress> progress;
        int64_t committed = offset_invalid; ///< or given up: up to here there is nothing to commit
        int64_t known = offset_invalid; ///< by the coordinator
        int64_t asked = offset_invalid; ///< to be committed, last
        int32_t known_epoch = -1;
    };
    struct Lent {
        std::shared_ptr<Progress> progress;
        int64_t offset;
        int32_t epoch;
    };

    struct Lease {
        uint64_t reader;
        std::weak_ptr<void> held;
        std::vector<Lent> lent;
    };

    static void store(Lease& lease);
    void store_let_go();

    mutable std::mutex mutex_;
    std::unordered_map<TopicPartition, Entry> entries_;
    std::vector<Lease> leases_; ///< one a reader, few
};

} // namespace ottla::client
