// The turn of the engine's loop, in virtual time: I/O is delivered first, then cores are polled until all are
// quiet, what became writable is written, one timer is armed. A loop can be made to stall, as a stopped
// process does.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/core.hpp"
#include "sim/event_queue.hpp"

namespace ottla::sim {

class Stream;

class ClientLoop {
public:
    explicit ClientLoop(EventQueue& queue)
        : queue_(queue) {}

    core::Scheduler& scheduler() { return scheduler_; }

    /// Runs at the beginning of each turn: what other threads have left for the loop.
    void on_drain(std::function<void()> drain) { drain_ = std::move(drain); }

    /// From another thread: a turn is wanted.
    void notify();

    /// Delivers an I/O event, then makes a turn. Not while stalled.
    template <class F>
    void event(F&& deliver) {
        deliver();
        turn();
    }

    void turn();

    /// Nothing runs for so long; then every stream is read before anything else happens.
    void stall(Duration time);

    bool stalled() const { return queue_.now() < stalled_until_; }

    /// No turn follows.
    void stop() { stopped_ = true; }

    void mark_dirty(std::shared_ptr<Stream> stream) { dirty_.push_back(std::move(stream)); }

    void add(const std::shared_ptr<Stream>& stream) { streams_.push_back(stream); }

private:
    void arm(TimePoint next);
    void catch_up();

    EventQueue& queue_;
    core::Scheduler scheduler_;
    std::function<void()> drain_;
    std::vector<std::weak_ptr<Stream>> streams_;
    std::vector<std::shared_ptr<Stream>> dirty_;
    TimePoint armed_ = core::never;
    TimePoint stalled_until_{};
    bool notified_ = false;
    bool in_turn_ = false;
    bool stopped_ = false;
};

} // namespace ottla::sim
