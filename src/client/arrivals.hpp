// Where fetched slices and events wait for the one who reads them, and where he waits for them: blocking or with a waiter.
// One mutex, taken once per slice or poll, never per message.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include <ottla/error.hpp>

#include "base/move_only_function.hpp"
#include "core/fetch/fetch_sink.hpp"

namespace ottla::client {

/// Thread-safe.
class Arrivals {
public:
    /// Called once, on whichever thread ends the wait: there may be something to take, or the code says why not.
    using Waiter = MoveOnlyFunction<void(error_code)>;

    void push(core::FetchEvent event);
    /// Moves everything that has come into `into`, which is empty. False when nothing has.
    bool take(std::vector<core::FetchEvent>& into);
    /// Takes what has come of this stream, in its order.
    std::vector<core::FetchEvent> extract(core::StreamId stream);
    /// Waits until something can be taken, or `interrupt`, or the time limit. False at the limit.
    bool wait_until(TimePoint deadline);

    /// Keeps `waiter` until something comes. False (and `waiter` untouched) when something is here already.
    /// At most one at a time.
    bool set_waiter(Waiter& waiter);
    bool has_waiter() const;
    /// Takes the waiter out, if any.
    Waiter take_waiter();
    /// Ends the wait with this, if there is one.
    void fail_waiter(error_code ec);
    /// Ends waits although nothing may have come: there is something else to do, or all ends.
    void interrupt();

private:
    mutable std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<core::FetchEvent> events_;
    Waiter waiter_;
    bool interrupted_ = false;
};

} // namespace ottla::client
