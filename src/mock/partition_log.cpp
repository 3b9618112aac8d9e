#include "mock/partition_log.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/endian.hpp"
#include "record/batch_header.hpp"

namespace ottla::mock {
namespace {

/// Batches up to this size are copied whole, which keeps large frames from being held by small slices.
constexpr size_t small_batch = 4 * 1024;

void add_cut(const Buffer& piece, size_t& room, std::vector<Buffer>& out) {
    const size_t size = std::min(piece.size(), room);
    if (size == 0)
        return;
    out.push_back(piece.slice(0, size));
    room -= size;
}

} // namespace

int64_t PartitionLog::append(NewBatch batch, int32_t leader_epoch) {
    if (canned_)
        return std::exchange(appended_, appended_ + batch.last_offset_delta + 1);
    const size_t copied = batch.bytes.size() <= small_batch ? batch.bytes.size() : record::batch_header_size;
    StoredBatch stored;
    stored.base_offset = end_offset_;
    stored.last_offset = end_offset_ + batch.last_offset_delta;
    stored.max_timestamp = batch.max_timestamp;
    stored.leader_epoch = leader_epoch;
    stored.role = batch.role;
    stored.producer_id = batch.producer_id;
    stored.head = Buffer::copy_of(batch.bytes.slice(0, copied));
    if (copied < batch.bytes.size())
        stored.rest = batch.bytes.slice(copied, batch.bytes.size() - copied);
    store_be(stored.head.mutable_data(), stored.base_offset);
    store_be(stored.head.mutable_data() + record::at::leader_epoch, leader_epoch);

    return add(std::move(stored));
}

int64_t PartitionLog::append_raw(Buffer bytes, int64_t offsets, int32_t leader_epoch) {
    if (canned_)
        return std::exchange(appended_, appended_ + offsets);
    StoredBatch stored;
    stored.base_offset = end_offset_;
    stored.last_offset = end_offset_ + offsets - 1;
    stored.leader_epoch = leader_epoch;
    stored.head = std::move(bytes);
    stored.raw = true;
    return add(std::move(stored));
}

int64_t PartitionLog::add(StoredBatch batch) {
    const int64_t base = end_offset_;
    end_offset_ = batch.last_offset + 1;
    size_bytes_ += batch.size();
    note(batch);
    batches_.push_back(std::move(batch));
    apply_retention();
    return base;
}

void PartitionLog::truncate(int64_t end_offset) {
    while (!batches_.empty() && batches_.back().base_offset >= end_offset) {
        size_bytes_ -= batches_.back().size();
        end_offset_ = batches_.back().base_offset;
        batches_.pop_back();
    }
    std::erase_if(epochs_, [this](const EpochStart& start) { return start.offset >= end_offset_; });
    transactions_ = {};
    for (const StoredBatch& batch : batches_)
        note(batch);
}

void PartitionLog::note(const StoredBatch& batch) {
    switch (batch.role) {
    case BatchRole::plain:
        return;
    case BatchRole::transactional:
        return transactions_.note_batch(batch.producer_id, batch.base_offset);
    case BatchRole::commit_marker:
        return transactions_.note_marker(
            batch.producer_id, batch.last_offset, TransactionIndex::End::commit
        );
    case BatchRole::abort_marker:
        return transactions_.note_marker(batch.producer_id, batch.last_offset, TransactionIndex::End::abort);
    }
}

void PartitionLog::begin_epoch(int32_t epoch) {
    if (epochs_.empty() || epochs_.back().epoch < epoch)
        epochs_.push_back({epoch, epochs_.empty() ? start_offset_ : end_offset_});
}

size_t PartitionLog::find(int64_t offset) const {
    const auto at = std::lower_bound(
        batches_.begin(),
        batches_.end(),
        offset,
        [](const StoredBatch& batch, int64_t wanted) { return batch.last_offset < wanted; }
    );
    return static_cast<size_t>(at - batches_.begin());
}

size_t PartitionLog::read(
    int64_t offset, size_t max_bytes, FirstBatch first, std::vector<Buffer>& out, ReadLevel level
) const {
    if (canned_) {
        const bool none = offset == end_offset_ || (first == FirstBatch::within_limit && canned_->size() > max_bytes);
        return none ? 0 : canned_->read(offset, epoch_at(offset), max_bytes, out);
    }
    size_t at = find(offset);
    const int64_t end = end_for(level);
    if (at == batches_.size() || batches_[at].base_offset >= end)
        return 0;
    if (batches_[at].size() > max_bytes) {
        if (first == FirstBatch::within_limit)
            return 0;
        max_bytes = batches_[at].size();
    }
    size_t room = max_bytes;
    for (; at != batches_.size() && room != 0 && batches_[at].base_offset < end; ++at) {
        add_cut(batches_[at].head, room, out);
        add_cut(batches_[at].rest, room, out);
    }
    return max_bytes - room;
}

size_t PartitionLog::available(int64_t offset, size_t enough) const {
    if (canned_)
        return offset == end_offset_ ? 0 : enough;
    size_t bytes = 0;
    for (size_t at = find(offset); at != batches_.size() && bytes < enough; ++at)
        bytes += batches_[at].size();
    return bytes;
}

size_t PartitionLog::bytes_between(int64_t from, int64_t to) const {
    size_t bytes = 0;
    for (size_t at = find(from); at != batches_.size() && batches_[at].base_offset < to; ++at)
        bytes += batches_[at].size();
    return bytes;
}

std::vector<AbortedTransaction> PartitionLog::aborted_in(int64_t offset, size_t size) const {
    constexpr size_t index_interval = 4096;
    size_t at = find(offset);
    for (size_t seen = 0; at != batches_.size() && seen < size + index_interval; ++at)
        seen += batches_[at].size();
    return transactions_.aborted(offset, at == batches_.size() ? end_offset_ : batches_[at].base_offset);
}

EpochEnd PartitionLog::end_of_epoch(int32_t epoch) const {
    const auto after =
        std::upper_bound(epochs_.begin(), epochs_.end(), epoch, [](int32_t wanted, const EpochStart& start) {
            return wanted < start.epoch;
        });
    if (after == epochs_.begin())
        return {};
    return {std::prev(after)->epoch, after == epochs_.end() ? end_offset_ : after->offset};
}

int32_t PartitionLog::epoch_at(int64_t offset) const {
    int32_t epoch = -1;
    for (const EpochStart& start : epochs_)
        if (start.offset <= offset)
            epoch = start.epoch;
    return epoch;
}

void PartitionLog::apply_retention() {
    while (retention_bytes_ != 0 && size_bytes_ > retention_bytes_ && batches_.size() > 1) {
        size_bytes_ -= batches_.front().size();
        batches_.pop_front();
        start_offset_ = batches_.front().base_offset;
        transactions_.drop_before(start_offset_);
    }
}

Buffer whole(const StoredBatch& batch) {
    if (batch.rest.empty())
        return batch.head;
    Buffer all = Buffer::allocate(batch.size());
    std::memcpy(all.mutable_data(), batch.head.data(), batch.head.size());
    std::memcpy(all.mutable_data() + batch.head.size(), batch.rest.data(), batch.rest.size());
    return all;
}

} // namespace ottla::mock
