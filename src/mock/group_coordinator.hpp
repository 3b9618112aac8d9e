// The coordinator's mind about groups of the classic protocol: who may join, when a rebalance begins and ends, whose
// session is over (KIP-345 static members, KIP-394 ids first, KIP-814 leaders that rejoin). Behaves as Apache Kafka 4.3.
// Knows neither brokers nor offsets; whoever owns it tells time, and gives answers to requests that have waited.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/types.hpp>

#include "base/rng.hpp"
#include "mock/group.hpp"
#include "mock/group_timers.hpp"

namespace ottla::mock {

struct GroupOptions {
    using Milliseconds = std::chrono::milliseconds;

    /// group.initial.rebalance.delay.ms: how long a group that was empty waits for more members. Kafka's default is
    /// three seconds; without, the first member has all partitions at once and others come by another rebalance.
    Milliseconds initial_rebalance_delay{0};
    Milliseconds shortest_session{6'000};    ///< group.min.session.timeout.ms
    Milliseconds longest_session{1'800'000}; ///< group.max.session.timeout.ms
    size_t most_members = INT32_MAX;         ///< group.max.size
};

class GroupCoordinator {
public:
    using Milliseconds = GroupOptions::Milliseconds;

    /// A member that has not been told its generation, and cannot send heartbeats, is dropped after so long.
    static constexpr Milliseconds new_member_timeout{5 * 60 * 1000};

    explicit GroupCoordinator(GroupOptions options = {}, uint64_t seed = 1)
        : options_(options)
        , rng_(seed) {}

    struct Join {
        std::string group;
        std::string member{}; ///< empty: a new one
        std::optional<std::string> instance_id{};
        std::string client_id{};
        Milliseconds session_timeout{0};
        Milliseconds rebalance_timeout{0};
        std::string protocol_type{};
        std::vector<GroupProtocol> protocols{};
        bool can_join_twice = true;      ///< first for an id, then with it (KIP-394)
        bool can_skip_assignment = true; ///< KIP-814
    };

    struct JoinedMember {
        std::string id;
        std::optional<std::string> instance_id{};
        std::vector<uint8_t> metadata{};
        bool operator==(const JoinedMember&) const = default;
    };

    struct JoinAnswer {
        Errc error = Errc::no_error;
        std::string member{};
        int32_t generation = -1;
        std::optional<std::string> protocol_type{};
        std::optional<std::string> protocol{};
        std::string leader{};
        bool skip_assignment = false;
        std::vector<JoinedMember> members{}; ///< for the leader
        bool operator==(const JoinAnswer&) const = default;
    };

    struct Sync {
        std::string group;
        std::string member;
        std::optional<std::string> instance_id{};
        int32_t generation = -1;
        std::optional<std::string> protocol_type{};
        std::optional<std::string> protocol{};
        std::map<std::string, std::vector<uint8_t>> assignments{}; ///< by member, of a leader
    };

    struct SyncAnswer {
        Errc error = Errc::no_error;
        std::optional<std::string> protocol_type{};
        std::optional<std::string> protocol{};
        std::vector<uint8_t> assignment{};
        bool operator==(const SyncAnswer&) const = default;
    };

    /// How a member names itself.
    struct MemberRef {
        std::string id{};
        std::optional<std::string> instance_id{};
    };

    // --- members
    /// Nothing: it waits, and the answer will be there for `take_join`. Errors: invalid_group_id,
    /// invalid_session_timeout, unknown_member_id, member_id_required, fenced_instance_id,
    /// inconsistent_group_protocol, group_max_size_reached, not_coordinator (after `restart`).
    std::optional<JoinAnswer> join(const Join& request, Waiter waiter, TimePoint now);
    /// Likewise. Errors: invalid_group_id, unknown_member_id, fenced_instance_id, illegal_generation,
    /// inconsistent_group_protocol, rebalance_in_progress, not_coordinator.
    std::optional<SyncAnswer> sync(const Sync& request, Waiter waiter, TimePoint now);
    /// Errors: invalid_group_id, unknown_member_id, fenced_instance_id, illegal_generation, rebalance_in_progress.
    Errc heartbeat(const std::string& group, const MemberRef& member, int32_t generation, TimePoint now);
    /// One error a member: unknown_member_id, fenced_instance_id. An empty id stands for whoever has the instance id.
    std::vector<Errc> leave(const std::string& group, const std::vector<MemberRef>& members, TimePoint now);

