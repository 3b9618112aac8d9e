#include "group_lag.hpp"

#include <algorithm>
#include <map>

namespace ottla::cli {
namespace {

/// What has been committed, and what is read without having been committed.
std::vector<PartitionLag> partitions_of(const GroupDescription& group, const std::vector<CommittedOffset>& offsets) {
    std::map<TopicPartition, PartitionLag> all;
    for (const auto& offset : offsets) {
        const TopicPartition where{offset.topic, offset.partition};
        PartitionLag& row = all[where];
        row.where = where;
        row.error = offset.error;
        if (!offset.error)
            row.committed = offset.offset;
    }
    for (size_t i = 0; i < group.members.size(); ++i)
        for (const auto& where : group.members[i].assignment) {
            all[where].where = where;
            all[where].member = i;
        }
    std::vector<PartitionLag> rows;
    for (auto& [where, row] : all)
        rows.push_back(std::move(row));
    return rows;
}

} // namespace

std::optional<int64_t> PartitionLag::lag() const {
    return committed && end ? std::optional(std::max<int64_t>(*end - *committed, 0)) : std::nullopt;
}

int64_t GroupLag::total() const {
    int64_t sum = 0;
    for (const auto& row : partitions)
        sum += row.lag().value_or(0);
    return sum;
}

std::vector<GroupLag> read_lags(AdminClient& admin, const std::vector<std::string>& groups, std::chrono::milliseconds timeout) {
    std::vector<GroupLag> all;
    std::map<TopicPartition, OffsetSpec> wanted;
    for (auto& group : admin.describe_groups(groups, timeout)) {
        GroupLag& one = all.emplace_back();
        one.group = std::move(group);
        if (one.group.error)
            continue;
        try {
            one.partitions = partitions_of(one.group, admin.list_group_offsets(one.group.id, timeout));
        } catch (const KafkaException& e) {
            one.group.error = Error(e.error().ec(), e.error().str());
        }
        for (const auto& row : one.partitions)
            wanted.emplace(row.where, OffsetSpec::latest());
    }
    const auto ends = admin.list_offsets(wanted, timeout);
    for (auto& one : all) {
        one.taken = std::chrono::steady_clock::now();
        for (auto& row : one.partitions) {
            const ListedOffset& end = ends.at(row.where);
            if (!end.error)
                row.end = end.offset;
            else if (!row.error)
                row.error = end.error;
        }
    }
    return all;
}

} // namespace ottla::cli
