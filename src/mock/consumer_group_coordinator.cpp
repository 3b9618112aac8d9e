// Heartbeats, leaving, offsets, time. What concerns members of the classic protocol is in consumer_group_classic.cpp.
#include "mock/consumer_group_coordinator.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/endian.hpp"

namespace ottla::mock {
namespace {

constexpr std::string_view must_rejoin = "The member must abandon all its partitions and rejoin.";

std::string fenced_by(std::string_view relation, int32_t received, int32_t known) {
    return fmt::format(
        "The consumer group member has a {} member epoch ({}) than the one known by the group coordinator ({}). {}",
        relation, received, known, must_rejoin
    );
}

bool is_subset(const std::optional<PartitionSet>& owned, const HeldPartitions& held) {
    return owned && std::all_of(owned->begin(), owned->end(), [&](const TopicIdPartition& partition) {
               return held.contains(partition);
           });
}

} // namespace

const ConsumerGroup* ConsumerGroupCoordinator::find(const std::string& group) const {
    const auto found = groups_.find(group);
    return found == groups_.end() ? nullptr : &found->second;
}

Uuid ConsumerGroupCoordinator::new_id() {
    Uuid id;
    store_be(id.bytes.data(), rng_.next());
    store_be(id.bytes.data() + sizeof(uint64_t), rng_.next());
    return id;
}

std::optional<ConsumerGroupCoordinator::Refusal> ConsumerGroupCoordinator::check_request(const Heartbeat& request) {
    const auto invalid = [](std::string why) { return Refusal{Errc::invalid_request, std::move(why)}; };
    if (request.group.empty())
        return invalid("GroupId can't be empty.");
    if (request.member.empty() && (request.names_itself || request.epoch != joins))
        return invalid("MemberId can't be empty.");
    if (request.instance_id && request.instance_id->empty())
        return invalid("InstanceId can't be empty.");
    if (request.rack && request.rack->empty())
        return invalid("RackId can't be empty.");
    if (request.epoch < leaves_for_now)
        return invalid("MemberEpoch is invalid.");
    if (request.epoch == leaves_for_now && !request.instance_id)
        return invalid("InstanceId can't be null.");
    if (request.epoch == joins) {
        if (!request.rebalance_timeout)
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        if (!request.owned || !request.owned->empty())
            return invalid("TopicPartitions must be empty when (re-)joining.");
        if (!request.topics && !request.regex)
            return invalid(
                request.names_itself
                    ? "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining."
                    : "SubscribedTopicNames must be set in first request."
            );
    }
    if (request.assignor && !is_server_assignor(*request.assignor))
        return Refusal{
            Errc::unsupported_assignor,
            fmt::format(
                "ServerAssignor {} is not supported. Supported assignors: {}, {}.", *request.assignor, uniform_assignor,
                range_assignor
            )};
    return std::nullopt;
}

std::optional<ConsumerGroupCoordinator::Refusal>
ConsumerGroupCoordinator::open(const Heartbeat& request, TimePoint now) {
    const std::string& name = request.group;
    if (groups_.contains(name))
        return std::nullopt;
    const Group* classic = classic_.find(name);
    if (request.epoch != joins)
        return Refusal{
            Errc::group_id_not_found,
            classic             ? fmt::format("Group {} is not a consumer group.", name)
            : request.epoch > 0 ? fmt::format("Consumer group {} not found.", name)
                                : fmt::format("Group {} not found.", name)};
    if (!classic) {
        groups_[name];
    } else if (classic->state() == GroupState::empty) {
        classic_.release(name);
        groups_[name];
    } else if (classic->protocol_type() != "consumer") {
        return Refusal{
            Errc::group_id_not_found,
            fmt::format(
                "Cannot upgrade classic group {} to consumer group because the group does not use the consumer embedded "
                "protocol.",
                name
            )};
    } else {
        upgrade(name, now);
    }
    return std::nullopt;
}

/// Whether the request may speak for a member; one that joins is made. `id` is the one it goes by.
std::optional<ConsumerGroupCoordinator::Refusal>
ConsumerGroupCoordinator::find_member(ConsumerGroup& group, const Heartbeat& request, std::string& id) {
    if (request.instance_id)
        if (auto refusal = take_name(group, request, id))
            return refusal;
    ConsumerMember* member = group.find(id);
    if (!member && request.epoch == joins) {
        ConsumerMember fresh;
        fresh.id = id;
        group.add(std::move(fresh));
        return std::nullopt;
    }
    if (!member)
        return Refusal{
            Errc::unknown_member_id, fmt::format("Member {} is not a member of group {}.", id, request.group)};
    if (request.epoch > member->epoch)
        return Refusal{Errc::fenced_member_epoch, fenced_by("greater", request.epoch, member->epoch)};
    // The one before: the answer that gave it the next may have been lost.
    const bool may_have_missed = request.epoch == member->previous_epoch && is_subset(request.owned, member->assigned);
    if (request.epoch != joins && request.epoch < member->epoch && !may_have_missed)
        return Refusal{Errc::fenced_member_epoch, fenced_by("smaller", request.epoch, member->epoch)};
    return std::nullopt;
}

/// A static member's name may pass to another process when its last owner has left for now.
std::optional<ConsumerGroupCoordinator::Refusal>
ConsumerGroupCoordinator::take_name(ConsumerGroup& group, const Heartbeat& request, std::string& id) {
    ConsumerMember* owner = group.find_static(*request.instance_id);
    if (!owner)
        return request.epoch == joins ? std::nullopt
                                      : std::optional(Refusal{
                                            Errc::unknown_member_id,
                                            fmt::format("Instance id {} is unknown.", *request.instance_id)});
    if (request.epoch != joins)
        return owner->id == id ? std::nullopt
                               : std::optional(Refusal{
                                     Errc::fenced_instance_id,
                                     fmt::format(
                                         "Static member {} with instance id {} was fenced by member {}.", id,
                                         *request.instance_id, owner->id
                                     )});
    if (owner->id == id)
        return std::nullopt;
    if (owner->epoch != ConsumerMember::away && !owner->classic)
        return Refusal{
            Errc::unreleased_instance_id,
            fmt::format(
                "Static member {} with instance id {} cannot join the group because the instance id is owned by a member.",
                id, *request.instance_id
            )};
    group.replace(owner->id, id);
    return std::nullopt;
}

ConsumerGroupCoordinator::HeartbeatAnswer
ConsumerGroupCoordinator::heartbeat(const Heartbeat& request, TimePoint now) {
    const auto refused = [](Refusal refusal) { return HeartbeatAnswer{refusal.error, std::move(refusal.message)}; };
    if (auto refusal = check_request(request))
        return refused(std::move(*refusal));
    if (auto refusal = open(request, now))
        return refused(std::move(*refusal));
    if (request.epoch < 0)
        return leave(request, now);

    ConsumerGroup& group = groups_.at(request.group);
    if (group.members().size() >= options_.most_members && !group.find(request.member))
        return refused(
            {Errc::group_max_size_reached,
             fmt::format("The consumer group has reached its maximum capacity of {} members.", options_.most_members)}
        );
    if (request.regex && !request.regex->empty())
        if (const auto wrong = check_regex(*request.regex))
            return refused(
                {Errc::invalid_regular_expression,
                 fmt::format("SubscribedTopicRegex `{}` is not a valid regular expression: {}.", *request.regex, *wrong)}
            );
    std::string id = request.member.empty() ? new_id().to_string() : request.member;
    if (auto refusal = find_member(group, request, id))
        return refused(std::move(*refusal));

    ConsumerMember& member = *group.find(id);
    const PartitionSet before = keys_of(member.assigned);
    const auto topics_before = member.topics;
    member.client_id = request.client_id;
    member.classic.reset();
    member.join_end = member.sync_end = TimePoint::max();
    if (request.instance_id)
        member.instance_id = request.instance_id;
    if (request.rack)
        member.rack = request.rack;
    if (request.rebalance_timeout)
        member.rebalance_timeout = *request.rebalance_timeout;
    if (request.assignor)
        member.assignor = request.assignor;
    if (request.topics)
        member.topics = {request.topics->begin(), request.topics->end()};
    if (request.regex)
        member.regex = *request.regex;

    const int32_t epoch = group.epoch();
    group.note_topics(topics_);
    if (member.topics != topics_before && group.epoch() == epoch)
        group.bump();
    group.settle(epoch);
    group.update_target();
    reconcile(group, member, request.owned, now);
    member.session_end = now + session_of(member);
    HeartbeatAnswer answer{Errc::no_error, {}, id, member.epoch, options_.heartbeat_interval};
    const bool is_full = request.rebalance_timeout && (request.topics || request.regex) && request.owned;
    if (PartitionSet after = keys_of(member.assigned); request.epoch == joins || is_full || after != before)
        answer.assignment = std::move(after);
    group.resolve_regexes(topics_); // a broker does it later; the member learns of it by its next heartbeat
    arm(request.group);
    return answer;
}

void ConsumerGroupCoordinator::reconcile(
    ConsumerGroup& group, ConsumerMember& member, const std::optional<PartitionSet>& owned, TimePoint now
) {
    const auto revokes_since = [&] {
        return member.state == ConsumerMember::State::unrevoked ? member.epoch : -1;
    };
    const int32_t before = revokes_since();
    group.reconcile(member, owned);
    if (revokes_since() == -1)
        member.revoke_end = TimePoint::max();
    else if (revokes_since() != before)
        member.revoke_end = now + member.rebalance_timeout;
}

ConsumerGroupCoordinator::HeartbeatAnswer
ConsumerGroupCoordinator::leave(const Heartbeat& request, TimePoint now) {
    ConsumerGroup& group = groups_.at(request.group);
    std::string id = request.member;
    if (request.instance_id)
        if (auto refusal = take_name(group, request, id))
            return {refusal->error, std::move(refusal->message)};
    ConsumerMember* member = group.find(id);
    if (!member)
        return {Errc::unknown_member_id, fmt::format("Member {} is not a member of group {}.", id, request.group)};
    if (request.epoch == leaves_for_now) {
        member->epoch = ConsumerMember::away;
        member->state = ConsumerMember::State::stable;
        member->revoking.clear();
        member->revoke_end = TimePoint::max();
        arm(request.group);
    } else {
        remove(request.group, id, now);
    }
    return {Errc::no_error, {}, id, request.epoch};
}

void ConsumerGroupCoordinator::remove(const std::string& name, const std::string& member, TimePoint now) {
    ConsumerGroup& group = groups_.at(name);
    const bool was_last = group.find(member) && !group.find(member)->classic;
    const int32_t epoch = group.epoch();
    group.remove(member);
    if (was_last && group.is_all_classic())
        downgrade(name, epoch, now);
    else
        arm(name);
}

ConsumerGroupCoordinator::Milliseconds ConsumerGroupCoordinator::session_of(const ConsumerMember& member) const {
    return member.classic ? member.classic->session_timeout : options_.session_timeout;
}

// --- offsets

Errc ConsumerGroupCoordinator::check_commit(
    const std::string& name, const MemberRef& ref, int32_t epoch, const std::vector<TopicPartition>& partitions,
    int16_t version
) const {
    constexpr int16_t first_with_member_epochs = 9;
    const ConsumerGroup& group = groups_.at(name);
    if (epoch < 0 && group.members().empty())
        return Errc::no_error;
    const ConsumerMember* member = group.find(ref.id);
    if (!member)
        return Errc::unknown_member_id;
    if (member->classic)
        return epoch == member->epoch ? Errc::no_error : Errc::illegal_generation;
    if (version < first_with_member_epochs)
        return Errc::unsupported_version;
    if (epoch == member->epoch)
        return Errc::no_error;
    if (!options_.takes_older_epochs)
        return Errc::stale_member_epoch;
    // What it had then already, and still has, it may commit (KIP-1251).
    const bool had_all = std::all_of(partitions.begin(), partitions.end(), [&](const TopicPartition& partition) {
        const auto topic = topics_.find_by_name(partition.topic);
        if (!topic)
            return true;
        for (const HeldPartitions* held : {&member->assigned, &member->revoking})
            if (const auto found = held->find({topic->id, partition.partition}); found != held->end())
                return found->second <= epoch;
        return false;
    });
    return epoch >= 0 && epoch < member->epoch && had_all ? Errc::no_error : Errc::stale_member_epoch;
}

Errc ConsumerGroupCoordinator::check_fetch(
    const std::string& name, const std::optional<std::string>& id, int32_t epoch
) const {
    if (!id && epoch < 0)
        return Errc::no_error;
    const ConsumerMember* member = groups_.at(name).find(id.value_or(""));
    if (!member)
        return Errc::unknown_member_id;
    if (epoch == member->epoch)
        return Errc::no_error;
    return member->classic ? Errc::illegal_generation : Errc::stale_member_epoch;
}

Errc ConsumerGroupCoordinator::erase(const std::string& name) {
    const auto found = groups_.find(name);
    if (found == groups_.end())
        return Errc::group_id_not_found;
    if (!found->second.members().empty())
        return Errc::non_empty_group;
    groups_.erase(found);
    arm(name);
    return Errc::no_error;
}

// --- time

void ConsumerGroupCoordinator::restart(const std::string& name, TimePoint from) {
    const auto found = groups_.find(name);
    if (found == groups_.end())
        return;
    for (auto& [id, member] : found->second.members()) {
        member.session_end = from + session_of(member);
        member.join_end = member.sync_end = TimePoint::max();
        if (member.state == ConsumerMember::State::unrevoked)
            member.revoke_end = from + member.rebalance_timeout;
    }
    arm(name);
}

void ConsumerGroupCoordinator::on_time(const std::string& name, TimePoint now) {
    while (true) {
        const auto group = groups_.find(name); // removing may end it
        if (group == groups_.end())
            return;
        const auto& members = group->second.members();
        const auto first = std::min_element(members.begin(), members.end(), [](const auto& a, const auto& b) {
            return a.second.next_end() < b.second.next_end();
        });
        if (first == members.end() || first->second.next_end() > now)
            break;
        remove(name, std::string(first->first), now);
    }
    arm(name);
}

void ConsumerGroupCoordinator::arm(const std::string& name) {
    TimePoint next = TimePoint::max();
    if (const auto group = groups_.find(name); group != groups_.end())
        for (const auto& [id, member] : group->second.members())
            next = std::min(next, member.next_end());
    timers_.set(name, next);
}

} // namespace ottla::mock
