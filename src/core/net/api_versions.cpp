#include "core/net/api_versions.hpp"

#include <charconv>
#include <fmt/format.h>

namespace ottla::core {
namespace {

// Versions by release, from Kafka's protocol history. Rows of a release replace those of older ones.
struct Assumed {
    int release; // 0.9.0 = 900
    msg::ApiKey api;
    VersionRange range;
};

using enum msg::ApiKey;
constexpr Assumed assumed[] = {
    {800, produce, {0, 0}},
    {800, fetch, {0, 0}},
    {800, list_offsets, {0, 0}},
    {800, metadata, {0, 0}},
    {801, offset_commit, {0, 0}},
    {801, offset_fetch, {0, 0}},
    {802, offset_commit, {0, 1}},
    {802, offset_fetch, {0, 1}},
    {802, find_coordinator, {0, 0}},
    {900, produce, {0, 1}},
    {900, fetch, {0, 1}},
    {900, offset_commit, {0, 2}},
    {900, join_group, {0, 0}},
    {900, heartbeat, {0, 0}},
    {900, leave_group, {0, 0}},
    {900, sync_group, {0, 0}},
    {900, describe_groups, {0, 0}},
    {900, list_groups, {0, 0}},
    {1000, produce, {0, 2}},
    {1000, fetch, {0, 2}},
    {1000, metadata, {0, 1}},
    {1000, sasl_handshake, {0, 0}},
    {1000, msg::ApiKey::api_versions, {0, 0}},
};

struct Beginning {
    msg::ApiKey api;
    int16_t version;
    std::string_view release;
};

constexpr Beginning beginnings[] = {
    {list_offsets, 1, "0.10.1"},
    {create_topics, 0, "0.10.1"},
    {delete_topics, 0, "0.10.1"},
    {produce, 3, "0.11"},
    {init_producer_id, 0, "0.11"},
    {produce, 7, "2.1"},
    {create_topics, 4, "2.4"},
};

// "0.9.0.1" -> 900, "0.10.2" -> 1002; -1 when it is no release number.
int release_number(std::string_view text) {
    int parts[3] = {0, 0, 0};
    const char* at = text.data();
    const char* end = at + text.size();
    for (int i = 0; i < 3 && at != end; ++i) {
        const auto [next, ec] = std::from_chars(at, end, parts[i]);
        if (ec != std::errc() || parts[i] < 0 || parts[i] > 99)
            return -1;
        at = next;
        if (at != end && *at++ != '.')
            return -1;
    }
    return text.empty() ? -1 : parts[0] * 10000 + parts[1] * 100 + parts[2];
}

} // namespace

ApiVersions ApiVersions::from(const msg::ApiVersionsResponse& response) {
    ApiVersions versions;
    for (const auto& api : response.api_keys)
        versions.set(api.api_key, {api.min_version, api.max_version});
    versions.features_epoch_ = response.finalized_features_epoch;
    for (const auto& feature : response.finalized_features)
        if (feature.name == "transaction.version")
            versions.transaction_version_ = feature.max_version_level;
    return versions;
}

Result<ApiVersions> ApiVersions::of_release(std::string_view version) {
    const int release = release_number(version);
    if (release < 800)
        return Error(
            Errc::_invalid_arg,
            fmt::format("broker.version.fallback: \"{}\" is not a Kafka release from 0.8.0 on", version));
    ApiVersions versions;
    for (const auto& row : assumed)
        if (row.release <= release)
            versions.set(static_cast<int16_t>(row.api), row.range);
    return versions;
}

std::string_view release_with(msg::ApiKey api, int16_t version) {
    for (const auto& row : beginnings)
        if (row.api == api && row.version >= version)
            return row.release;
    return {};
}

} // namespace ottla::core
