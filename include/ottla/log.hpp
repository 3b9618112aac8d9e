// Logs: what a client tells its operator. The levels are syslog's; lines of level 7 belong to contexts, which the
// property `debug` turns on.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace ottla {

/// What debug lines are about; the names are those of the property `debug`.
enum class LogContext : uint32_t {
    generic = 1U << 0,      ///< clients begin and end
    broker = 1U << 1,       ///< connections open and close
    topic = 1U << 2,        ///< partitions and their leaders
    metadata = 1U << 3,     ///< what is known of the cluster, and why it is asked for
    feature = 1U << 4,      ///< what a broker can do
    queue = 1U << 5,        ///< queues between threads
    msg = 1U << 6,          ///< batches on their way; never single messages
    protocol = 1U << 7,     ///< every request and response
    cgrp = 1U << 8,         ///< consumer groups
    security = 1U << 9,     ///< TLS and SASL
    fetch = 1U << 10,       ///< positions and fetches
    interceptor = 1U << 11, ///< hooks
    plugin = 1U << 12,      ///< plugins
    consumer = 1U << 13,    ///< calls of a consumer
    admin = 1U << 14,       ///< calls of an admin client
    eos = 1U << 15,         ///< idempotence and transactions
    mock = 1U << 16,        ///< the embedded cluster
    assignor = 1U << 17,    ///< who gets which partition
    conf = 1U << 18,        ///< the configuration in force
    telemetry = 1U << 19,   ///< metrics for the cluster (KIP-714)
    all = (1U << 20) - 1,
};

/// A set of contexts.
class LogContexts {
public:
    constexpr LogContexts() = default;
    constexpr explicit LogContexts(uint32_t bits) : bits_(bits) {}

    constexpr bool has(LogContext context) const { return (bits_ & static_cast<uint32_t>(context)) != 0; }
    constexpr uint32_t bits() const { return bits_; }
    bool operator==(const LogContexts&) const = default;

private:
    uint32_t bits_ = 0;
};

/// Takes one line: its level (0 emergency .. 7 debug), a short upper-case word for what happened, the client that tells
/// ("orders#producer-1"), the text. Called from any thread, and not for lines above `log_level`; with `log.queue=true`
/// only from poll calls. The views end with the call.
using LogSink =
    std::function<void(int level, std::string_view facility, std::string_view client, std::string_view text)>;

} // namespace ottla
