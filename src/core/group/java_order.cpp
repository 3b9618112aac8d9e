#include "core/group/java_order.hpp"

#include <algorithm>
#include <numeric>

namespace ottla::core::group {
namespace {

struct Character {
    uint32_t code = 0xfffd;
    size_t bytes = 1;
};

size_t length_told_by(uint8_t lead) {
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/// The first character of `text`, which is not empty.
Character first_character(std::string_view text) {
    const auto lead = static_cast<uint8_t>(text[0]);
    if (lead < 0x80)
        return {.code = lead};
    const size_t bytes = length_told_by(lead);
    if (bytes == 0 || bytes > text.size())
        return {};
    uint32_t code = lead & (0xffu >> (bytes + 1));
    for (size_t i = 1; i < bytes; ++i) {
        const auto next = static_cast<uint8_t>(text[i]);
        if ((next & 0xc0) != 0x80)
            return {};
        code = code << 6 | (next & 0x3fu);
    }
    return {.code = code, .bytes = bytes};
}

} // namespace

bool java_less(std::string_view a, std::string_view b) {
    const auto [left, right] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (left == a.end() || right == b.end())
        return right != b.end();
    const auto x = static_cast<uint8_t>(*left);
    const auto y = static_cast<uint8_t>(*right);
    // UTF-8 sorts by code points. In UTF-16 those above U+FFFF (they begin with F0 to F4) are written as surrogates,
    // which come before U+E000 to U+FFFF (EE and EF).
    constexpr uint8_t highest_of_three = 0xee, four = 0xf0;
    if (x >= highest_of_three && y >= highest_of_three && (x >= four) != (y >= four))
        return x >= four;
    return x < y;
}

uint32_t java_hash(std::string_view text) {
    uint32_t hash = 0;
    while (!text.empty()) {
        const Character next = first_character(text);
        text.remove_prefix(next.bytes);
        if (next.code > 0xffff)
            hash = hash * 31 + (0xd800 + ((next.code - 0x10000) >> 10));
        hash = hash * 31 + (next.code > 0xffff ? 0xdc00 + (next.code & 0x3ff) : next.code);
    }
    return hash;
}

uint32_t java_hash(std::string_view topic, int32_t partition) {
    return 31 * (31 + static_cast<uint32_t>(partition)) + java_hash(topic);
}

uint32_t java_buckets(size_t keys) {
    uint32_t buckets = 16;
    while (keys > buckets / 4 * 3 && buckets < 1u << 30)
        buckets *= 2;
    return buckets;
}

std::vector<uint32_t> java_hash_order(const std::vector<std::string_view>& keys) {
    const uint32_t buckets = java_buckets(keys.size());
    std::vector<uint32_t> bucket_of(keys.size());
    std::transform(keys.begin(), keys.end(), bucket_of.begin(), [&](std::string_view key) {
        return java_bucket(java_hash(key), buckets);
    });
    std::vector<uint32_t> order(keys.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
        return bucket_of[a] < bucket_of[b];
    });
    return order;
}

} // namespace ottla::core::group
