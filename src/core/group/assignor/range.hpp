// `range`: of each topic, every subscriber gets a run of neighbouring partitions. Members that share several topics get the
// same numbers of all of them as long as their counts are equal (co-partitioning), for what a rack wants comes second.
#pragma once

#include <ottla/assignor.hpp>

namespace ottla::core::group {

class RangeAssignor : public PartitionAssignor {
public:
    std::string name() const override { return "range"; }
    Result<GroupAssignment> assign(
        std::span<const TopicLayout> topics, std::span<const GroupMember> members
    ) override;
};

} // namespace ottla::core::group
