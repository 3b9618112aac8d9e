// ConsumerGroupCoordinator, the part about members that speak the classic protocol: their requests, and how a group with
// members passes from one protocol to the other.
#include <algorithm>

#include <ottla/msg/consumer_protocol_assignment.hpp>
#include <ottla/msg/consumer_protocol_subscription.hpp>

#include "base/endian.hpp"
#include "mock/consumer_group_coordinator.hpp"
#include "wire/codec.hpp"

namespace ottla::mock {
namespace {

constexpr std::string_view consumer_type = "consumer";

/// False: it cannot be read.
template <class M>
bool read(M& message, const std::vector<uint8_t>& bytes) {
    if (bytes.size() < sizeof(int16_t))
        return false;
    const auto version = load_be<int16_t>(bytes.data());
    if (version < 0)
        return false;
    const Buffer body = Buffer::copy_of(Bytes(bytes.data() + sizeof version, bytes.size() - sizeof version));
    return wire::decode_prefix(M::info(), &message, std::min(version, M::max_version), body).has_value();
}

const std::vector<uint8_t>& first_metadata(const std::vector<GroupProtocol>& protocols) {
    static const std::vector<uint8_t> none;
    return protocols.empty() ? none : protocols.front().metadata;
}

/// What a member says of itself; nothing if it cannot be read.
msg::ConsumerProtocolSubscription subscription_of(const std::vector<GroupProtocol>& protocols) {
    msg::ConsumerProtocolSubscription subscription;
    if (!read(subscription, first_metadata(protocols)))
        return {};
    return subscription;
}

} // namespace

/// What it says it has; that of an old generation it has lost.
std::optional<PartitionSet> ConsumerGroupCoordinator::owned_by(const ConsumerMember& member) const {
    const auto subscription = subscription_of(member.classic->protocols);
    PartitionSet owned;
    if (subscription.generation_id >= 0 && subscription.generation_id != member.epoch)
        return owned;
    for (const auto& topic : subscription.owned_partitions)
        if (const auto known = topics_.find_by_name(topic.topic))
            for (const int32_t partition : topic.partitions)
                owned.insert({known->id, partition});
    return owned;
}

HeldPartitions ConsumerGroupCoordinator::as_held(const std::vector<uint8_t>& bytes, int32_t epoch) const {
    msg::ConsumerProtocolAssignment assignment;
    HeldPartitions held;
    if (!read(assignment, bytes))
        return held;
    for (const auto& topic : assignment.assigned_partitions)
        if (const auto known = topics_.find_by_name(topic.topic))
            for (const int32_t partition : topic.partitions)
                held[{known->id, partition}] = epoch;
    return held;
}

std::vector<uint8_t> ConsumerGroupCoordinator::as_assignment(const ConsumerMember& member) const {
    msg::ConsumerProtocolAssignment assignment;
    for (const auto& [partition, epoch] : member.assigned) {
        const std::string name = topics_.name_of_topic(partition.topic);
        auto& topics = assignment.assigned_partitions;
        if (name.empty())
            continue;
        if (topics.empty() || topics.back().topic != name)
            topics.emplace_back().topic = name;
        topics.back().partitions.push_back(partition.partition);
    }
    const auto& metadata = first_metadata(member.classic->protocols);
    int16_t version = metadata.size() < sizeof(int16_t) ? int16_t{0} : load_be<int16_t>(metadata.data());
    version = std::clamp(version, int16_t{0}, msg::ConsumerProtocolAssignment::max_version);
    std::vector<uint8_t> bytes(sizeof version);
    store_be(bytes.data(), version);
    if (const auto body = wire::encode(assignment, version))
        for (const Buffer& piece : body->buffers())
            bytes.insert(bytes.end(), piece.data(), piece.data() + piece.size());
    return bytes;
}

// --- from one protocol to the other

void ConsumerGroupCoordinator::upgrade(const std::string& name, TimePoint now) {
    const Group classic = classic_.release(name);
    std::vector<ConsumerMember> members;
    for (const GroupMember& each : classic.members()) {
        ConsumerMember member;
        member.id = each.id;
        member.instance_id = each.instance_id;
        member.client_id = each.client_id;
        member.rebalance_timeout = each.rebalance_timeout;
        member.classic = ConsumerMember::Classic{each.session_timeout, each.protocols};
        const auto subscription = subscription_of(each.protocols);
        member.topics = {subscription.topics.begin(), subscription.topics.end()};
        member.rack = subscription.rack_id;
        member.assigned = as_held(each.assignment, classic.generation());
        member.session_end = now + each.session_timeout;
        members.push_back(std::move(member));
    }
    ConsumerGroup& group = groups_[name] = ConsumerGroup::of_generation(classic.generation(), std::move(members), topics_);
    if (classic.state() == GroupState::preparing_rebalance || classic.state() == GroupState::completing_rebalance)
        group.unsettle();
    arm(name);
}

/// Only members of the classic protocol are left.
void ConsumerGroupCoordinator::downgrade(const std::string& name, int32_t epoch, TimePoint now) {
    std::vector<GroupMember> members;
    for (const auto& [id, each] : groups_.at(name).members()) {
        GroupMember member;
        member.id = id;
        member.instance_id = each.instance_id;
        member.client_id = each.client_id;
        member.session_timeout = each.classic->session_timeout;
        member.rebalance_timeout = each.rebalance_timeout;
        member.protocols = each.classic->protocols;
        member.assignment = as_assignment(each);
        members.push_back(std::move(member));
    }
    groups_.erase(name);
    arm(name);
    classic_.adopt(name, Group::of_generation(epoch, std::move(members)), now);
}

bool ConsumerGroupCoordinator::has_members(const std::string& name) const {
    const ConsumerGroup* group = find(name);
    return group && !group->members().empty();
}

bool ConsumerGroupCoordinator::takes_join(const std::string& name) {
    if (has_members(name))
        return true;
    erase(name);
    return false;
}

// --- requests

Errc ConsumerGroupCoordinator::check_classic(
    ConsumerGroup& group, const MemberRef& ref, ConsumerMember*& member
) {
    if (ref.instance_id) {
        member = group.find_static(*ref.instance_id);
        if (member && member->id != ref.id)
            return Errc::fenced_instance_id;
    } else {
        member = group.find(ref.id);
    }
    return member && member->classic ? Errc::no_error : Errc::unknown_member_id;
}

GroupCoordinator::JoinAnswer ConsumerGroupCoordinator::join(const GroupCoordinator::Join& request, TimePoint now) {
    ConsumerGroup& group = groups_.at(request.group);
    if (group.members().size() >= options_.most_members && !group.find(request.member))
        return {Errc::group_max_size_reached};
    if (request.protocol_type != consumer_type || !group.supports(request.member, request.protocols))
        return {Errc::inconsistent_group_protocol};
    ConsumerMember* known = request.instance_id ? group.find_static(*request.instance_id) : nullptr;
    if (known && !request.member.empty() && known->id != request.member)
        return {Errc::fenced_instance_id, request.member};
    const std::string id = request.member.empty() ? new_id().to_string() : request.member;
    if (request.member.empty() && !request.instance_id && request.can_join_twice)
        return {Errc::member_id_required, id};

    const bool was_new_protocol = known && !known->classic;
    if (known && known->id != id)
        group.replace(known->id, id);
    else if (!group.find(id))
        group.add(ConsumerMember{.id = id});
    ConsumerMember& member = *group.find(id);
    const auto topics_before = member.topics;
    const auto subscription = subscription_of(request.protocols);
    member.instance_id = request.instance_id;
    member.client_id = request.client_id;
    member.rack = subscription.rack_id;
    member.rebalance_timeout = request.rebalance_timeout;
    member.topics = {subscription.topics.begin(), subscription.topics.end()};
    member.regex.clear();
    member.assignor.reset();
    member.classic = ConsumerMember::Classic{request.session_timeout, request.protocols};

    const int32_t epoch = group.epoch();
    group.note_topics(topics_);
    if (member.topics != topics_before && group.epoch() == epoch)
        group.bump();
    group.settle(epoch);
    group.update_target();
    reconcile(group, member, owned_by(member), now);
    member.session_end = now + request.session_timeout;
    member.sync_end = now + request.rebalance_timeout;
    member.join_end = TimePoint::max();
    GroupCoordinator::JoinAnswer answer{
        Errc::no_error, id, member.epoch, std::string(consumer_type), group.protocol_of(member)};
    if (was_new_protocol && group.is_all_classic())
        downgrade(request.group, group.epoch(), now);
    else
        arm(request.group);
    return answer;
}

GroupCoordinator::SyncAnswer ConsumerGroupCoordinator::sync(const GroupCoordinator::Sync& request, TimePoint now) {
    ConsumerGroup& group = groups_.at(request.group);
    ConsumerMember* member = nullptr;
    if (const Errc error = check_classic(group, {request.member, request.instance_id}, member); error != Errc::no_error)
        return {error};
    if (request.generation != member->epoch)
        return {Errc::illegal_generation};
    const std::string protocol = group.protocol_of(*member);
    if (request.protocol_type.value_or(std::string(consumer_type)) != consumer_type ||
        request.protocol.value_or(protocol) != protocol)
        return {Errc::inconsistent_group_protocol};
    // Who gives up partitions learns here which; its next JoinGroup tells that it has.
    if (group.epoch() > member->epoch && member->state != ConsumerMember::State::unrevoked) {
        expect_join(request.group, *member, now);
        return {Errc::rebalance_in_progress};
    }
    member->sync_end = TimePoint::max();
    arm(request.group);
    return {Errc::no_error, std::string(consumer_type), protocol, as_assignment(*member)};
}

void ConsumerGroupCoordinator::expect_join(const std::string& name, ConsumerMember& member, TimePoint now) {
    member.join_end = std::min(member.join_end, now + member.rebalance_timeout);
    arm(name);
}

Errc ConsumerGroupCoordinator::classic_heartbeat(
    const std::string& name, const MemberRef& ref, int32_t generation, TimePoint now
) {
    ConsumerGroup& group = groups_.at(name);
    ConsumerMember* member = nullptr;
    if (const Errc error = check_classic(group, ref, member); error != Errc::no_error)
        return error;
    if (generation != member->epoch)
        return Errc::illegal_generation;
    member->session_end = now + session_of(*member);
    const bool can_go_on = member->state == ConsumerMember::State::unrevoked ||
                           (member->state == ConsumerMember::State::unreleased && !group.is_waiting(*member));
    if (group.epoch() > member->epoch || can_go_on) {
        expect_join(name, *member, now);
        return Errc::rebalance_in_progress;
    }
    arm(name);
    return Errc::no_error;
}

std::vector<Errc>
ConsumerGroupCoordinator::leave(const std::string& name, const std::vector<MemberRef>& members, TimePoint now) {
    std::vector<Errc> errors;
    for (const MemberRef& ref : members) {
        const auto found = groups_.find(name); // removing may end it
        ConsumerMember* member = found == groups_.end() ? nullptr
                                 : ref.instance_id      ? found->second.find_static(*ref.instance_id)
                                                        : found->second.find(ref.id);
        const bool by_administrator = ref.id.empty(); // who may remove members of either protocol
        Errc error = member && (member->classic || by_administrator) ? Errc::no_error : Errc::unknown_member_id;
        if (error == Errc::no_error && !ref.id.empty() && member->id != ref.id)
            error = Errc::fenced_instance_id;
        if (error == Errc::no_error)
            remove(name, std::string(member->id), now);
        errors.push_back(error);
    }
    return errors;
}

} // namespace ottla::mock
