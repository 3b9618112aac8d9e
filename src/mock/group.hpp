// One group of the classic protocol as its coordinator knows it: members, what they propose, who leads, generation and
// state. Rules without time or requests; when a rebalance begins and ends is decided in group_coordinator.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/types.hpp>

namespace ottla::mock {

/// A request that waits for its answer, by the number of its connection, which has one request at work.
using Waiter = uint64_t;

enum class GroupState {
    empty,                ///< no members; there may be offsets
    preparing_rebalance,  ///< members join
    completing_rebalance, ///< they know their generation, and wait for what the leader assigns
    stable,               ///< it is assigned
    dead,                 ///< there is no such group
};

/// As brokers write it: "PreparingRebalance".
std::string_view name_of(GroupState state);

/// A way to assign partitions that a member can take part in, and what it says to the leader about it.
struct GroupProtocol {
    std::string name;
    std::vector<uint8_t> metadata;
    bool operator==(const GroupProtocol&) const = default;
};

struct GroupMember {
    using Milliseconds = std::chrono::milliseconds;

    std::string id;
    std::optional<std::string> instance_id{}; ///< set: a static member (KIP-345)
    std::string client_id{};
    Milliseconds session_timeout{0};
    Milliseconds rebalance_timeout{0};
    std::vector<GroupProtocol> protocols{}; ///< the preferred one first
    std::vector<uint8_t> assignment{};
    bool is_new = false;               ///< has not been told its generation yet
    std::optional<Waiter> join{};      ///< its JoinGroup waits
    std::optional<Waiter> sync{};      ///< its SyncGroup waits
    TimePoint session_end{TimePoint::max()}; ///< max: not counted, since a request of it waits

    /// Of that protocol; empty when it does not know it.
    std::vector<uint8_t> metadata(const std::string& protocol) const;
};

class Group {
public:
    using Milliseconds = std::chrono::milliseconds;

    GroupState state() const { return state_; }

    /// Before `state`.
    GroupState previous_state() const { return previous_state_; }

    int32_t generation() const { return generation_; }

    /// Of the members, or of the last ones there were. None: it only has offsets.
    const std::optional<std::string>& protocol_type() const { return protocol_type_; }

    /// What the members of this generation use.
    const std::optional<std::string>& protocol() const { return protocol_; }

    /// A member's id; empty: nobody.
    const std::string& leader() const { return leader_; }

    /// In the order in which they joined.
    const std::vector<GroupMember>& members() const { return members_; }

    std::vector<GroupMember>& members() { return members_; }

    /// Null: no such member. Valid until members come or go; so are the next ones.
    GroupMember* find(const std::string& id);
    GroupMember* find_static(const std::string& instance_id);

    bool leads(const GroupMember& member) const { return member.id == leader_; }

    // --- checks
    /// Whether it names itself rightly: no_error, unknown_member_id or fenced_instance_id.
    Errc check_member(const std::string& id, const std::optional<std::string>& instance_id) const;
    /// Whether a member that proposes this could take part.
    bool supports(const std::string& protocol_type, const std::vector<GroupProtocol>& protocols) const;
    bool can_rebalance() const;
    /// Every member's JoinGroup is there, and nobody is expected who was given an id.
    bool has_all_joined() const;
    size_t count_joining() const;
    /// What most members prefer among that which all can do; of equals the one that the oldest member prefers.
    std::string preferred_protocol() const;
    /// The longest that any member asks for.
    Milliseconds rebalance_timeout() const;
    /// Whether members read the topic; a group whose metadata cannot be read might.
    bool is_subscribed_to(const std::string& topic) const;

    // --- changes
    void become(GroupState next);
    /// The first one leads, and its protocol type is the group's.
    void add(GroupMember member, const std::string& protocol_type);
    /// From members, pending and missing ones. The oldest one left follows a leader.
    void remove(const std::string& id);
    /// Another process took the place of a static member: same assignment, no request of it waits.
    GroupMember& replace(const std::string& id, const std::string& next_id);
    /// When the leader has not joined, the oldest one that has becomes leader. False: nobody has joined.
    bool elect_joined_leader();
    /// Counts up; becomes completing_rebalance, or empty if nobody is left.
    void begin_generation();

    // --- what the log of the coordinator keeps
    /// A stable group of consumers, as it continues one of the new protocol (KIP-848).
    static Group of_generation(int32_t generation, std::vector<GroupMember> members);
    /// As it is now is what a new coordinator will know.
    void store();
    /// What was stored, as a new coordinator loads it. Sessions last from `from` on.
    void restore(TimePoint from);

    /// Ids that were given out but not used yet, until when (KIP-394).
    std::map<std::string, TimePoint> pending;
    /// Members of this generation whose SyncGroup has not come.
    std::set<std::string> missing_syncs;
    /// When the members that have joined go on without the others; max: nobody joins.
    TimePoint join_end{TimePoint::max()};
    /// When members in `missing_syncs` are dropped.
    TimePoint sync_end{TimePoint::max()};

    /// The first rebalance of a group that was empty waits for more members to come.
    struct FirstRebalance {
        Milliseconds delay{0};     ///< of the present wait
        Milliseconds remaining{0}; ///< it may still be extended by
        bool has_grown = false;    ///< members came since
    };

    std::optional<FirstRebalance> first_rebalance; ///< while it lasts

private:
    struct Stored {
        int32_t generation = 0;
        std::optional<std::string> protocol_type;
        std::optional<std::string> protocol;
        std::string leader;
        std::vector<GroupMember> members;
    };

    std::set<std::string> common_protocols() const;
    void note_subscription();

    GroupState state_ = GroupState::empty;
    GroupState previous_state_ = GroupState::dead;
    int32_t generation_ = 0;
    std::optional<std::string> protocol_type_;
    std::optional<std::string> protocol_;
    std::string leader_;
    std::vector<GroupMember> members_;
    std::optional<std::set<std::string>> subscription_; ///< topics; none: not known
    Stored stored_;
};

/// The topics in what a consumer tells about itself; none if it is not of the protocol type "consumer".
std::optional<std::set<std::string>> subscribed_topics(const std::vector<uint8_t>& metadata);

} // namespace ottla::mock
