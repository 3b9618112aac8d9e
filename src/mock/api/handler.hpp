// What a file in this folder provides: one Api, which is a key, a version range and a function from body to
// Outcome. Each file says on top how the versions differ.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>

#include "mock/cluster_core.hpp"
#include "wire/frame.hpp"

namespace ottla::mock::api {

struct Api {
    int16_t key;
    int16_t min_version; ///< accepted
    int16_t max_version;
    int16_t announced_min; ///< what ApiVersions says; lower than what is accepted only for Produce
    Outcome (*handle)(ClusterCore&, const Call&, const Buffer& body);
};

extern const Api produce;
extern const Api fetch;
extern const Api list_offsets;
extern const Api metadata;
extern const Api find_coordinator;
extern const Api join_group;
extern const Api heartbeat;
extern const Api leave_group;
extern const Api sync_group;
extern const Api describe_groups;
extern const Api list_groups;
extern const Api api_versions;
extern const Api create_topics;
extern const Api delete_topics;
extern const Api init_producer_id;
extern const Api offset_for_leader_epoch;
extern const Api offset_commit;
extern const Api offset_fetch;
extern const Api add_partitions_to_txn;
extern const Api add_offsets_to_txn;
extern const Api end_txn;
extern const Api txn_offset_commit;
extern const Api delete_groups;
extern const Api offset_delete;
extern const Api describe_cluster;
extern const Api consumer_group_heartbeat;
extern const Api consumer_group_describe;

/// By ascending key.
std::span<const Api* const> all();
/// Null when the core does not have it.
const Api* find(int16_t key);

constexpr int16_t code(Errc error) {
    return static_cast<int16_t>(error);
}

/// The answer to `call`; fills in the throttle time where the API has one.
template <class Response>
Outcome reply(const Call& call, Response& response) {
    if constexpr (requires { response.throttle_time_ms; })
        response.throttle_time_ms = call.throttle_ms;
    auto frame = wire::encode_response(response, call.version, call.correlation_id);
    if (!frame)
        return {};
    return {.kind = Outcome::Kind::reply, .frame = frame->buffers(), .deadline = {}, .resume = {}};
}

/// The request waits until its connection is woken, however long; `resume` then gives the outcome.
inline Outcome parked_until_woken(MoveOnlyFunction<Outcome(TimePoint now)> resume) {
    return {
        .kind = Outcome::Kind::parked, .frame = {}, .deadline = TimePoint::max(), .resume = std::move(resume)};
}

/// Decodes the body and does the request; a body that cannot be decoded ends the connection, as with a
/// broker.
template <class Request, Outcome (*act)(ClusterCore&, const Call&, Request&)>
Outcome decoded(ClusterCore& cluster, const Call& call, const Buffer& body) {
    Request request;
    if (wire::decode(request, call.version, body))
        return {};
    return act(cluster, call, request);
}

/// A topic as requests name it: by name, or from some version on by id.
inline Topic* find_topic(ClusterCore& cluster, bool by_id, const std::string& name, const Uuid& id) {
    return by_id ? cluster.find_topic(id) : cluster.find_topic(name);
}

/// What a leader says about a partition a client wants to read or write: unknown_topic_or_part,
/// not_leader_for_partition, fenced_leader_epoch, unknown_leader_epoch or no_error. `leader_epoch`: what the
/// client knows, -1: nothing.
Errc check_leader(const Call& call, const Partition* partition, int32_t leader_epoch);
/// The same of any broker that has a replica (KIP-392).
Errc check_replica(const Call& call, const Partition* partition, int32_t leader_epoch);

/// Adds the address of `broker` to a response's node_endpoints, once (KIP-951).
template <class Endpoints>
void add_endpoint(const ClusterCore& cluster, int32_t broker, Endpoints& endpoints) {
    const auto found = cluster.brokers().find(broker);
    if (found == cluster.brokers().end())
        return;
    for (const auto& known : endpoints)
        if (known.node_id == broker)
            return;
    auto& endpoint = endpoints.emplace_back();
    endpoint.node_id = broker;
    endpoint.host = found->second.host;
    endpoint.port = found->second.port;
    if (!found->second.rack.empty())
        endpoint.rack = found->second.rack;
}

} // namespace ottla::mock::api
