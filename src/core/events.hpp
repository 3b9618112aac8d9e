// What cores tell besides replies: errors that pass, log lines, throttling.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>
#include <ottla/error.hpp>
#include <ottla/log.hpp>
#include <ottla/metrics.hpp>

namespace ottla::core {

/// What the cluster tells its client. Called on the owning thread.
class ClusterEvents {
public:
    virtual ~ClusterEvents() = default;
    /// Informational: the client recovers by itself (_transport, _resolve, _all_brokers_down, _timed_out, ...).
    virtual void on_error(const Error& error) = 0;
    /// `level` as in syslog; `facility` a short upper-case word as librdkafka's ("FAIL", "CONNECT").
    virtual void on_log(int level, std::string_view facility, std::string_view text) = 0;
    /// A broker delayed a request so long (KIP-219). `broker` is its name.
    virtual void on_throttle(std::string_view broker, int32_t node, std::chrono::milliseconds time) = 0;
    /// A request has its answer, or will get none.
    virtual void on_request(const MetricsListener::Request& /*request*/) {}
};

/// Debug lines of a core. Their text is made only if their context is on, so a line costs a test of a bit.
class Log {
public:
    /// Writes nothing.
    Log() = default;
    Log(ClusterEvents& events, LogContexts on) : events_(&events), on_(on) {}

    bool wants(LogContext context) const { return on_.has(context); }

    template <class... Args>
    void debug(LogContext context, std::string_view facility, fmt::format_string<Args...> format, Args&&... args) const {
        if (wants(context)) [[unlikely]]
            events_->on_log(7, facility, fmt::format(format, std::forward<Args>(args)...));
    }

private:
    ClusterEvents* events_ = nullptr;
    LogContexts on_;
};

} // namespace ottla::core
