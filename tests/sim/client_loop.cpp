#include "sim/client_loop.hpp"

#include "base/assert.hpp"
#include "sim/network.hpp"

namespace ottla::sim {

void ClientLoop::notify() {
    if (std::exchange(notified_, true))
        return;
    queue_.at(queue_.now(), [this] {
        notified_ = false;
        turn();
    });
}

void ClientLoop::turn() {
    if (stopped_ || stalled())
        return;
    OTTLA_ASSERT(!in_turn_);
    in_turn_ = true;
    TimePoint next;
    do {
        if (drain_)
            drain_();
        next = scheduler_.run(queue_.now());
        for (const auto& stream : std::exchange(dirty_, {}))
            stream->write();
    } while (!dirty_.empty());
    in_turn_ = false;
    arm(next);
}

void ClientLoop::arm(TimePoint next) {
    if (next >= armed_)
        return; // an earlier alarm is set already; it will look again
    armed_ = next;
    queue_.at(next, [this, next] {
        if (armed_ != next)
            return;
        armed_ = core::never;
        turn();
    });
}

void ClientLoop::stall(Duration time) {
    stalled_until_ = std::max(stalled_until_, queue_.now() + time);
    queue_.at(stalled_until_, [this] {
        if (!stalled() && !stopped_)
            catch_up();
    });
}

void ClientLoop::catch_up() {
    std::erase_if(streams_, [](const auto& weak) { return weak.expired(); });
    for (const auto& weak : std::vector(streams_))
        if (const auto stream = weak.lock())
            stream->read_all();
    turn();
}

} // namespace ottla::sim
