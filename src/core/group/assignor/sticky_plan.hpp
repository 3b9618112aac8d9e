// The two ways in which the sticky assignors divide partitions: one for groups whose members all subscribe to the same
// topics, which is nearly always so, and one for all others. Both keep counts as equal as subscriptions permit, and only
// then leave partitions where they are.
#pragma once

#include "core/group/assignor/claims.hpp"
#include "core/group/assignor/racks.hpp"

namespace ottla::core::group {

struct StickyPlan {
    std::vector<uint32_t> owner{}; ///< by partition
    /// By partition: it goes to another member than the one that holds it. Only from plan_equal_subscriptions.
    std::vector<bool> moves{};
};

/// For members that all subscribe to all topics of the group: counts differ by at most one.
/// Partitions of the wrong rack are not kept.
StickyPlan plan_equal_subscriptions(const GroupView& group, const Racks& racks, const Claims& claims);

/// For any group. Members with two partitions fewer than others could not take any from these.
StickyPlan plan_any_subscriptions(const GroupView& group, const Racks& racks, const Claims& claims);

} // namespace ottla::core::group
