// The AdminClient handle: operations with groups and offsets.
#include "client/admin_calls.hpp"

namespace ottla {

using client::completing;
using client::Done;
using client::refused_in_child;
using client::wait;
using std::chrono::milliseconds;

GroupListings AdminClient::list_groups(const GroupFilter& filter, milliseconds timeout) {
    return wait<GroupListings>(
        *impl_, timeout, [&](Duration limit, Done<GroupListings> done) { impl_->list_groups(filter, limit, std::move(done)); });
}

std::vector<GroupDescription>
AdminClient::describe_groups(const std::vector<std::string>& groups, milliseconds timeout, DescribeGroupsOptions options) {
    using Descriptions = std::vector<GroupDescription>;
    return wait<Descriptions>(*impl_, timeout, [&](Duration limit, Done<Descriptions> done) {
        impl_->describe_groups(groups, options, limit, std::move(done));
    });
}

GroupResults AdminClient::delete_groups(const std::vector<std::string>& groups, milliseconds timeout) {
    return wait<GroupResults>(
        *impl_, timeout, [&](Duration limit, Done<GroupResults> done) { impl_->delete_groups(groups, limit, std::move(done)); });
}

std::vector<CommittedOffset>
AdminClient::list_group_offsets(const std::string& group, milliseconds timeout, GroupOffsetsOptions options) {
    using Offsets = std::vector<CommittedOffset>;
    return wait<Offsets>(*impl_, timeout, [&](Duration limit, Done<Offsets> done) {
        impl_->list_group_offsets(group, std::move(options), limit, std::move(done));
    });
}

PartitionResults AdminClient::alter_group_offsets(
    const std::string& group, const std::vector<CommittedOffset>& offsets, milliseconds timeout) {
    return wait<PartitionResults>(*impl_, timeout, [&](Duration limit, Done<PartitionResults> done) {
        impl_->alter_group_offsets(group, offsets, limit, std::move(done));
    });
}

PartitionResults AdminClient::delete_group_offsets(
    const std::string& group, const std::vector<TopicPartition>& partitions, milliseconds timeout) {
    return wait<PartitionResults>(*impl_, timeout, [&](Duration limit, Done<PartitionResults> done) {
        impl_->delete_group_offsets(group, partitions, limit, std::move(done));
    });
}

ListedOffsets AdminClient::list_offsets(
    const std::map<TopicPartition, OffsetSpec>& partitions, milliseconds timeout, IsolationLevel isolation) {
    return wait<ListedOffsets>(*impl_, timeout, [&](Duration limit, Done<ListedOffsets> done) {
        impl_->list_offsets(partitions, isolation, limit, std::move(done));
    });
}

void AdminClient::start_list_groups(const Impl& impl, GroupFilter filter, Handler<GroupListings> handler) {
    if (!refused_in_child(impl, handler))
        impl->list_groups(std::move(filter), impl->default_timeout(), completing(impl, std::move(handler)));
}

void AdminClient::start_describe_groups(
    const Impl& impl, std::vector<std::string> groups, DescribeGroupsOptions options, Handler<std::vector<GroupDescription>> handler) {
    if (!refused_in_child(impl, handler))
        impl->describe_groups(std::move(groups), options, impl->default_timeout(), completing(impl, std::move(handler)));
}

void AdminClient::start_delete_groups(const Impl& impl, std::vector<std::string> groups, Handler<GroupResults> handler) {
    if (!refused_in_child(impl, handler))
        impl->delete_groups(std::move(groups), impl->default_timeout(), completing(impl, std::move(handler)));
}

void AdminClient::start_list_group_offsets(
    const Impl& impl, std::string group, GroupOffsetsOptions options, Handler<std::vector<CommittedOffset>> handler) {
    if (!refused_in_child(impl, handler))
        impl->list_group_offsets(std::move(group), std::move(options), impl->default_timeout(), completing(impl, std::move(handler)));
}

void AdminClient::start_alter_group_offsets(
    const Impl& impl, std::string group, std::vector<CommittedOffset> offsets, Handler<PartitionResults> handler) {
    if (!refused_in_child(impl, handler))
        impl->alter_group_offsets(std::move(group), std::move(offsets), impl->default_timeout(), completing(impl, std::move(handler)));
}

void AdminClient::start_delete_group_offsets(
    const Impl& impl, std::string group, std::vector<TopicPartition> partitions, Handler<PartitionResults> handler) {
    if (!refused_in_child(impl, handler))
        impl->delete_group_offsets(
            std::move(group), std::move(partitions), impl->default_timeout(), completing(impl, std::move(handler)));
}

void AdminClient::start_list_offsets(
    const Impl& impl, std::map<TopicPartition, OffsetSpec> partitions, IsolationLevel isolation, Handler<ListedOffsets> handler) {
    if (!refused_in_child(impl, handler))
        impl->list_offsets(std::move(partitions), isolation, impl->default_timeout(), completing(impl, std::move(handler)));
}

} // namespace ottla
