// Offsets that groups have committed, and those that wait for the end of a transaction (KIP-98, KIP-447). Knows
// nothing of members.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <ottla/types.hpp>

namespace ottla::mock {

struct CommittedOffset {
    int64_t offset = -1;
    int32_t leader_epoch = -1;
    std::string metadata;
};

class GroupOffsets {
public:
    /// offset.metadata.max.bytes
    static constexpr size_t longest_metadata = 4096;

    using Offsets = std::map<TopicPartition, CommittedOffset>;

    void commit(const std::string& group, const TopicPartition& where, CommittedOffset offset);
    /// It counts when the producer's transaction is committed, unless something is committed after this.
    void commit_in_transaction(
        const std::string& group, int64_t producer_id, const TopicPartition& where, CommittedOffset offset
    );
    /// The marker of the producer's transaction.
    void end_transaction(const std::string& group, int64_t producer_id, bool committed);
    /// The topic is gone.
    void forget_topic(const std::string& topic);
    /// The group is gone.
    void forget_group(const std::string& group) { groups_.erase(group); }
    /// As if nothing had been committed there, in transactions neither.
    void forget(const std::string& group, const TopicPartition& where);

    /// Null: nothing is committed.
    const CommittedOffset* find(const std::string& group, const TopicPartition& where) const;
    /// Whether a transaction is about to change it.
    bool is_pending(const std::string& group, const TopicPartition& where) const;
    Offsets all(const std::string& group) const;

private:
    struct Entry {
        CommittedOffset offset;
        uint64_t order = 0; ///< of all commits
    };

    using Entries = std::map<TopicPartition, Entry>;

    struct Group {
        Entries committed;
        std::map<int64_t, Entries> pending; ///< by producer id
    };

    std::map<std::string, Group> groups_;
    uint64_t next_order_ = 1;
};

} // namespace ottla::mock
