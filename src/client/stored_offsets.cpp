#include "client/stored_offsets.hpp"

#include <algorithm>

namespace ottla::client {

std::shared_ptr<Progress> StoredOffsets::begin(const TopicPartition& where) {
    std::lock_guard lock(mutex_);
    Entry& entry = entries_[where];
    entry = {std::make_shared<Progress>()};
    return entry.progress;
}

void StoredOffsets::end(const TopicPartition& where) {
    std::lock_guard lock(mutex_);
    if (const auto it = entries_.find(where); it != entries_.end())
        it->second.assigned = false;
}

void StoredOffsets::abandon() {
    std::lock_guard lock(mutex_);
    lent_.clear();
    for (auto& [where, entry] : entries_)
        entry.committed = entry.progress->stored.load(std::memory_order_relaxed);
}

void StoredOffsets::lend(
    std::vector<std::pair<std::shared_ptr<Progress>, int32_t>> epochs, const std::shared_ptr<void>& lease
) {
    std::lock_guard lock(mutex_);
    store_lent();
    for (auto& [progress, epoch] : epochs) {
        const int64_t offset = progress->position.load(std::memory_order_relaxed);
        lent_.push_back({std::move(progress), offset, epoch});
    }
    lease_ = lease;
}

void StoredOffsets::finish() {
    std::lock_guard lock(mutex_);
    store_lent();
}

void StoredOffsets::store_lent() {
    for (const Lent& lent : lent_)
        lent.progress->store(lent.offset, lent.epoch);
    lent_.clear();
}

std::vector<CommittedOffset> StoredOffsets::uncommitted() {
    std::lock_guard lock(mutex_);
    if (lease_.expired())
        store_lent();
    std::vector<CommittedOffset> all;
    for (auto it = entries_.begin(); it != entries_.end();) {
        const Entry& entry = it->second;
        const int64_t stored = entry.progress->stored.load(std::memory_order_acquire);
        if (stored != offset_invalid && stored != entry.committed) {
            auto& row = all.emplace_back();
            row.topic = it->first.topic;
            row.partition = it->first.partition;
            row.offset = stored;
            row.leader_epoch = entry.progress->stored_epoch.load(std::memory_order_relaxed);
        } else if (!entry.assigned) {
            it = entries_.erase(it);
            continue;
        }
        ++it;
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return std::tie(a.topic, a.partition) < std::tie(b.topic, b.partition);
    });
    return all;
}

void StoredOffsets::on_committed(const std::vector<CommittedOffset>& offsets) {
    std::lock_guard lock(mutex_);
    for (const auto& offset : offsets)
        if (const auto it = entries_.find({offset.topic, offset.partition}); it != entries_.end() && !offset.error)
            it->second.committed = offset.offset;
}

} // namespace ottla::client
