// Router and metadata of one cluster as one thing.
#include "core/cluster/cluster.hpp"

#include "core/cluster/router.hpp"

namespace ottla::core {

Cluster::Cluster(
    Scheduler& scheduler,
    std::unique_ptr<LinkFactory> links,
    const config::ClientConfig& config,
    ClusterEvents& events,
    uint64_t seed)
    : scheduler_(scheduler)
    , links_(std::move(links))
    , router_(std::make_unique<Router>(*links_, config, events, seed))
    , metadata_(std::make_unique<Metadata>(
          *router_,
          MetadataConfig{
              .max_age = config.metadata_max_age,
              .refresh_interval = config.metadata_refresh_interval,
              .retry = {config.retry_backoff, config.retry_backoff_max},
              .propagation_max = config.topic_propagation_max,
              .excluded = config.topic_blacklist,
              .allow_auto_create = config.allow_auto_create_topics,
              .request_timeout = config.socket_timeout},
          seed + 1,
          Log(events, config.debug))) {
    router_->set_metadata(*metadata_);
    metadata_->on_hindrance([&events](const std::string& text) { events.on_log(4, "TOPIC", text); });
    scheduler_.add(*metadata_);
    scheduler_.add(*router_);
}

Cluster::~Cluster() {
    scheduler_.remove(*metadata_);
    scheduler_.remove(*router_);
}

Caller& Cluster::caller() { return *router_; }

int16_t Cluster::usable_version(int32_t node, msg::ApiKey api) const { return router_->usable_version(node, api); }

void Cluster::prepare(int32_t node, Lane lane, uint32_t client) { router_->prepare(node, lane, client); }

size_t Cluster::unsent(int32_t node, Lane lane, uint32_t client) const { return router_->unsent(node, lane, client); }

std::optional<TimePoint> Cluster::coordinator_known_since(const Coordinator& route) const {
    return router_->coordinator_known_since(route);
}

int16_t Cluster::transaction_version() const { return router_->transaction_version(); }

void Cluster::gather(Metrics& all, TimePoint now) const { router_->gather(all, now); }

void Cluster::roll_statistics() { router_->roll(); }

void Cluster::close(TimePoint now) { router_->close(now); }

} // namespace ottla::core
