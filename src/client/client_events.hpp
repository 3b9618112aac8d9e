// Errors and logs on their way from the loop to the application: errors wait, coalesced by code and bounded, until a poll
// call serves them; logs go straight to the sink.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include <ottla/error.hpp>

#include "core/cluster/cluster.hpp"

namespace ottla::client {

using LogSink = std::function<void(int level, std::string_view facility, std::string_view text)>;
using ErrorHandler = std::function<void(const KafkaError&)>;

class ClientEvents final : public core::ClusterEvents {
public:
    /// `name` starts each default log line; lines above `log_level` are dropped.
    ClientEvents(std::string name, int log_level, LogSink sink, ErrorHandler on_error);

    void on_error(const Error& error) override;
    void on_log(int level, std::string_view facility, std::string_view text) override;
    void on_throttle(int32_t node, std::chrono::milliseconds time) override;

    /// Runs when an error comes in, on the loop: wakes a poll call that waits.
    void set_waker(std::function<void()> waker) { waker_ = std::move(waker); }
    /// Serves waiting errors on the calling thread; returns how many.
    size_t serve();
    bool pending() const;

private:
    static constexpr size_t max_waiting = 32; // by code: more kinds at once than anyone reads

    const std::string name_;
    const int log_level_;
    const LogSink sink_;
    const ErrorHandler on_error_;
    std::function<void()> waker_;
    mutable std::mutex mutex_;
    std::deque<Error> waiting_;
};

} // namespace ottla::client
