// SyncGroup v0-5. v1 adds the throttle time, v3 the group instance id, v5 the type and name of the protocol, which must be
// there and right. The answer waits for the leader's request.
#include <ottla/msg/sync_group.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

GroupCoordinator::Sync as_sync(msg::SyncGroupRequest& request) {
    GroupCoordinator::Sync sync;
    sync.group = request.group_id;
    sync.member = request.member_id;
    sync.instance_id = request.group_instance_id;
    sync.generation = request.generation_id;
    sync.protocol_type = request.protocol_type;
    sync.protocol = request.protocol_name;
    for (auto& assigned : request.assignments)
        sync.assignments[assigned.member_id] = std::move(assigned.assignment);
    return sync;
}

Outcome tell(const Call& call, GroupCoordinator::SyncAnswer answer) {
    msg::SyncGroupResponse response;
    response.error_code = code(answer.error);
    response.protocol_type = std::move(answer.protocol_type);
    response.protocol_name = std::move(answer.protocol);
    response.assignment = std::move(answer.assignment);
    return reply(call, response);
}

Outcome wait(ClusterCore& cluster, const Call& call) {
    return parked_until_woken([&cluster, call](TimePoint) {
        auto answer = cluster.groups().take_sync(call.connection);
        return answer ? tell(call, std::move(*answer)) : wait(cluster, call);
    });
}

Outcome act(ClusterCore& cluster, const Call& call, msg::SyncGroupRequest& request) {
    Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, request.group_id, call);
    if (call.injected == Errc::no_error && call.version >= 5 && !(request.protocol_type && request.protocol_name))
        error = Errc::inconsistent_group_protocol;
    if (error != Errc::no_error)
        return tell(call, {error});
    if (auto& groups = cluster.consumer_groups(); groups.has_members(request.group_id))
        return tell(call, groups.sync(as_sync(request), call.now));
    auto answer = cluster.groups().sync(as_sync(request), call.connection, call.now);
    return answer ? tell(call, std::move(*answer)) : wait(cluster, call);
}

} // namespace

const Api sync_group{14, 0, 5, 0, decoded<msg::SyncGroupRequest, act>};

} // namespace ottla::mock::api
