#include "accumulator/partition_buffer.hpp"

#include <algorithm>

#include "accumulator/lent_value.hpp"
#include "base/crc32c.hpp"
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
    begin_chunk({supplies_.chunks.take(small_chunk), record::batch_header_size, record::batch_header_size});
    summed_chunk_ = 0;
    summed_at_ = record::batch_header_size;
    if (load.fetch_add(1, std::memory_order_relaxed) <= 0)
        progress.store(open_->opened, std::memory_order_relaxed);
}

void PartitionBuffer::close() {
    full_.push(take_open());
    ++full_count_;
}

Batch* PartitionBuffer::take_open() {
    end_chunk();
    return std::exchange(open_, nullptr);
}

void PartitionBuffer::begin_chunk(Chunk chunk) {
    at_ = chunk.memory.mutable_data() + chunk.end;
    room_ = chunk.memory.size() - chunk.end;
    open_->chunks.push_back(std::move(chunk));
}

void PartitionBuffer::end_chunk() {
    Chunk& chunk = open_->chunks.back();
    chunk.end = static_cast<size_t>(at_ - chunk.memory.data());
}

// Continues the checksum over all that is in the batch: large records are still in the cache, and will not be when it is sealed.
void PartitionBuffer::sum_up() {
    end_chunk();
    record::Summed& summed = open_->summed;
    const auto& chunks = open_->chunks;
    for (;; summed_at_ = chunks[++summed_chunk_].begin) {
        size_t known = summed_at_ - chunks[summed_chunk_].begin;
        chunks[summed_chunk_].for_each_piece([&](std::span<const uint8_t> bytes) {
            const auto rest = bytes.subspan(std::exchange(known, 0));
            summed.crc = crc32c(summed.crc, rest.data(), rest.size());
            summed.bytes += rest.size();
        });
        if (summed_chunk_ + 1 == chunks.size())
            break;
    }
    summed_at_ = chunks.back().end;
}

// A record whose value stays where it is: a chunk of its own, in memory that the next one goes on with. Returns its size.
size_t PartitionBuffer::gather(Batch& batch, const SendRecord& record, int64_t timestamp_delta) {
    const auto size = record::record_size(batch.count, timestamp_delta, record.key, record.value, record.headers);
    end_chunk();
    const size_t from = batch.chunks.back().end;
    Chunk chunk{batch.chunks.back().memory, from, from};
    uint8_t* const out = chunk.memory.mutable_data();
    uint8_t* at = record::put_head(out + from, size.body, batch.count, timestamp_delta, record.key, record.value.size());
    chunk.value_at = static_cast<size_t>(at - out);
    chunk.end = static_cast<size_t>(record::put_headers(at, record.headers) - out);
    chunk.value = record.gathered ? *record.gathered : reinterpret_cast<LentValue*>(record.token.value)->gather();
    if (batch.chunks.back().begin == from && batch.chunks.size() > 1) // nothing is in it
        batch.chunks.pop_back();
    Chunk next{chunk.memory, chunk.end, chunk.end};
    batch.chunks.push_back(std::move(chunk));
    begin_chunk(std::move(next));
    ++batch.gathered;
    return size.total;
}

PartitionBuffer::Appended PartitionBuffer::add(const SendRecord& record) {
    auto result = Appended::quietly;
    const size_t bound = record::max_record_size(record.payload, record.headers.size());
    if (open_ && open_->bytes + bound > supplies_.limits.bytes) [[unlikely]] {
        const auto exact = record::record_size(
            open_->count, record.timestamp_ms - open_->base_timestamp_ms, record.key, record.value, record.headers);
        if (open_->bytes + exact.total > supplies_.limits.bytes) {
            close();
            result = Appended::filled;
        }
    }
    if (!open_) [[unlikely]] {
        open(record.since);
        result = std::max(result, Appended::opened);
        open_->base_timestamp_ms = open_->max_timestamp_ms = record.timestamp_ms;
    }
    Batch& batch = *open_;
    const int64_t timestamp_delta = record.timestamp_ms - batch.base_timestamp_ms;
    const bool gathers = record.token.kind == TokenKind::lent && record.value.size() > supplies_.copy_max;
    const size_t needed = gathers ? bound - record.value.size() : bound;
    if (room_ < needed) [[unlikely]] {
        end_chunk();
        begin_chunk({supplies_.chunks.take(std::max(needed, large_chunk)), 0, 0});
    }
    if (gathers) [[unlikely]] {
        batch.bytes += gather(batch, record, timestamp_delta);
    } else {
        uint8_t* const end =
            record::put_record(at_, record.payload, batch.count, timestamp_delta, record.key, record.value, record.headers);
        const auto size = static_cast<size_t>(end - at_);
        at_ = end;
        room_ -= size;
        batch.bytes += size;
        if (size > supplies_.sum_from) [[unlikely]]
            sum_up();
    }
    batch.payload_bytes += record.payload;
    batch.max_timestamp_ms = std::max(batch.max_timestamp_ms, record.timestamp_ms);

    if (record.token.value || !batch.tokens.empty()) {
        batch.tokens.resize(static_cast<size_t>(batch.count)); // those before it had none
        batch.tokens.push_back(record.token.value);
    }
    if (record.token.kind != TokenKind::opaque || !batch.kinds.empty()) {
        batch.kinds.resize(static_cast<size_t>(batch.count));
        batch.kinds.push_back(record.token.kind);
    }
    if (partition_ == partition_any) [[unlikely]]
        batch.wanted.push_back(record.partition);
    ++batch.count;
    if (batch.count >= supplies_.limits.records || batch.bytes >= supplies_.limits.bytes) [[unlikely]] {
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
        taken.push(take_open());
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
        taken.push(take_open());
    return taken;
}

bool PartitionBuffer::empty() const {
    std::lock_guard lock(mutex_);
    return !open_ && full_.empty();
}

PartitionBuffer::Held PartitionBuffer::held() const {
    std::lock_guard lock(mutex_);
    Held held;
    const auto add = [&](const Batch& batch) {
        held.messages += batch.count;
        held.bytes += static_cast<int64_t>(batch.bytes);
    };
    for (const Batch* batch = full_.front(); batch; batch = batch->next)
        add(*batch);
    if (open_)
        add(*open_);
    return held;
}

TimePoint PartitionBuffer::oldest() const {
    std::lock_guard lock(mutex_);
    if (!full_.empty())
        return full_.front()->opened;
    return open_ ? open_->opened : TimePoint::max();
}

} // namespace ottla::accumulator
