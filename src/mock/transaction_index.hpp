// The transactions in one log (KIP-98): which are open, from where on readers of committed records must wait, and
// which of the ended ones were aborted. Knows offsets and producer ids, no batches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace ottla::mock {

struct AbortedTransaction {
    int64_t producer_id = -1;
    int64_t first_offset = 0;
    int64_t last_offset = 0; ///< of its marker
};

class TransactionIndex {
public:
    /// A batch of the producer's transaction lies at `offset`; the first one opens it.
    void note_batch(int64_t producer_id, int64_t offset) {
        if (open_.try_emplace(producer_id, offset).second)
            first_offsets_.insert(offset);
    }

    enum class End { commit, abort };
    /// The producer's marker lies at `offset`. A marker of a transaction without batches here leaves no trace.
    void note_marker(int64_t producer_id, int64_t offset, End end);

    bool is_open(int64_t producer_id) const { return open_.contains(producer_id); }

    size_t open_count() const { return open_.size(); }

    /// The first offset that is part of an open transaction, `end_offset` when there is none.
    int64_t first_unstable(int64_t end_offset) const {
        return first_offsets_.empty() ? end_offset : std::min(*first_offsets_.begin(), end_offset);
    }

    /// Those that lie in part between `from` and `to` (exclusive), in the order of their markers.
    std::vector<AbortedTransaction> aborted(int64_t from, int64_t to) const;
    /// The log begins at `start_offset` now.
    void drop_before(int64_t start_offset);

private:
    std::map<int64_t, int64_t> open_; ///< producer id -> first offset
    std::set<int64_t> first_offsets_; ///< of the open ones; no two begin with the same batch
    std::vector<AbortedTransaction> aborted_;
};

} // namespace ottla::mock
