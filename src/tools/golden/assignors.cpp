// What the Java client's assignors gave to groups, sometimes in several rounds. Where the order in which members come makes a
// difference to them, or where they give partitions to members that do not subscribe, another answer is accepted: if it is
// right, and as balanced and as sticky.
#include "core/group/assignor/builtin.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "core/group/assignor/sticky_user_data.hpp"
#include "tools/golden/golden.hpp"

namespace ottla::golden {
namespace {

using Partitions = std::set<TopicPartition>;
using Sets = std::map<std::string, Partitions>;

template <class T>
std::optional<T> nullable(const Json& json) {
    return json.is_null() ? std::nullopt : std::optional(json.get<T>());
}

std::vector<TopicPartition> partitions(const Json& json) {
    std::vector<TopicPartition> list;
    for (const Json& one : json)
        list.push_back({one.at(0).get<std::string>(), one.at(1).get<int32_t>()});
    return list;
}

std::vector<TopicLayout> topics_of(const Json& line) {
    std::vector<TopicLayout> topics;
    for (const Json& one : line.at("topics"))
        topics.push_back(
            {.name = one.at("name").get<std::string>(),
             .partitions = one.at("partitionCount").get<int32_t>(),
             .racks_of_partition = one.value("replicaRacks", std::vector<std::vector<std::string>>())}
        );
    return topics;
}

std::vector<GroupMember> members_of(const Json& line) {
    std::vector<GroupMember> members;
    for (const Json& one : line.at("members")) {
        const auto user_data = nullable<std::string>(one.at("userData"));
        members.push_back(
            {.id = one.at("memberId").get<std::string>(),
             .instance_id = nullable<std::string>(one.at("groupInstanceId")),
             .topics = one.at("topics").get<std::vector<std::string>>(),
             .owned = partitions(one.at("ownedPartitions")),
             .generation = one.at("generationId").get<int32_t>(),
             .rack = nullable<std::string>(one.at("rackId")),
             .user_data = user_data ? std::optional(from_hex(*user_data)) : std::nullopt}
        );
    }
    return members;
}

Sets sets(const GroupAssignment& assignment) {
    Sets result;
    for (const auto& [member, given] : assignment)
        result[member] = Partitions(given.partitions.begin(), given.partitions.end());
    return result;
}

Sets expected_sets(const Json& line) {
    Sets result;
    for (const auto& [member, given] : line.at("assignments").items()) {
        const auto list = partitions(given);
        result[member] = Partitions(list.begin(), list.end());
    }
    return result;
}

std::string print(const Sets& assignment) {
    std::string text;
    for (const auto& [member, given] : assignment) {
        text += fmt::format("  {}:", member);
        for (const TopicPartition& one : given)
            text += fmt::format(" {}[{}]", one.topic, one.partition);
        text += '\n';
    }
    return text;
}

struct Group {
    std::vector<TopicLayout> topics;
    std::vector<GroupMember> members;

    bool subscribes(const std::string& member, const std::string& topic) const {
        const auto found = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.id == member; });
        return found != members.end() && std::find(found->topics.begin(), found->topics.end(), topic) != found->topics.end();
    }

    bool respects_subscriptions(const Sets& assignment) const {
        for (const auto& [member, given] : assignment)
            for (const TopicPartition& one : given)
                if (!subscribes(member, one.topic))
                    return false;
        return true;
    }

    /// Everything that somebody subscribes to, once; under the cooperative protocol what is not given has an owner.
    std::string problem_with(const Sets& assignment, bool cooperative) const {
        if (assignment.size() != members.size())
            return "not all members are named";
        if (!respects_subscriptions(assignment))
            return "a member gets what it does not subscribe to";
        std::multiset<TopicPartition> given;
        Partitions owned;
        for (const auto& [member, list] : assignment)
            given.insert(list.begin(), list.end());
        for (const GroupMember& member : members)
            owned.insert(member.owned.begin(), member.owned.end());
        for (const TopicLayout& topic : topics) {
            const bool wanted = std::any_of(members.begin(), members.end(), [&](const auto& m) { return subscribes(m.id, topic.name); });
            for (int32_t p = 0; wanted && p < topic.partitions; ++p) {
                const TopicPartition one{topic.name, p};
                if (given.count(one) > 1 || (given.count(one) == 0 && !(cooperative && owned.contains(one))))
                    return fmt::format("{}[{}] is given to {} members", topic.name, p, given.count(one));
            }
        }
        return {};
    }

