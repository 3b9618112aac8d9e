// Which member of a consumer group gets which partitions, decided by one of the members (classic protocol): what an
// assignor is told and what it answers. Vocabulary: no client is needed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/types.hpp>

namespace ottla {

/// A member of a group, as it described itself when it joined.
struct GroupMember {
    std::string id;
    std::optional<std::string> instance_id{}; ///< of a static member (KIP-345)
    std::vector<std::string> topics{};        ///< what it subscribes to; some may not exist
    std::vector<TopicPartition> owned{};      ///< what it holds while it joins; nothing under eager rebalancing (KIP-429)
    int32_t generation = -1;                  ///< in which it was assigned those (KIP-792); -1: not told
    std::optional<std::string> rack{};        ///< KIP-881
    std::optional<std::vector<uint8_t>> user_data{}; ///< from its own assignor of the same name; null: nothing
};

/// A topic that exists, as the metadata tell.
struct TopicLayout {
    std::string name;
    int32_t partitions = 0;
    /// By partition, the racks of its replicas; of brokers without a rack, nothing. It may end early: nothing is known then.
    std::vector<std::vector<std::string>> racks_of_partition{};
};

/// What one member is given.
struct MemberAssignment {
    std::vector<TopicPartition> partitions{};
    std::optional<std::vector<uint8_t>> user_data{}; ///< for its assignor, from the leader's

    friend bool operator==(const MemberAssignment&, const MemberAssignment&) = default;
};

/// By member id. A member that is not named gets nothing.
using GroupAssignment = std::map<std::string, MemberAssignment>;

/// How the members of a group go from one assignment to the next (KIP-429).
enum class RebalanceProtocol : int8_t {
    eager,       ///< all give everything up before they join
    cooperative, ///< members keep what they hold; what shall move is taken away in one round and given in the next
};

/// Divides the partitions of a group. Each member has one of its own for each name in `partition.assignment.strategy`;
/// the group settles on a name that all of them have, and then the leader's decides for all. Called by one thread at a
/// time, never while it is in a call. What assign throws ends the round; what others throw is ignored. Source: KIP-429, KIP-881.
class OTTLA_EXPORT PartitionAssignor {
public:
    virtual ~PartitionAssignor() = default;

    /// What members have to agree on. Always the same.
    virtual std::string name() const = 0;

    /// Under which protocols it gives right answers. A cooperative one gives no partition to a member while another
    /// holds it. One that supports neither cannot be used.
    virtual bool supports(RebalanceProtocol protocol) const { return protocol == RebalanceProtocol::eager; }

    /// What the leader's assignor shall be told about this member, which is about to join with these topics.
    virtual std::optional<std::vector<uint8_t>> user_data([[maybe_unused]] std::span<const std::string> topics) {
        return std::nullopt;
    }

    /// Divides the partitions of `topics`, called on the leader. Both lists come in any order; each member is in
    /// `members` once. No partition may be given twice, nor to a member that does not subscribe to its topic.
    /// Errors: any ends this round of the group, and its text is reported.
    virtual Result<GroupAssignment> assign(
        std::span<const TopicLayout> topics, std::span<const GroupMember> members
    ) = 0;

    /// This member was given something, in the generation that `group` names.
    virtual void on_assignment(
        [[maybe_unused]] const MemberAssignment& assignment, [[maybe_unused]] const ConsumerGroupMetadata& group
    ) {}
};

} // namespace ottla
