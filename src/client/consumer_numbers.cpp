// The consumer in numbers: what its parts tell, put together.
#include "client/consumer_driver.hpp"

namespace ottla::client {
namespace {

using Phase = core::group::Membership::Phase;
using std::chrono::milliseconds;

milliseconds age(TimePoint since, TimePoint now) {
    return since == TimePoint() ? milliseconds(0) : std::chrono::duration_cast<milliseconds>(now - since);
}

/// In librdkafka's words.
std::string_view join_state(Phase phase, bool takes) {
    switch (phase) {
    case Phase::giving:
        return "wait-unassign-call";
    case Phase::joining:
        return "wait-join";
    case Phase::electing:
        return "wait-metadata";
    case Phase::syncing:
        return "wait-sync";
    case Phase::taking:
        return takes ? "wait-unassign-call" : "wait-assign-call";
    case Phase::stable:
        return "steady";
    case Phase::out:
        break;
    }
    return "init";
}

} // namespace

Metrics ConsumerDriver::metrics() const {
    const auto alone = loop_->hold_turns();
    return gather(engine::Loop::now());
}

// On the loop, or while it is held.
Metrics ConsumerDriver::gather(TimePoint now) const {
    Metrics all = events_.begin_metrics(now);
    if (cluster_)
        cluster_->gather(all, now);
    if (fetcher_) {
        fetcher_->gather(all, now);
        stored_.gather(all, config_.isolation);
    }
    if (!config_.group_id.empty())
        gather_group(all, now);
    if (Error error = fatal())
        all.fatal = std::move(error);
    return all;
}

void ConsumerDriver::gather_group(Metrics& all, TimePoint now) const {
    GroupMetrics& group = all.group.emplace();
    group.state = "init";
    group.join_state = "init";
    group.rebalance_age = age(rebalanced_, now);
    group.rebalances = rebalances_;
    group.rebalance_reason = rebalance_reason_;
    if (!member_ || !cluster_) {
        group.state = "term";
        return;
    }
    group.assigned = static_cast<int64_t>(stored_.assigned());
    const core::Committer who = member_->committer();
    group.member_id = who.member;
    group.generation = who.generation;
    group.join_state = join_state(member_->phase(), step_takes_);
    const auto known = cluster_->coordinator_known_since({core::CoordinatorType::group, config_.group_id});
    if (ending_) {
        group.state = "term";
    } else if (known) {
        group.state = "up";
        group.state_age = age(*known, now);
    } else if (member_->phase() != Phase::out) {
        group.state = "query-coord";
        group.state_age = age(subscribed_, now);
    }
}

void ConsumerDriver::emit_statistics(TimePoint now) {
    cluster_->roll_statistics();
    events_.on_metrics(gather(now));
}

} // namespace ottla::client
