#include "client/arrivals.hpp"

#include <algorithm>
#include <iterator>

#include "base/virtual_wait.hpp"

namespace ottla::client {
namespace {

/// A partition in trouble tells of it again and again, also while nobody reads.
bool is_told_already(const std::vector<core::FetchEvent>& events, const core::FetchEvent& event) {
    const auto* failure = std::get_if<core::PartitionFailure>(&event.what);
    return failure && std::any_of(events.begin(), events.end(), [&](const core::FetchEvent& known) {
        const auto* other = std::get_if<core::PartitionFailure>(&known.what);
        return other && known.stream == event.stream && other->offset == failure->offset && other->error.code == failure->error.code;
    });
}

} // namespace

void Arrivals::push(core::FetchEvent event) {
    Waiter waiter;
    bool first;
    {
        std::lock_guard lock(mutex_);
        if (is_told_already(events_, event))
            return;
        first = events_.empty();
        events_.push_back(std::move(event));
        waiter = std::move(waiter_);
    }
    if (first) // only one thread waits, and it takes all
        arrived_.notify_one();
    if (waiter)
        waiter({});
}

bool Arrivals::take(std::vector<core::FetchEvent>& into) {
    std::lock_guard lock(mutex_);
    std::swap(into, events_);
    return !into.empty();
}

std::vector<core::FetchEvent> Arrivals::extract(core::StreamId stream) {
    std::lock_guard lock(mutex_);
    const auto first = std::stable_partition(
        events_.begin(), events_.end(), [stream](const core::FetchEvent& event) { return event.stream != stream; }
    );
    std::vector<core::FetchEvent> taken(std::make_move_iterator(first), std::make_move_iterator(events_.end()));
    events_.erase(first, events_.end());
    return taken;
}

bool Arrivals::wait_until(TimePoint deadline) {
    const auto something = [this] { return !events_.empty() || interrupted_; };
    const bool virtually = probe::waits_virtually([&] {
        std::lock_guard lock(mutex_);
        return something();
    });
    std::unique_lock lock(mutex_);
    const bool came = virtually                          ? something()
                      : deadline == TimePoint::max() ? (arrived_.wait(lock, something), true)
                                                   : arrived_.wait_until(lock, deadline, something);
    interrupted_ = false;
    return came;
}

bool Arrivals::set_waiter(Waiter& waiter) {
    std::lock_guard lock(mutex_);
    if (!events_.empty() || interrupted_) {
        interrupted_ = false;
        return false;
    }
    waiter_ = std::move(waiter);
    return true;
}

bool Arrivals::has_waiter() const {
    std::lock_guard lock(mutex_);
    return static_cast<bool>(waiter_);
}

Arrivals::Waiter Arrivals::take_waiter() {
    std::lock_guard lock(mutex_);
    return std::move(waiter_);
}

void Arrivals::fail_waiter(error_code ec) {
    if (auto waiter = take_waiter())
        waiter(ec);
}

void Arrivals::interrupt() {
    Waiter waiter;
    {
        std::lock_guard lock(mutex_);
        waiter = std::move(waiter_);
        interrupted_ = !waiter;
    }
    arrived_.notify_all();
    if (waiter)
        waiter({});
}

} // namespace ottla::client
