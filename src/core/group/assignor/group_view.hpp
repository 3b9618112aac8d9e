// What an assignor is asked, with numbers in place of strings: members, topics and partitions are counted through in Java's
// order of their names, so that comparing numbers is comparing names.
#pragma once

#include <limits>
#include <string_view>
#include <unordered_map>

#include <ottla/assignor.hpp>

namespace ottla::core::group {

/// In place of a number: none.
inline constexpr uint32_t nobody = std::numeric_limits<uint32_t>::max();

/// Looks at the layouts and members it was made of: these must outlive it.
struct GroupView {
    struct Topic {
        const TopicLayout* layout = nullptr;
        uint32_t first = 0; ///< number of partition 0; those of the others follow
        uint32_t partitions = 0; ///< at least 1
        std::vector<uint32_t> subscribers{}; ///< ascending, at least one

        uint32_t end() const { return first + partitions; }
    };

    std::vector<const GroupMember*> members{};      ///< by id
    std::vector<Topic> topics{};                    ///< by name; those that exist and that somebody subscribes to
    std::vector<std::vector<uint32_t>> topics_of{}; ///< by member: what it subscribes to of `topics`, ascending
    std::vector<uint32_t> topic_of{};               ///< by partition
    std::vector<uint32_t> hash_order{};             ///< members as a HashMap walks through them that they were put in as they came
    bool equal_subscriptions = true;                ///< all members name the same topics, whether they exist or not

    /// A topic that a member names twice counts once.
    /// Errors: _invalid_arg when a member or a topic is there twice, or there are more partitions than an int32 can count.
    static Result<GroupView> of(std::span<const TopicLayout> layouts, std::span<const GroupMember> members);

    uint32_t partition_count() const { return static_cast<uint32_t>(topic_of.size()); }
    uint32_t member_count() const { return static_cast<uint32_t>(members.size()); }

    /// The number of a partition; `nobody` for one that does not exist or that nobody subscribes to.
    uint32_t find(const TopicPartition& partition) const;
    TopicPartition name_of(uint32_t partition) const;
    bool subscribes(uint32_t member, uint32_t topic) const;

    /// `owner` by partition; what belongs to `nobody` is left out. All members are in the result, partitions ascending.
    GroupAssignment assignment(const std::vector<uint32_t>& owner) const;

private:
    Error add_members(std::span<const GroupMember> all);
    Error add_topics(std::span<const TopicLayout> layouts);
    void add_subscriptions();
    Error number_partitions();

    std::unordered_map<std::string_view, uint32_t> number_of_topic_{};
};

/// Members in the order in which range and round robin serve them: static ones by instance id, so that a restart under a
/// new member id changes nothing (KIP-345), then the others by member id.
std::vector<uint32_t> static_members_first(const GroupView& group);

} // namespace ottla::core::group
