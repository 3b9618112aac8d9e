#include "client/stored_offsets.hpp"

#include <algorithm>

#include "base/probe.hpp"

namespace ottla::client {

std::shared_ptr<Progress> StoredOffsets::begin(const TopicPartition& where) {
    std::lock_guard lock(mutex_);
    Entry& entry = entries_[where];
    entry = {std::make_shared<Progress>()};
    return entry.progress;
}

void StoredOffsets::end(const TopicPartition& where) {
    std::lock_guard lock(mutex_);
    entries_.erase(where);
}

void StoredOffsets::abandon() {
    std::lock_guard lock(mutex_);
    leases_.clear();
    for (auto& [where, entry] : entries_)
        entry.committed = entry.progress->stored.load(std::memory_order_relaxed);
}

void StoredOffsets::lend(uint64_t reader, Loan loan, const std::shared_ptr<void>& lease) {
    std::lock_guard lock(mutex_);
    auto at = std::find_if(leases_.begin(), leases_.end(), [reader](const Lease& l) { return l.reader == reader; });
    if (at == leases_.end()) {
        store_let_go(); // as those of readers that are no more
        at = leases_.insert(leases_.end(), {reader, {}, {}});
    } else {
        store(*at);
    }
    at->held = lease;
    for (auto& [progress, epoch] : loan) {
        const int64_t offset = progress->position.load(std::memory_order_relaxed);
        at->lent.push_back({std::move(progress), offset, epoch});
    }
}

void StoredOffsets::finish(uint64_t reader) {
    std::lock_guard lock(mutex_);
    for (Lease& lease : leases_)
        if (lease.reader == reader)
            store(lease);
}

void StoredOffsets::seek(const TopicPartition& where, int64_t to) {
    std::lock_guard lock(mutex_);
    const auto entry = entries_.find(where);
    if (entry == entries_.end() || to == offset_end)
        return;
    const Entry& known = entry->second;
    Progress& progress = *known.progress;
    const bool is_ahead = to >= 0 && to > std::max({known.committed, known.known, known.asked});
    const int64_t place = is_ahead ? to : offset_invalid;
    const auto is_beyond = [to](int64_t offset) { return to < 0 || offset > to; };
    for (Lease& lease : leases_)
        for (Lent& lent : lease.lent)
            if (lent.progress.get() == &progress && is_beyond(lent.offset))
                lent = {lent.progress, place, -1};
    if (is_beyond(progress.stored.load(std::memory_order_relaxed)))
        progress.store(place, -1);
}

void StoredOffsets::store(Lease& lease) {
    for (const Lent& lent : lease.lent) {
        if (lent.offset == offset_invalid)
            continue; // sought back from there
        if (lent.progress->reader.load(std::memory_order_relaxed) == lease.reader)
            lent.progress->store(lent.offset, lent.epoch);
        else // who has gone on from there
            lent.progress->store_if_behind(lent.offset, lent.epoch);
    }
    lease.lent.clear(); // its memory is used again
    lease.held.reset();
}

void StoredOffsets::store_let_go() {
    std::erase_if(leases_, [](Lease& lease) {
        const bool over = lease.held.expired() || probe::planted("commit_unfinished");
        if (over)
            store(lease);
        return over;
    });
}

std::vector<CommittedOffset> StoredOffsets::uncommitted() {
    std::lock_guard lock(mutex_);
    store_let_go();
    std::vector<CommittedOffset> all;
    for (auto& [where, entry] : entries_) {
        const int64_t stored = entry.progress->stored.load(std::memory_order_acquire);
        if (stored == offset_invalid || stored == entry.committed)
            continue;
        entry.asked = stored;
        auto& row = all.emplace_back();
        row.topic = where.topic;
        row.partition = where.partition;
        row.offset = stored;
        row.leader_epoch = entry.progress->stored_epoch.load(std::memory_order_relaxed);
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return std::tie(a.topic, a.partition) < std::tie(b.topic, b.partition);
    });
    return all;
}

void StoredOffsets::on_committed(const std::vector<CommittedOffset>& offsets) {
    std::lock_guard lock(mutex_);
    for (const auto& offset : offsets)
        if (const auto it = entries_.find({offset.topic, offset.partition}); it != entries_.end() && !offset.error) {
            it->second.committed = offset.offset;
            it->second.known = offset.offset;
            it->second.known_epoch = offset.leader_epoch;
        }
}

void StoredOffsets::on_known(const CommittedOffset& offset) {
    std::lock_guard lock(mutex_);
    if (const auto it = entries_.find({offset.topic, offset.partition}); it != entries_.end() && !offset.error) {
        it->second.known = offset.offset;
        it->second.known_epoch = offset.leader_epoch;
    }
}

size_t StoredOffsets::assigned() const {
    std::lock_guard lock(mutex_);
    return entries_.size();
}

void StoredOffsets::gather(Metrics& all, config::Isolation isolation) const {
    std::lock_guard lock(mutex_);
    for (const auto& [where, entry] : entries_) {
        const auto topic = all.topics.find(where.topic);
        if (topic == all.topics.end())
            continue;
        PartitionMetrics& one = topic->second.partitions[where.partition];
        one.stored_offset = entry.progress->stored.load(std::memory_order_acquire);
        one.stored_leader_epoch = entry.progress->stored_epoch.load(std::memory_order_relaxed);
        one.committed_offset = entry.known;
        one.committed_leader_epoch = entry.known_epoch;
        const bool stable = isolation == config::Isolation::read_committed && one.last_stable >= 0;
        const int64_t end = stable ? one.last_stable : one.high;
        const auto lag = [&](int64_t offset) { return end < 0 || offset < 0 || offset > end ? int64_t{-1} : end - offset; };
        one.lag_stored = lag(one.stored_offset);
        one.lag_committed = lag(one.committed_offset);
    }
}

} // namespace ottla::client
