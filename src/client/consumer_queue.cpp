#include "client/consumer_queue.hpp"

#include <algorithm>

namespace ottla::client {

void ConsumerQueue::deliver(core::FetchEvent event) {
    Waiter waiter;
    bool first;
    {
        std::lock_guard lock(mutex_);
        first = events_.empty();
        events_.push_back(std::move(event));
        waiter = std::move(waiter_);
    }
    if (first) // only one thread waits, and it takes all
        arrived_.notify_one();
    if (waiter)
        waiter({});
}

void ConsumerQueue::on_watermarks(core::StreamId stream, int64_t low, int64_t high) {
    std::lock_guard lock(mutex_);
    watermarks_[stream] = {low, high};
}

void ConsumerQueue::take_credits(std::vector<core::Credit>& into, Wake wake) {
    std::lock_guard lock(mutex_);
    into.insert(into.end(), credits_.begin(), credits_.end());
    wake_on_credit_ = wake == Wake::on_next_credit && credits_.empty();
    credits_.clear();
}

std::vector<core::Credit> ConsumerQueue::untaken_credits() const {
    std::lock_guard lock(mutex_);
    return credits_;
}

bool ConsumerQueue::take(std::vector<core::FetchEvent>& into) {
    std::lock_guard lock(mutex_);
    std::swap(into, events_);
    return !into.empty();
}

bool ConsumerQueue::wait_until(TimePoint deadline) {
    std::unique_lock lock(mutex_);
    const auto something = [this] { return !events_.empty() || interrupted_; };
    const bool came = deadline == TimePoint::max() ? (arrived_.wait(lock, something), true)
                                                   : arrived_.wait_until(lock, deadline, something);
    interrupted_ = false;
    return came;
}

void ConsumerQueue::give_back(core::Credit credit) {
    bool ring;
    {
        std::lock_guard lock(mutex_);
        const auto same = std::find_if(credits_.begin(), credits_.end(), [&](const core::Credit& c) {
            return c.stream == credit.stream;
        });
        if (same == credits_.end()) {
            credits_.push_back(credit);
        } else {
            same->messages += credit.messages;
            same->bytes += credit.bytes;
        }
        ring = std::exchange(wake_on_credit_, false);
    }
    if (ring)
        ring_();
}

void ConsumerQueue::forget(core::StreamId stream) {
    std::lock_guard lock(mutex_);
    watermarks_.erase(stream);
    std::erase_if(credits_, [stream](const core::Credit& c) { return c.stream == stream; });
}

void ConsumerQueue::copy_watermarks(core::StreamId from, core::StreamId to) {
    std::lock_guard lock(mutex_);
    if (const auto known = watermarks_.find(from); known != watermarks_.end()) {
        const auto copy = known->second;
        watermarks_.try_emplace(to, copy);
    }
}

std::optional<std::pair<int64_t, int64_t>> ConsumerQueue::watermarks(core::StreamId stream) const {
    std::lock_guard lock(mutex_);
    const auto it = watermarks_.find(stream);
    return it == watermarks_.end() ? std::nullopt : std::optional(it->second);
}

bool ConsumerQueue::set_waiter(Waiter& waiter) {
    std::lock_guard lock(mutex_);
    if (!events_.empty() || interrupted_) {
        interrupted_ = false;
        return false;
    }
    waiter_ = std::move(waiter);
    return true;
}

bool ConsumerQueue::has_waiter() const {
    std::lock_guard lock(mutex_);
    return static_cast<bool>(waiter_);
}

ConsumerQueue::Waiter ConsumerQueue::take_waiter() {
    std::lock_guard lock(mutex_);
    return std::move(waiter_);
}

void ConsumerQueue::interrupt() {
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
