#include "accumulator/partition_buffer.hpp"

#include <algorithm>

#include "record/record_writer.hpp"

namespace ottla::accumulator {

TimePoint (*PartitionBuffer::precise_now)() = [] { return std::chrono::steady_clock::now(); };

PartitionBuffer::~PartitionBuffer() {
    for (BatchList left = take_all(); !left.empty();)
        supplies_.batches.give_back(left.pop());
}

void PartitionBuffer::open(TimePoint since) {
    open_ = supplies_.batches.take();
    open_->topic = &topic_;
    open_->partition = partition_;
    open_->bytes = record::batch_header_size;
    // One precise stamp a batch: linger, timeout and latency count from it.
    open_->opened = since == TimePoint{} ? precise_now() : since;
    open_->chunks.push_back({supplies_.chunks.take(small_chunk), record::batch_header_size, record::batch_header_size});
}

void PartitionBuffer::close() {
    full_.push(open_);
    ++full_count_;
    open_ = nullptr;
}

uint8_t* PartitionBuffer::room(size_t size) {
    Chunk* chunk = &open_->chunks.back();
    if (chunk->memory.size() - chunk->end < size) {
        open_->chunks.push_back({supplies_.chunks.take(std::max(size, large_chunk)), 0, 0});
        chunk = &open_->chunks.back();
    }
    return chunk->memory.mutable_data() + chunk->end;
}

PartitionBuffer::Appended PartitionBuffer::append(const AppendRecord& record) {
    std::lock_guard lock(mutex_);
    auto result = Appended::quietly;
    const auto measure = [&] {
        const int32_t offset_delta = open_ ? open_->count : 0;
        const int64_t timestamp_delta = open_ && open_->count ? record.timestamp_ms - open_->base_timestamp_ms : 0;
        return record::record_size(offset_delta, timestamp_delta, record.key, record.value, record.headers);
    };
    record::RecordSize size = measure();
    if (open_ && open_->bytes + size.total > supplies_.limits.bytes) {
        close();
        result = Appended::filled;
        size = measure();
    }
    if (!open_) {
        open(record.since);
        result = std::max(result, Appended::opened);
    }
    Batch& batch = *open_;
    if (batch.count == 0)
        batch.base_timestamp_ms = batch.max_timestamp_ms = record.timestamp_ms;
    uint8_t* at = room(size.total);
    record::put_record(
        at, size, batch.count, record.timestamp_ms - batch.base_timestamp_ms, record.key, record.value, record.headers);
    batch.chunks.back().end += size.total;
    batch.bytes += size.total;
    batch.payload_bytes += payload_size(record);
    batch.max_timestamp_ms = std::max(batch.max_timestamp_ms, record.timestamp_ms);

    if (record.token.value || !batch.tokens.empty()) {
        batch.tokens.resize(static_cast<size_t>(batch.count)); // those before it had none
        batch.tokens.push_back(record.token.value);
    }
    if (record.token.kind != TokenKind::opaque || !batch.kinds.empty()) {
        batch.kinds.resize(static_cast<size_t>(batch.count));
        batch.kinds.push_back(record.token.kind);
    }
    if (partition_ == partition_any)
        batch.wanted.push_back(record.wanted_partition);
    ++batch.count;
    if (batch.count >= supplies_.limits.records || batch.bytes >= supplies_.limits.bytes) {
        close();
        result = Appended::filled;
    }
    return result;
}

BatchList PartitionBuffer::take(TimePoint now, Duration linger, bool flush, size_t max) {
    std::lock_guard lock(mutex_);
    BatchList taken;
    size_t count = 0;
    for (; count < max && !full_.empty(); ++count, --full_count_)
        taken.push(full_.pop());
    if (count < max && open_ && (flush || open_->opened + linger <= now)) {
        taken.push(open_);
        open_ = nullptr;
    }
    return taken;
}

TimePoint PartitionBuffer::due(Duration linger) const {
    std::lock_guard lock(mutex_);
    if (!full_.empty())
        return TimePoint::min();
    return open_ ? open_->opened + linger : TimePoint::max();
}

BatchList PartitionBuffer::take_all() {
    std::lock_guard lock(mutex_);
    BatchList taken = std::exchange(full_, {});
    full_count_ = 0;
    if (open_)
        taken.push(std::exchange(open_, nullptr));
    return taken;
}

bool PartitionBuffer::empty() const {
    std::lock_guard lock(mutex_);
    return !open_ && full_.empty();
}

TimePoint PartitionBuffer::oldest() const {
    std::lock_guard lock(mutex_);
    if (!full_.empty())
        return full_.front()->opened;
    return open_ ? open_->opened : TimePoint::max();
}

} // namespace ottla::accumulator
