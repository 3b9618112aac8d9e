// Errors and logs on their way from the loop to the application. Errors wait, coalesced by code and bounded, until a poll
// call serves them. Log lines go straight to the sink, or wait likewise with log.queue.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <ottla/config.hpp>
#include <ottla/error.hpp>
#include <ottla/log.hpp>

#include "config/client_config.hpp"
#include "core/events.hpp"

namespace ottla::client {

using ErrorHandler = std::function<void(const KafkaError&)>;

class ClientEvents final : public core::ClusterEvents {
public:
    /// Lines are told of "<client.id>#<kind>-<number>".
    ClientEvents(const config::ClientConfig& config, ClientKind kind, LogSink sink, ErrorHandler on_error);

    void on_error(const Error& error) override;
    void on_log(int level, std::string_view facility, std::string_view text) override;
    void on_throttle(int32_t node, std::chrono::milliseconds time) override;

    /// Debug lines; their text is made only if their context is on.
    const core::Log& log() const { return log_; }
    const std::string& name() const { return name_; }
    /// Says what was made out of `config`, and the warnings about it.
    void on_created(const Config& config, ClientKind kind, const std::vector<std::string>& warnings);

    /// Runs when something waits to be served, on the thread where it came up: wakes a poll call.
    void set_waker(std::function<void()> waker) { waker_ = std::move(waker); }
    /// Serves what waits on the calling thread; returns how many errors.
    size_t serve();
    /// Whether there is something to serve. Cheap when there is not.
    bool pending() const { return pending_.load(std::memory_order_acquire); }

private:
    struct Line {
        int level;
        std::string facility;
        std::string text;
    };
    static constexpr size_t max_waiting = 32;     // by code: more kinds at once than anyone reads
    static constexpr size_t max_lines = 10'000; // then the oldest go

    void write(int level, std::string_view facility, std::string_view text) const;
    void ring();

    const std::string name_;
    const int log_level_;
    const LogSink sink_;
    const ErrorHandler on_error_;
    const bool queue_lines_;
    const core::Log log_;
    std::function<void()> waker_;
    std::atomic<bool> pending_{false};
    mutable std::mutex mutex_;
    std::deque<Error> waiting_;
    std::deque<Line> lines_;
};

} // namespace ottla::client
