// Which members and which replicas share a rack (KIP-881). All replicas count, whether they are in sync or not.
#pragma once

#include <span>

#include "core/group/assignor/group_view.hpp"

namespace ottla::core::group {

class Racks {
public:
    explicit Racks(const GroupView& group);

    /// Whether the member is in a rack and the partition has a replica there.
    bool share(uint32_t member, uint32_t partition) const {
        return of_member_[member] != nobody && has_replica_in(of_member_[member], partition);
    }

    /// Whether the member is in a rack, and the partition has no replica there. A member without a rack suits all.
    bool mismatch(uint32_t member, uint32_t partition) const {
        return of_member_[member] != nobody && !has_replica_in(of_member_[member], partition);
    }

    bool has_rack(uint32_t member) const { return of_member_[member] != nobody; }

    /// How many members share a rack with the partition.
    size_t members_near(uint32_t partition) const;

    /// Whether it is worth while to look at racks when these members share the partitions from `first` to before
    /// `end`: some of the members can be near some replica, and it is not the same racks for all partitions.
    bool matter(std::span<const uint32_t> members, uint32_t first, uint32_t end) const;

private:
    bool has_replica_in(uint32_t rack, uint32_t partition) const;
    void add_partitions(const GroupView& group);

    std::unordered_map<std::string_view, uint32_t> number_{};
    std::vector<uint32_t> of_member_{};
    std::vector<size_t> members_in_{};                 ///< by rack
    std::vector<std::vector<uint32_t>> of_partition_{}; ///< distinct; empty when no member has a rack
};

} // namespace ottla::core::group
