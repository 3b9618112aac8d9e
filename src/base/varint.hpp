// Variable-length integers: unsigned (flexible protocol fields) and zigzag (record fields). Hot path: no allocation.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace ottla {

inline constexpr size_t max_varint32 = 5;
inline constexpr size_t max_varint64 = 10;

constexpr uint64_t zigzag(int64_t v) { return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63); }
constexpr int64_t unzigzag(uint64_t v) { return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1); }

/// Seven bits a byte: ceil(width / 7) for widths up to 64, without a division.
constexpr size_t uvarint_size(uint64_t v) { return (static_cast<size_t>(std::bit_width(v | 1)) * 9 + 64) / 64; }
constexpr size_t varint_size(int64_t v) { return uvarint_size(zigzag(v)); }

/// Writes `v` at `out`, which has room for it; returns the byte after.
inline uint8_t* put_uvarint(uint8_t* out, uint64_t v) {
    if (v < 0x80) { // nearly all lengths and deltas of records take one or two bytes
        *out = static_cast<uint8_t>(v);
        return out + 1;
    }
    if (v < 0x4000) {
        out[0] = static_cast<uint8_t>(v | 0x80);
        out[1] = static_cast<uint8_t>(v >> 7);
        return out + 2;
    }
    while (v >= 0x80) {
        *out++ = static_cast<uint8_t>(v | 0x80);
        v >>= 7;
    }
    *out++ = static_cast<uint8_t>(v);
    return out;
}

inline uint8_t* put_varint(uint8_t* out, int64_t v) { return put_uvarint(out, zigzag(v)); }

/// Reads an unsigned varint of at most `Bits` bits from [at, end). Returns the byte after it, or null when the bytes
/// end too early or the value does not fit.
template <int Bits>
inline const uint8_t* get_uvarint(const uint8_t* at, const uint8_t* end, uint64_t& value) {
    // Nearly all lengths and deltas of records take one or two bytes.
    if (at != end && at[0] < 0x80) {
        value = at[0];
        return at + 1;
    }
    if (end - at >= 2 && at[1] < 0x80) {
        value = static_cast<uint64_t>(at[0] & 0x7f) | static_cast<uint64_t>(at[1]) << 7;
        return at + 2;
    }
    uint64_t result = 0;
    for (int shift = 0; at != end; shift += 7) {
        const uint8_t byte = *at++;
        if (shift + 7 > Bits && shift < Bits && (byte & 0x7f) >> (Bits - shift))
            return nullptr;
        if (shift >= Bits)
            return nullptr;
        result |= static_cast<uint64_t>(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            value = result;
            return at;
        }
    }
    return nullptr;
}

inline const uint8_t* get_varint32(const uint8_t* at, const uint8_t* end, int32_t& value) {
    uint64_t raw;
    at = get_uvarint<32>(at, end, raw);
    if (at)
        value = static_cast<int32_t>(unzigzag(raw));
    return at;
}

inline const uint8_t* get_varint64(const uint8_t* at, const uint8_t* end, int64_t& value) {
    uint64_t raw;
    at = get_uvarint<64>(at, end, raw);
    if (at)
        value = unzigzag(raw);
    return at;
}

} // namespace ottla
