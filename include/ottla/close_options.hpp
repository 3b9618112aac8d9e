// How a consumer ends.
#pragma once

#include <chrono>
#include <cstdint>

namespace ottla {

/// What becomes of a consumer's membership when it closes (KIP-1092).
enum class CloseMembership : uint8_t {
    by_default, ///< it leaves its group, unless it is a static member
    leave,      ///< a static member, too: its partitions are divided among the others at once
    remain,     ///< it stays until its session ends: whoever restarts before spares the others a rebalance
};

struct CloseOptions {
    std::chrono::milliseconds timeout{30'000};
    CloseMembership membership = CloseMembership::by_default;
};

} // namespace ottla
