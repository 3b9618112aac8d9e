// JoinGroup v0-9. v1 adds the rebalance timeout, v2 the throttle time, v4 gives a new member its id first (KIP-394), v5
// brings static members (KIP-345), v7 the type and name of the protocol, v8 a reason (KIP-800), which is not looked at,
// v9 spares a static leader that is back the assignment (KIP-814). The answer waits until all members are there.
#include <ottla/msg/join_group.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

using std::chrono::milliseconds;

GroupCoordinator::Join as_join(const Call& call, const msg::JoinGroupRequest& request) {
    GroupCoordinator::Join join;
    join.group = request.group_id;
    join.member = request.member_id;
    join.instance_id = request.group_instance_id;
    join.client_id = call.client_id;
    join.session_timeout = milliseconds(request.session_timeout_ms);
    join.rebalance_timeout =
        call.version >= 1 ? milliseconds(request.rebalance_timeout_ms) : join.session_timeout;
    join.protocol_type = request.protocol_type;
    for (const auto& protocol : request.protocols)
        join.protocols.push_back({protocol.name, protocol.metadata});
    join.can_join_twice = call.version >= 4;
    join.can_skip_assignment = call.version >= 9;
    return join;
}

Outcome tell(const Call& call, GroupCoordinator::JoinAnswer answer) {
    msg::JoinGroupResponse response;
    response.error_code = code(answer.error);
    response.generation_id = answer.generation;
    response.protocol_type = std::move(answer.protocol_type);
    response.protocol_name = std::move(answer.protocol);
    if (!response.protocol_name && call.version < 7)
        response.protocol_name = "";
    response.leader = std::move(answer.leader);
    response.skip_assignment = answer.skip_assignment;
    response.member_id = std::move(answer.member);
    for (auto& member : answer.members) {
        auto& out = response.members.emplace_back();
        out.member_id = std::move(member.id);
        out.group_instance_id = std::move(member.instance_id);
        out.metadata = std::move(member.metadata);
    }
    return reply(call, response);
}

Outcome wait(ClusterCore& cluster, const Call& call) {
    return parked_until_woken([&cluster, call](TimePoint) {
        auto answer = cluster.groups().take_join(call.connection);
        return answer ? tell(call, std::move(*answer)) : wait(cluster, call);
    });
}

Outcome act(ClusterCore& cluster, const Call& call, msg::JoinGroupRequest& request) {
    const Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, request.group_id, call);
    if (error != Errc::no_error)
        return tell(call, {error, request.member_id});
    if (auto& groups = cluster.consumer_groups(); groups.takes_join(request.group_id))
        return tell(call, groups.join(as_join(call, request), call.now));
    auto answer = cluster.groups().join(as_join(call, request), call.connection, call.now);
    return answer ? tell(call, std::move(*answer)) : wait(cluster, call);
}

} // namespace

const Api join_group{11, 0, 9, 0, decoded<msg::JoinGroupRequest, act>};

} // namespace ottla::mock::api