    size_t kept(const Sets& assignment) const {
        size_t count = 0;
        for (const GroupMember& member : members)
            for (const TopicPartition& one : member.owned)
                count += assignment.at(member.id).count(one);
        return count;
    }
};

/// Smallest and largest number of partitions.
std::pair<size_t, size_t> counts(const Sets& assignment) {
    const auto [least, most] = std::minmax_element(assignment.begin(), assignment.end(), [](const auto& a, const auto& b) {
        return a.second.size() < b.second.size();
    });
    return {least->second.size(), most->second.size()};
}

/// Empty when `ours` is the Java client's answer, or, where that is not `asked`, as good.
std::string compare(const Group& group, const Sets& ours, const Json& line, bool asked) {
    const Sets theirs = expected_sets(line);
    if (ours == theirs)
        return {};
    const auto problem = group.problem_with(ours, line.at("assignor") == "cooperative-sticky");
    if (!problem.empty())
        return problem;
    if (!group.respects_subscriptions(theirs))
        return {}; // what they count is not comparable
    if (asked)
        return "is another assignment";
    const auto [least, most] = counts(ours);
    // What waits to be given up would be the difference under the cooperative protocol.
    const bool waits = line.at("assignor") == "cooperative-sticky";
    if ((least < line.at("minCount").get<size_t>() && !waits) || most > line.at("maxCount").get<size_t>())
        return "is less balanced";
    return group.kept(ours) < line.at("kept").get<size_t>() ? "is less sticky" : "";
}

/// What a member's own assignor would send along now, compared with what the Java client's did.
std::string compare_user_data(const std::string& name, const GroupMember& member) {
    auto assignor = core::group::make_assignor(name).value();
    if (member.generation >= 0)
        assignor->on_assignment({.partitions = member.owned}, {.group_id = "g", .generation_id = member.generation});
    const auto ours = assignor->user_data(member.topics);
    if (ours == member.user_data)
        return {};
    // Java's order of topics is that of its hash table, so meaning must do.
    const auto meaning = [](const std::optional<std::vector<uint8_t>>& bytes) {
        auto holdings = core::group::decode_holdings(bytes ? Bytes(*bytes) : Bytes()).value();
        std::sort(holdings.partitions.begin(), holdings.partitions.end());
        return holdings;
    };
    const bool alike = name == "sticky" && ours && member.user_data && meaning(ours) == meaning(member.user_data);
    return alike ? "" : "user data of " + member.id + " differ";
}

} // namespace

void check_assignor(const Json& line, Report& report) {
    const auto name = line.at("assignor").get<std::string>();
    const auto assignor = core::group::make_assignor(name);
    if (!assignor)
        return report.fail(assignor.error().message());
    Group group{.topics = topics_of(line), .members = members_of(line)};
    for (const GroupMember& member : group.members)
        if (const auto problem = compare_user_data(name, member); !problem.empty())
            return report.fail(problem);
    const auto ours = (*assignor)->assign(group.topics, group.members);
    if (!ours)
        return report.fail(ours.error().message());
    if (const auto problem = compare(group, sets(*ours), line, line.at("orderIndependent").get<bool>()); !problem.empty())
        return report.fail(fmt::format(
            "{} {}:\n{}instead of\n{}", name, problem, print(sets(*ours)), print(expected_sets(line))
        ));
    std::reverse(group.topics.begin(), group.topics.end());
    if ((*assignor)->assign(group.topics, group.members).value() != *ours)
        return report.fail(name + " is not the same when topics come in another order");
    std::reverse(group.members.begin(), group.members.end());
    const auto reversed = (*assignor)->assign(group.topics, group.members).value();
    const auto problem = compare(group, sets(reversed), line, false);
    report.check(problem.empty(), fmt::format("{} {} when members come in another order", name, problem));
}

} // namespace ottla::golden
