// Sums of numbers that came from the network: a hostile one wraps instead of overflowing, and is judged where it is used.
#pragma once

#include <cstdint>

namespace ottla {

constexpr int64_t wrapping_sum(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); }
constexpr int64_t wrapping_difference(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b)); }

} // namespace ottla
