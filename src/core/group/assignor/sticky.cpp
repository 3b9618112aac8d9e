#include "core/group/assignor/sticky.hpp"

#include "core/group/assignor/sticky_plan.hpp"

namespace ottla::core::group {
namespace {

StickyPlan make_plan(const GroupView& group, const std::vector<Holdings>& told) {
    const Racks racks(group);
    const Claims claims = settle_claims(group, told);
    return group.equal_subscriptions ? plan_equal_subscriptions(group, racks, claims)
                                     : plan_any_subscriptions(group, racks, claims);
}

Holdings sent_along(const GroupMember& member) {
    if (!member.user_data)
        return {};
    auto holdings = decode_holdings(*member.user_data);
    return holdings ? *std::move(holdings) : Holdings{};
}

Holdings owned(const GroupMember& member) {
    Holdings holdings{.partitions = member.owned, .generation = member.generation};
    if (member.generation < 0 && member.user_data)
        if (const auto generation = decode_generation(*member.user_data))
            holdings.generation = *generation;
    return holdings;
}

/// By partition: somebody owns it and shall not have it any more, and whoever shall have it does not own it.
std::vector<bool> moves_in(const GroupView& group, const std::vector<uint32_t>& owner) {
    std::vector<bool> given_up(owner.size());
    std::vector<bool> stays(owner.size());
    for (uint32_t m = 0; m < group.member_count(); ++m)
        for (const TopicPartition& partition : group.members[m]->owned)
            if (const uint32_t p = group.find(partition); p != nobody)
                (owner[p] == m ? stays : given_up)[p] = true;
    std::vector<bool> moves(owner.size());
    for (size_t p = 0; p < owner.size(); ++p)
        moves[p] = given_up[p] && !stays[p];
    return moves;
}

} // namespace

std::optional<std::vector<uint8_t>> StickyAssignor::user_data(std::span<const std::string>) {
    if (!holdings_)
        return std::nullopt;
    return encode_holdings(*holdings_);
}

Result<GroupAssignment> StickyAssignor::assign(
    std::span<const TopicLayout> topics, std::span<const GroupMember> members
) {
    const auto group = GroupView::of(topics, members);
    if (!group)
        return group.error();
    std::vector<Holdings> told;
    for (const GroupMember* member : group->members)
        told.push_back(sent_along(*member));
    return group->assignment(make_plan(*group, told).owner);
}

void StickyAssignor::on_assignment(const MemberAssignment& assignment, const ConsumerGroupMetadata& group) {
    holdings_ = Holdings{.partitions = assignment.partitions, .generation = group.generation_id};
}

std::optional<std::vector<uint8_t>> CooperativeStickyAssignor::user_data(std::span<const std::string>) {
    return encode_generation(generation_);
}

Result<GroupAssignment> CooperativeStickyAssignor::assign(
    std::span<const TopicLayout> topics, std::span<const GroupMember> members
) {
    const auto group = GroupView::of(topics, members);
    if (!group)
        return group.error();
    std::vector<Holdings> told;
    for (const GroupMember* member : group->members)
        told.push_back(owned(*member));
    StickyPlan plan = make_plan(*group, told);
    if (plan.moves.empty())
        plan.moves = moves_in(*group, plan.owner);
    for (size_t p = 0; p < plan.owner.size(); ++p)
        if (plan.moves[p])
            plan.owner[p] = nobody;
    return group->assignment(plan.owner);
}

void CooperativeStickyAssignor::on_assignment(const MemberAssignment&, const ConsumerGroupMetadata& group) {
    generation_ = group.generation_id;
}

} // namespace ottla::core::group
