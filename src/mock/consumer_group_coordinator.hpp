// The coordinator's mind about groups of the new protocol (KIP-848): who may join, who is fenced, when members are given up,
// and how groups pass from one protocol to the other with members in them (group.consumer.migration.policy=bidirectional).
// Behaves as Apache Kafka 4.3 without group.consumer.assignment.interval.ms. Nothing waits: every request is answered at once.
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
#include "mock/consumer_group.hpp"
#include "mock/group_coordinator.hpp"

namespace ottla::mock {

struct ConsumerGroupOptions {
    using Milliseconds = std::chrono::milliseconds;

    Milliseconds session_timeout{45'000};   ///< group.consumer.session.timeout.ms
    Milliseconds heartbeat_interval{5'000}; ///< group.consumer.heartbeat.interval.ms
    size_t most_members = INT32_MAX;        ///< group.consumer.max.size
    /// Commits under an older epoch of what the member had then and still has (KIP-1251); older brokers take none.
    bool takes_older_epochs = true;
};

class ConsumerGroupCoordinator {
public:
    using Milliseconds = ConsumerGroupOptions::Milliseconds;
    using MemberRef = GroupCoordinator::MemberRef;

    /// Member epochs that say what a heartbeat is.
    static constexpr int32_t joins = 0;
    static constexpr int32_t leaves = -1;
    static constexpr int32_t leaves_for_now = ConsumerMember::away; ///< a static member

    /// `classic`: where groups of the other protocol are. Both outlive this.
    ConsumerGroupCoordinator(
        GroupCoordinator& classic, const TopicsView& topics, ConsumerGroupOptions options = {}, uint64_t seed = 1
    )
        : classic_(classic)
        , topics_(topics)
        , options_(options)
        , rng_(seed) {}

    /// What is not set has not changed since the member last said it.
    struct Heartbeat {
        std::string group;
        std::string member{};
        int32_t epoch = joins;
        std::optional<std::string> instance_id{};
        std::optional<std::string> rack{};
        std::string client_id{};
        std::optional<Milliseconds> rebalance_timeout{};
        std::optional<std::vector<std::string>> topics{};
        std::optional<std::string> regex{};
        std::optional<std::string> assignor{};
        std::optional<PartitionSet> owned{};
        bool names_itself = true; ///< members make their ids (v1)
    };

    struct HeartbeatAnswer {
        Errc error = Errc::no_error;
        std::string message{}; ///< of the error
        std::string member{};
        int32_t epoch = 0;
        Milliseconds interval{0};
        std::optional<PartitionSet> assignment{};
        bool operator==(const HeartbeatAnswer&) const = default;
    };

    /// Errors: invalid_request, unsupported_assignor, group_id_not_found, unknown_member_id, fenced_member_epoch,
    /// unreleased_instance_id, fenced_instance_id, group_max_size_reached, invalid_regular_expression.
    HeartbeatAnswer heartbeat(const Heartbeat& request, TimePoint now);

    // --- members that speak the classic protocol
    /// Whether its requests about the group belong here.
    bool has_members(const std::string& group) const;
    /// As `has_members`, and a group without any is let go, so that it can begin anew by the classic protocol.
    bool takes_join(const std::string& group);
    /// As in GroupCoordinator, but for waiting. Errors besides: inconsistent_group_protocol.
    GroupCoordinator::JoinAnswer join(const GroupCoordinator::Join& request, TimePoint now);
    GroupCoordinator::SyncAnswer sync(const GroupCoordinator::Sync& request, TimePoint now);
    Errc classic_heartbeat(const std::string& group, const MemberRef& member, int32_t generation, TimePoint now);
    std::vector<Errc> leave(const std::string& group, const std::vector<MemberRef>& members, TimePoint now);

    // --- offsets
    /// Errors: unknown_member_id, stale_member_epoch, illegal_generation (of classic members), unsupported_version (too
    /// old for a member of the new protocol).
    Errc check_commit(
        const std::string& group, const MemberRef& member, int32_t epoch, const std::vector<TopicPartition>& partitions,
        int16_t version
    ) const;
    /// Errors: unknown_member_id, stale_member_epoch, illegal_generation.
    Errc check_fetch(const std::string& group, const std::optional<std::string>& member, int32_t epoch) const;

    // --- groups
    /// Errors: group_id_not_found, non_empty_group.
    Errc erase(const std::string& group);
    /// Null: none of this protocol.
    const ConsumerGroup* find(const std::string& group) const;

    const std::map<std::string, ConsumerGroup>& all() const { return groups_; }

    /// A new coordinator has loaded the group: sessions last from `from` on.
    void restart(const std::string& group, TimePoint from);

    // --- time: as in GroupCoordinator
    std::vector<std::string> due(TimePoint now) const { return timers_.due(now); }
    TimePoint next_due(TimePoint now) const { return timers_.next_due(now); }
    void on_time(const std::string& group, TimePoint now);

private:
    struct Refusal {
        Errc error;
        std::string message;
    };

    static std::optional<Refusal> check_request(const Heartbeat& request);
    HeartbeatAnswer leave(const Heartbeat& request, TimePoint now);
    /// The group, which may come into being or be taken over from the classic protocol.
    std::optional<Refusal> open(const Heartbeat& request, TimePoint now);
    std::optional<Refusal> find_member(ConsumerGroup& group, const Heartbeat& request, std::string& id);
    std::optional<Refusal> take_name(ConsumerGroup& group, const Heartbeat& request, std::string& id);
    void upgrade(const std::string& name, TimePoint now);
    void downgrade(const std::string& name, int32_t epoch, TimePoint now);
    void remove(const std::string& name, const std::string& member, TimePoint now);
    void reconcile(ConsumerGroup& group, ConsumerMember& member, const std::optional<PartitionSet>& owned, TimePoint now);
    Milliseconds session_of(const ConsumerMember& member) const;
    static Errc check_classic(ConsumerGroup& group, const MemberRef& ref, ConsumerMember*& member);
    /// A classic member was told to rebalance: it has its rebalance timeout for it.
    void expect_join(const std::string& name, ConsumerMember& member, TimePoint now);
    std::optional<PartitionSet> owned_by(const ConsumerMember& member) const;
    std::vector<uint8_t> as_assignment(const ConsumerMember& member) const;
    HeldPartitions as_held(const std::vector<uint8_t>& assignment, int32_t epoch) const;
    Uuid new_id();
    void arm(const std::string& name);

    GroupCoordinator& classic_;
    const TopicsView& topics_;
    const ConsumerGroupOptions options_;
    Rng rng_;
    std::map<std::string, ConsumerGroup> groups_;
    GroupTimers timers_;
};

} // namespace ottla::mock
