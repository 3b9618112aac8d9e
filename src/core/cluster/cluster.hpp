// One client's (or several clients') view of a Kafka cluster: metadata, router and connections, put together.
#pragma once

#include <memory>

#include "config/client_config.hpp"
#include "core/call.hpp"
#include "core/cluster/metadata.hpp"
#include "core/core.hpp"
#include "core/events.hpp"
#include "core/net/link.hpp"

namespace ottla::core {

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
    /// Requests that wait for this connection, or for room on it.
    size_t unsent(int32_t node, Lane lane, uint32_t client) const;
    /// Since when the broker of this key is known; nullopt: it is not.
    std::optional<TimePoint> coordinator_known_since(const Coordinator& route) const;
    /// What the cluster has finalised of `transaction.version`, from the newest answer seen (KIP-584); 0 when nothing is told.
    int16_t transaction_version() const;
    /// Brokers and sums over them, into `all`.
    void gather(Metrics& all, TimePoint now) const;
    /// The interval of statistics is over: windows begin anew.
    void roll_statistics();
    /// Fails all pending calls with _destroy and closes every connection. No reply comes afterwards.
    void close(TimePoint now);

private:
    Scheduler& scheduler_;
    std::unique_ptr<LinkFactory> links_;
    std::unique_ptr<Router> router_;
    std::unique_ptr<Metadata> metadata_;
};

} // namespace ottla::core