    // --- offsets
    enum class CommitKind { plain, transactional };
    /// Whether offsets may be committed; a group without members comes into being by it. Errors: group_id_not_found (a
    /// generation of no group), unknown_member_id, fenced_instance_id, illegal_generation, rebalance_in_progress.
    Errc check_commit(
        const std::string& group, const MemberRef& member, int32_t generation, CommitKind kind, TimePoint now
    );
    /// Errors: group_id_not_found, non_empty_group (has members, which are no consumers).
    Errc check_offset_deletion(const std::string& group) const;

    // --- groups
    /// Errors: group_id_not_found, non_empty_group.
    Errc erase(const std::string& group);

    /// Null: never heard of it.
    const Group* find(const std::string& group) const;

    const std::map<std::string, Group>& all() const { return groups_; }

    /// The group passes to the other protocol: it is gone, and requests that wait are answered rebalance_in_progress.
    Group release(const std::string& group);
    /// It comes from there; its members are to join anew.
    void adopt(const std::string& name, Group group, TimePoint now);

    /// A new coordinator has loaded the group, as it was stored: sessions last from `from` on. Requests that wait are
    /// answered not_coordinator.
    void restart(const std::string& group, TimePoint from);

    // --- time
    /// Groups in which something is due at `now`.
    std::vector<std::string> due(TimePoint now) const { return timers_.due(now); }
    /// When something will be, after `now`; TimePoint::max(): never.
    TimePoint next_due(TimePoint now) const { return timers_.next_due(now); }
    /// Does in one group what is due.
    void on_time(const std::string& group, TimePoint now);

    // --- answers to requests that have waited
    /// Who has one, since the last call.
    std::vector<Waiter> take_answered() { return std::exchange(answered_, {}); }

    std::optional<JoinAnswer> take_join(Waiter waiter);
    std::optional<SyncAnswer> take_sync(Waiter waiter);
    /// Nobody will take its answer.
    void forget(Waiter waiter);

private:
    Group* look_up(const std::string& group);
    std::string new_member_id(const std::string& prefix);
    bool accepts(Group& group, const std::string& member) const;

    std::optional<JoinAnswer> join_new(Group& group, const Join& request, Waiter waiter, TimePoint now);
    std::optional<JoinAnswer> join_again(Group& group, const Join& request, Waiter waiter, TimePoint now);
    void add(Group& group, const Join& request, const std::string& id, Waiter waiter, TimePoint now);
    void update(GroupMember& member, const Join& request, Waiter waiter);
    void replace(Group& group, const std::string& id, const Join& request, Waiter waiter, TimePoint now);
    JoinAnswer present_generation(const Group& group, const GroupMember& member) const;

    void rebalance_or_complete(Group& group, TimePoint now);
    void prepare_rebalance(Group& group, TimePoint now);
    void complete_if_all_joined(Group& group, TimePoint now);
    void complete_join(Group& group, TimePoint now);
    void assign(Group& group, const Sync& request, TimePoint now);
    void note_sync(Group& group, const std::string& member);
    void answer_syncs(Group& group, Errc error, TimePoint now);

    bool do_next(Group& group, TimePoint now);
    void on_join_end(Group& group, TimePoint now);
    void on_sync_end(Group& group, TimePoint now);
    void on_session_end(Group& group, const std::string& member, TimePoint now);
    void drop(Group& group, GroupMember& member);

    void answer(GroupMember& member, JoinAnswer answer);
    void answer(GroupMember& member, SyncAnswer answer);
    void arm(const std::string& name, const Group& group);

    const GroupOptions options_;
    Rng rng_;
    std::map<std::string, Group> groups_;
    GroupTimers timers_;
    std::map<Waiter, JoinAnswer> joins_;
    std::map<Waiter, SyncAnswer> syncs_;
    std::vector<Waiter> answered_;
};

} // namespace ottla::mock
