// ListGroups v0-5: the groups that the broker which is asked coordinates. v1 adds the throttle time, v4 states and a
// choice by them, v5 types: "classic" and "consumer" (KIP-848).
#include <algorithm>
#include <cctype>

#include <ottla/msg/list_groups.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

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

struct Line {
    std::string name;
    std::string protocol_type;
    std::string_view state;
    std::string_view group_type;
};

std::vector<Line> lines_of(const ClusterCore& cluster) {
    std::vector<Line> lines;
    for (const auto& [name, group] : cluster.groups().all())
        lines.push_back({name, group.protocol_type().value_or(""), name_of(group.state()), "classic"});
    for (const auto& [name, group] : cluster.consumer_groups().all())
        lines.push_back({name, "consumer", name_of(group.state()), "consumer"});
    return lines;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::ListGroupsRequest& request) {
    msg::ListGroupsResponse response;
    response.error_code = code(call.injected);
    if (call.injected != Errc::no_error)
        return reply(call, response);
    for (const Line& line : lines_of(cluster)) {
        const Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, line.name, call);
        if (error == Errc::not_coordinator)
            continue;
        if (error != Errc::no_error) {
            response.groups.clear();
            response.error_code = code(error);
            break;
        }
        if (!is_among(request.states_filter, line.state) || !is_among(request.types_filter, line.group_type))
            continue;
        auto& out = response.groups.emplace_back();
        out.group_id = line.name;
        out.protocol_type = line.protocol_type;
        out.group_state = line.state;
        out.group_type = line.group_type;
    }
    return reply(call, response);
}

} // namespace

const Api list_groups{16, 0, 5, 0, decoded<msg::ListGroupsRequest, act>};

} // namespace ottla::mock::api
