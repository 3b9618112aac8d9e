#include "core/group/assignor/round_robin.hpp"

#include "core/group/assignor/group_view.hpp"

namespace ottla::core::group {

Result<GroupAssignment> RoundRobinAssignor::assign(
    std::span<const TopicLayout> topics, std::span<const GroupMember> members
) {
    const auto group = GroupView::of(topics, members);
    if (!group)
        return group.error();
    const std::vector<uint32_t> order = static_members_first(*group);
    std::vector<uint32_t> owner(group->partition_count(), nobody);
    std::vector<bool> subscribes(order.size());
    size_t turn = 0; // goes on from topic to topic
    for (const GroupView::Topic& topic : group->topics) {
        subscribes.assign(order.size(), false);
        for (const uint32_t member : topic.subscribers)
            subscribes[member] = true;
        for (uint32_t p = topic.first; p < topic.end(); ++p) {
            while (!subscribes[order[turn]]) // somebody does, or the topic would not be in the view
                turn = (turn + 1) % order.size();
            owner[p] = order[turn];
            turn = (turn + 1) % order.size();
        }
    }
    return group->assignment(owner);
}

} // namespace ottla::core::group
