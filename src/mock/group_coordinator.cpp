// Requests. What happens between them, rebalances and their ends, is in group_rebalance.cpp.
#include "mock/group_coordinator.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.hpp"

namespace ottla::mock {

const Group* GroupCoordinator::find(const std::string& group) const {
    const auto found = groups_.find(group);
    return found == groups_.end() ? nullptr : &found->second;
}

Group* GroupCoordinator::look_up(const std::string& group) {
    const auto found = groups_.find(group);
    return found == groups_.end() ? nullptr : &found->second;
}

std::string GroupCoordinator::new_member_id(const std::string& prefix) {
    const uint64_t high = rng_.next();
    const uint64_t low = rng_.next();
    return fmt::format(
        "{}-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        prefix,
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff'ffff'ffff
    );
}

/// While members join, those that have count, so that the last ones to come are turned away.
bool GroupCoordinator::accepts(Group& group, const std::string& id) const {
    const GroupMember* member = group.find(id);
    switch (group.state()) {
    case GroupState::preparing_rebalance:
        return (member && member->join) || group.count_joining() < options_.most_members;
    case GroupState::completing_rebalance:
    case GroupState::stable:
        return member || group.members().size() < options_.most_members;
    case GroupState::empty:
    case GroupState::dead:
        break;
    }
    return true;
}

std::optional<GroupCoordinator::JoinAnswer>
GroupCoordinator::join(const Join& request, Waiter waiter, TimePoint now) {
    if (request.group.empty())
        return JoinAnswer{Errc::invalid_group_id, request.member};
    if (request.session_timeout < options_.shortest_session || request.session_timeout > options_.longest_session)
        return JoinAnswer{Errc::invalid_session_timeout, request.member};
    Group* group = look_up(request.group);
    if (!group && !request.member.empty())
        return JoinAnswer{Errc::unknown_member_id, request.member};
    if (!group)
        group = &groups_[request.group];

    std::optional<JoinAnswer> answer;
    if (!accepts(*group, request.member)) {
        group->remove(request.member);
        answer = JoinAnswer{Errc::group_max_size_reached};
    } else if (!group->supports(request.protocol_type, request.protocols)) {
        answer = JoinAnswer{Errc::inconsistent_group_protocol, request.member};
    } else if (request.member.empty()) {
        answer = join_new(*group, request, waiter, now);
    } else {
        answer = join_again(*group, request, waiter, now);
    }
    arm(request.group, *group);
    return answer ? answer : take_join(waiter);
}

std::optional<GroupCoordinator::JoinAnswer>
GroupCoordinator::join_new(Group& group, const Join& request, Waiter waiter, TimePoint now) {
    const std::string id = new_member_id(request.instance_id.value_or(request.client_id));
    const GroupMember* known = request.instance_id ? group.find_static(*request.instance_id) : nullptr;
    if (known) {
        replace(group, id, request, waiter, now);
        return std::nullopt;
    }
    if (!request.instance_id && request.can_join_twice) {
        group.pending[id] = now + request.session_timeout;
        return JoinAnswer{Errc::member_id_required, id};
    }
    add(group, request, id, waiter, now);
    return std::nullopt;
}

std::optional<GroupCoordinator::JoinAnswer>
GroupCoordinator::join_again(Group& group, const Join& request, Waiter waiter, TimePoint now) {
    if (group.pending.contains(request.member)) {
        if (request.instance_id) // ids that are given out first belong to dynamic members
            return JoinAnswer{Errc::unknown};
        add(group, request, request.member, waiter, now);
        return std::nullopt;
    }
    if (const Errc error = group.check_member(request.member, request.instance_id); error != Errc::no_error)
        return JoinAnswer{error, request.member};
    GroupMember& member = *group.find(request.member);
    const bool has_changed = member.protocols != request.protocols;
    switch (group.state()) {
    case GroupState::preparing_rebalance:
        break;
    case GroupState::completing_rebalance: // the same again: its answer may have been lost
        if (!has_changed)
            return present_generation(group, member);
        break;
    case GroupState::stable: // the leader wants to assign anew, be it for reasons of its own
        if (!has_changed && !group.leads(member))
            return present_generation(group, member);
        break;
    case GroupState::empty:
    case GroupState::dead:
        return JoinAnswer{Errc::unknown_member_id, request.member};
    }
    update(member, request, waiter);
    rebalance_or_complete(group, now);
    return std::nullopt;
}

void GroupCoordinator::add(
    Group& group, const Join& request, const std::string& id, Waiter waiter, TimePoint now
) {
    GroupMember member;
    member.id = id;
    member.instance_id = request.instance_id;
    member.client_id = request.client_id;
    member.is_new = true;
    member.session_end = now + new_member_timeout;
    update(member, request, waiter);
    if (group.first_rebalance)
        group.first_rebalance->has_grown = true;
    group.add(std::move(member), request.protocol_type);
    rebalance_or_complete(group, now);
}

void GroupCoordinator::update(GroupMember& member, const Join& request, Waiter waiter) {
    member.protocols = request.protocols;
    member.session_timeout = request.session_timeout;
    member.rebalance_timeout = request.rebalance_timeout;
    member.join = waiter;
}

/// A static member is back under a new id. Without need nobody else hears of it: the assignment stays with it.
void GroupCoordinator::replace(
    Group& group, const std::string& id, const Join& request, Waiter waiter, TimePoint now
) {
    GroupMember& old = *group.find_static(*request.instance_id);
    const std::string old_leader = group.leader();
    answer(old, JoinAnswer{Errc::fenced_instance_id, old.id});
    answer(old, SyncAnswer{Errc::fenced_instance_id});
    GroupMember& member = group.replace(old.id, id);
    member.session_end = now + member.session_timeout;
    update(member, request, waiter);
    switch (group.state()) {
    case GroupState::stable:
        if (group.protocol() != group.preferred_protocol())
            return rebalance_or_complete(group, now);
        group.store();
        if (request.can_skip_assignment) {
            JoinAnswer joined = present_generation(group, member);
            joined.skip_assignment = group.leads(member);
            return answer(member, std::move(joined));
        }
        // It must not think that it leads: it would assign anew what the others do not hear of.
        return answer(
            member,
            JoinAnswer{
                Errc::no_error, id, group.generation(), group.protocol_type(), group.protocol(), old_leader}
        );
    case GroupState::completing_rebalance: // the leader may be assigning to its old id
        return prepare_rebalance(group, now);
    case GroupState::preparing_rebalance:
        return complete_if_all_joined(group, now);
    case GroupState::empty:
    case GroupState::dead:
        OTTLA_ASSERT(false); // it has a member
    }
}

GroupCoordinator::JoinAnswer
GroupCoordinator::present_generation(const Group& group, const GroupMember& member) const {
    JoinAnswer answer{
        Errc::no_error, member.id, group.generation(), group.protocol_type(), group.protocol(), group.leader()};
    if (group.leads(member))
        for (const GroupMember& each : group.members())
            answer.members.push_back({each.id, each.instance_id, each.metadata(group.protocol().value_or(""))});
    return answer;
}

std::optional<GroupCoordinator::SyncAnswer>
GroupCoordinator::sync(const Sync& request, Waiter waiter, TimePoint now) {
    if (request.group.empty())
        return SyncAnswer{Errc::invalid_group_id};
    Group* group = look_up(request.group);
    if (!group)
        return SyncAnswer{Errc::unknown_member_id};
    if (const Errc error = group->check_member(request.member, request.instance_id); error != Errc::no_error)
        return SyncAnswer{error};
    if (request.generation != group->generation())
        return SyncAnswer{Errc::illegal_generation};
    const auto differs = [](const auto& named, const auto& known) { return named && known && *named != *known; };
    if (differs(request.protocol_type, group->protocol_type()) || differs(request.protocol, group->protocol()))
        return SyncAnswer{Errc::inconsistent_group_protocol};

    GroupMember& member = *group->find(request.member);
    switch (group->state()) {
    case GroupState::preparing_rebalance:
        return SyncAnswer{Errc::rebalance_in_progress};
    case GroupState::completing_rebalance:
        member.sync = waiter;
        note_sync(*group, member.id);
        if (group->leads(member))
            assign(*group, request, now);
        arm(request.group, *group);
        return take_sync(waiter);
    case GroupState::stable:
        note_sync(*group, member.id);
        arm(request.group, *group);
        return SyncAnswer{Errc::no_error, group->protocol_type(), group->protocol(), member.assignment};
    case GroupState::empty:
    case GroupState::dead:
        break;
    }
    return SyncAnswer{Errc::unknown_member_id};
}

Errc GroupCoordinator::heartbeat(
    const std::string& name, const MemberRef& ref, int32_t generation, TimePoint now
) {
    if (name.empty())
        return Errc::invalid_group_id;
    Group* group = look_up(name);
    if (!group)
        return Errc::unknown_member_id;
    if (const Errc error = group->check_member(ref.id, ref.instance_id); error != Errc::no_error)
        return error;
    if (generation != group->generation())
        return Errc::illegal_generation;
    GroupMember& member = *group->find(ref.id);
    member.session_end = now + member.session_timeout;
    arm(name, *group);
    return group->state() == GroupState::preparing_rebalance ? Errc::rebalance_in_progress : Errc::no_error;
}

std::vector<Errc> GroupCoordinator::leave(
    const std::string& name, const std::vector<MemberRef>& members, TimePoint now
) {
    Group* group = look_up(name);
    if (!group)
        return std::vector<Errc>(members.size(), Errc::unknown_member_id);
    std::vector<Errc> errors;
    for (const MemberRef& ref : members) {
        Errc& error = errors.emplace_back(Errc::no_error);
        GroupMember* member = nullptr;
        if (ref.id.empty()) { // an administrator's request
            member = ref.instance_id ? group->find_static(*ref.instance_id) : nullptr;
            error = member ? Errc::no_error : Errc::unknown_member_id;
        } else if (group->pending.contains(ref.id)) {
            group->remove(ref.id);
        } else {
            error = group->check_member(ref.id, ref.instance_id);
            member = error == Errc::no_error ? group->find(ref.id) : nullptr;
        }
        if (member)
            drop(*group, *member);
    }
    if (std::find(errors.begin(), errors.end(), Errc::no_error) != errors.end()) {
        if (group->state() == GroupState::preparing_rebalance)
            complete_if_all_joined(*group, now);
        else if (group->state() != GroupState::empty)
            prepare_rebalance(*group, now);
    }
    arm(name, *group);
    return errors;
}

Errc GroupCoordinator::check_commit(
    const std::string& name, const MemberRef& ref, int32_t generation, CommitKind kind, TimePoint now
) {
    Group* group = look_up(name);
    if (!group) {
        if (generation >= 0)
            return Errc::group_id_not_found;
        group = &groups_[name];
    }
    const GroupState state = group->state();
    if (generation < 0 && state == GroupState::empty)
        return Errc::no_error;
    const bool is_plain = kind == CommitKind::plain;
    if (generation < 0 && ref.id.empty() && !ref.instance_id) // old transactional commits name no member
        return is_plain ? Errc::unknown_member_id : Errc::no_error;
    if (const Errc error = group->check_member(ref.id, ref.instance_id); error != Errc::no_error)
        return error;
    if (generation != group->generation())
        return Errc::illegal_generation;
    if (!is_plain)
        return Errc::no_error;
    if (state == GroupState::completing_rebalance)
        return Errc::rebalance_in_progress;
    GroupMember& member = *group->find(ref.id);
    member.session_end = now + member.session_timeout;
    arm(name, *group);
    return Errc::no_error;
}

Errc GroupCoordinator::check_offset_deletion(const std::string& name) const {
    const Group* group = find(name);
    if (!group)
        return Errc::group_id_not_found;
    const bool are_consumers = group->protocol_type() == "consumer";
    return group->state() == GroupState::empty || are_consumers ? Errc::no_error : Errc::non_empty_group;
}

Errc GroupCoordinator::erase(const std::string& name) {
    const auto found = groups_.find(name);
    if (found == groups_.end())
        return Errc::group_id_not_found;
    if (found->second.state() != GroupState::empty)
        return Errc::non_empty_group;
    arm(name, Group());
    groups_.erase(found);
    return Errc::no_error;
}

Group GroupCoordinator::release(const std::string& name) {
    const auto found = groups_.find(name);
    OTTLA_ASSERT(found != groups_.end());
    for (GroupMember& member : found->second.members()) {
        answer(member, JoinAnswer{Errc::rebalance_in_progress, member.id});
        answer(member, SyncAnswer{Errc::rebalance_in_progress});
    }
    Group group = std::move(found->second);
    arm(name, Group());
    groups_.erase(found);
    return group;
}

void GroupCoordinator::adopt(const std::string& name, Group group, TimePoint now) {
    Group& here = groups_[name] = std::move(group);
    for (GroupMember& member : here.members())
        member.session_end = now + member.session_timeout;
    prepare_rebalance(here, now);
    arm(name, here);
}

void GroupCoordinator::restart(const std::string& name, TimePoint from) {
    Group* group = look_up(name);
    if (!group)
        return;
    for (GroupMember& member : group->members()) {
        answer(member, JoinAnswer{Errc::not_coordinator, member.id});
        answer(member, SyncAnswer{Errc::not_coordinator});
    }
    group->restore(from);
    arm(name, *group);
}

std::optional<GroupCoordinator::JoinAnswer> GroupCoordinator::take_join(Waiter waiter) {
    auto node = joins_.extract(waiter);
    if (node.empty())
        return std::nullopt;
    std::erase(answered_, waiter);
    return std::move(node.mapped());
}

std::optional<GroupCoordinator::SyncAnswer> GroupCoordinator::take_sync(Waiter waiter) {
    auto node = syncs_.extract(waiter);
    if (node.empty())
        return std::nullopt;
    std::erase(answered_, waiter);
    return std::move(node.mapped());
}

void GroupCoordinator::forget(Waiter waiter) {
    joins_.erase(waiter);
    syncs_.erase(waiter);
}

void GroupCoordinator::answer(GroupMember& member, JoinAnswer answer) {
    if (!member.join)
        return;
    answered_.push_back(*member.join);
    joins_[*member.join] = std::move(answer);
    member.join.reset();
}

void GroupCoordinator::answer(GroupMember& member, SyncAnswer answer) {
    if (!member.sync)
        return;
    answered_.push_back(*member.sync);
    syncs_[*member.sync] = std::move(answer);
    member.sync.reset();
}

} // namespace ottla::mock
