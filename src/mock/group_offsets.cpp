#include "mock/group_offsets.hpp"

#include <algorithm>
#include <utility>

namespace ottla::mock {

void GroupOffsets::commit(const std::string& group, const TopicPartition& where, CommittedOffset offset) {
    groups_[group].committed[where] = {std::move(offset), next_order_++};
}

void GroupOffsets::commit_in_transaction(
    const std::string& group, int64_t producer_id, const TopicPartition& where, CommittedOffset offset
) {
    groups_[group].pending[producer_id][where] = {std::move(offset), next_order_++};
}

void GroupOffsets::end_transaction(const std::string& group, int64_t producer_id, bool committed) {
    const auto found = groups_.find(group);
    if (found == groups_.end())
        return;
    auto node = found->second.pending.extract(producer_id);
    if (node.empty() || !committed)
        return;
    for (auto& [where, entry] : node.mapped()) {
        Entry& known = found->second.committed[where];
        if (known.order < entry.order)
            known = std::move(entry);
    }
}

void GroupOffsets::forget_topic(const std::string& topic) {
    const auto is_of_topic = [&](const auto& entry) { return entry.first.topic == topic; };
    for (auto& [name, group] : groups_) {
        std::erase_if(group.committed, is_of_topic);
        for (auto& [producer_id, entries] : group.pending)
            std::erase_if(entries, is_of_topic);
    }
}

void GroupOffsets::forget(const std::string& group, const TopicPartition& where) {
    const auto found = groups_.find(group);
    if (found == groups_.end())
        return;
    found->second.committed.erase(where);
    for (auto& [producer_id, entries] : found->second.pending)
        entries.erase(where);
}

const CommittedOffset* GroupOffsets::find(const std::string& group, const TopicPartition& where) const {
    const auto known = groups_.find(group);
    if (known == groups_.end())
        return nullptr;
    const auto entry = known->second.committed.find(where);
    return entry == known->second.committed.end() ? nullptr : &entry->second.offset;
}

bool GroupOffsets::is_pending(const std::string& group, const TopicPartition& where) const {
    const auto known = groups_.find(group);
    return known != groups_.end() &&
           std::any_of(known->second.pending.begin(), known->second.pending.end(), [&](const auto& entry) {
               return entry.second.contains(where);
           });
}

GroupOffsets::Offsets GroupOffsets::all(const std::string& group) const {
    Offsets offsets;
    if (const auto known = groups_.find(group); known != groups_.end())
        for (const auto& [where, entry] : known->second.committed)
            offsets.emplace(where, entry.offset);
    return offsets;
}

} // namespace ottla::mock
