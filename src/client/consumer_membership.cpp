// The driver as a group member's other half: what the member tells waits here until the application has done it.
#include "client/consumer_driver.hpp"

#include "base/probe.hpp"

namespace ottla::client {

// --- on the loop

void ConsumerDriver::on_step(const core::group::Rebalance& step) {
    step_takes_ = step.kind != core::group::Rebalance::Kind::assign;
    rebalanced_ = engine::Loop::now();
    ++rebalances_;
    rebalance_reason_ = member_ ? member_->reason() : std::string();
    if (ending_) {
        step_done_ = committer_->asked();
        loop_->post([self = shared_from_this()](TimePoint) { self->finish_step(); }); // not from inside the member
        return;
    }
    {
        std::lock_guard lock(group_mutex_);
        step_ = step;
    }
    call_application();
}

void ConsumerDriver::on_trouble(const Error& error) {
    if (flag_of(error.code) == ErrorFlag::fatal) {
        note_fatal(error);
        return;
    }
    {
        std::lock_guard lock(group_mutex_);
        troubles_.push_back(error);
    }
    if (error.errc() == Errc::_max_poll_exceeded)
        expelled_.store(true, std::memory_order_relaxed);
    call_application();
}

void ConsumerDriver::on_heard() {
    if (committer_)
        committer_->on_heard();
}

// The first one counts.
void ConsumerDriver::note_fatal(const Error& error) {
    {
        std::lock_guard lock(group_mutex_);
        if (fatal_)
            return;
        fatal_ = {make_error_code(error.errc(), ErrorFlag::fatal), error.detail};
        troubles_.push_back(ended_by(fatal_));
    }
    call_application();
}

Error ConsumerDriver::fatal() const {
    std::lock_guard lock(group_mutex_);
    return fatal_;
}

void ConsumerDriver::call_application() {
    group_calls_.store(true, std::memory_order_release);
    queue_.interrupt();
}

// Commits made before its end belong to the generation that ends with it; those that follow, of partitions that are kept, do not.
void ConsumerDriver::finish_step() {
    if (step_done_ && member_ && (committer_->answered(*step_done_) || probe::planted("step_before_commits"))) {
        step_done_.reset();
        member_->on_step_done();
    }
}

void ConsumerDriver::set_departure(CloseMembership departure) {
    if (member_)
        member_->set_departure(departure);
}

void ConsumerDriver::leave(MoveOnlyFunction<void()> out, TimePoint now) {
    if (!member_) {
        out();
        return;
    }
    member_->subscribe({}, "the consumer is closing", now);
    member_->when_out(std::move(out));
}

void ConsumerDriver::end() {
    ending_ = true;
    if (!fetcher_)
        return;
    const auto go = [self = shared_from_this()] {
        self->loop_->post([self](TimePoint when) {
            self->leave([self] { self->finish_reading(session_end_limit, [self] { self->loop_->post([self](TimePoint last) { self->stop(last); }); }); }, when);
        });
    };
    commit_last(go);
    {
        std::lock_guard lock(group_mutex_);
        if (step_) // which nobody takes any more; the last commit belongs to the generation that it ends
            step_done_ = committer_->asked();
        step_.reset();
    }
    finish_step();
}

void ConsumerDriver::finish_reading(Duration limit, MoveOnlyFunction<void()> done) {
    if (fetcher_)
        fetcher_->finish(limit, std::move(done));
    else
        done();
}

// --- on the consuming thread

std::optional<core::group::Rebalance> ConsumerDriver::take_step() {
    std::lock_guard lock(group_mutex_);
    group_calls_.store(!troubles_.empty(), std::memory_order_relaxed);
    return std::exchange(step_, std::nullopt);
}

void ConsumerDriver::step_done() {
    loop_->post([self = shared_from_this()](TimePoint) {
        if (!self->committer_)
            return;
        self->step_done_ = self->committer_->asked();
        self->finish_step();
    });
}

std::optional<Error> ConsumerDriver::take_trouble() {
    std::lock_guard lock(group_mutex_);
    if (troubles_.empty())
        return std::nullopt;
    Error error = std::move(troubles_.front());
    troubles_.pop_front();
    if (error.errc() == Errc::_fatal)
        fatal_told_.store(true, std::memory_order_relaxed);
    group_calls_.store(!troubles_.empty() || step_, std::memory_order_relaxed);
    return error;
}

void ConsumerDriver::come_back() {
    if (!expelled_.load(std::memory_order_relaxed) || !expelled_.exchange(false))
        return;
    loop_->post([self = shared_from_this()](TimePoint now) {
        if (self->member_)
            self->member_->on_application_poll(now);
    });
}

core::Committer ConsumerDriver::committer() const {
    const auto alone = loop_->hold_turns();
    return member_ ? member_->committer() : core::Committer();
}

void ConsumerDriver::subscribe(std::vector<std::string> topics, std::string reason) {
    loop_->post([self = shared_from_this(), topics = std::move(topics), reason = std::move(reason)](TimePoint now) mutable {
        self->subscribed_ = now;
        if (self->member_)
            self->member_->subscribe(std::move(topics), reason, now);
    });
}

} // namespace ottla::client
