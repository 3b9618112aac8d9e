// Groups for tests of assignors: short ways to write them down, and what must hold of every answer.
#pragma once

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/rng.hpp"
#include "core/group/assignor/builtin.hpp"

namespace ottla::test {

using Topics = std::vector<std::string>;
using Layouts = std::vector<TopicLayout>;
using Members = std::vector<GroupMember>;

/// `member: topic0 topic1 ...` with partition numbers, a line each.
inline std::string text(const GroupAssignment& assignment) {
    std::string all;
    for (const auto& [member, given] : assignment) {
        all += member + ":";
        for (const TopicPartition& one : given.partitions)
            all += fmt::format(" {}{}", one.topic, one.partition);
        all += "\n";
    }
    return all;
}

inline std::unique_ptr<PartitionAssignor> assignor(std::string_view name) {
    return core::group::make_assignor(name).value();
}

inline std::string assign(std::string_view name, const Layouts& topics, const Members& members) {
    return text(assignor(name)->assign(topics, members).value());
}

inline bool subscribes(const GroupMember& member, const std::string& topic) {
    return std::find(member.topics.begin(), member.topics.end(), topic) != member.topics.end();
}

inline const GroupMember& find(const Members& members, const std::string& id) {
    return *std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.id == id; });
}

/// Empty when each partition that somebody subscribes to is given once, to a subscriber, and all members are named. What is
/// in `withheld` may be given to nobody.
inline std::string problem_with(
    const GroupAssignment& assignment, const Layouts& topics, const Members& members, const std::set<TopicPartition>& withheld = {}
) {
    if (assignment.size() != members.size())
        return fmt::format("{} of {} members are named", assignment.size(), members.size());
    std::set<std::string> wanted;
    for (const GroupMember& member : members)
        wanted.insert(member.topics.begin(), member.topics.end());
    std::set<TopicPartition> open;
    for (const TopicLayout& topic : topics)
        for (int32_t p = 0; wanted.contains(topic.name) && p < topic.partitions; ++p)
            open.insert({topic.name, p});
    for (const auto& [id, given] : assignment) {
        const GroupMember& member = find(members, id);
        const std::set<std::string> subscribed(member.topics.begin(), member.topics.end());
        for (const TopicPartition& one : given.partitions) {
            if (!subscribed.contains(one.topic))
                return fmt::format("{} does not subscribe to {}", id, one.topic);
            if (open.erase(one) == 0)
                return fmt::format("{}{} does not exist, or is given twice", one.topic, one.partition);
        }
    }
    for (const TopicPartition& one : withheld)
        open.erase(one);
    return open.empty() ? "" : fmt::format("{}{} is given to nobody", open.begin()->topic, open.begin()->partition);
}

/// Largest number of partitions of a member less the smallest.
inline size_t imbalance(const GroupAssignment& assignment) {
    size_t least = SIZE_MAX, most = 0;
    for (const auto& [id, given] : assignment) {
        least = std::min(least, given.partitions.size());
        most = std::max(most, given.partitions.size());
    }
    return most - least;
}

/// Whether somebody has two more than a member that could have one of them.
inline bool could_be_fairer(const GroupAssignment& assignment, const Members& members) {
    for (const auto& [rich, given] : assignment)
        for (const GroupMember& poor : members)
            if (assignment.at(poor.id).partitions.size() + 1 < given.partitions.size())
                for (const TopicPartition& one : given.partitions)
                    if (subscribes(poor, one.topic))
                        return true;
    return false;
}

/// Members as they come back in the next generation, with what they were given.
inline void move_on(Members& members, const GroupAssignment& assignment, int32_t generation) {
    for (GroupMember& member : members) {
        if (const auto given = assignment.find(member.id); given != assignment.end()) {
            member.owned = given->second.partitions;
            member.generation = generation;
            auto own = assignor("sticky");
            own->on_assignment(given->second, {.group_id = "g", .generation_id = generation, .member_id = member.id});
            member.user_data = own->user_data(member.topics);
        }
    }
}

/// How many partitions members have that they had before.
inline size_t kept(const Members& before, const GroupAssignment& after) {
    size_t count = 0;
    for (const GroupMember& member : before) {
        const auto& given = after.at(member.id).partitions;
        const std::set<TopicPartition> now(given.begin(), given.end());
        for (const TopicPartition& one : member.owned)
            count += now.count(one);
    }
    return count;
}

inline size_t total(const GroupAssignment& assignment) {
    size_t count = 0;
    for (const auto& [id, given] : assignment)
        count += given.partitions.size();
    return count;
}

} // namespace ottla::test
