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

/// Of keys and values: what the application gave, without framing.
inline size_t payload_size(Bytes key, Bytes value, std::span<const Header> headers) {
    size_t size = key.size() + value.size();
    for (const Header& header : headers)
        size += header.key.size() + header.value.size();
    return size;
}

/// What most records take beside their payload.
inline constexpr size_t usual_framing = 8;

/// No record of such a payload is larger, whatever its deltas are.
inline size_t max_record_size(size_t payload, size_t headers) {
    constexpr size_t framing = max_varint32 + 1 + max_varint64 + 4 * max_varint32; // length, attributes, deltas, key, value, headers
    return framing + payload + headers * 2 * max_varint32;
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

inline uint8_t* put_headers(uint8_t* out, std::span<const Header> headers) {
    out = put_varint(out, static_cast<int64_t>(headers.size()));
    for (const Header& header : headers) {
        out = put_bytes(out, header.key);
        out = put_bytes(out, header.value);
    }
    return out;
}

/// What comes before a record's value bytes: `body` is the size of all but the length prefix.
inline uint8_t* put_head(uint8_t* out, size_t body, int32_t offset_delta, int64_t timestamp_delta, Bytes key, size_t value_size) {
    out = put_varint(out, static_cast<int64_t>(body));
    *out++ = 0; // attributes: none are defined
    out = put_varint(out, timestamp_delta);
    out = put_varint(out, offset_delta);
    out = put_bytes(out, key);
    return put_varint(out, static_cast<int64_t>(value_size));
}

/// Writes the record at `out`, which has room for max_record_size bytes; returns the byte after it. `payload` as
/// payload_size tells it.
inline uint8_t* put_record(
    uint8_t* out,
    size_t payload,
    int32_t offset_delta,
    int64_t timestamp_delta,
    Bytes key,
    Bytes value,
    std::span<const Header> headers) {
    // The length comes first and is known last: it gets the room that it nearly always needs.
    const auto width_of = [](size_t size) { return size < 64 ? 1 : size < 8192 ? 2 : varint_size(static_cast<int64_t>(size)); };
    const size_t guess = width_of(payload + usual_framing);
    uint8_t* body = out + guess;
    uint8_t* end = body;
    *end++ = 0; // attributes: none are defined
    end = put_varint(end, timestamp_delta);
    end = put_varint(end, offset_delta);
    end = put_bytes(end, key);
    end = put_bytes(end, value);
    if (headers.empty()) [[likely]]
        *end++ = 0;
    else
        end = put_headers(end, headers);
    const auto size = static_cast<size_t>(end - body);
    if (const size_t width = width_of(size); width != guess) [[unlikely]] {
        std::memmove(out + width, body, size);
        end = out + width + size;
    }
    put_varint(out, static_cast<int64_t>(size));
    return end;
}

} // namespace ottla::record
