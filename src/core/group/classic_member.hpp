// A member of a consumer group by the classic protocol: joins, deals out partitions when it leads, takes what it is given, beats,
// joins again, leaves (KIP-62, KIP-345, KIP-394, KIP-429, KIP-800). What it holds changes only step by step with the
// application: each step is told, and waits for its answer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ottla/assignor.hpp>
#include <ottla/msg/heartbeat.hpp>
#include <ottla/msg/join_group.hpp>
#include <ottla/msg/leave_group.hpp>
#include <ottla/msg/sync_group.hpp>

#include "base/rng.hpp"
#include "core/group/membership.hpp"
#include "core/group/topic_pattern.hpp"

namespace ottla::core::group {

using Assignors = std::vector<std::unique_ptr<PartitionAssignor>>;

class ClassicMember final : public Membership {
public:
    /// The first assignor is the one this member likes best. They have a rebalance protocol in common: see common_protocol.
    ClassicMember(Ports ports, const config::ClientConfig& config, Assignors assignors, uint64_t seed, Log log = {});
    ~ClassicMember() override;

    enum class State : uint8_t {
        out,      ///< of the group, and does not want in
        expelled, ///< the application has not polled for too long
        giving,   ///< the application gives up what it must before joining
        joining,
        electing, ///< leads, and waits for what is to be known of topics
        syncing,
        taking,   ///< the application takes what it was given, and gives what it must
        stable,
        dead,     ///< another instance of this static member has come
    };
    State state() const { return state_; }

    void subscribe(std::vector<std::string> topics, const std::string& reason, TimePoint now) override;
    void on_application_poll(TimePoint now) override;
    void when_out(MoveOnlyFunction<void()> done) override;
    void rejoin(const std::string& reason) override;
    Committer committer() const override;
    bool may_commit() const override;
    /// In no group, and with nothing left of one: what it lost belongs to others.
    bool is_nobody() const { return state_ == State::out && !is_telling(); }
    Phase phase() const override;
    const std::string& reason() const override { return reason_; }

    TimePoint poll(TimePoint now) override;

private:
    void become(State to);
    bool is_member() const { return generation_ >= 0; }
    bool cooperative() const { return protocol_ == RebalanceProtocol::cooperative; }
    CallOptions options(Duration timeout, Lane lane) const;

    // --- steps
    void on_steps_done() override;
    void look_at_partitions();
    void lose(const std::string& why);

    // --- joining
    void begin_join(TimePoint now);
    void join(TimePoint now);
    void on_joined(CallResult<msg::JoinGroupResponse> result, TimePoint now);
    void elect(TimePoint now);
    bool all_topics_known() const;
    Result<GroupAssignment> deal_out();
    void sync(const GroupAssignment& assignment, TimePoint now);
    void on_synced(CallResult<msg::SyncGroupResponse> result, TimePoint now);
    void take(std::vector<TopicPartition> given);
    void join_failed(Errc code, const Error& error, TimePoint now);
    void retry_join(TimePoint now);

    /// Topics of the subscription, by name or pattern. True: they have changed.
    bool resolve_topics();
    /// Whether there are topics to join with, or will be.
    bool wants_in() const { return !subscription_.empty(); }
    bool can_join() const { return patterns_.empty() || ports_.metadata.knows_all(); }

    // --- membership
    bool is_expelled() const override { return state_ == State::expelled; }
    void expel() override;
    void beat(TimePoint now);
    void on_beaten(CallResult<msg::HeartbeatResponse> result, TimePoint now);
    void leave(const std::string& reason);
    void forget_membership();
    void watch_topics();
    void unwatch_topics();
    std::map<std::string, size_t> partition_counts() const;

    const Assignors assignors_;
    const RebalanceProtocol protocol_;
    Rng rng_;
    CallScope scope_;       ///< of this member's life
    CallScope join_scope_;  ///< of the join or sync under way
    bool joining_ = false;  ///< a join is, maybe of a member that leaves meanwhile
    CallScope beat_scope_;

    State state_ = State::out;
    std::vector<std::string> subscription_; ///< sorted, patterns among it
    TopicPatterns patterns_;
    std::vector<std::string> topics_; ///< it subscribes to, sorted; with patterns: as far as known
    std::string member_id_;
    std::optional<std::string> instance_;
    int32_t generation_ = -1;
    std::string reason_; ///< for joining or leaving
    bool rejoin_ = false;
    int failures_ = 0;
    TimePoint not_before_{};
    MoveOnlyFunction<void()> when_out_;
    bool leaving_ = false; ///< LeaveGroup is under way

    bool leader_ = false;
    bool deals_ = true; ///< the leader; else it only watches for what calls for a rebalance
    std::string assignor_;
    std::vector<GroupMember> members_;           ///< when leading
    std::set<std::string> watched_;              ///< topics that metadata keep for it
    std::map<std::string, size_t> dealt_counts_; ///< partitions of the topics when they were dealt out

    bool beating_ = false;
    TimePoint beaten_{};    ///< the coordinator was heard of
    TimePoint next_beat_{};
};

} // namespace ottla::core::group
