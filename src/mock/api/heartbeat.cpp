// Heartbeat v0-4. v1 adds the throttle time, v3 the group instance id. A coordinator that still loads its groups takes
// any: it counts sessions anew when it has loaded.
#include <ottla/msg/heartbeat.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

Outcome act(ClusterCore& cluster, const Call& call, msg::HeartbeatRequest& request) {
    Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, request.group_id, call);
    if (error == Errc::no_error && cluster.consumer_groups().has_members(request.group_id))
        error = cluster.consumer_groups().classic_heartbeat(
            request.group_id, {request.member_id, request.group_instance_id}, request.generation_id, call.now
        );
    else if (error == Errc::no_error)
        error = cluster.groups().heartbeat(
            request.group_id, {request.member_id, request.group_instance_id}, request.generation_id, call.now
        );
    else if (error == Errc::coordinator_load_in_progress && call.injected == Errc::no_error)
        error = Errc::no_error;
    msg::HeartbeatResponse response;
    response.error_code = code(error);
    return reply(call, response);
}

} // namespace

const Api heartbeat{12, 0, 4, 0, decoded<msg::HeartbeatRequest, act>};

} // namespace ottla::mock::api
