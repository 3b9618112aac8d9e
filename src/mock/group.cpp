#include "mock/group.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/endian.hpp"

namespace ottla::mock {
namespace {

constexpr std::string_view consumer_type = "consumer";

bool may_follow(GroupState next, GroupState before) {
    switch (next) {
    case GroupState::empty:
        return before == GroupState::preparing_rebalance;
    case GroupState::preparing_rebalance:
        return before == GroupState::stable || before == GroupState::completing_rebalance ||
               before == GroupState::empty;
    case GroupState::completing_rebalance:
        return before == GroupState::preparing_rebalance;
    case GroupState::stable:
        return before == GroupState::completing_rebalance;
    case GroupState::dead:
        return false;
    }
    return false;
}

} // namespace

std::string_view name_of(GroupState state) {
    switch (state) {
    case GroupState::empty:
        return "Empty";
    case GroupState::preparing_rebalance:
        return "PreparingRebalance";
    case GroupState::completing_rebalance:
        return "CompletingRebalance";
    case GroupState::stable:
        return "Stable";
    case GroupState::dead:
        break;
    }
    return "Dead";
}

std::vector<uint8_t> GroupMember::metadata(const std::string& protocol) const {
    const auto found = std::find_if(protocols.begin(), protocols.end(), [&](const auto& known) {
        return known.name == protocol;
    });
    return found == protocols.end() ? std::vector<uint8_t>{} : found->metadata;
}

GroupMember* Group::find(const std::string& id) {
    const auto found =
        std::find_if(members_.begin(), members_.end(), [&](const GroupMember& member) { return member.id == id; });
    return found == members_.end() ? nullptr : &*found;
}

GroupMember* Group::find_static(const std::string& instance_id) {
    const auto found = std::find_if(members_.begin(), members_.end(), [&](const GroupMember& member) {
        return member.instance_id == instance_id;
    });
    return found == members_.end() ? nullptr : &*found;
}

Errc Group::check_member(const std::string& id, const std::optional<std::string>& instance_id) const {
    bool is_known = false;
    for (const GroupMember& member : members_) {
        if (instance_id && member.instance_id == instance_id && member.id != id)
            return Errc::fenced_instance_id;
        is_known = is_known || (member.id == id && (!instance_id || member.instance_id == instance_id));
    }
    return is_known ? Errc::no_error : Errc::unknown_member_id;
}

std::set<std::string> Group::common_protocols() const {
    std::map<std::string, size_t> counts;
    for (const GroupMember& member : members_)
        for (const GroupProtocol& protocol : member.protocols)
            ++counts[protocol.name];
    std::set<std::string> common;
    for (const auto& [name, count] : counts)
        if (count == members_.size())
            common.insert(name);
    return common;
}

bool Group::supports(const std::string& type, const std::vector<GroupProtocol>& protocols) const {
    if (state_ == GroupState::empty)
        return !type.empty() && !protocols.empty();
    if (protocol_type_ != type)
        return false;
    // Before the last member of a rebalancing group has gone its group may have none, and anything is common to them.
    const auto common = common_protocols();
    return std::any_of(protocols.begin(), protocols.end(), [&](const GroupProtocol& protocol) {
        return members_.empty() || common.contains(protocol.name);
    });
}

bool Group::can_rebalance() const {
    return may_follow(GroupState::preparing_rebalance, state_);
}

size_t Group::count_joining() const {
    return static_cast<size_t>(
        std::count_if(members_.begin(), members_.end(), [](const GroupMember& member) { return member.join.has_value(); })
    );
}

bool Group::has_all_joined() const {
    return pending.empty() && count_joining() == members_.size();
}

std::string Group::preferred_protocol() const {
    OTTLA_ASSERT(!members_.empty());
    const auto common = common_protocols();
    std::map<std::string, size_t> votes;
    for (const GroupMember& member : members_) {
        const auto choice = std::find_if(member.protocols.begin(), member.protocols.end(), [&](const auto& protocol) {
            return common.contains(protocol.name);
        });
        if (choice != member.protocols.end())
            ++votes[choice->name];
    }
    std::string best;
    size_t most = 0;
    for (const GroupProtocol& protocol : members_.front().protocols) {
        const auto count = votes.find(protocol.name);
        if (count == votes.end() || count->second <= most)
            continue;
        most = count->second;
        best = protocol.name;
    }
    return best;
}

GroupMember::Milliseconds Group::rebalance_timeout() const {
    Milliseconds longest{0};
    for (const GroupMember& member : members_)
        longest = std::max(longest, member.rebalance_timeout);
    return longest;
}

bool Group::is_subscribed_to(const std::string& topic) const {
    return subscription_ ? subscription_->contains(topic) : protocol_type_ == consumer_type;
}

void Group::become(GroupState next) {
    OTTLA_ASSERT(may_follow(next, state_));
    previous_state_ = state_;
    state_ = next;
}

void Group::add(GroupMember member, const std::string& protocol_type) {
    if (members_.empty())
        protocol_type_ = protocol_type;
    if (leader_.empty())
        leader_ = member.id;
    pending.erase(member.id);
    members_.push_back(std::move(member));
}

void Group::remove(const std::string& id) {
    std::erase_if(members_, [&](const GroupMember& member) { return member.id == id; });
    if (leader_ == id)
        leader_ = members_.empty() ? "" : members_.front().id;
    pending.erase(id);
    missing_syncs.erase(id);
}

GroupMember& Group::replace(const std::string& id, const std::string& next_id) {
    GroupMember* member = find(id);
    OTTLA_ASSERT(member && !member->join && !member->sync);
    if (leader_ == id)
        leader_ = next_id;
    member->is_new = false;
    member->id = next_id; // which `id` may be
    return *member;
}

bool Group::elect_joined_leader() {
    const GroupMember* leader = leader_.empty() ? nullptr : find(leader_);
    if (!leader)
        return false;
    if (leader->join)
        return true;
    const auto joined =
        std::find_if(members_.begin(), members_.end(), [](const GroupMember& member) { return member.join.has_value(); });
    if (joined == members_.end())
        return false;
    leader_ = joined->id;
    return true;
}

void Group::begin_generation() {
    ++generation_;
    if (members_.empty())
        protocol_.reset();
    else
        protocol_ = preferred_protocol();
    note_subscription();
    become(members_.empty() ? GroupState::empty : GroupState::completing_rebalance);
    missing_syncs.clear();
}

void Group::note_subscription() {
    subscription_.reset();
    if (protocol_type_ != consumer_type)
        return;
    std::set<std::string> all;
    for (const GroupMember& member : members_) {
        auto topics = subscribed_topics(member.metadata(protocol_.value_or("")));
        if (!topics)
            return;
        all.merge(*topics);
    }
    subscription_ = std::move(all);
}

Group Group::of_generation(int32_t generation, std::vector<GroupMember> members) {
    Group group;
    group.generation_ = generation;
    group.protocol_type_ = consumer_type;
    group.members_ = std::move(members);
    if (!group.members_.empty()) {
        group.protocol_ = group.preferred_protocol();
        group.leader_ = group.members_.front().id;
        group.state_ = GroupState::stable;
    }
    group.note_subscription();
    group.store();
    return group;
}

void Group::store() {
    stored_ = {generation_, protocol_type_, protocol_, leader_, members_};
    for (GroupMember& member : stored_.members) {
        member.protocols = {{protocol_.value_or(""), member.metadata(protocol_.value_or(""))}};
        member.join.reset();
        member.sync.reset();
        member.is_new = false;
    }
}

void Group::restore(TimePoint from) {
    Stored stored = std::move(stored_);
    *this = Group();
    stored_ = std::move(stored);
    generation_ = stored_.generation;
    protocol_type_ = stored_.protocol_type;
    protocol_ = stored_.protocol;
    leader_ = stored_.leader;
    members_ = stored_.members;
    state_ = members_.empty() ? GroupState::empty : GroupState::stable;
    for (GroupMember& member : members_)
        member.session_end = from + member.session_timeout;
    note_subscription();
}

std::optional<std::set<std::string>> subscribed_topics(const std::vector<uint8_t>& metadata) {
    constexpr size_t version_size = 2;
    constexpr size_t count_size = 4;
    constexpr size_t length_size = 2;
    size_t at = version_size;
    const auto has = [&](size_t size) { return at + size <= metadata.size(); };
    if (!has(count_size))
        return std::nullopt;
    const auto count = load_be<int32_t>(metadata.data() + at);
    at += count_size;
    std::set<std::string> topics;
    for (int32_t i = 0; i < count; ++i) {
        if (!has(length_size))
            return std::nullopt;
        const auto length = load_be<int16_t>(metadata.data() + at);
        at += length_size;
        if (length < 0 || !has(static_cast<size_t>(length)))
            return std::nullopt;
        topics.emplace(reinterpret_cast<const char*>(metadata.data()) + at, static_cast<size_t>(length));
        at += static_cast<size_t>(length);
    }
    return topics;
}

} // namespace ottla::mock
