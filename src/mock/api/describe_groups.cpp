// DescribeGroups v0-6. v1 adds the throttle time, v3 authorized operations, v4 group instance ids, v6 GROUP_ID_NOT_FOUND
// where it was a group in state Dead before (KIP-1043), as groups of the new protocol are here.
#include <fmt/format.h>
#include <ottla/msg/describe_groups.hpp>

#include "mock/api/group_description.hpp"
#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

void describe(const Group& group, msg::describe_groups_response::DescribedGroup& out) {
    out.group_state = name_of(group.state());
    out.protocol_type = group.protocol_type().value_or("");
    const bool is_stable = group.state() == GroupState::stable;
    if (is_stable)
        out.protocol_data = group.protocol().value_or("");
    for (const GroupMember& member : group.members()) {
        auto& one = out.members.emplace_back();
        one.member_id = member.id;
        one.group_instance_id = member.instance_id;
        one.client_id = member.client_id;
        one.client_host = client_host;
        if (!is_stable)
            continue;
        one.member_metadata = member.metadata(out.protocol_data);
        one.member_assignment = member.assignment;
    }
}

Outcome act(ClusterCore& cluster, const Call& call, msg::DescribeGroupsRequest& request) {
    msg::DescribeGroupsResponse response;
    for (const std::string& name : request.groups) {
        auto& out = response.groups.emplace_back();
        out.group_id = name;
        const Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::group, name, call);
        out.error_code = code(error);
        if (error != Errc::no_error)
            continue;
        const Group* group = cluster.groups().find(name);
        if (group)
            describe(*group, out);
        else
            out.group_state = name_of(GroupState::dead);
        if (!group && call.version >= 6) {
            out.error_code = code(Errc::group_id_not_found);
            out.error_message = cluster.consumer_groups().find(name) ? fmt::format("Group {} is not a classic group.", name)
                                                                     : fmt::format("Group {} not found.", name);
        } else if (request.include_authorized_operations) {
            out.authorized_operations = all_group_operations;
        }
    }
    return reply(call, response);
}

} // namespace

const Api describe_groups{15, 0, 6, 0, decoded<msg::DescribeGroupsRequest, act>};

} // namespace ottla::mock::api
