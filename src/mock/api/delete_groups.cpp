// DeleteGroups v0-2: groups without members, with all that they have committed.
#include <ottla/msg/delete_groups.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

Outcome act(ClusterCore& cluster, const Call& call, msg::DeleteGroupsRequest& request) {
    msg::DeleteGroupsResponse response;
    for (const std::string& name : request.groups_names) {
        Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, name, call);
        if (error == Errc::no_error)
            error = cluster.consumer_groups().find(name) ? cluster.consumer_groups().erase(name)
                                                         : cluster.groups().erase(name);
        if (error == Errc::no_error)
            cluster.offsets().forget_group(name);
        auto& out = response.results.emplace_back();
        out.group_id = name;
        out.error_code = code(error);
    }
    return reply(call, response);
}

} // namespace

const Api delete_groups{42, 0, 2, 0, decoded<msg::DeleteGroupsRequest, act>};

} // namespace ottla::mock::api
