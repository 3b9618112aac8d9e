// What a consumer knows of its membership, whatever protocol that speaks, and what all members have in common: the steps of
// the application, told one at a time, and the watch over how it polls.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include <ottla/close_options.hpp>
#include <ottla/types.hpp>

#include "base/move_only_function.hpp"
#include "config/client_config.hpp"
#include "core/call.hpp"
#include "core/cluster/metadata.hpp"
#include "core/core.hpp"
#include "core/events.hpp"
#include "core/group/member_events.hpp"
#include "core/group/offset_committer.hpp"

namespace ottla::core::group {

class Membership : public Core {
public:
    struct Ports {
        Caller& caller;
        Metadata& metadata;
        MemberEvents& events;
        const PollClock& clock;
        uint32_t client = 0; ///< owner of the group lane
    };

    /// Replaces the subscription; none: leaves. `reason` is told to the coordinator where it can be.
    virtual void subscribe(std::vector<std::string> topics, const std::string& reason, TimePoint now) = 0;
    /// The application polls again: who was expelled may come back.
    virtual void on_application_poll(TimePoint now) = 0;
    /// Calls `done` when the group has been left, or need not be. After subscribe with nothing.
    virtual void when_out(MoveOnlyFunction<void()> done) = 0;
    /// The group is to be joined anew.
    virtual void rejoin(const std::string& reason) = 0;
    /// How it leaves, from now on.
    void set_departure(CloseMembership departure) { departure_ = departure; }
    /// For commits.
    virtual Committer committer() const = 0;
    /// Not while it is to be in the group and is not: a group that happens to be empty would take commits of nobody.
    virtual bool may_commit() const = 0;

    /// How far it has come, for statistics.
    enum class Phase : uint8_t { out, giving, joining, electing, syncing, taking, stable };
    virtual Phase phase() const = 0;
    /// Why it last joined or left.
    virtual const std::string& reason() const = 0;

    /// The step told last has been done.
    void on_step_done();

    /// Sorted.
    const std::vector<TopicPartition>& held() const { return held_; }

protected:
    Membership(Ports ports, const config::ClientConfig& config, Log log);

    void tell(Rebalance step);
    /// As `tell`, of partitions that are held.
    void give_up(std::vector<TopicPartition> partitions, Rebalance::Kind kind, bool incremental);

    bool is_telling() const { return !steps_.empty(); }

    /// The last step has been done.
    virtual void on_steps_done() = 0;

    /// Looks at how the application polls; returns when to look again. `interval`: at most so much later.
    TimePoint watch_polls(TimePoint now, Duration interval);
    virtual bool is_expelled() const = 0;
    /// The application has not polled for too long: the group is left.
    virtual void expel() = 0;

    /// What keeps the member out of its group is told, once as long as it lasts.
    void tell_trouble(Errc code, const Error& error);

    void trouble_is_over() { told_ = Errc::no_error; }

    const Ports ports_;
    const config::ClientConfig& config_;
    const Log log_;
    std::vector<TopicPartition> held_;
    CloseMembership departure_ = CloseMembership::by_default;
    TimePoint polled_{}; ///< the application was seen to poll

private:
    void tell_next();

    std::deque<Rebalance> steps_; ///< the front one has been told
    uint64_t polls_ = 0;          ///< of the application's calls
    Errc told_ = Errc::no_error;
};

} // namespace ottla::core::group
