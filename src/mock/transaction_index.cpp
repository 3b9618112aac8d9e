#include "mock/transaction_index.hpp"

namespace ottla::mock {

void TransactionIndex::note_marker(int64_t producer_id, int64_t offset, End end) {
    const auto open = open_.find(producer_id);
    if (open == open_.end())
        return;
    if (end == End::abort)
        aborted_.push_back({producer_id, open->second, offset});
    first_offsets_.erase(open->second);
    open_.erase(open);
}

std::vector<AbortedTransaction> TransactionIndex::aborted(int64_t from, int64_t to) const {
    std::vector<AbortedTransaction> found;
    auto at = std::lower_bound(
        aborted_.begin(),
        aborted_.end(),
        from,
        [](const AbortedTransaction& transaction, int64_t offset) { return transaction.last_offset < offset; }
    );
    for (; at != aborted_.end(); ++at)
        if (at->first_offset < to)
            found.push_back(*at);
    return found;
}

void TransactionIndex::drop_before(int64_t start_offset) {
    std::erase_if(aborted_, [&](const AbortedTransaction& transaction) {
        return transaction.last_offset < start_offset;
    });
}

} // namespace ottla::mock
