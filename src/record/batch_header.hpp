// The fixed head of a record batch, version 2 (KIP-98): where its fields lie, how they are read and patched in place.
#pragma once

#include <cstdint>

#include <ottla/types.hpp>

#include "base/crc32c.hpp"
#include "base/endian.hpp"
#include "base/wrapping.hpp"

namespace ottla::record {

namespace at { // offsets of the fields
inline constexpr size_t base_offset = 0;
inline constexpr size_t batch_length = 8; // bytes after this field
inline constexpr size_t leader_epoch = 12;
inline constexpr size_t magic = 16;
inline constexpr size_t crc = 17; // CRC-32C from `attributes` to the end
inline constexpr size_t attributes = 21;
inline constexpr size_t last_offset_delta = 23;
inline constexpr size_t base_timestamp = 27;
inline constexpr size_t max_timestamp = 35;
inline constexpr size_t producer_id = 43;
inline constexpr size_t producer_epoch = 51;
inline constexpr size_t base_sequence = 53;
inline constexpr size_t record_count = 57;
} // namespace at

inline constexpr size_t batch_header_size = 61;
/// base_offset and batch_length: what a batch of any version begins with.
inline constexpr size_t batch_prefix_size = 12;

inline constexpr int16_t codec_mask = 0x07;
inline constexpr int16_t log_append_time_bit = 0x08;
inline constexpr int16_t transactional_bit = 0x10;
inline constexpr int16_t control_bit = 0x20;
inline constexpr int16_t delete_horizon_bit = 0x40;

/// The fields by value. Plain data: reading checks nothing, see BatchReader.
struct BatchHeader {
    int64_t base_offset = 0;
    int32_t batch_length = 0;
    int32_t leader_epoch = -1;
    int8_t magic = 2;
    uint32_t crc = 0;
    int16_t attributes = 0;
    int32_t last_offset_delta = 0;
    int64_t base_timestamp = -1;
    int64_t max_timestamp = -1;
    int64_t producer_id = -1;
    int16_t producer_epoch = -1;
    int32_t base_sequence = -1;
    int32_t record_count = 0;

    Compression compression() const { return static_cast<Compression>(attributes & codec_mask); }
    bool is_transactional() const { return attributes & transactional_bit; }
    bool is_control() const { return attributes & control_bit; }
    bool has_delete_horizon() const { return attributes & delete_horizon_bit; }
    TimestampType timestamp_type() const {
        return attributes & log_append_time_bit ? TimestampType::log_append_time : TimestampType::create_time;
    }
    int64_t last_offset() const { return wrapping_sum(base_offset, last_offset_delta); }
    /// Bytes of the whole batch.
    size_t size() const { return batch_prefix_size + static_cast<size_t>(batch_length); }
    bool operator==(const BatchHeader&) const = default;
};

/// `bytes` holds at least batch_header_size.
inline BatchHeader read_batch_header(const uint8_t* bytes) {
    return {
        .base_offset = load_be<int64_t>(bytes + at::base_offset),
        .batch_length = load_be<int32_t>(bytes + at::batch_length),
        .leader_epoch = load_be<int32_t>(bytes + at::leader_epoch),
        .magic = static_cast<int8_t>(bytes[at::magic]),
        .crc = load_be<uint32_t>(bytes + at::crc),
        .attributes = load_be<int16_t>(bytes + at::attributes),
        .last_offset_delta = load_be<int32_t>(bytes + at::last_offset_delta),
        .base_timestamp = load_be<int64_t>(bytes + at::base_timestamp),
        .max_timestamp = load_be<int64_t>(bytes + at::max_timestamp),
        .producer_id = load_be<int64_t>(bytes + at::producer_id),
        .producer_epoch = load_be<int16_t>(bytes + at::producer_epoch),
        .base_sequence = load_be<int32_t>(bytes + at::base_sequence),
        .record_count = load_be<int32_t>(bytes + at::record_count),
    };
}

inline void write_batch_header(uint8_t* bytes, const BatchHeader& header) {
    store_be(bytes + at::base_offset, header.base_offset);
    store_be(bytes + at::batch_length, header.batch_length);
    store_be(bytes + at::leader_epoch, header.leader_epoch);
    bytes[at::magic] = static_cast<uint8_t>(header.magic);
    store_be(bytes + at::crc, header.crc);
    store_be(bytes + at::attributes, header.attributes);
    store_be(bytes + at::last_offset_delta, header.last_offset_delta);
    store_be(bytes + at::base_timestamp, header.base_timestamp);
    store_be(bytes + at::max_timestamp, header.max_timestamp);
    store_be(bytes + at::producer_id, header.producer_id);
    store_be(bytes + at::producer_epoch, header.producer_epoch);
    store_be(bytes + at::base_sequence, header.base_sequence);
    store_be(bytes + at::record_count, header.record_count);
}

} // namespace ottla::record
