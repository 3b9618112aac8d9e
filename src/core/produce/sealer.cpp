#include "core/produce/sealer.hpp"

#include "record/builder.hpp"
#include "record/message.hpp"

namespace ottla::core::produce {

using accumulator::Batch;
using accumulator::Chunk;

namespace {

void push_wire(Batch& batch, const Chunk& chunk) {
    if (chunk.gathered()) {
        batch.wire.push_back(chunk.memory.slice(chunk.begin, chunk.value_at - chunk.begin));
        batch.wire.push_back(chunk.value);
        batch.wire.push_back(chunk.memory.slice(chunk.value_at, chunk.end - chunk.value_at));
    } else if (chunk.end != chunk.begin) {
        batch.wire.push_back(chunk.memory.slice(chunk.begin, chunk.end - chunk.begin));
    }
}

} // namespace

Error Sealer::seal(Batch& batch, const Identity& identity, int32_t base_sequence, Format format) {
    batch.wire.clear();
    batch.producer_id = identity.producer_id;
    batch.producer_epoch = identity.epoch;
    batch.base_sequence = base_sequence;
    batch.magic = format.magic;
    batch.codec = codec_for(format);
    return format.magic == 2 ? seal_batch(batch, identity, base_sequence) : seal_message_set(batch);
}

Error Sealer::seal_batch(Batch& batch, const Identity& identity, int32_t base_sequence) {
    record::BatchHeader header{
        .leader_epoch = -1,
        .attributes = transactional_ ? record::transactional_bit : int16_t{0},
        .last_offset_delta = batch.count - 1,
        .base_timestamp = batch.base_timestamp_ms,
        .max_timestamp = batch.max_timestamp_ms,
        .producer_id = identity.producer_id,
        .producer_epoch = identity.epoch,
        .base_sequence = base_sequence,
        .record_count = batch.count,
    };
    body_.clear();
    for (const Chunk& chunk : batch.chunks)
        chunk.for_each_piece([this](std::span<const uint8_t> bytes) { body_.push_back(bytes); });
    if (batch.codec != Compression::none) {
        auto packed = record::compress_body(compressor_, batch.codec, level_, body_);
        if (!packed)
            return std::move(packed).error();
        // A batch that does not shrink goes out as it is.
        if (packed->size() < batch.bytes) {
            header.attributes = static_cast<int16_t>(header.attributes | static_cast<int16_t>(batch.codec));
            const std::span<const uint8_t> records = packed->span().subspan(record::batch_header_size);
            record::seal(packed->mutable_data(), header, std::span(&records, 1));
            batch.wire.push_back(std::move(*packed));
            return {};
        }
    }
    Chunk& first = batch.chunks.front();
    record::seal(first.memory.mutable_data(), header, body_);
    batch.wire.push_back(first.memory.slice(0, first.end));
    for (size_t i = 1; i < batch.chunks.size(); ++i)
        push_wire(batch, batch.chunks[i]);
    return {};
}

Error Sealer::seal_message_set(Batch& batch) {
    std::vector<record::BuildRecord> records;
    records.reserve(static_cast<size_t>(batch.count));
    size_t plain = 0;
    batch.for_each_record([&](int32_t index, const uint8_t* encoded, const Chunk& chunk) {
        const RecordView view = batch.view(index, encoded, chunk);
        records.push_back(
            {.offset = view.offset(), .timestamp_ms = view.timestamp_ms(), .key = view.key(), .value = view.value()});
        plain += record::message::encoded_size(batch.magic, view.key(), view.value());
        records.back().headers.assign(view.headers().begin(), view.headers().end());
    });
    auto set = record::build_message_set(batch.magic, {.compression = batch.codec, .level = level_}, records);
    if (set && set->size() > plain)
        set = record::build_message_set(batch.magic, {}, records);
    if (!set)
        return std::move(set).error();
    batch.wire.push_back(std::move(*set));
    return {};
}

} // namespace ottla::core::produce
