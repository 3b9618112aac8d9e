// One client's (or several clients') view of a Kafka cluster: metadata, router and connections, put together.
#pragma once

#include <memory>
#include <string_view>

#include "config/client_config.hpp"
#include "core/call.hpp"
#include "core/cluster/metadata.hpp"
#include "core/core.hpp"
#include "core/net/link.hpp"

namespace ottla::core {

/// What the cluster tells its client besides replies. Called on the owning thread.
class ClusterEvents {
public:
    virtual ~ClusterEvents() = default;
    /// Informational: the client recovers by itself (_transport, _resolve, _all_brokers_down, _timed_out, ...).
    virtual void on_error(const Error& error) = 0;
    /// `level` as in syslog; `facility` a short upper-case word as librdkafka's ("FAIL", "CONNECT").
    virtual void on_log(int level, std::string_view facility, std::string_view text) = 0;
    /// A broker delayed a request so long (KIP-219).
    virtual void on_throttle(int32_t node, std::chrono::milliseconds time) = 0;
};

class Router;

class Cluster {
public:
    Cluster(
        Scheduler& scheduler,
        std::unique_ptr<LinkFactory> links,
        const config::ClientConfig& config,
        ClusterEvents& events,
        uint64_t seed);
    ~Cluster();

    Metadata& metadata() { return *metadata_; }
    const Metadata& metadata() const { return *metadata_; }
    Caller& caller();
    /// The highest version of an API that both this client and broker `node` speak; -1: not (yet) known.
    int16_t usable_version(int32_t node, msg::ApiKey api) const;
    /// Opens the connection before it is needed, so that the first request finds it ready.
    void prepare(int32_t node, Lane lane, uint32_t client);
    /// Fails all pending calls with _destroy and closes every connection. No reply comes afterwards.
    void close(TimePoint now);

private:
    Scheduler& scheduler_;
    std::unique_ptr<LinkFactory> links_;
    std::unique_ptr<Router> router_;
    std::unique_ptr<Metadata> metadata_;
};

} // namespace ottla::core
