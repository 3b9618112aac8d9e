#include "base/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
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

// x to the power of `exponent`.
constexpr uint32_t power(size_t exponent) {
    uint32_t product = one;
    for (size_t k = 0; exponent; ++k, exponent >>= 1)
        if (exponent & 1)
            product = multiply(powers[k], product);
    return product;
}

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

constexpr auto shift_one = make_shift(stride);
constexpr auto shift_two = make_shift(2 * stride);

uint32_t apply(const std::array<std::array<uint32_t, 256>, 4>& shift, uint32_t crc) {
    return shift[0][crc & 0xff] ^ shift[1][crc >> 8 & 0xff] ^ shift[2][crc >> 16 & 0xff] ^ shift[3][crc >> 24];
}

__attribute__((target("sse4.2"))) uint32_t crc32c_instruction(uint32_t crc, const void* data, size_t size) {
    const auto* at = static_cast<const uint8_t*>(data);
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

// Carry-less multiplication: 256 bytes are carried along as they are, each time multiplied by x to the power of the bits that
// come in. It reads in one sweep, so that the processor fetches ahead what has left its cache.
constexpr size_t fold_size = 256;

// What lifts the halves of 16 bytes over `bits`. A product of reflected factors is one power of x too high.
struct Fold {
    uint64_t first;
    uint64_t second;
};
consteval Fold fold_over(size_t bits) {
    return {uint64_t{power(bits + 63)} << 32, uint64_t{power(bits - 1)} << 32};
}

#define OTTLA_FOLDING __attribute__((target("avx512f,vpclmulqdq,pclmul,sse4.2")))

OTTLA_FOLDING inline __m512i load(const uint8_t* at) { return _mm512_loadu_si512(at); }

OTTLA_FOLDING inline __m512i fold(__m512i high, __m512i low, Fold by) {
    const __m512i factors = _mm512_set4_epi64(
        static_cast<int64_t>(by.second), static_cast<int64_t>(by.first), static_cast<int64_t>(by.second), static_cast<int64_t>(by.first)
    );
    const __m512i first = _mm512_clmulepi64_epi128(high, factors, 0x00);
    const __m512i second = _mm512_clmulepi64_epi128(high, factors, 0x11);
    return _mm512_ternarylogic_epi64(first, second, low, 0x96); // exclusive or of three
}

OTTLA_FOLDING inline __m128i fold(__m128i high, __m128i low, Fold by) {
    const __m128i factors = _mm_set_epi64x(static_cast<int64_t>(by.second), static_cast<int64_t>(by.first));
    const __m128i first = _mm_clmulepi64_si128(high, factors, 0x00);
    const __m128i second = _mm_clmulepi64_si128(high, factors, 0x11);
    return _mm_xor_si128(_mm_xor_si128(first, second), low);
}

OTTLA_FOLDING uint32_t crc32c_folding(uint32_t crc, const void* data, size_t size) {
    if (size < 2 * fold_size)
        return crc32c_instruction(crc, data, size);
    const auto* at = static_cast<const uint8_t*>(data);
    __m512i a = _mm512_xor_si512(load(at), _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int32_t>(~crc))));
    __m512i b = load(at + 64);
    __m512i c = load(at + 128);
    __m512i d = load(at + 192);
    for (at += fold_size, size -= fold_size; size >= fold_size; at += fold_size, size -= fold_size) {
        constexpr Fold whole = fold_over(8 * fold_size);
        a = fold(a, load(at), whole);
        b = fold(b, load(at + 64), whole);
        c = fold(c, load(at + 128), whole);
        d = fold(d, load(at + 192), whole);
    }
    d = fold(a, fold(b, fold(c, d, fold_over(512)), fold_over(1024)), fold_over(1536));
    alignas(64) __m128i lanes[4];
    _mm512_store_si512(lanes, d);
    const __m128i last = fold(lanes[0], fold(lanes[1], fold(lanes[2], lanes[3], fold_over(128)), fold_over(256)), fold_over(384));
    uint64_t rest = _mm_crc32_u64(0, static_cast<uint64_t>(_mm_cvtsi128_si64(last)));
    rest = _mm_crc32_u64(rest, static_cast<uint64_t>(_mm_extract_epi64(last, 1)));
    return crc32c_instruction(~static_cast<uint32_t>(rest), at, size);
}

#endif

} // namespace

uint32_t crc32c_join(uint32_t first, uint32_t second, size_t second_size) {
    // What inverts a checksum at its start and end cancels out.
    return multiply(power(8 * second_size), first) ^ second;
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

const std::vector<detail::Crc32c>& detail::crc32c_ways() {
    static const std::vector<Crc32c> ways = [] {
        std::vector<Crc32c> found;
#if defined(__x86_64__)
        const bool instruction = __builtin_cpu_supports("sse4.2");
        if (instruction && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq"))
            found.push_back(crc32c_folding);
        if (instruction)
            found.push_back(crc32c_instruction);
#endif
        found.push_back(crc32c_tables);
        return found;
    }();
    return ways;
}

uint32_t crc32c(uint32_t crc, const void* data, size_t size) {
    static const detail::Crc32c best = detail::crc32c_ways().front();
    return best(crc, data, size);
}

} // namespace ottla
