// LeaveGroup v0-5. v1 adds the throttle time, v3 many members in one request, static ones by their instance id (KIP-345),
// v5 reasons (KIP-800), which are not looked at.
#include <ottla/msg/leave_group.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

constexpr int16_t first_with_many_members = 3;

std::vector<GroupCoordinator::MemberRef> members_of(const Call& call, const msg::LeaveGroupRequest& request) {
    if (call.version < first_with_many_members)
        return {{request.member_id}};
    std::vector<GroupCoordinator::MemberRef> members;
    for (const auto& member : request.members)
        members.push_back({member.member_id, member.group_instance_id});
    return members;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::LeaveGroupRequest& request) {
    Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, request.group_id, call);
    if (error == Errc::no_error && request.group_id.empty())
        error = Errc::invalid_group_id;
    msg::LeaveGroupResponse response;
    response.error_code = code(error);
    if (error != Errc::no_error)
        return reply(call, response);
    const auto members = members_of(call, request);
    const auto errors = cluster.consumer_groups().has_members(request.group_id)
                            ? cluster.consumer_groups().leave(request.group_id, members, call.now)
                            : cluster.groups().leave(request.group_id, members, call.now);
    if (call.version < first_with_many_members) {
        response.error_code = code(errors.front());
        return reply(call, response);
    }
    for (size_t i = 0; i < members.size(); ++i) {
        auto& out = response.members.emplace_back();
        out.member_id = members[i].id;
        out.group_instance_id = members[i].instance_id;
        out.error_code = code(errors[i]);
    }
    return reply(call, response);
}

} // namespace

const Api leave_group{13, 0, 5, 0, decoded<msg::LeaveGroupRequest, act>};

} // namespace ottla::mock::api
