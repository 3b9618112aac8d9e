#include "core/group/assignor/group_view.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

#include "core/group/java_order.hpp"

namespace ottla::core::group {
namespace {

std::vector<std::string_view> distinct(const std::vector<std::string>& texts) {
    std::vector<std::string_view> views(texts.begin(), texts.end());
    std::sort(views.begin(), views.end());
    views.erase(std::unique(views.begin(), views.end()), views.end());
    return views;
}

} // namespace

Result<GroupView> GroupView::of(std::span<const TopicLayout> layouts, std::span<const GroupMember> members) {
    GroupView group;
    if (Error error = group.add_members(members))
        return error;
    if (Error error = group.add_topics(layouts))
        return error;
    group.add_subscriptions();
    if (Error error = group.number_partitions())
        return error;
    return group;
}

Error GroupView::add_members(std::span<const GroupMember> all) {
    std::vector<std::string_view> ids;
    for (const GroupMember& member : all)
        ids.push_back(member.id);
    std::vector<uint32_t> sorted(all.size());
    std::iota(sorted.begin(), sorted.end(), 0u);
    std::sort(sorted.begin(), sorted.end(), [&](uint32_t a, uint32_t b) { return java_less(ids[a], ids[b]); });
    std::vector<uint32_t> number(all.size());
    for (const uint32_t place : sorted) {
        if (!members.empty() && members.back()->id == ids[place])
            return {Errc::_invalid_arg, fmt::format("member {} is in the group twice", ids[place])};
        number[place] = member_count();
        members.push_back(&all[place]);
    }
    for (const uint32_t place : java_hash_order(ids))
        hash_order.push_back(number[place]);
    return {};
}

Error GroupView::add_topics(std::span<const TopicLayout> layouts) {
    for (const TopicLayout& layout : layouts)
        if (layout.partitions > 0)
            topics.push_back({.layout = &layout, .partitions = static_cast<uint32_t>(layout.partitions)});
    std::stable_sort(topics.begin(), topics.end(), [](const Topic& a, const Topic& b) {
        return java_less(a.layout->name, b.layout->name);
    });
    for (size_t i = 1; i < topics.size(); ++i)
        if (topics[i].layout->name == topics[i - 1].layout->name)
            return {Errc::_invalid_arg, fmt::format("topic {} is there twice", topics[i].layout->name)};
    return {};
}

void GroupView::add_subscriptions() {
    std::unordered_map<std::string_view, uint32_t> known;
    for (uint32_t i = 0; i < topics.size(); ++i)
        known.emplace(topics[i].layout->name, i);
    std::vector<std::string_view> first;
    for (uint32_t m = 0; m < members.size(); ++m) {
        std::vector<std::string_view> names = distinct(members[m]->topics);
        for (const std::string_view name : names)
            if (const auto found = known.find(name); found != known.end())
                topics[found->second].subscribers.push_back(m);
        if (m == 0)
            first = std::move(names);
        else
            equal_subscriptions = equal_subscriptions && names == first;
    }
    std::erase_if(topics, [](const Topic& topic) { return topic.subscribers.empty(); });
    topics_of.resize(members.size());
    for (uint32_t i = 0; i < topics.size(); ++i) {
        number_of_topic_.emplace(topics[i].layout->name, i);
        for (const uint32_t member : topics[i].subscribers)
            topics_of[member].push_back(i);
    }
}

Error GroupView::number_partitions() {
    uint64_t count = 0;
    for (Topic& topic : topics) {
        topic.first = static_cast<uint32_t>(count);
        count += topic.partitions;
        if (count > std::numeric_limits<int32_t>::max())
            return {Errc::_invalid_arg, fmt::format("more than {} partitions", std::numeric_limits<int32_t>::max())};
    }
    topic_of.reserve(count);
    for (uint32_t i = 0; i < topics.size(); ++i)
        topic_of.insert(topic_of.end(), topics[i].partitions, i);
    return {};
}

uint32_t GroupView::find(const TopicPartition& partition) const {
    const auto found = number_of_topic_.find(partition.topic);
    if (found == number_of_topic_.end())
        return nobody;
    const Topic& topic = topics[found->second];
    if (partition.partition < 0 || partition.partition >= topic.layout->partitions)
        return nobody;
    return topic.first + static_cast<uint32_t>(partition.partition);
}

TopicPartition GroupView::name_of(uint32_t partition) const {
    const Topic& topic = topics[topic_of[partition]];
    return {topic.layout->name, static_cast<int32_t>(partition - topic.first)};
}

bool GroupView::subscribes(uint32_t member, uint32_t topic) const {
    return std::binary_search(topics_of[member].begin(), topics_of[member].end(), topic);
}

GroupAssignment GroupView::assignment(const std::vector<uint32_t>& owner) const {
    GroupAssignment result;
    std::vector<MemberAssignment*> by_number;
    for (const GroupMember* member : members)
        by_number.push_back(&result[member->id]);
    for (uint32_t p = 0; p < owner.size(); ++p)
        if (owner[p] != nobody)
            by_number[owner[p]]->partitions.push_back(name_of(p));
    return result;
}

std::vector<uint32_t> static_members_first(const GroupView& group) {
    std::vector<uint32_t> order(group.members.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
        const auto& left = group.members[a]->instance_id;
        const auto& right = group.members[b]->instance_id;
        return left && right ? java_less(*left, *right) : left.has_value() && !right;
    });
    return order;
}

} // namespace ottla::core::group
