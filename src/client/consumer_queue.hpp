// Between the loop and the consuming thread: fetched slices and events one way, credits the other. One mutex,
// taken once per slice or poll, never per message. Bounded by the fetcher's demand.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/types.hpp>

#include "base/move_only_function.hpp"
#include "core/fetch/fetch_sink.hpp"

namespace ottla::client {

class ConsumerQueue final : public core::FetchSink {
public:
    /// Called once, on whichever thread ends the wait: there may be something to take, or the code says why
    /// not.
    using Waiter = MoveOnlyFunction<void(error_code)>;

    /// `ring` wakes the fetcher; callable from any thread.
    explicit ConsumerQueue(std::function<void()> ring)
        : ring_(std::move(ring)) {}

    // --- the loop's side
    void deliver(core::FetchEvent event) override;
    void on_watermarks(core::StreamId stream, int64_t low, int64_t high) override;
    void take_credits(std::vector<core::Credit>& into, Wake wake) override;
    std::vector<core::Credit> untaken_credits() const override;
    /// Nothing more will come of this stream.
    void forget(core::StreamId stream);

    // --- the consuming side
    /// Moves everything that has come into `into`, which is empty. False when nothing has.
    bool take(std::vector<core::FetchEvent>& into);
    /// Waits until something can be taken, or `interrupt`, or the time limit. False at the limit.
    bool wait_until(TimePoint deadline);
    void give_back(core::Credit credit);
    /// `to` reads the same partition as `from` did.
    void copy_watermarks(core::StreamId from, core::StreamId to);
    std::optional<std::pair<int64_t, int64_t>> watermarks(core::StreamId stream) const;

    /// Keeps `waiter` until something comes. False (and `waiter` untouched) when something is here already.
    /// At most one at a time.
    bool set_waiter(Waiter& waiter);
    bool has_waiter() const;
    /// Takes the waiter out, if any.
    Waiter take_waiter();
    /// Ends waits although nothing may have come: callbacks are to be served, or the consumer closes.
    void interrupt();

private:
    const std::function<void()> ring_;
    mutable std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<core::FetchEvent> events_;
    std::vector<core::Credit> credits_;
    std::unordered_map<core::StreamId, std::pair<int64_t, int64_t>> watermarks_;
    Waiter waiter_;
    bool wake_on_credit_ = false;
    bool interrupted_ = false;
};

} // namespace ottla::client
