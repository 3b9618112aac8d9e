// ApiVersions v0-4. v1 adds the throttle time, v3 the client's name and version (checked, KIP-511) and
// features, of which there is transaction.version here. As supported it is told from v4 on only, for its range
// begins with 0, which v3 does not allow (KIP-1022).
#include "mock/api/api_versions.hpp"

#include <algorithm>

#include <ottla/msg/api_versions.hpp>

namespace ottla::mock::api {
namespace {

bool is_software_name(const std::string& text) {
    const auto alphanumeric = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    return !text.empty() && alphanumeric(text.front()) && alphanumeric(text.back()) &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return alphanumeric(c) || c == '-' || c == '.';
           });
}

void add(const ClusterCore& cluster, const Api& api, msg::ApiVersionsResponse& response) {
    const auto [min, max] = cluster.versions(api.key, api.announced_min, api.max_version);
    if (min > max)
        return;
    auto& entry = response.api_keys.emplace_back();
    entry.api_key = api.key;
    entry.min_version = min;
    entry.max_version = max;
}

constexpr int16_t newest_transaction_version = 2;

void add_features(const ClusterCore& cluster, const Call& call, msg::ApiVersionsResponse& response) {
    if (call.version >= 4) {
        auto& supported = response.supported_features.emplace_back();
        supported.name = "transaction.version";
        supported.min_version = 0;
        supported.max_version = newest_transaction_version;
    }
    response.finalized_features_epoch = cluster.features_epoch();
    if (cluster.transaction_version() == 0)
        return;
    auto& finalized = response.finalized_features.emplace_back();
    finalized.name = "transaction.version";
    finalized.min_version_level = cluster.transaction_version();
    finalized.max_version_level = cluster.transaction_version();
}

Outcome act(ClusterCore& cluster, const Call& call, msg::ApiVersionsRequest& request) {
    msg::ApiVersionsResponse response;
    response.error_code = code(call.injected);
    if (call.version >= 3 && !(is_software_name(request.client_software_name) &&
                               is_software_name(request.client_software_version)))
        response.error_code = code(Errc::invalid_request);
    if (response.error_code == 0) {
        for (const Api* api : all())
            add(cluster, *api, response);
        if (call.version >= 3)
            add_features(cluster, call, response);
    }
    return reply(call, response);
}

} // namespace

Outcome answer_unsupported_version(ClusterCore& cluster, const Call& call) {
    msg::ApiVersionsResponse response;
    response.error_code = code(Errc::unsupported_version);
    add(cluster, api_versions, response);
    Call as_version_0 = call;
    as_version_0.version = 0;
    return reply(as_version_0, response);
}

const Api api_versions{18, 0, 4, 0, decoded<msg::ApiVersionsRequest, act>};

} // namespace ottla::mock::api
