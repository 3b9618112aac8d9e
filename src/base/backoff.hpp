// Exponential backoff with jitter, for reconnects and for retries (KIP-580).
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

#include <ottla/types.hpp>

#include "base/rng.hpp"

namespace ottla {

struct BackoffRange {
    std::chrono::milliseconds first{100};
    std::chrono::milliseconds max{1000};
    double jitter_low = 0.8;
    double jitter_high = 1.2;
};

/// The wait before try number `tries` (0: the first retry).
inline Duration backoff(const BackoffRange& range, int tries, Rng& rng) {
    const double doubled = static_cast<double>(range.first.count()) * std::ldexp(1.0, std::min(tries, 30));
    const double capped = std::min(doubled, static_cast<double>(range.max.count()));
    const double ms = capped * rng.between(range.jitter_low, range.jitter_high);
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
}

} // namespace ottla
