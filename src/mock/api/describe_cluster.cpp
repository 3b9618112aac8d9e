// DescribeCluster v0-2. v1 adds the kind of endpoint asked for (1: brokers, 2: controllers), v2 fenced
// brokers, which do not exist here: a broker that is down is not part of the answer.
#include <ottla/msg/describe_cluster.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

constexpr int8_t broker_endpoints = 1;
constexpr int32_t every_cluster_operation = 8096; // bits of the operations a cluster has

Outcome act(ClusterCore& cluster, const Call& call, msg::DescribeClusterRequest& request) {
    msg::DescribeClusterResponse response;
    response.cluster_id = cluster.cluster_id();
    response.error_code = code(call.injected);
    if (call.version >= 1 && request.endpoint_type != broker_endpoints)
        response.error_code = code(Errc::mismatched_endpoint_type);
    if (response.error_code != 0) {
        response.error_message = error_text(static_cast<Errc>(response.error_code));
        return reply(call, response);
    }
    response.controller_id = cluster.controller();
    for (const auto& [id, broker] : cluster.brokers()) {
        if (!broker.up)
            continue;
        auto& out = response.brokers.emplace_back();
        out.broker_id = id;
        out.host = broker.host;
        out.port = broker.port;
        if (!broker.rack.empty())
            out.rack = broker.rack;
    }
    if (request.include_cluster_authorized_operations)
        response.cluster_authorized_operations = every_cluster_operation;
    return reply(call, response);
}

} // namespace

const Api describe_cluster{60, 0, 2, 0, decoded<msg::DescribeClusterRequest, act>};

} // namespace ottla::mock::api
