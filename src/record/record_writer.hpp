// Encodes one record of a v2 batch in its final place. Hot path: runs on application threads under the partition's lock,
// allocates nothing, writes exactly what record_size says.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include <ottla/record.hpp>

#include "base/varint.hpp"

namespace ottla::record {

/// A record's size without its own length prefix, and with it.
struct RecordSize {
    size_t body;
    size_t total;
};

inline size_t bytes_size(Bytes bytes) {
    return bytes.is_null() ? 1 : varint_size(static_cast<int64_t>(bytes.size())) + bytes.size();
}

inline RecordSize
record_size(int32_t offset_delta, int64_t timestamp_delta, Bytes key, Bytes value, std::span<const Header> headers) {
    size_t body = 1 + varint_size(timestamp_delta) + varint_size(offset_delta) + bytes_size(key) + bytes_size(value) +
                  varint_size(static_cast<int64_t>(headers.size()));
    for (const Header& header : headers)
        body += varint_size(static_cast<int64_t>(header.key.size())) + header.key.size() + bytes_size(header.value);
    return {body, varint_size(static_cast<int64_t>(body)) + body};
}

/// No record of these payloads is larger, whatever its deltas are.
inline size_t max_record_size(Bytes key, Bytes value, std::span<const Header> headers) {
    return record_size(INT32_MAX, INT64_MAX, key, value, headers).total + max_varint32;
}

inline uint8_t* put_bytes(uint8_t* out, Bytes bytes) {
    if (bytes.is_null()) {
        *out++ = 1; // zigzag of -1
        return out;
    }
    out = put_varint(out, static_cast<int64_t>(bytes.size()));
    if (bytes.size())
        std::memcpy(out, bytes.data(), bytes.size());
    return out + bytes.size();
}

/// Writes the record at `out`, which has room for `size.total` bytes; returns the byte after it.
inline uint8_t* put_record(
    uint8_t* out,
    RecordSize size,
    int32_t offset_delta,
    int64_t timestamp_delta,
    Bytes key,
    Bytes value,
    std::span<const Header> headers) {
    out = put_varint(out, static_cast<int64_t>(size.body));
    *out++ = 0; // attributes: none are defined
    out = put_varint(out, timestamp_delta);
    out = put_varint(out, offset_delta);
    out = put_bytes(out, key);
    out = put_bytes(out, value);
    out = put_varint(out, static_cast<int64_t>(headers.size()));
    for (const Header& header : headers) {
        out = put_bytes(out, header.key);
        out = put_bytes(out, header.value);
    }
    return out;
}

} // namespace ottla::record
