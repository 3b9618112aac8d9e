// `roundrobin`: all partitions of all topics in a row, one to each member in turn, leaving out who does not subscribe.
// Racks are not looked at.
#pragma once

#include <ottla/assignor.hpp>

namespace ottla::core::group {

class RoundRobinAssignor : public PartitionAssignor {
public:
    std::string name() const override { return "roundrobin"; }
    Result<GroupAssignment> assign(
        std::span<const TopicLayout> topics, std::span<const GroupMember> members
    ) override;
};

} // namespace ottla::core::group
