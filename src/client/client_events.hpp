// Errors, logs, throttling and statistics on their way from the loop to the application. Errors wait, coalesced by code and
// bounded, until a poll call serves them; of statistics the newest waits. Log lines go straight to the sink, or wait likewise with log.queue.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ottla/config.hpp>
#include <ottla/error.hpp>
#include <ottla/log.hpp>
#include <ottla/metrics.hpp>
#include <ottla/offsets.hpp>

#include "config/client_config.hpp"
#include "core/events.hpp"

namespace ottla::client {

using ErrorHandler = std::function<void(const KafkaError&)>;

/// What the application wants to hear besides errors and logs.
struct Observers {
    std::function<void(std::string_view json)> on_statistics{};
    std::function<void(const ThrottleEvent&)> on_throttle{};
    std::shared_ptr<MetricsListener> listener{};
    std::function<void(const Error&, const std::vector<CommittedOffset>&)> on_commit{};
};

class ClientEvents final : public core::ClusterEvents {
public:
    /// Lines are told of "<client.id>#<kind>-<number>".
    ClientEvents(const config::ClientConfig& config, ClientKind kind, LogSink sink, ErrorHandler on_error, Observers observers = {});

    void on_error(const Error& error) override;
    void on_log(int level, std::string_view facility, std::string_view text) override;
    void on_throttle(std::string_view broker, int32_t node, std::chrono::milliseconds time) override;
    void on_request(const MetricsListener::Request& request) override;
    void on_batch(const MetricsListener::Batch& batch);
    /// What an asynchronous or automatic commit has come to.
    void on_commit(Error error, std::vector<CommittedOffset> offsets);
    /// An interval of statistics is over.
    void on_metrics(Metrics metrics);
    bool listens() const { return observers_.listener != nullptr; }
    /// A snapshot with what is known here: name, times, events that wait.
    Metrics begin_metrics(TimePoint now) const;

    /// Debug lines; their text is made only if their context is on.
    const core::Log& log() const { return log_; }
    const std::string& name() const { return name_; }
    /// Says what was made out of `config`, and the warnings about it.
    void on_created(const Config& config, ClientKind kind, const std::vector<std::string>& warnings);

    /// Runs when something waits to be served, on the thread where it came up: wakes a poll call.
    void set_waker(std::function<void()> waker) { waker_ = std::move(waker); }
    /// Serves what waits on the calling thread; returns how many errors, throttlings, commits and statistics. What a callback
    /// throws leaves it; the next call goes on behind that one.
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

    /// What waits to be served, in this order.
    struct Waiting {
        std::deque<Line> lines{};
        std::deque<Error> errors{};
        std::deque<ThrottleEvent> throttles{};
        std::deque<std::pair<Error, std::vector<CommittedOffset>>> commits{}; ///< as many as the application has asked for
        std::optional<Metrics> statistics{};

        void swap(Waiting& other) {
            lines.swap(other.lines);
            errors.swap(other.errors);
            throttles.swap(other.throttles);
            commits.swap(other.commits);
            statistics.swap(other.statistics);
        }
        size_t count() const {
            return lines.size() + errors.size() + throttles.size() + commits.size() + (statistics ? 1 : 0);
        }
    };

    size_t serve(Waiting& taken);
    void put_back(Waiting rest);
    void write(int level, std::string_view facility, std::string_view text) const;
    void ring();
    template <class F>
    void tell(F&& f);

    const std::string name_;
    const int log_level_;
    const LogSink sink_;
    const ErrorHandler on_error_;
    const Observers observers_;
    const std::string client_id_;
    const std::string_view type_;
    const TimePoint made_ = std::chrono::steady_clock::now();
    const bool queue_lines_;
    const core::Log log_;
    std::function<void()> waker_;
    std::atomic<bool> pending_{false};
    mutable std::mutex mutex_;
    Waiting waiting_;
};

} // namespace ottla::client
