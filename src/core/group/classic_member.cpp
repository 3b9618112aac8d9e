// The member between its rebalances: subscription, steps of the application, heartbeats, leaving.
#include "core/group/classic_member.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/probe.hpp"
#include "core/group/assignor/builtin.hpp"

namespace ottla::core::group {
ClassicMember::ClassicMember(Ports ports, const config::ClientConfig& config, Assignors assignors, uint64_t seed, Log log)
    : ports_(ports)
    , config_(config)
    , assignors_(std::move(assignors))
    , protocol_(common_protocol(assignors_).value())
    , rng_(seed)
    , log_(log) {
    if (!config_.group_instance_id.empty())
        instance_ = config_.group_instance_id;
    ports_.metadata.on_change(scope_, [this](TimePoint) {
        if (leader_ && state_ == State::stable && partition_counts() != dealt_counts_)
            rejoin("partitions of subscribed topics have changed");
        wake();
    });
}

ClassicMember::~ClassicMember() = default;

void ClassicMember::become(State to) {
    probe::step("member", state_, to);
    state_ = to;
    wake();
}

CallOptions ClassicMember::options(Duration timeout, Lane lane) const {
    return {.timeout = timeout, .lane = lane, .client = ports_.client};
}

// --- what the application wants

void ClassicMember::subscribe(std::vector<std::string> topics, const std::string& reason, TimePoint now) {
    std::sort(topics.begin(), topics.end());
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    if (state_ == State::dead || (topics == topics_ && state_ != State::out))
        return;
    topics_ = std::move(topics);
    reason_ = reason;
    rejoin_ = true;
    if (state_ == State::out) {
        polled_ = now;
        if (!topics_.empty())
            begin_join(now);
    } else if (topics_.empty() && state_ != State::taking) { // whatever is under way is of no use any more
        join_scope_.reset();
        begin_join(now);
    }
    wake();
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

void ClassicMember::tell(Rebalance step) {
    steps_.push_back(std::move(step));
    if (steps_.size() == 1)
        tell_next();
}

void ClassicMember::tell_next() {
    const Rebalance& step = steps_.front();
    log_.debug(
        LogContext::cgrp, "REBALANCE", "group {}: {} partitions are {}", config_.group_id, step.partitions.size(),
        step.kind == Rebalance::Kind::assign   ? "assigned"
        : step.kind == Rebalance::Kind::revoke ? "revoked"
                                               : "lost"
    );
    ports_.events.on_step(step);
}

void ClassicMember::on_step_done() {
    if (steps_.empty())
        return;
    steps_.pop_front();
    if (!steps_.empty())
        tell_next();
    else if (state_ == State::taking)
        become(State::stable);
    wake();
}

void ClassicMember::give_up(std::vector<TopicPartition> partitions, Rebalance::Kind kind) {
    std::vector<TopicPartition> left;
    std::set_difference(held_.begin(), held_.end(), partitions.begin(), partitions.end(), std::back_inserter(left));
    held_ = std::move(left);
    tell({kind, cooperative(), std::move(partitions)});
}

// The group goes on without this member: what it holds may be another's already.
void ClassicMember::lose(const std::string& why) {
    log_.debug(LogContext::cgrp, "LOST", "group {}: {}", config_.group_id, why);
    forget_membership();
    reason_ = why;
    if (!held_.empty())
        give_up(std::vector(held_), Rebalance::Kind::lost);
}

void ClassicMember::forget_membership() {
    join_scope_.reset();
    beat_scope_.reset();
    beating_ = leader_ = false;
    generation_ = -1;
    member_id_.clear();
    unwatch_topics();
}

// --- the turn

TimePoint ClassicMember::poll(TimePoint now) {
    if (state_ == State::out || state_ == State::dead) {
        if (when_out_ && !leaving_ && steps_.empty())
            std::exchange(when_out_, {})();
        return never;
    }
    TimePoint next = watch_polls(now);
    if (state_ == State::expelled)
        return never;
    if (is_member() && state_ != State::joining) {
        const TimePoint end = beaten_ + config_.session_timeout;
        if (now >= end) {
            lose(fmt::format("the coordinator has not answered within session.timeout.ms ({})", config_.session_timeout.count()));
            begin_join(now);
        } else if (!beating_ && now >= next_beat_) {
            beat(now);
        }
        next = std::min({next, beaten_ + config_.session_timeout, beating_ ? never : next_beat_});
    }
    if (state_ == State::stable && rejoin_)
        begin_join(now);
    if (state_ == State::giving && steps_.empty()) {
        if (topics_.empty()) {
            leave(reason_);
            become(State::out);
        } else if (now >= not_before_) {
            join();
        } else {
            next = std::min(next, not_before_);
        }
    }
    if (state_ == State::electing)
        elect(now);
    return next;
}

TimePoint ClassicMember::watch_polls(TimePoint now) {
    const uint64_t calls = ports_.clock.calls.load(std::memory_order_relaxed);
    if (calls != polls_ || ports_.clock.inside.load(std::memory_order_relaxed)) {
        polls_ = calls;
        if (state_ != State::expelled)
            polled_ = now;
        else
            on_application_poll(now);
    }
    const Duration limit = config_.max_poll_interval;
    if (state_ == State::expelled)
        return never; // the application's next call wakes it
    if (now - polled_ >= limit) {
        ports_.events.on_trouble(Error(
            Errc::_max_poll_exceeded,
            fmt::format("group {}: the application has not polled for {} ms (max.poll.interval.ms)", config_.group_id, config_.max_poll_interval.count())
        ));
        leave("consumer poll timeout has expired");
        lose("the application has not polled");
        become(State::expelled);
        return never;
    }
    return std::min(polled_ + limit, now + std::min<Duration>(config_.heartbeat_interval, limit / 4));
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
    if (!result)
        return; // the session's end is watched
    switch (static_cast<Errc>(result->response.error_code)) {
    case Errc::no_error:
        beaten_ = now;
        return;
    case Errc::rebalance_in_progress:
        beaten_ = now;
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
    if (!member_id_.empty() && !instance_) {
        leaving_ = true;
        msg::LeaveGroupRequest request;
        request.group_id = config_.group_id;
        request.member_id = member_id_;
        auto& self = request.members.emplace_back();
        self.member_id = member_id_;
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
}

} // namespace ottla::core::group
