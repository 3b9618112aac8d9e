// One message of a set of version 0 or 1 (brokers before 0.11): offset, size, CRC-32, magic, attributes, timestamp from
// version 1 on (KIP-32), key, value.
#pragma once

#include <cstdint>

#include <ottla/error.hpp>
#include <ottla/types.hpp>

#include "record/batch_header.hpp"

namespace ottla::record::message {

namespace at {
inline constexpr size_t offset = 0;
inline constexpr size_t size = 8; // bytes after this field
inline constexpr size_t crc = 12; // CRC-32 from `magic` to the end
inline constexpr size_t magic = 16;
inline constexpr size_t attributes = 17;
inline constexpr size_t timestamp = 18; // version 1
} // namespace at

/// What follows the size field at least: crc, magic, attributes, two null fields.
inline constexpr size_t smallest_body = 4 + 1 + 1 + 4 + 4;
constexpr size_t smallest_size(int8_t magic) { return smallest_body + (magic == 1 ? 8 : 0); }

struct Parts {
    int64_t timestamp_ms;
    TimestampType timestamp_type;
    Bytes key;
    Bytes value;
};

/// `bytes` holds at least the smallest size of its version.
BatchHeader read_header(const uint8_t* bytes);

/// Errors: _bad_msg for lengths that do not add up.
Result<Parts> parse(Bytes entry, const BatchHeader& header);

/// Bytes of a message with these parts.
size_t encoded_size(int8_t magic, Bytes key, Bytes value);
/// Writes a message at `out`; returns the byte after it. `attributes`: codec and timestamp type bits.
uint8_t* put(uint8_t* out, int8_t magic, int64_t offset, int8_t attributes, int64_t timestamp_ms, Bytes key, Bytes value);

} // namespace ottla::record::message
