// The member between its rebalances: subscription, steps of the application, heartbeats, leaving.
#include "core/group/classic_member.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/probe.hpp"
#include "core/group/assignor/builtin.hpp"

namespace ottla::core::group {
namespace {

/// The application's patterns were looked at when it subscribed.
TopicPatterns compiled(const std::vector<std::string>& topics) {
    auto patterns = TopicPatterns::of(topics);
    return patterns ? std::move(*patterns) : TopicPatterns();
}

} // namespace

ClassicMember::ClassicMember(Ports ports, const config::ClientConfig& config, Assignors assignors, uint64_t seed, Log log)
    : Membership(ports, config, log)
    , assignors_(std::move(assignors))
    , protocol_(common_protocol(assignors_).value())
    , rng_(seed) {
    if (!config_.group_instance_id.empty())
        instance_ = config_.group_instance_id;
    ports_.metadata.on_change(scope_, [this](TimePoint) {
        if (!patterns_.empty() && resolve_topics() && state_ != State::giving) // which is about to join
            rejoin("topics that match the subscription have changed");
        if (state_ == State::stable)
            look_at_partitions();
        wake();
    });
}

ClassicMember::~ClassicMember() = default;

Membership::Phase ClassicMember::phase() const {
    switch (state_) {
    case State::giving:
        return Phase::giving;
    case State::joining:
        return Phase::joining;
    case State::electing:
        return Phase::electing;
    case State::syncing:
        return Phase::syncing;
    case State::taking:
        return Phase::taking;
    case State::stable:
        return Phase::stable;
    case State::out:
    case State::expelled:
    case State::dead:
        break;
    }
    return Phase::out;
}

void ClassicMember::become(State to) {
    probe::step("member", state_, to);
    state_ = to;
    wake();
}

CallOptions ClassicMember::options(Duration timeout, Lane lane) const {
    return {.timeout = timeout, .lane = lane, .client = ports_.client};
}

Committer ClassicMember::committer() const {
    const bool stale = generation_ > 1 && probe::planted("old_generation_in_commits");
    return {stale ? generation_ - 1 : generation_, member_id_, instance_};
}

bool ClassicMember::may_commit() const {
    return is_nobody() || is_member() || probe::planted("commit_as_nobody");
}

// --- what the application wants

void ClassicMember::subscribe(std::vector<std::string> topics, const std::string& reason, TimePoint now) {
    std::sort(topics.begin(), topics.end());
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    if (state_ == State::dead || (topics == subscription_ && state_ != State::out))
        return;
    const bool had_patterns = !patterns_.empty();
    subscription_ = std::move(topics);
    patterns_ = compiled(subscription_);
    if (!patterns_.empty())
        ports_.metadata.want_all();
    if (had_patterns) // after, so that what is known stays
        ports_.metadata.drop_all();
    resolve_topics();
    reason_ = reason;
    rejoin_ = true;
    if (state_ == State::out) {
        polled_ = now;
        if (wants_in())
            begin_join(now);
    } else if (!wants_in() && state_ == State::expelled) {
        become(State::out);
    } else if (!wants_in() && state_ != State::taking) { // whatever is under way is of no use any more
        if (state_ != State::joining) // the coordinator may be about to count it in the next generation
            join_scope_.reset();
        begin_join(now);
    }
    wake();
}

bool ClassicMember::resolve_topics() {
    std::set<std::string> topics;
    for (const auto& topic : subscription_)
        if (!is_pattern(topic))
            topics.insert(topic);
    if (!patterns_.empty())
        for (const auto& [name, info] : ports_.metadata.topics())
            if (info.error == Errc::no_error && !info.internal && patterns_.matches(name))
                topics.insert(name);
    std::vector<std::string> sorted(topics.begin(), topics.end());
    const bool has_changed = sorted != topics_;
    topics_ = std::move(sorted);
    return has_changed;
}

void ClassicMember::rejoin(const std::string& reason) {
    if (rejoin_ || state_ == State::out || state_ == State::dead)
        return;
    log_.debug(LogContext::cgrp, "REJOIN", "group {}: {}", config_.group_id, reason);
    rejoin_ = true;
    reason_ = reason;
    wake();
}

void ClassicMember::on_application_poll(TimePoint now) {
    polled_ = now;
    if (state_ == State::expelled)
        begin_join(now);
}

void ClassicMember::when_out(MoveOnlyFunction<void()> done) {
    when_out_ = std::move(done);
    wake();
}

// --- steps

void ClassicMember::on_steps_done() {
    if (state_ != State::taking)
        return;
    become(State::stable);
    look_at_partitions();
}

/// What the leader has dealt out may not be all any more.
void ClassicMember::look_at_partitions() {
    if (leader_ && partition_counts() != dealt_counts_ && !probe::planted("ignore_growth"))
        rejoin("partitions of subscribed topics have changed");
}

// The group goes on without this member: what it holds may be another's already.
void ClassicMember::lose(const std::string& why) {
    log_.debug(LogContext::cgrp, "LOST", "group {}: {}", config_.group_id, why);
    forget_membership();
    reason_ = why;
    if (!held_.empty() && !probe::planted("keep_what_is_lost"))
        give_up(std::vector(held_), Rebalance::Kind::lost, cooperative());
    ports_.events.on_heard();
}

void ClassicMember::forget_membership() {
    join_scope_.reset();
    beat_scope_.reset();
    joining_ = beating_ = leader_ = false;
    generation_ = -1;
    if (!probe::planted("keep_unknown_member_id"))
        member_id_.clear();
    unwatch_topics();
}

// --- the turn

TimePoint ClassicMember::poll(TimePoint now) {
    if (state_ == State::out || state_ == State::dead) {
        if (when_out_ && !leaving_ && !is_telling())
            std::exchange(when_out_, {})();
        return never;
    }
    TimePoint next = watch_polls(now, config_.heartbeat_interval);
    if (state_ == State::expelled)
        return never;
    if (is_member() && state_ != State::joining && !joining_) {
        const TimePoint end = beaten_ + config_.session_timeout;
        if (now >= end) {
            lose(fmt::format("the coordinator has not answered within session.timeout.ms ({})", config_.session_timeout.count()));
            begin_join(now);
        } else if (!beating_ && now >= next_beat_ && (state_ == State::stable || !probe::planted("no_beats_in_steps"))) {
            beat(now);
        }
        next = std::min({next, beaten_ + config_.session_timeout, beating_ ? never : next_beat_});
    }
    if (state_ == State::stable && rejoin_)
        begin_join(now);
    if (state_ == State::giving && !is_telling()) {
        if (!wants_in()) {
            leave(reason_);
            become(State::out);
        } else if (now >= not_before_ && can_join()) {
            join(now);
        } else {
            next = now >= not_before_ ? next : std::min(next, not_before_); // metadata will wake it
        }
    }
    if (state_ == State::electing)
        elect(now);
    return next;
}

void ClassicMember::expel() {
    leave("consumer poll timeout has expired");
    lose("the application has not polled");
    become(wants_in() ? State::expelled : State::out);
}

// --- heartbeats

void ClassicMember::beat(TimePoint now) {
    beating_ = true;
    next_beat_ = now + config_.heartbeat_interval;
    msg::HeartbeatRequest request;
    request.group_id = config_.group_id;
    request.generation_id = generation_;
    request.member_id = member_id_;
    request.group_instance_id = instance_;
    call<msg::HeartbeatRequest>(
        ports_.caller, Coordinator{CoordinatorType::group, config_.group_id}, std::move(request),
        options(config_.session_timeout, Lane::general), beat_scope_,
        [this](CallResult<msg::HeartbeatResponse> result, TimePoint when) { on_beaten(std::move(result), when); },
        coordinator_error<msg::HeartbeatResponse>
    );
}

void ClassicMember::on_beaten(CallResult<msg::HeartbeatResponse> result, TimePoint now) {
    beating_ = false;
    wake();
    if (state_ != State::electing && state_ != State::syncing) // in which commits are refused until it is over
        ports_.events.on_heard();
    if (!result)
        return; // the session's end is watched
    switch (static_cast<Errc>(result->response.error_code)) {
    case Errc::no_error:
        beaten_ = now;
        return;
    case Errc::rebalance_in_progress:
        beaten_ = now;
        if (state_ == State::electing || state_ == State::syncing)
            return; // brokers before 2.3 say so of the round that is under way; of another one SyncGroup tells
        if (!probe::planted("ignore_rebalance"))
            rejoin("the group is rebalancing");
        return;
    case Errc::illegal_generation:
    case Errc::unknown_member_id:
        lose("the coordinator does not know this member any more");
        begin_join(now);
        return;
    case Errc::fenced_instance_id:
        join_failed(Errc::fenced_instance_id, Error(Errc::fenced_instance_id), now);
        return;
    case Errc::group_authorization_failed:
        join_failed(Errc::group_authorization_failed, Error(Errc::group_authorization_failed), now);
        return;
    default:
        return;
    }
}

// --- leaving

// Static members stay, so that they find their partitions when they come back.
void ClassicMember::leave(const std::string& reason) {
    const bool stays = departure_ == CloseMembership::by_default ? instance_.has_value() : departure_ == CloseMembership::remain;
    if (!member_id_.empty() && !stays) {
        leaving_ = true;
        msg::LeaveGroupRequest request;
        request.group_id = config_.group_id;
        request.member_id = member_id_;
        auto& self = request.members.emplace_back();
        self.member_id = member_id_;
        self.group_instance_id = instance_;
        self.reason = reason;
        call<msg::LeaveGroupRequest>(
            ports_.caller, Coordinator{CoordinatorType::group, config_.group_id}, std::move(request),
            options(config_.socket_timeout, Lane::general), scope_,
            [this](CallResult<msg::LeaveGroupResponse>, TimePoint) {
                leaving_ = false;
                wake();
            },
            coordinator_error<msg::LeaveGroupResponse>,
            [](const msg::LeaveGroupRequest& asked, int16_t version) {
                msg::LeaveGroupRequest out = asked;
                if (version < 3)
                    out.members.clear();
                else
                    out.member_id.clear();
                return out;
            }
        );
    }
    forget_membership();
    ports_.events.on_heard();
}

} // namespace ottla::core::group
