#include "client/consumer_queue.hpp"

#include <algorithm>

namespace ottla::client {

// All under the lock, so that set_apart and put_back find what has come. Waiters do not run inline.
void ConsumerQueue::deliver(core::FetchEvent event) {
    std::lock_guard lock(mutex_);
    if (const auto it = apart_.find(event.stream); it != apart_.end())
        it->second->push(std::move(event));
    else
        push(std::move(event));
}

void ConsumerQueue::on_watermarks(core::StreamId stream, int64_t low, int64_t high) {
    std::lock_guard lock(mutex_);
    watermarks_[stream] = {low, high};
}

void ConsumerQueue::on_end(core::StreamId stream, int64_t at, int64_t end) {
    std::lock_guard lock(mutex_);
    End& known = ends_.try_emplace(stream, End{.begun = at, .end = end}).first->second;
    known.begun = std::min(known.begun, at); // reading may have gone back: the log was truncated, or the topic is another one
    known.end = end;
}

std::optional<ConsumerQueue::End> ConsumerQueue::end(core::StreamId stream) const {
    std::lock_guard lock(mutex_);
    const auto known = ends_.find(stream);
    return known == ends_.end() ? std::nullopt : std::optional(known->second);
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
    std::shared_ptr<Arrivals> last; // goes without the lock: memory that is given back ends all waits
    std::vector<core::FetchEvent> unread; // likewise
    std::lock_guard lock(mutex_);
    watermarks_.erase(stream);
    ends_.erase(stream);
    if (const auto apart = apart_.find(stream); apart != apart_.end()) {
        last = std::move(apart->second);
        apart_.erase(apart);
        unread = last->extract(stream);
    }
    std::erase_if(credits_, [stream](const core::Credit& c) { return c.stream == stream; });
}

void ConsumerQueue::interrupt_all() {
    std::lock_guard lock(mutex_);
    interrupt();
    for (const auto& [stream, arrivals] : apart_)
        arrivals->interrupt();
}

void ConsumerQueue::drop_waiters() {
    std::vector<Waiter> dropped; // go without the lock, as do their handlers and what those own, a stream for one
    {
        std::lock_guard lock(mutex_);
        dropped.push_back(take_waiter());
        for (const auto& [stream, arrivals] : apart_)
            dropped.push_back(arrivals->take_waiter());
    }
    dropped.clear();
    interrupt_all();
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

void ConsumerQueue::set_apart(core::StreamId stream, std::shared_ptr<Arrivals> to) {
    std::lock_guard lock(mutex_);
    for (auto& event : extract(stream))
        to->push(std::move(event));
    apart_[stream] = std::move(to);
}

std::vector<core::FetchEvent> ConsumerQueue::put_back(core::StreamId stream) {
    std::lock_guard lock(mutex_);
    const auto it = apart_.find(stream);
    if (it == apart_.end())
        return {};
    auto last = it->second->extract(stream);
    apart_.erase(it);
    return last;
}

} // namespace ottla::client
