// ListGroups v0-5: the groups that the broker which is asked coordinates. v1 adds the throttle time, v4 states and a
// choice by them, v5 types, of which there is "classic" (KIP-848).
#include <algorithm>
#include <cctype>

#include <ottla/msg/list_groups.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

constexpr std::string_view group_type = "classic";

std::string in_lower_case(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return lower;
}

/// No names: everything is meant.
bool is_among(const std::vector<std::string>& names, std::string_view name) {
    return names.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& each) {
               return in_lower_case(each) == in_lower_case(name);
           });
}

Outcome act(ClusterCore& cluster, const Call& call, msg::ListGroupsRequest& request) {
    msg::ListGroupsResponse response;
    response.error_code = code(call.injected);
    if (call.injected != Errc::no_error)
        return reply(call, response);
    for (const auto& [name, group] : cluster.groups().all()) {
        const Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, name, call);
        if (error == Errc::not_coordinator)
            continue;
        if (error != Errc::no_error) {
            response.groups.clear();
            response.error_code = code(error);
            break;
        }
        if (!is_among(request.states_filter, name_of(group.state())) || !is_among(request.types_filter, group_type))
            continue;
        auto& out = response.groups.emplace_back();
        out.group_id = name;
        out.protocol_type = group.protocol_type().value_or("");
        out.group_state = name_of(group.state());
        out.group_type = group_type;
    }
    return reply(call, response);
}

} // namespace

const Api list_groups{16, 0, 5, 0, decoded<msg::ListGroupsRequest, act>};

} // namespace ottla::mock::api
