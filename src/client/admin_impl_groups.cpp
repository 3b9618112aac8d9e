// Groups as brokers tell of them: all brokers list those that they coordinate; describing and deleting is asked of the
// coordinator of each.
#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <ottla/msg/consumer_group_describe.hpp>
#include <ottla/msg/delete_groups.hpp>
#include <ottla/msg/describe_groups.hpp>
#include <ottla/msg/list_groups.hpp>
#include <ottla/msg/metadata.hpp>

#include "client/admin_impl.hpp"
#include "core/cluster/metadata_request.hpp"
#include "core/group/consumer_protocol.hpp"

namespace ottla::client {
namespace {

constexpr int16_t first_by_state = 4;              // of ListGroups, KIP-518
constexpr int16_t first_by_type = 5;               // KIP-848
constexpr int16_t first_with_operations = 3;       // of DescribeGroups, KIP-430
constexpr std::string_view consumers = "consumer"; // protocol type

core::CallOptions options_for(Duration timeout, int16_t min_version = 0) {
    core::CallOptions options;
    options.timeout = timeout;
    options.min_version = min_version;
    return options;
}

Error group_error(const std::string& group, Errc code, const std::optional<std::string>& text = {}) {
    if (code == Errc::no_error)
        return {};
    return {code, fmt::format("group {}: {}", group, text && !text->empty() ? *text : error_text(code))};
}

GroupState state_of(std::string_view text) { return parse_group_state(text).value_or(GroupState::unknown); }

/// What a bit field says; nullopt: it was not told.
std::optional<std::vector<AclOperation>> operations_of(int32_t bits) {
    if (bits == std::numeric_limits<int32_t>::min())
        return std::nullopt;
    std::vector<AclOperation> all;
    for (int bit = static_cast<int>(AclOperation::read); bit <= static_cast<int>(AclOperation::two_phase_commit); ++bit)
        if (bits >> bit & 1)
            all.push_back(static_cast<AclOperation>(bit));
    return all;
}

Bytes view_of(const std::vector<uint8_t>& bytes) { return {bytes.data(), bytes.size()}; }

/// What another member wrote is shown as far as it can be read.
GroupMemberDescription member_of(msg::describe_groups_response::DescribedGroupMember& told, const std::string& protocol_type) {
    GroupMemberDescription member{.id = told.member_id, .instance_id = told.group_instance_id};
    member.client_id = std::move(told.client_id);
    member.host = std::move(told.client_host);
    if (protocol_type == consumers) {
        if (auto self = core::group::decode_subscription(told.member_id, {}, Buffer::copy_of(view_of(told.member_metadata)))) {
            member.topics = std::move(self->topics);
            member.rack = std::move(self->rack);
        }
        if (auto given = core::group::decode_assignment(Buffer::copy_of(view_of(told.member_assignment))))
            member.assignment = std::move(given->partitions);
        std::sort(member.assignment.begin(), member.assignment.end());
    }
    member.raw_subscription = std::move(told.member_metadata);
    member.raw_assignment = std::move(told.member_assignment);
    return member;
}

std::vector<TopicPartition> partitions_of(const msg::consumer_group_describe_response::Assignment& assignment) {
    std::vector<TopicPartition> all;
    for (const auto& topic : assignment.topic_partitions)
        for (const int32_t partition : topic.partitions)
            all.push_back({topic.topic_name, partition});
    std::sort(all.begin(), all.end());
    return all;
}

GroupMemberDescription member_of(const msg::consumer_group_describe_response::Member& told) {
    GroupMemberDescription member{.id = told.member_id, .instance_id = told.instance_id};
    member.client_id = told.client_id;
    member.host = told.client_host;
    member.rack = told.rack_id;
    member.topics = told.subscribed_topic_names;
    if (told.subscribed_topic_regex && !told.subscribed_topic_regex->empty())
        member.topic_pattern = told.subscribed_topic_regex;
    member.assignment = partitions_of(told.assignment);
    member.target = partitions_of(told.target_assignment);
    member.epoch = told.member_epoch;
    member.protocol = told.member_type == 0   ? GroupType::classic
                      : told.member_type == 1 ? GroupType::consumer
                                              : GroupType::unknown;
    return member;
}

void sort_members(GroupDescription& group) {
    std::sort(group.members.begin(), group.members.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
}

Errc moved(const msg::DescribeGroupsResponse& response) {
    return response.groups.empty() ? Errc::no_error
                                   : core::if_coordinator_moved(static_cast<Errc>(response.groups.front().error_code));
}

Errc moved(const msg::ConsumerGroupDescribeResponse& response) {
    return response.groups.empty() ? Errc::no_error
                                   : core::if_coordinator_moved(static_cast<Errc>(response.groups.front().error_code));
}

Errc moved(const msg::DeleteGroupsResponse& response) {
    return response.results.empty() ? Errc::no_error
                                    : core::if_coordinator_moved(static_cast<Errc>(response.results.front().error_code));
}

/// Groups that an old broker does not describe so are described the old way.
msg::DescribeGroupsRequest adapted(const msg::DescribeGroupsRequest& request, int16_t version) {
    msg::DescribeGroupsRequest out = request;
    out.include_authorized_operations = request.include_authorized_operations && version >= first_with_operations;
    return out;
}

} // namespace

struct AdminImpl::DescribedGroups : Gathering<std::vector<GroupDescription>> {
    DescribeGroupsOptions options{};
};

// --- list

void AdminImpl::list_groups(GroupFilter filter, Duration timeout, Done<GroupListings> done) {
    events_.log().debug(LogContext::admin, "LISTGROUPS", "all brokers are asked");
    on_loop(std::move(done), [this, filter = std::move(filter), timeout](Done<GroupListings> finish) mutable {
        auto all = std::make_shared<Gathering<GroupListings>>();
        all->done = [finish = std::move(finish)](Error error, GroupListings found) mutable {
            std::sort(found.groups.begin(), found.groups.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
            // One that moves while they are asked may be told of twice.
            const auto same = [](const auto& a, const auto& b) { return a.id == b.id; };
            found.groups.erase(std::unique(found.groups.begin(), found.groups.end(), same), found.groups.end());
            finish(std::move(error), std::move(found));
        };
        all->deadline = engine::Loop::now() + timeout;
        msg::MetadataRequest request;
        request.topics.emplace(); // brokers are all that is wanted
        core::call<msg::MetadataRequest>(
            cluster_->caller(), core::AnyBroker{}, std::move(request), options_for(timeout), scope_,
            [this, filter = std::move(filter), all](core::CallResult<msg::MetadataResponse> result, TimePoint) {
                if (!result) {
                    all->done(result.error(), {});
                    return;
                }
                all->open = result->response.brokers.size() + 1;
                for (const auto& broker : result->response.brokers) {
                    cluster_->metadata().hint_broker(
                        {broker.node_id, broker.host, static_cast<uint16_t>(broker.port), broker.rack.value_or("")});
                    list_groups_of(broker.node_id, filter, all);
                }
                all->end_one();
            },
            nullptr, core::metadata_request_for);
    });
}

void AdminImpl::list_groups_of(int32_t broker, const GroupFilter& filter, const std::shared_ptr<Gathering<GroupListings>>& all) {
    msg::ListGroupsRequest request;
    for (const auto state : filter.states)
        request.states_filter.emplace_back(to_string(state));
    for (const auto type : filter.types)
        request.types_filter.emplace_back(to_string(type));
    const int16_t min_version = !filter.types.empty() ? first_by_type : !filter.states.empty() ? first_by_state : int16_t{0};
    core::call<msg::ListGroupsRequest>(
        cluster_->caller(), core::Node{broker}, std::move(request), options_for(all->deadline - engine::Loop::now(), min_version),
        scope_,
        [all, broker](core::CallResult<msg::ListGroupsResponse> result, TimePoint) {
            const Errc code = result ? static_cast<Errc>(result->response.error_code) : Errc::no_error;
            if (!result)
                all->value.errors.push_back(result.error());
            else if (code != Errc::no_error)
                all->value.errors.emplace_back(code, fmt::format("groups of broker {}: {}", broker, error_text(code)));
            else
                for (auto& group : result->response.groups)
                    all->value.groups.push_back(
                        {.id = std::move(group.group_id),
                         .state = state_of(group.group_state),
                         .type = parse_group_type(group.group_type).value_or(GroupType::unknown),
                         .protocol_type = std::move(group.protocol_type),
                         .coordinator = broker});
            all->end_one();
        },
        core::coordinator_error<msg::ListGroupsResponse>);
}

// --- describe

void AdminImpl::describe_groups(
    std::vector<std::string> groups, DescribeGroupsOptions options, Duration timeout, Done<std::vector<GroupDescription>> done) {
    for (const auto& group : groups)
        events_.log().debug(LogContext::admin, "DESCRIBE", "group {}", group);
    on_loop(
        std::move(done),
        [this, groups = std::move(groups), options, timeout](Done<std::vector<GroupDescription>> finish) mutable {
            auto all = std::make_shared<DescribedGroups>();
            all->done = std::move(finish);
            all->deadline = engine::Loop::now() + timeout;
            all->options = options;
            all->open = groups.size() + 1;
            for (auto& group : groups)
                all->value.push_back({.id = std::move(group)});
            for (size_t i = 0; i < all->value.size(); ++i)
                describe_group(i, all);
            all->end_one();
        });
}

GroupCoordinator AdminImpl::coordinator_at(int32_t node) const {
    const auto& brokers = cluster_->metadata().brokers();
    const auto found = brokers.find(node);
    return found == brokers.end() ? GroupCoordinator{.id = node}
                                  : GroupCoordinator{.id = node, .host = found->second.host, .port = found->second.port};
}

// As a group of type consumer first: brokers say when it is of the classic type, and tell nothing of the others the classic way.
void AdminImpl::describe_group(size_t index, const std::shared_ptr<DescribedGroups>& all) {
    const std::string& id = all->value[index].id;
    msg::ConsumerGroupDescribeRequest request;
    request.group_ids = {id};
    request.include_authorized_operations = all->options.authorized_operations;
    core::call<msg::ConsumerGroupDescribeRequest>(
        cluster_->caller(), core::Coordinator{core::CoordinatorType::group, id}, std::move(request),
        options_for(all->deadline - engine::Loop::now()), scope_,
        [this, index, all](core::CallResult<msg::ConsumerGroupDescribeResponse> result, TimePoint) {
            GroupDescription& group = all->value[index];
            const Errc code = !result                           ? result.error().errc()
                              : result->response.groups.empty() ? Errc::_bad_msg
                                                                : static_cast<Errc>(result->response.groups.front().error_code);
            if (code == Errc::_unsupported_feature || code == Errc::unsupported_version || code == Errc::group_id_not_found) {
                describe_classic_group(index, all);
                return;
            }
            if (!result) {
                group.error = result.error();
            } else if (code != Errc::no_error) {
                group.error = group_error(
                    group.id, code, result->response.groups.empty() ? std::nullopt : result->response.groups.front().error_message);
            } else {
                const auto& told = result->response.groups.front();
                group.type = GroupType::consumer;
                group.state = state_of(told.group_state);
                group.protocol_type = consumers;
                group.assignor = told.assignor_name;
                group.epoch = told.group_epoch;
                group.assignment_epoch = told.assignment_epoch;
                group.coordinator = coordinator_at(result->node);
                group.authorized_operations = operations_of(told.authorized_operations);
                for (const auto& member : told.members)
                    group.members.push_back(member_of(member));
                sort_members(group);
            }
            all->end_one();
        },
        moved);
}

void AdminImpl::describe_classic_group(size_t index, const std::shared_ptr<DescribedGroups>& all) {
    const std::string& id = all->value[index].id;
    msg::DescribeGroupsRequest request;
    request.groups = {id};
    request.include_authorized_operations = all->options.authorized_operations;
    core::call<msg::DescribeGroupsRequest>(
        cluster_->caller(), core::Coordinator{core::CoordinatorType::group, id}, std::move(request),
        options_for(all->deadline - engine::Loop::now()), scope_,
        [this, index, all](core::CallResult<msg::DescribeGroupsResponse> result, TimePoint) {
            GroupDescription& group = all->value[index];
            if (!result) {
                group.error = result.error();
            } else if (result->response.groups.empty()) {
                group.error = group_error(group.id, Errc::_bad_msg);
            } else if (auto& told = result->response.groups.front(); told.error_code != 0) {
                group.error = group_error(group.id, static_cast<Errc>(told.error_code), told.error_message);
            } else {
                group.type = GroupType::classic;
                group.state = state_of(told.group_state);
                group.protocol_type = told.protocol_type;
                group.assignor = told.protocol_data;
                group.coordinator = coordinator_at(result->node);
                group.authorized_operations = operations_of(told.authorized_operations);
                for (auto& member : told.members)
                    group.members.push_back(member_of(member, told.protocol_type));
                sort_members(group);
            }
            all->end_one();
        },
        moved, adapted);
}

// --- delete

void AdminImpl::delete_groups(std::vector<std::string> groups, Duration timeout, Done<GroupResults> done) {
    for (const auto& group : groups)
        events_.log().debug(LogContext::admin, "DELETE", "group {}", group);
    on_loop(std::move(done), [this, groups = std::move(groups), timeout](Done<GroupResults> finish) mutable {
        auto all = std::make_shared<Gathering<GroupResults>>();
        all->done = std::move(finish);
        const std::set<std::string> once(groups.begin(), groups.end());
        all->open = once.size() + 1;
        for (const auto& group : once) {
            msg::DeleteGroupsRequest request;
            request.groups_names = {group};
            core::call<msg::DeleteGroupsRequest>(
                cluster_->caller(), core::Coordinator{core::CoordinatorType::group, group}, std::move(request),
                options_for(timeout), scope_,
                [all, group](core::CallResult<msg::DeleteGroupsResponse> result, TimePoint) {
                    all->value[group] = !result                            ? Error(result.error())
                                        : result->response.results.empty() ? group_error(group, Errc::_bad_msg)
                                                                           : group_error(group, static_cast<Errc>(result->response.results.front().error_code));
                    all->end_one();
                },
                moved);
        }
        all->end_one();
    });
}

} // namespace ottla::client
