// A member of a consumer group by the classic protocol: joins, deals out partitions when it leads, takes what it is given, beats,
// joins again, leaves (KIP-62, KIP-345, KIP-394, KIP-429, KIP-800). What it holds changes only step by step with the
// application: each step is told, and waits for its answer.
#pragma once

#include <deque>
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
#include "config/client_config.hpp"
#include "core/call.hpp"
#include "core/cluster/metadata.hpp"
#include "core/core.hpp"
#include "core/events.hpp"
#include "core/group/member_events.hpp"
#include "core/group/offset_committer.hpp"

namespace ottla::core::group {

using Assignors = std::vector<std::unique_ptr<PartitionAssignor>>;

class ClassicMember final : public Core {
public:
    struct Ports {
        Caller& caller;
        Metadata& metadata;
        MemberEvents& events;
        const PollClock& clock;
        uint32_t client = 0; ///< owner of the group lane
    };

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

    /// Replaces the subscription; none: leaves.
    void subscribe(std::vector<std::string> topics, const std::string& reason, TimePoint now);
    /// The step told last has been done.
    void on_step_done();
    /// The application polls again: who was expelled may come back.
    void on_application_poll(TimePoint now);
    /// Calls `done` when the group has been left, or need not be. After subscribe with nothing.
    void when_out(MoveOnlyFunction<void()> done);
    /// The group is to be joined anew.
    void rejoin(const std::string& reason);

    /// For commits.
    Committer committer() const { return {generation_, member_id_, instance_}; }
    const std::vector<TopicPartition>& held() const { return held_; }

    TimePoint poll(TimePoint now) override;

private:
    void become(State to);
    bool is_member() const { return generation_ >= 0; }
    bool cooperative() const { return protocol_ == RebalanceProtocol::cooperative; }
    CallOptions options(Duration timeout, Lane lane) const;

    // --- steps
    void tell(Rebalance step);
    void tell_next();
    void give_up(std::vector<TopicPartition> partitions, Rebalance::Kind kind);
    void lose(const std::string& why);

    // --- joining
    void begin_join(TimePoint now);
    void join();
    void on_joined(CallResult<msg::JoinGroupResponse> result, TimePoint now);
    void elect(TimePoint now);
    bool all_topics_known() const;
    Result<GroupAssignment> deal_out();
    void sync(const GroupAssignment& assignment);
    void on_synced(CallResult<msg::SyncGroupResponse> result, TimePoint now);
    void take(std::vector<TopicPartition> given);
    void join_failed(Errc code, const Error& error, TimePoint now);
    void retry_join(TimePoint now);

    // --- membership
    /// Looks at how the application polls; returns when to look again.
    TimePoint watch_polls(TimePoint now);
    void beat(TimePoint now);
    void on_beaten(CallResult<msg::HeartbeatResponse> result, TimePoint now);
    void leave(const std::string& reason);
    void forget_membership();
    void watch_topics();
    void unwatch_topics();
    std::map<std::string, size_t> partition_counts() const;

    const Ports ports_;
    const config::ClientConfig& config_;
    const Assignors assignors_;
    const RebalanceProtocol protocol_;
    Rng rng_;
    const Log log_;
    CallScope scope_;       ///< of this member's life
    CallScope join_scope_;  ///< of the join or sync under way
    CallScope beat_scope_;

    State state_ = State::out;
    std::vector<std::string> topics_; ///< sorted
    std::string member_id_;
    std::optional<std::string> instance_;
    int32_t generation_ = -1;
    std::string reason_; ///< for joining or leaving
    bool rejoin_ = false;
    std::vector<TopicPartition> held_; ///< sorted
    std::deque<Rebalance> steps_;      ///< the front one has been told
    int failures_ = 0;
    TimePoint not_before_{};
    Errc told_ = Errc::no_error; ///< trouble that lasts, told once
    MoveOnlyFunction<void()> when_out_;
    bool leaving_ = false; ///< LeaveGroup is under way

    bool leader_ = false;
    std::string assignor_;
    std::vector<GroupMember> members_;           ///< when leading
    std::set<std::string> watched_;              ///< topics that metadata keep for it
    std::map<std::string, size_t> dealt_counts_; ///< partitions of the topics when they were dealt out

    bool beating_ = false;
    TimePoint beaten_{};    ///< the coordinator was heard of
    TimePoint next_beat_{};
    TimePoint polled_{};  ///< the application was seen to poll
    uint64_t polls_ = 0;  ///< of its calls
};

} // namespace ottla::core::group
