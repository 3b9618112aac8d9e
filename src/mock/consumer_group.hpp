// One group of the new protocol (KIP-848) as its coordinator knows it: members, what each has, what each shall have, and
// how it comes from the one to the other. Members that speak the classic protocol may be among them. Rules without
// requests or time; these are in consumer_group_coordinator.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/types.hpp>

#include "mock/group.hpp"
#include "mock/server_assignor.hpp"

namespace ottla::mock {

/// What groups are told of topics.
class TopicsView {
public:
    virtual ~TopicsView() = default;
    /// Id and partitions; nothing: no such topic.
    virtual std::optional<SubscribedTopic> find_by_name(const std::string& topic) const = 0;
    /// Empty: no such topic.
    virtual std::string name_of_topic(const Uuid& id) const = 0;
    virtual std::vector<std::string> topic_names() const = 0;
    /// Goes up whenever a topic comes, goes or grows.
    virtual uint64_t topics_epoch() const = 0;
};

enum class ConsumerGroupState {
    empty,
    assigning,   ///< the target is older than the group
    reconciling, ///< some member is not yet where the target wants it
    stable,
};

/// As brokers write it: "Reconciling".
std::string_view name_of(ConsumerGroupState state);

/// Partitions, each with the member epoch with which it came to its member (KIP-1251).
using HeldPartitions = std::map<TopicIdPartition, int32_t>;

/// The partitions alone.
PartitionSet keys_of(const HeldPartitions& held);

struct ConsumerMember {
    using Milliseconds = std::chrono::milliseconds;

    /// The epoch of a static member that left, and may come back.
    static constexpr int32_t away = -2;

    enum class State {
        stable,
        unrevoked,  ///< it has to give up partitions, and owns them still
        unreleased, ///< it shall have partitions that another has not given up yet
    };

    /// What only members that speak the classic protocol have.
    struct Classic {
        Milliseconds session_timeout{0};
        std::vector<GroupProtocol> protocols{};
    };

    std::string id;
    std::optional<std::string> instance_id{};
    std::optional<std::string> rack{};
    std::string client_id{};
    Milliseconds rebalance_timeout{0};
    std::set<std::string> topics{}; ///< by name
    std::string regex{};            ///< empty: none
    std::optional<std::string> assignor{};
    std::optional<Classic> classic{};

    int32_t epoch = 0;
    int32_t previous_epoch = 0;
    State state = State::stable;
    HeldPartitions assigned{};
    HeldPartitions revoking{}; ///< to be given up

    TimePoint session_end{TimePoint::max()};
    TimePoint revoke_end{TimePoint::max()}; ///< of giving up partitions
    TimePoint join_end{TimePoint::max()};   ///< of a classic member's JoinGroup, when it was told to rebalance
    TimePoint sync_end{TimePoint::max()};   ///< and of its SyncGroup

    /// The first of these times.
    TimePoint next_end() const;
};

class ConsumerGroup {
public:
    int32_t epoch() const { return epoch_; }

    int32_t assignment_epoch() const { return assignment_epoch_; }

    ConsumerGroupState state() const;

    const std::map<std::string, ConsumerMember>& members() const { return members_; }

    std::map<std::string, ConsumerMember>& members() { return members_; }

    /// Null: no such member. Valid until it goes.
    ConsumerMember* find(const std::string& id);
    const ConsumerMember* find(const std::string& id) const;
    ConsumerMember* find_static(const std::string& instance_id);

    /// What it shall have.
    const PartitionSet& target(const std::string& member) const;
    /// That most members want; of equals, and when nobody says, the broker's first one.
    std::string_view assignor() const;
    /// Topics it reads, by name or regular expression.
    std::set<std::string> topics_of(const ConsumerMember& member) const;
    bool is_subscribed_to(const std::string& topic) const;

    /// Whether a classic member's protocols go together with those of the others.
    bool supports(const std::string& member, const std::vector<GroupProtocol>& protocols) const;
    /// Of a classic member, the first one that all of them know.
    std::string protocol_of(const ConsumerMember& member) const;
    /// There are members, all of them of the classic protocol.
    bool is_all_classic() const;
    /// Nobody else has what the member shall get.
    bool is_waiting(const ConsumerMember& member) const;

    // --- changes
    void bump() { ++epoch_; }
    /// It was of the classic protocol, in the midst of a round that would have dealt out what nobody has.
    void unsettle() { unsettled_ = true; }
    /// What the round would have done the next member to come does, unless it has raised the epoch since `before` anyway.
    void settle(int32_t before) {
        if (std::exchange(unsettled_, false) && epoch_ == before)
            bump();
    }

    ConsumerMember& add(ConsumerMember member);
    /// The group's epoch goes up.
    void remove(const std::string& id);
    /// Another process takes the place of a static member, with its assignment.
    ConsumerMember& replace(std::string id, const std::string& next_id);
    /// A group of the classic protocol continues as this one: `members` hold what it had assigned in `generation`.
    static ConsumerGroup of_generation(int32_t generation, std::vector<ConsumerMember> members, const TopicsView& topics);

    /// Regular expressions that are not known yet, or if topics have changed all of them, are looked up: true when that gives the
    /// group other topics, in which case its epoch has gone up.
    bool resolve_regexes(const TopicsView& topics);
    /// If the topics that are read have changed, the group's epoch goes up.
    void note_topics(const TopicsView& topics);
    /// A new target, if the group's epoch has gone up.
    void update_target();
    /// Brings the member towards its target. `owned`: what it says it has; none: it does not say.
    void reconcile(ConsumerMember& member, const std::optional<PartitionSet>& owned);

private:
    void advance(ConsumerMember& member, int32_t epoch, const std::optional<PartitionSet>& owned);
    bool is_held_by_other(const std::string& member, const TopicIdPartition& partition) const;
    SubscribedTopics look_up(const TopicsView& topics) const;

    int32_t epoch_ = 1;
    int32_t assignment_epoch_ = 0;
    bool unsettled_ = false;
    std::map<std::string, ConsumerMember> members_;
    TargetAssignment target_;
    SubscribedTopics topics_; ///< as of this epoch
    std::map<std::string, std::set<std::string>> resolved_; ///< by regular expression
    uint64_t resolved_at_ = 0;                              ///< epoch of the topics
};

/// Whether it can be read as a regular expression; nothing: yes, else what is wrong.
std::optional<std::string> check_regex(const std::string& regex);

} // namespace ottla::mock
