// Between the loop and the consuming threads: fetched slices and events one way, credits the other. Mutexes are
// taken once per slice or poll, never per message. Bounded by the fetcher's demand.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "client/arrivals.hpp"

namespace ottla::client {

/// What arrives waits here for the consumer's polls, except for streams that are read apart.
class ConsumerQueue final : public core::FetchSink, public Arrivals {
public:
    /// `ring` wakes the fetcher; callable from any thread.
    explicit ConsumerQueue(std::function<void()> ring)
        : ring_(std::move(ring)) {}

    // --- the loop's side
    void deliver(core::FetchEvent event) override;
    void on_watermarks(core::StreamId stream, int64_t low, int64_t high) override;
    void on_end(core::StreamId stream, int64_t at, int64_t end) override;
    void take_credits(std::vector<core::Credit>& into, Wake wake) override;
    std::vector<core::Credit> untaken_credits() const override;
    /// Nothing more will come of this stream.
    void forget(core::StreamId stream);
    /// Ends all waits: there may be memory again.
    void interrupt_all();
    /// The executors of those who wait are about to end.
    void drop_waiters();

    // --- the consuming side
    void give_back(core::Credit credit);
    /// `to` reads the same partition as `from` did.
    void copy_watermarks(core::StreamId from, core::StreamId to);
    std::optional<std::pair<int64_t, int64_t>> watermarks(core::StreamId stream) const;

    struct End {
        int64_t begun; ///< the lowest place where reading stood when an end was told
        int64_t end;
    };

    std::optional<End> end(core::StreamId stream) const;
    /// What comes of this stream, and what has come, goes there.
    void set_apart(core::StreamId stream, std::shared_ptr<Arrivals> to);
    /// No more: what comes goes with the rest again. Returns what came last.
    std::vector<core::FetchEvent> put_back(core::StreamId stream);

private:
    const std::function<void()> ring_;
    mutable std::mutex mutex_;
    std::vector<core::Credit> credits_;
    std::unordered_map<core::StreamId, std::pair<int64_t, int64_t>> watermarks_;
    std::unordered_map<core::StreamId, std::shared_ptr<Arrivals>> apart_;
    std::unordered_map<core::StreamId, End> ends_;
    bool wake_on_credit_ = false;
};

} // namespace ottla::client
