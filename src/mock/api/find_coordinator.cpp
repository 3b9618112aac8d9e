// FindCoordinator v0-6. v1 adds the kind of key, v4 many keys in one request. Of the kinds there are groups and
// transactions.
#include <ottla/msg/find_coordinator.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

enum KeyType : int8_t { group = 0, transaction = 1 };

template <class Out>
void fill(ClusterCore& cluster, const Call& call, int8_t type, const std::string& key, Out& out) {
    Errc error = call.injected;
    if (error == Errc::no_error && type != group && type != transaction)
        error = Errc::invalid_request;
    int32_t id = -1;
    if (error == Errc::no_error) {
        const auto kind =
            type == group ? ClusterCore::CoordinatorOf::group : ClusterCore::CoordinatorOf::transaction;
        id = cluster.find_coordinator(kind, key, call.now);
        error = id == -1 ? Errc::coordinator_not_available : Errc::no_error;
    }
    out.node_id = id;
    out.port = -1;
    out.error_code = code(error);
    if (call.version < 4) // what brokers say
        out.error_message = error == Errc::no_error ? std::string("NONE") : std::string(error_text(error));
    else
        out.error_message = "";
    if (error != Errc::no_error)
        return;
    const Broker& broker = cluster.brokers().at(id);
    out.host = broker.host;
    out.port = broker.port;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::FindCoordinatorRequest& request) {
    msg::FindCoordinatorResponse response;
    if (call.version < 4) {
        fill(cluster, call, request.key_type, request.key, response);
        return reply(call, response);
    }
    for (const auto& key : request.coordinator_keys) {
        auto& out = response.coordinators.emplace_back();
        out.key = key;
        fill(cluster, call, request.key_type, key, out);
    }
    return reply(call, response);
}

} // namespace

const Api find_coordinator{10, 0, 6, 0, decoded<msg::FindCoordinatorRequest, act>};

} // namespace ottla::mock::api
