// GroupCoordinator, the part about rebalances and time: how members are gathered, and when they are given up.
#include <algorithm>

#include "mock/group_coordinator.hpp"

namespace ottla::mock {

using std::chrono::milliseconds;

void GroupCoordinator::rebalance_or_complete(Group& group, TimePoint now) {
    if (group.can_rebalance())
        prepare_rebalance(group, now);
    else
        complete_if_all_joined(group, now);
}

void GroupCoordinator::prepare_rebalance(Group& group, TimePoint now) {
    if (group.state() == GroupState::completing_rebalance) {
        for (GroupMember& member : group.members())
            member.assignment.clear();
        answer_syncs(group, Errc::rebalance_in_progress, now);
    }
    group.missing_syncs.clear();
    group.sync_end = TimePoint::max();

    const bool was_empty = group.state() == GroupState::empty;
    group.become(GroupState::preparing_rebalance);
    if (was_empty) {
        const milliseconds delay = options_.initial_rebalance_delay;
        group.first_rebalance =
            Group::FirstRebalance{delay, std::max(group.rebalance_timeout() - delay, milliseconds(0))};
        group.join_end = now + delay;
        // A delay of nothing is over at once, also for those who do not look at the time again.
        if (delay.count() == 0)
            complete_join(group, now);
    } else if (group.has_all_joined()) {
        complete_join(group, now);
    } else {
        group.join_end = now + group.rebalance_timeout();
    }
}

void GroupCoordinator::complete_if_all_joined(Group& group, TimePoint now) {
    // The first rebalance of a group takes its time, for more members to come.
    if (group.state() == GroupState::preparing_rebalance && group.previous_state() != GroupState::empty &&
        group.has_all_joined())
        complete_join(group, now);
}

/// Those who have joined go on without the others. Static members stay: they may be restarting.
void GroupCoordinator::complete_join(Group& group, TimePoint now) {
    group.join_end = TimePoint::max();
    group.first_rebalance.reset();
    std::vector<std::string> absent;
    for (const GroupMember& member : group.members())
        if (!member.join && !member.instance_id)
            absent.push_back(member.id);
    for (const std::string& id : absent)
        group.remove(id);

    if (!group.elect_joined_leader() && !group.members().empty()) {
        // Nobody is there to go on with; sessions will end, or somebody comes.
        group.join_end = now + std::max(group.rebalance_timeout(), milliseconds(1));
        return;
    }
    group.begin_generation();
    if (group.members().empty())
        return group.store();
    for (GroupMember& member : group.members()) {
        answer(member, present_generation(group, member));
        member.session_end = now + member.session_timeout;
        member.is_new = false;
        group.missing_syncs.insert(member.id);
    }
    group.sync_end = now + group.rebalance_timeout();
}

/// What the leader has decided. Members it does not speak of get nothing.
void GroupCoordinator::assign(Group& group, const Sync& request, TimePoint now) {
    for (GroupMember& member : group.members()) {
        const auto part = request.assignments.find(member.id);
        member.assignment = part == request.assignments.end() ? std::vector<uint8_t>{} : part->second;
    }
    group.store();
    answer_syncs(group, Errc::no_error, now);
    group.become(GroupState::stable);
}

void GroupCoordinator::note_sync(Group& group, const std::string& member) {
    group.missing_syncs.erase(member);
    if (group.missing_syncs.empty())
        group.sync_end = TimePoint::max();
}

void GroupCoordinator::answer_syncs(Group& group, Errc error, TimePoint now) {
    const bool is_good = error == Errc::no_error;
    for (GroupMember& member : group.members()) {
        if (!member.sync)
            continue;
        SyncAnswer synced{error};
        if (is_good)
            synced = {error, group.protocol_type(), group.protocol(), member.assignment};
        answer(member, std::move(synced));
        member.session_end = now + member.session_timeout;
    }
}

void GroupCoordinator::on_time(const std::string& name, TimePoint now) {
    Group* group = look_up(name);
    if (!group)
        return;
    while (do_next(*group, now)) {
    }
    arm(name, *group);
}

/// The earliest of what is due. False: nothing is.
bool GroupCoordinator::do_next(Group& group, TimePoint now) {
    TimePoint first = std::min(group.join_end, group.sync_end);
    std::string expired;
    for (const GroupMember& member : group.members()) {
        if (member.session_end < first) {
            first = member.session_end;
            expired = member.id;
        }
    }
    for (const auto& [id, end] : group.pending) {
        if (end < first) {
            first = end;
            expired = id;
        }
    }
    if (first > now)
        return false;
    if (!expired.empty())
        on_session_end(group, expired, now);
    else if (group.join_end == first)
        on_join_end(group, now);
    else
        on_sync_end(group, now);
    return true;
}

void GroupCoordinator::on_join_end(Group& group, TimePoint now) {
    auto& first = group.first_rebalance;
    if (!first || !first->has_grown || first->remaining.count() == 0)
        return complete_join(group, now);
    const milliseconds delay = std::min(options_.initial_rebalance_delay, first->remaining);
    first = Group::FirstRebalance{delay, std::max(first->remaining - first->delay, milliseconds(0))};
    group.join_end += delay;
}

void GroupCoordinator::on_sync_end(Group& group, TimePoint now) {
    group.sync_end = TimePoint::max();
    const auto missing = std::exchange(group.missing_syncs, {});
    if (missing.empty())
        return;
    for (const std::string& id : missing)
        group.remove(id);
    prepare_rebalance(group, now);
}

void GroupCoordinator::on_session_end(Group& group, const std::string& id, TimePoint now) {
    if (GroupMember* member = group.find(id)) {
        if (!member->is_new && (member->join || member->sync)) {
            member->session_end = TimePoint::max(); // counted again when it has its answer
            return;
        }
        drop(group, *member);
        if (group.can_rebalance())
            return prepare_rebalance(group, now);
    } else {
        group.remove(id); // an id that nobody came back with
    }
    if (group.state() == GroupState::preparing_rebalance && group.has_all_joined())
        complete_join(group, now);
}

void GroupCoordinator::drop(Group& group, GroupMember& member) {
    answer(member, JoinAnswer{Errc::unknown_member_id});
    answer(member, SyncAnswer{Errc::unknown_member_id});
    group.remove(std::string(member.id));
}

void GroupCoordinator::arm(const std::string& name, const Group& group) {
    TimePoint next = std::min(group.join_end, group.sync_end);
    for (const GroupMember& member : group.members())
        next = std::min(next, member.session_end);
    for (const auto& [id, end] : group.pending)
        next = std::min(next, end);
    timers_.set(name, next);
}

} // namespace ottla::mock
