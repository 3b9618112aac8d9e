// Virtual time: what is to happen, earliest first; of two at one moment the one that was asked for first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <ottla/types.hpp>

#include "base/move_only_function.hpp"

namespace ottla::sim {

using namespace std::chrono_literals;

class EventQueue {
public:
    using Action = MoveOnlyFunction<void()>;

    static constexpr TimePoint start{std::chrono::hours(1)};

    TimePoint now() const { return now_; }

    uint64_t done() const { return done_; }

    bool empty() const { return heap_.empty(); }

    /// The moment of the next event; only when there is one.
    TimePoint next() const { return heap_.front().at; }

    /// A moment in the past means now.
    void at(TimePoint when, Action action) {
        heap_.push_back({std::max(when, now_), order_++, std::move(action)});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }

    void after(Duration wait, Action action) { at(now_ + wait, std::move(action)); }

    /// Goes on to the next event and does it.
    void run_one() {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        Event event = std::move(heap_.back());
        heap_.pop_back();
        now_ = event.at;
        ++done_;
        event.action();
    }

    /// Time passes without events; not beyond the next one.
    void skip_to(TimePoint when) { now_ = std::max(now_, when); }

    void clear() { heap_.clear(); }

private:
    struct Event {
        TimePoint at;
        uint64_t order;
        Action action;
    };

    static bool later(const Event& a, const Event& b) {
        return a.at != b.at ? a.at > b.at : a.order > b.order;
    }

    std::vector<Event> heap_;
    TimePoint now_ = start;
    uint64_t order_ = 0;
    uint64_t done_ = 0;
};

} // namespace ottla::sim
