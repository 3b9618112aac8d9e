// How a coordinator assigns partitions to the members of a group of the new protocol (KIP-848): `uniform` and `range`.
// Pure: members, topics and what was assigned before go in, who shall have what comes out.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <ottla/types.hpp>

namespace ottla::mock {

/// A partition as the new protocol names it.
struct TopicIdPartition {
    Uuid topic;
    int32_t partition = 0;

    auto operator<=>(const TopicIdPartition&) const = default;
};

using PartitionSet = std::set<TopicIdPartition>;
/// By member id.
using TargetAssignment = std::map<std::string, PartitionSet>;

/// A topic that some member reads.
struct SubscribedTopic {
    Uuid id;
    int32_t partitions = 0;

    bool operator==(const SubscribedTopic&) const = default;
};

/// By name; those that do not exist are not in it.
using SubscribedTopics = std::map<std::string, SubscribedTopic>;

struct AssignorInput {
    struct Member {
        std::optional<std::string> instance_id{};
        std::set<std::string> topics{};
    };

    std::map<std::string, Member> members; ///< by id
    SubscribedTopics topics;
    TargetAssignment before; ///< the present target
};

inline constexpr std::string_view uniform_assignor = "uniform";
inline constexpr std::string_view range_assignor = "range";

bool is_server_assignor(std::string_view name);

/// Each member has an entry. `uniform`: loads that differ as little as subscriptions allow, and members keep what they had;
/// `range`: of each topic consecutive partitions, members in the order of their instance ids or ids.
TargetAssignment assign(std::string_view assignor, const AssignorInput& input);

} // namespace ottla::mock
