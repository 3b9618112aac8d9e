// Durations as text: ISO 8601, as Java's Duration takes them (KIP-1106).
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace ottla::config {

/// "P2DT3H4M5.678S" and parts of it, in any case: days of 24 hours, hours, minutes, seconds. nullopt when `text` is no such
/// duration, is negative, or is longer than 290 million years.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

} // namespace ottla::config
