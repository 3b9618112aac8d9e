// ListOffsets v1-11. By timestamp: the first record that is not older. v2 adds the isolation level (nothing
// at or beyond the last stable offset), v4 leader epochs, v7 the record with the largest timestamp (-3), v8 the earliest local offset (-4),
// v9 the latest tiered offset (-5), v10 a timeout, v11 the earliest offset still to be tiered (-6). Nothing
// is tiered here.
#include <optional>

#include <ottla/msg/list_offsets.hpp>

#include "mock/api/handler.hpp"
#include "mock/timestamp_search.hpp"

namespace ottla::mock::api {
namespace {

enum Special : int64_t {
    latest = -1,
    earliest = -2,
    max_timestamp = -3,
    earliest_local = -4,
    latest_tiered = -5,
    earliest_pending_upload = -6
};

struct Found {
    Errc error = Errc::no_error;
    int64_t timestamp = -1;
    int64_t offset = -1;
    bool with_epoch = true;
};

/// The version that brought the special timestamp.
int16_t since_version(int64_t timestamp) {
    switch (timestamp) {
    case max_timestamp:
        return 7;
    case earliest_local:
        return 8;
    case latest_tiered:
        return 9;
    case earliest_pending_upload:
        return 11;
    default:
        return 1;
    }
}

Found look_up(const Call& call, const PartitionLog& log, int64_t timestamp, ReadLevel level) {
    if (timestamp < 0 && (timestamp < earliest_pending_upload || call.version < since_version(timestamp)))
        return {.error = Errc::unsupported_version};
    switch (timestamp) {
    case latest:
        return {.offset = log.end_for(level)};
    case earliest:
    case earliest_local:
        return {.offset = log.start_offset()};
    case latest_tiered:
    case earliest_pending_upload:
        return {.with_epoch = false};
    default:
        break;
    }
    const auto record = timestamp == max_timestamp ? find_max_timestamp(log) : find_timestamp(log, timestamp);
    if (!record || record->offset >= log.end_for(level))
        return {.with_epoch = false};
    return {.timestamp = record->timestamp_ms, .offset = record->offset};
}

Outcome act(ClusterCore& cluster, const Call& call, msg::ListOffsetsRequest& request) {
    msg::ListOffsetsResponse response;
    const auto level = request.isolation_level == 1 ? ReadLevel::committed : ReadLevel::uncommitted;
    for (const auto& wanted : request.topics) {
        Topic* topic = cluster.find_topic(wanted.name);
        auto& out_topic = response.topics.emplace_back();
        out_topic.name = wanted.name;
        for (const auto& asked : wanted.partitions) {
            Partition* partition = topic ? topic->find(asked.partition_index) : nullptr;
            Found found;
            found.error = call.injected;
            if (found.error == Errc::no_error)
                found.error = check_leader(call, partition, asked.current_leader_epoch);
            if (found.error == Errc::no_error)
                found = look_up(call, partition->log, asked.timestamp, level);
            auto& out = out_topic.partitions.emplace_back();
            out.partition_index = asked.partition_index;
            out.error_code = code(found.error);
            if (found.error != Errc::no_error)
                continue;
            out.timestamp = found.timestamp;
            out.offset = found.offset;
            if (found.with_epoch && call.version >= 4)
                out.leader_epoch = partition->log.epoch_at(found.offset);
        }
    }
    return reply(call, response);
}

} // namespace

const Api list_offsets{2, 1, 11, 1, decoded<msg::ListOffsetsRequest, act>};

} // namespace ottla::mock::api
