// FindCoordinator v0-6. v1 adds the kind of key, v4 many keys in one request. Every key's coordinator is the
// broker that its bytes choose among those that are up.
#include <ottla/msg/find_coordinator.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

int32_t coordinator_of(const ClusterCore& cluster, const std::string& key) {
    std::vector<int32_t> up;
    for (const auto& [id, broker] : cluster.brokers())
        if (broker.up)
            up.push_back(id);
    uint32_t sum = 0;
    for (const char c : key)
        sum = sum * 31 + static_cast<uint8_t>(c);
    return up.empty() ? -1 : up[sum % up.size()];
}

template <class Out>
void fill(const ClusterCore& cluster, const Call& call, const std::string& key, Out& out) {
    const int32_t id = call.injected == Errc::no_error ? coordinator_of(cluster, key) : -1;
    const auto broker = cluster.brokers().find(id);
    out.node_id = id;
    out.port = -1;
    if (broker == cluster.brokers().end()) {
        out.error_code =
            code(call.injected == Errc::no_error ? Errc::coordinator_not_available : call.injected);
        out.error_message = error_text(static_cast<Errc>(out.error_code));
        return;
    }
    out.error_message = std::nullopt;
    out.host = broker->second.host;
    out.port = broker->second.port;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::FindCoordinatorRequest& request) {
    msg::FindCoordinatorResponse response;
    if (call.version < 4) {
        fill(cluster, call, request.key, response);
        return reply(call, response);
    }
    for (const auto& key : request.coordinator_keys) {
        auto& out = response.coordinators.emplace_back();
        out.key = key;
        fill(cluster, call, key, out);
    }
    return reply(call, response);
}

} // namespace

const Api find_coordinator{10, 0, 6, 0, decoded<msg::FindCoordinatorRequest, act>};

} // namespace ottla::mock::api
