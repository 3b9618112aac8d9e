#include "mock/consumer_group.hpp"

#include <algorithm>
#include <regex>
#include <utility>

#include "base/assert.hpp"

namespace ottla::mock {
namespace {

const PartitionSet nothing;

/// Those of `held` for which `keep` is true.
template <class Keep>
HeldPartitions filtered(const HeldPartitions& held, Keep keep) {
    HeldPartitions out;
    for (const auto& [partition, epoch] : held)
        if (keep(partition))
            out.emplace(partition, epoch);
    return out;
}

bool owns_any(const std::optional<PartitionSet>& owned, const HeldPartitions& partitions) {
    if (partitions.empty())
        return false;
    return !owned || std::any_of(partitions.begin(), partitions.end(), [&](const auto& each) {
        return owned->contains(each.first);
    });
}

} // namespace

std::string_view name_of(ConsumerGroupState state) {
    switch (state) {
    case ConsumerGroupState::empty:
        return "Empty";
    case ConsumerGroupState::assigning:
        return "Assigning";
    case ConsumerGroupState::reconciling:
        return "Reconciling";
    case ConsumerGroupState::stable:
        break;
    }
    return "Stable";
}

PartitionSet keys_of(const HeldPartitions& held) {
    PartitionSet keys;
    for (const auto& [partition, epoch] : held)
        keys.insert(keys.end(), partition);
    return keys;
}

std::optional<std::string> check_regex(const std::string& regex) {
    try {
        (void)std::regex(regex);
        return std::nullopt;
    } catch (const std::regex_error& error) {
        return error.what();
    }
}

TimePoint ConsumerMember::next_end() const {
    return std::min({session_end, revoke_end, join_end, sync_end});
}

ConsumerGroupState ConsumerGroup::state() const {
    if (members_.empty())
        return ConsumerGroupState::empty;
    if (epoch_ > assignment_epoch_)
        return ConsumerGroupState::assigning;
    const bool is_stable = std::all_of(members_.begin(), members_.end(), [&](const auto& entry) {
        return entry.second.state == ConsumerMember::State::stable && entry.second.epoch == assignment_epoch_;
    });
    return is_stable ? ConsumerGroupState::stable : ConsumerGroupState::reconciling;
}

ConsumerMember* ConsumerGroup::find(const std::string& id) {
    const auto found = members_.find(id);
    return found == members_.end() ? nullptr : &found->second;
}

const ConsumerMember* ConsumerGroup::find(const std::string& id) const {
    const auto found = members_.find(id);
    return found == members_.end() ? nullptr : &found->second;
}

ConsumerMember* ConsumerGroup::find_static(const std::string& instance_id) {
    const auto found = std::find_if(members_.begin(), members_.end(), [&](const auto& entry) {
        return entry.second.instance_id == instance_id;
    });
    return found == members_.end() ? nullptr : &found->second;
}

const PartitionSet& ConsumerGroup::target(const std::string& member) const {
    const auto found = target_.find(member);
    return found == target_.end() ? nothing : found->second;
}

std::string_view ConsumerGroup::assignor() const {
    std::ptrdiff_t balance = 0; // there are two of them
    for (const auto& [id, member] : members_)
        if (member.assignor)
            balance += *member.assignor == range_assignor ? 1 : -1;
    return balance > 0 ? range_assignor : uniform_assignor;
}

std::set<std::string> ConsumerGroup::topics_of(const ConsumerMember& member) const {
    std::set<std::string> topics = member.topics;
    if (const auto found = resolved_.find(member.regex); found != resolved_.end())
        topics.insert(found->second.begin(), found->second.end());
    return topics;
}

bool ConsumerGroup::is_subscribed_to(const std::string& topic) const {
    return std::any_of(members_.begin(), members_.end(), [&](const auto& entry) {
        return topics_of(entry.second).contains(topic);
    });
}

bool ConsumerGroup::supports(const std::string& id, const std::vector<GroupProtocol>& protocols) const {
    return std::any_of(protocols.begin(), protocols.end(), [&](const GroupProtocol& protocol) {
        return std::all_of(members_.begin(), members_.end(), [&](const auto& entry) {
            const auto& classic = entry.second.classic;
            return !classic || entry.first == id ||
                   std::any_of(classic->protocols.begin(), classic->protocols.end(), [&](const auto& each) {
                       return each.name == protocol.name;
                   });
        });
    });
}

std::string ConsumerGroup::protocol_of(const ConsumerMember& member) const {
    for (const GroupProtocol& protocol : member.classic->protocols)
        if (supports(member.id, {protocol}))
            return protocol.name;
    return {};
}

bool ConsumerGroup::is_all_classic() const {
    return !members_.empty() && std::all_of(members_.begin(), members_.end(), [](const auto& entry) {
        return entry.second.classic.has_value();
    });
}

bool ConsumerGroup::is_held_by_other(const std::string& id, const TopicIdPartition& partition) const {
    return std::any_of(members_.begin(), members_.end(), [&](const auto& entry) {
        return entry.first != id &&
               (entry.second.assigned.contains(partition) || entry.second.revoking.contains(partition));
    });
}

bool ConsumerGroup::is_waiting(const ConsumerMember& member) const {
    const PartitionSet& wanted = target(member.id);
    return std::all_of(wanted.begin(), wanted.end(), [&](const TopicIdPartition& partition) {
        return member.assigned.contains(partition) || is_held_by_other(member.id, partition);
    });
}

ConsumerMember& ConsumerGroup::add(ConsumerMember member) {
    std::string id = member.id;
    return members_.insert_or_assign(std::move(id), std::move(member)).first->second;
}

void ConsumerGroup::remove(const std::string& id) {
    target_.erase(id);
    if (members_.erase(id) != 0)
        bump();
}

ConsumerMember& ConsumerGroup::replace(std::string id, const std::string& next_id) {
    auto node = members_.extract(id);
    OTTLA_ASSERT(!node.empty());
    node.key() = next_id;
    ConsumerMember& member = node.mapped();
    member.id = next_id;
    member.epoch = member.previous_epoch = 0;
    member.state = ConsumerMember::State::stable;
    member.revoking.clear();
    member.session_end = member.revoke_end = member.join_end = member.sync_end = TimePoint::max();
    auto target = target_.extract(id);
    if (!target.empty()) {
        target.key() = next_id;
        target_.insert(std::move(target));
    }
    return members_.insert(std::move(node)).position->second;
}

ConsumerGroup
ConsumerGroup::of_generation(int32_t generation, std::vector<ConsumerMember> members, const TopicsView& topics) {
    ConsumerGroup group;
    group.epoch_ = group.assignment_epoch_ = generation;
    for (ConsumerMember& member : members) {
        member.epoch = member.previous_epoch = generation;
        group.target_[member.id] = keys_of(member.assigned);
        group.add(std::move(member));
    }
    group.topics_ = group.look_up(topics);
    return group;
}

SubscribedTopics ConsumerGroup::look_up(const TopicsView& topics) const {
    SubscribedTopics found;
    for (const auto& [id, member] : members_)
        for (const std::string& name : topics_of(member))
            if (const auto topic = topics.find_by_name(name))
                found.emplace(name, *topic);
    return found;
}

bool ConsumerGroup::resolve_regexes(const TopicsView& topics) {
    const bool is_old = std::exchange(resolved_at_, topics.topics_epoch()) != topics.topics_epoch();
    std::map<std::string, std::set<std::string>> next;
    for (const auto& [id, member] : members_) {
        if (member.regex.empty() || next.contains(member.regex))
            continue;
        if (const auto known = resolved_.find(member.regex); known != resolved_.end() && !is_old) {
            next.insert(*known);
            continue;
        }
        auto& matches = next[member.regex];
        const std::regex regex(member.regex);
        for (const std::string& name : topics.topic_names())
            if (std::regex_match(name, regex))
                matches.insert(name);
    }
    const bool has_changed = std::any_of(next.begin(), next.end(), [&](const auto& entry) {
        const auto known = resolved_.find(entry.first);
        return known == resolved_.end() || known->second != entry.second;
    });
    resolved_ = std::move(next);
    if (has_changed) {
        topics_ = look_up(topics);
        bump();
    }
    return has_changed;
}

void ConsumerGroup::note_topics(const TopicsView& topics) {
    auto now = look_up(topics);
    if (now == topics_)
        return;
    topics_ = std::move(now);
    bump();
}

void ConsumerGroup::update_target() {
    if (epoch_ == assignment_epoch_)
        return;
    AssignorInput input;
    for (const auto& [id, member] : members_)
        input.members[id] = {member.instance_id, topics_of(member)};
    input.topics = topics_;
    input.before = std::move(target_);
    target_ = assign(assignor(), input);
    assignment_epoch_ = epoch_;
}

void ConsumerGroup::reconcile(ConsumerMember& member, const std::optional<PartitionSet>& owned) {
    switch (member.state) {
    case ConsumerMember::State::stable:
        if (member.epoch != assignment_epoch_)
            advance(member, member.epoch, owned);
        return;
    case ConsumerMember::State::unrevoked:
        if (owns_any(owned, member.revoking))
            return;
        advance(member, member.epoch + 1, owned);
        return;
    case ConsumerMember::State::unreleased:
        advance(member, member.epoch, owned);
        return;
    }
}

/// `epoch`: that of the member, unless something must be given up first the target's.
void ConsumerGroup::advance(ConsumerMember& member, int32_t epoch, const std::optional<PartitionSet>& owned) {
    const PartitionSet& wanted = target(member.id);
    const auto become = [&](int32_t next, ConsumerMember::State state) {
        if (next != member.epoch)
            member.previous_epoch = std::exchange(member.epoch, next);
        member.state = state;
    };
    HeldPartitions revoking =
        filtered(member.assigned, [&](const TopicIdPartition& partition) { return !wanted.contains(partition); });
    member.assigned =
        filtered(member.assigned, [&](const TopicIdPartition& partition) { return wanted.contains(partition); });
    member.revoking.clear();
    if (owns_any(owned, revoking)) {
        member.revoking = std::move(revoking);
        become(epoch, ConsumerMember::State::unrevoked);
        return;
    }
    bool is_waiting = false;
    for (const TopicIdPartition& partition : wanted) {
        if (member.assigned.contains(partition))
            continue;
        if (is_held_by_other(member.id, partition))
            is_waiting = true;
        else
            member.assigned.emplace(partition, assignment_epoch_);
    }
    become(assignment_epoch_, is_waiting ? ConsumerMember::State::unreleased : ConsumerMember::State::stable);
}

} // namespace ottla::mock
