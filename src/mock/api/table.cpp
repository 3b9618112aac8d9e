#include <algorithm>
#include <array>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {

std::span<const Api* const> all() {
    static constexpr std::array table{
        &produce,
        &fetch,
        &list_offsets,
        &metadata,
        &offset_commit,
        &offset_fetch,
        &find_coordinator,
        &join_group,
        &heartbeat,
        &leave_group,
        &sync_group,
        &describe_groups,
        &list_groups,
        &api_versions,
        &create_topics,
        &delete_topics,
        &init_producer_id,
        &offset_for_leader_epoch,
        &add_partitions_to_txn,
        &add_offsets_to_txn,
        &end_txn,
        &txn_offset_commit,
        &delete_groups,
        &offset_delete,
        &describe_cluster,
        &consumer_group_heartbeat,
        &consumer_group_describe,
    };
    return table;
}

const Api* find(int16_t key) {
    const auto apis = all();
    const auto found =
        std::find_if(apis.begin(), apis.end(), [&](const Api* api) { return api->key == key; });
    return found == apis.end() ? nullptr : *found;
}

Errc check_replica(const Call& call, const Partition* partition, int32_t leader_epoch) {
    if (!partition)
        return Errc::unknown_topic_or_part;
    if (!partition->has_replica(call.broker))
        return Errc::not_leader_for_partition;
    if (leader_epoch >= 0 && leader_epoch < partition->leader_epoch)
        return Errc::fenced_leader_epoch;
    if (leader_epoch > partition->leader_epoch)
        return Errc::unknown_leader_epoch;
    return Errc::no_error;
}

Errc check_leader(const Call& call, const Partition* partition, int32_t leader_epoch) {
    const Errc error = check_replica(call, partition, leader_epoch);
    return error == Errc::no_error && partition->leader != call.broker ? Errc::not_leader_for_partition : error;
}

} // namespace ottla::mock::api
