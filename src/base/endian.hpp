// Big-endian loads and stores of fixed-size integers.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace ottla {

static_assert(std::endian::native == std::endian::little, "big-endian machines need a look at this file first");

constexpr uint8_t swap_bytes(uint8_t v) { return v; }
constexpr uint16_t swap_bytes(uint16_t v) { return __builtin_bswap16(v); }
constexpr uint32_t swap_bytes(uint32_t v) { return __builtin_bswap32(v); }
constexpr uint64_t swap_bytes(uint64_t v) { return __builtin_bswap64(v); }

template <std::integral T>
inline void store_be(uint8_t* out, T value) {
    const auto swapped = swap_bytes(static_cast<std::make_unsigned_t<T>>(value));
    std::memcpy(out, &swapped, sizeof swapped);
}

template <std::integral T>
inline T load_be(const uint8_t* in) {
    std::make_unsigned_t<T> raw;
    std::memcpy(&raw, in, sizeof raw);
    return static_cast<T>(swap_bytes(raw));
}

} // namespace ottla
