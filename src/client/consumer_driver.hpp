// The part of a consumer that lives on the loop: cluster, fetcher, and the way into them. Shared with the
// tasks that are posted to the loop, so that none of them finds it gone.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "client/client_events.hpp"
#include "client/consumer_queue.hpp"
#include "client/statistics.hpp"
#include "config/client_config.hpp"
#include "core/cluster/cluster.hpp"
#include "core/fetch/fetcher.hpp"
#include "engine/loop.hpp"

namespace ottla::client {

class ConsumerDriver final : public engine::Source {
public:
    ConsumerDriver(
        std::shared_ptr<engine::Loop> loop, config::ClientConfig config, LogSink log, ErrorHandler on_error, Observers observers = {}
    );

    const config::ClientConfig& config() const { return config_; }

    const std::shared_ptr<engine::Loop>& loop() const { return loop_; }

    ConsumerQueue& queue() { return queue_; }

    /// Runs the error callbacks that wait, on the calling thread. Cheap when there are none.
    void serve_callbacks();

    ClientEvents& events() { return events_; }

    /// From any thread.
    Metrics metrics() const;

    // --- on the loop
    void start();
    void stop(TimePoint now);

    bool running() const { return fetcher_.has_value(); }

    core::Fetcher& fetcher() { return *fetcher_; }

    void remove(core::StreamId stream);

    core::Cluster& cluster() { return *cluster_; }

    /// Of the offset queries that are under way.
    const core::CallScope& queries() const { return queries_; }

    void drain(TimePoint now) override;
    void on_context_gone() noexcept override;

private:
    Metrics gather(TimePoint now) const;
    void emit_statistics(TimePoint now);

    const std::shared_ptr<engine::Loop> loop_;
    const config::ClientConfig config_;
    ClientEvents events_;
    ConsumerQueue queue_;
    std::atomic<bool> rung_{false};
    std::atomic<bool> callbacks_{false};
    std::optional<core::Cluster> cluster_;
    std::optional<core::Fetcher> fetcher_;
    core::CallScope queries_;
    StatisticsTimer statistics_;
};

} // namespace ottla::client
