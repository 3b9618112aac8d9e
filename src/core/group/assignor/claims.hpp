// Who of a group holds what, from what its members say: they may be of different generations and contradict each other.
#pragma once

#include "core/group/assignor/group_view.hpp"
#include "core/group/assignor/sticky_user_data.hpp"

namespace ottla::core::group {

struct Claims {
    /// By member: partitions it holds and no other does, ascending. It need not subscribe to them any more.
    std::vector<std::vector<uint32_t>> held{};
    /// By partition: several members say that they hold it, of the latest generation of which anybody says so. None counts.
    std::vector<bool> contested{};
    /// By partition: who held it before the newest generation, or `nobody`.
    std::vector<uint32_t> formerly{};
};

/// `told` by member. Of two who claim a partition the one of the later generation is right.
Claims settle_claims(const GroupView& group, const std::vector<Holdings>& told);

} // namespace ottla::core::group
