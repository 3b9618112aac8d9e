// Which versions of which API a broker speaks: told by ApiVersions (KIP-35), or assumed for brokers before 0.10.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <ottla/error.hpp>
#include <ottla/msg/api_key.hpp>
#include <ottla/msg/api_versions.hpp>

namespace ottla::core {

struct VersionRange {
    int16_t min = 0;
    int16_t max = -1; ///< below min: the API is absent
    bool present() const { return max >= min; }
};

class ApiVersions {
public:
    static constexpr int16_t room = 128; ///< keys are below it

    VersionRange of(msg::ApiKey api) const {
        const auto key = static_cast<size_t>(static_cast<int16_t>(api));
        return key < ranges_.size() ? ranges_[key] : VersionRange{};
    }
    void set(int16_t api, VersionRange range) {
        if (api >= 0 && static_cast<size_t>(api) < ranges_.size())
            ranges_[static_cast<size_t>(api)] = range;
    }

    /// What the cluster has finalised (KIP-584), as of an epoch; -1: nothing is told.
    int64_t features_epoch() const { return features_epoch_; }
    int16_t transaction_version() const { return transaction_version_; }

    static ApiVersions from(const msg::ApiVersionsResponse& response);
    /// What a broker of a release without ApiVersions speaks: "0.9.0", "0.8.2", ... Errors: _invalid_arg.
    static Result<ApiVersions> of_release(std::string_view version);

private:
    std::array<VersionRange, room> ranges_{};
    int64_t features_epoch_ = -1;
    int16_t transaction_version_ = 0;
};

/// The first Kafka release with this API in this version or a later one, for error messages; empty where it is not noted here.
std::string_view release_with(msg::ApiKey api, int16_t version);

} // namespace ottla::core
