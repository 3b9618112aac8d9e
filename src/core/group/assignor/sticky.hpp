// `sticky` and `cooperative-sticky`: counts as equal as can be, and everything else stays where it is. The eager one learns
// what members held from what they sent along, the cooperative one from what they still own.
#pragma once

#include "core/group/assignor/sticky_user_data.hpp"
#include <ottla/assignor.hpp>

namespace ottla::core::group {

class StickyAssignor : public PartitionAssignor {
public:
    std::string name() const override { return "sticky"; }
    std::optional<std::vector<uint8_t>> user_data(std::span<const std::string> topics) override;
    /// A member whose user data cannot be read is taken to hold nothing: the group shall not stop for it.
    Result<GroupAssignment> assign(
        std::span<const TopicLayout> topics, std::span<const GroupMember> members
    ) override;
    void on_assignment(const MemberAssignment& assignment, const ConsumerGroupMetadata& group) override;

private:
    std::optional<Holdings> holdings_; ///< null: never assigned anything, not even nothing
};

class CooperativeStickyAssignor : public PartitionAssignor {
public:
    std::string name() const override { return "cooperative-sticky"; }
    bool supports(RebalanceProtocol) const override { return true; }
    std::optional<std::vector<uint8_t>> user_data(std::span<const std::string> topics) override;
    /// What shall go from one member to another is given to neither. The first gives it up, and the group comes together again.
    Result<GroupAssignment> assign(
        std::span<const TopicLayout> topics, std::span<const GroupMember> members
    ) override;
    void on_assignment(const MemberAssignment& assignment, const ConsumerGroupMetadata& group) override;

private:
    int32_t generation_ = -1; ///< of the last assignment
};

} // namespace ottla::core::group
