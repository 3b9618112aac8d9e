#include "core/group/assignor/racks.hpp"

#include <algorithm>

namespace ottla::core::group {

Racks::Racks(const GroupView& group) : of_member_(group.members.size(), nobody) {
    for (uint32_t m = 0; m < of_member_.size(); ++m) {
        const auto& rack = group.members[m]->rack;
        if (rack && !rack->empty())
            of_member_[m] = number_.emplace(*rack, static_cast<uint32_t>(number_.size())).first->second;
    }
    if (!number_.empty())
        add_partitions(group);
    members_in_.resize(number_.size());
    for (const uint32_t rack : of_member_)
        if (rack != nobody)
            ++members_in_[rack];
}

void Racks::add_partitions(const GroupView& group) {
    of_partition_.resize(group.partition_count());
    for (const GroupView::Topic& topic : group.topics) {
        const auto& racks_of_partition = topic.layout->racks_of_partition;
        const auto told = std::min<size_t>(topic.partitions, racks_of_partition.size());
        for (uint32_t i = 0; i < told; ++i) {
            auto& racks = of_partition_[topic.first + i];
            for (const std::string& name : racks_of_partition[i])
                racks.push_back(number_.emplace(name, static_cast<uint32_t>(number_.size())).first->second);
            std::sort(racks.begin(), racks.end());
            racks.erase(std::unique(racks.begin(), racks.end()), racks.end());
        }
    }
}

bool Racks::has_replica_in(uint32_t rack, uint32_t partition) const {
    const auto& racks = of_partition_[partition];
    return std::find(racks.begin(), racks.end(), rack) != racks.end();
}

size_t Racks::members_near(uint32_t partition) const {
    size_t count = 0;
    for (const uint32_t rack : of_partition_[partition])
        count += members_in_[rack];
    return count;
}

bool Racks::matter(std::span<const uint32_t> members, uint32_t first, uint32_t end) const {
    if (of_partition_.empty())
        return false;
    std::vector<bool> has_replica(number_.size());
    size_t racks = 0;
    for (uint32_t p = first; p < end; ++p)
        for (const uint32_t rack : of_partition_[p])
            if (!has_replica[rack]) {
                has_replica[rack] = true;
                ++racks;
            }
    const bool in_reach = std::any_of(members.begin(), members.end(), [&](uint32_t member) {
        return has_rack(member) && has_replica[of_member_[member]];
    });
    return in_reach && std::any_of(of_partition_.begin() + first, of_partition_.begin() + end, [&](const auto& one) {
               return one.size() < racks;
           });
}

} // namespace ottla::core::group
