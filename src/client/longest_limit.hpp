#pragma once

#include <chrono>

namespace ottla::client {

/// Of calls that wait; stands for no limit. Time points overflow beyond.
inline constexpr std::chrono::milliseconds longest_limit = std::chrono::hours(24 * 365);

} // namespace ottla::client
