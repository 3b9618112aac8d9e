#include "core/group/membership.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/probe.hpp"

namespace ottla::core::group {

Membership::Membership(Ports ports, const config::ClientConfig& config, Log log)
    : ports_(ports)
    , config_(config)
    , log_(log) {}

void Membership::tell(Rebalance step) {
    steps_.push_back(std::move(step));
    if (steps_.size() == 1)
        tell_next();
}

void Membership::tell_next() {
    const Rebalance& step = steps_.front();
    log_.debug(
        LogContext::cgrp, "REBALANCE", "group {}: {} partitions are {}", config_.group_id, step.partitions.size(),
        step.kind == Rebalance::Kind::assign   ? "assigned"
        : step.kind == Rebalance::Kind::revoke ? "revoked"
                                               : "lost"
    );
    ports_.events.on_step(step);
}

void Membership::on_step_done() {
    if (steps_.empty())
        return;
    steps_.pop_front();
    if (!steps_.empty())
        tell_next();
    else
        on_steps_done();
    wake();
}

void Membership::give_up(std::vector<TopicPartition> partitions, Rebalance::Kind kind, bool incremental) {
    std::vector<TopicPartition> left;
    std::set_difference(held_.begin(), held_.end(), partitions.begin(), partitions.end(), std::back_inserter(left));
    held_ = std::move(left);
    tell({kind, incremental, std::move(partitions)});
}

TimePoint Membership::watch_polls(TimePoint now, Duration interval) {
    const uint64_t calls = ports_.clock.calls.load(std::memory_order_relaxed);
    if (calls != polls_ || ports_.clock.inside.load(std::memory_order_relaxed)) {
        polls_ = calls;
        if (is_expelled())
            on_application_poll(now);
        else
            polled_ = now;
    }
    if (is_expelled())
        return never; // the application's next call wakes it
    const Duration limit = config_.max_poll_interval;
    if (now - polled_ >= limit && !probe::planted("never_expelled")) {
        ports_.events.on_trouble(Error(
            Errc::_max_poll_exceeded,
            fmt::format("group {}: the application has not polled for {} ms (max.poll.interval.ms)", config_.group_id, config_.max_poll_interval.count())
        ));
        expel();
        return never;
    }
    return std::min(polled_ + limit, now + std::min<Duration>(interval, limit / 4));
}

void Membership::tell_trouble(Errc code, const Error& error) {
    const bool passes = is_retriable(code) || code == Errc::_transport || code == Errc::_timed_out || code == Errc::_resolve;
    if (passes || told_ == code)
        return;
    told_ = code;
    ports_.events.on_trouble(error);
}

} // namespace ottla::core::group
