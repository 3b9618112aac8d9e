#include "base/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace ottla {
namespace {

constexpr uint32_t polynomial = 0x82f63b78; // reflected

// Slicing by eight: tables[k][b] is the crc of byte b followed by k zero bytes.
constexpr auto make_tables() {
    std::array<std::array<uint32_t, 256>, 8> tables{};
    for (uint32_t b = 0; b < 256; ++b) {
        uint32_t crc = b;
        for (int i = 0; i < 8; ++i)
            crc = (crc >> 1) ^ (crc & 1 ? polynomial : 0);
        tables[0][b] = crc;
    }
    for (size_t k = 1; k < 8; ++k)
        for (uint32_t b = 0; b < 256; ++b)
            tables[k][b] = (tables[k - 1][b] >> 8) ^ tables[0][tables[k - 1][b] & 0xff];
    return tables;
}

constexpr auto tables = make_tables();

#if defined(__x86_64__)

// The crc32 instruction takes three cycles but one can start each cycle, so three streams run side by side; the
// parts are joined by advancing a crc over the length of what follows it (a multiplication by a power of x, here as a
// table of four lookups).
constexpr size_t stride = 1024;

constexpr uint32_t advance_bit_by_bit(uint32_t crc, size_t zero_bytes) {
    for (size_t i = 0; i < zero_bytes; ++i)
        crc = (crc >> 8) ^ tables[0][crc & 0xff];
    return crc;
}

constexpr auto make_shift(size_t zero_bytes) {
    // Linear: it is enough to know what each single bit becomes.
    std::array<std::array<uint32_t, 256>, 4> shift{};
    for (size_t k = 0; k < 4; ++k) {
        std::array<uint32_t, 8> bit{};
        for (size_t i = 0; i < 8; ++i)
            bit[i] = advance_bit_by_bit(1u << (8 * k + i), zero_bytes);
        for (uint32_t b = 0; b < 256; ++b)
            for (size_t i = 0; i < 8; ++i)
                if (b >> i & 1)
                    shift[k][b] ^= bit[i];
    }
    return shift;
}

const auto shift_one = make_shift(stride);
const auto shift_two = make_shift(2 * stride);

uint32_t apply(const std::array<std::array<uint32_t, 256>, 4>& shift, uint32_t crc) {
    return shift[0][crc & 0xff] ^ shift[1][crc >> 8 & 0xff] ^ shift[2][crc >> 16 & 0xff] ^ shift[3][crc >> 24];
}

__attribute__((target("sse4.2"))) uint32_t crc32c_sse42(uint32_t crc, const uint8_t* at, size_t size) {
    auto word = [](const uint8_t* p) {
        uint64_t v;
        std::memcpy(&v, p, sizeof v);
        return v;
    };
    uint64_t a = ~crc;
    while (size >= 3 * stride) {
        uint64_t b = 0;
        uint64_t c = 0;
        for (size_t i = 0; i < stride; i += 8) {
            a = _mm_crc32_u64(a, word(at + i));
            b = _mm_crc32_u64(b, word(at + stride + i));
            c = _mm_crc32_u64(c, word(at + 2 * stride + i));
        }
        a = apply(shift_two, static_cast<uint32_t>(a)) ^ apply(shift_one, static_cast<uint32_t>(b)) ^ c;
        at += 3 * stride;
        size -= 3 * stride;
    }
    for (; size >= 8; at += 8, size -= 8)
        a = _mm_crc32_u64(a, word(at));
    auto tail = static_cast<uint32_t>(a);
    for (; size; ++at, --size)
        tail = _mm_crc32_u8(tail, *at);
    return ~tail;
}

const bool has_sse42 = __builtin_cpu_supports("sse4.2");

#endif

// Polynomials over GF(2), bit 31 the constant term: as checksums are kept.
constexpr uint32_t one = 1u << 31;

constexpr uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = one; bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = (b >> 1) ^ (b & 1 ? polynomial : 0);
    }
    return product;
}

// powers[k] is x to the power of 2^k, for whole bytes from k = 3 on.
constexpr auto make_powers() {
    std::array<uint32_t, 64> powers{};
    powers[0] = one >> 1;
    for (size_t k = 1; k < powers.size(); ++k)
        powers[k] = multiply(powers[k - 1], powers[k - 1]);
    return powers;
}

constexpr auto powers = make_powers();

} // namespace

uint32_t crc32c_join(uint32_t first, uint32_t second, size_t second_size) {
    // What inverts a checksum at its start and end cancels out.
    for (size_t k = 3; second_size; ++k, second_size >>= 1)
        if (second_size & 1)
            first = multiply(powers[k], first);
    return first ^ second;
}

uint32_t detail::crc32c_tables(uint32_t crc, const void* data, size_t size) {
    const auto* at = static_cast<const uint8_t*>(data);
    crc = ~crc;
    for (; size >= 8; at += 8, size -= 8) {
        uint32_t low;
        uint32_t high;
        std::memcpy(&low, at, 4);
        std::memcpy(&high, at + 4, 4);
        low ^= crc;
        crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^
              tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^ tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
    }
    for (; size; ++at, --size)
        crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 0xff];
    return ~crc;
}

uint32_t crc32c(uint32_t crc, const void* data, size_t size) {
#if defined(__x86_64__)
    if (has_sse42)
        return crc32c_sse42(crc, static_cast<const uint8_t*>(data), size);
#endif
    return detail::crc32c_tables(crc, data, size);
}

} // namespace ottla
