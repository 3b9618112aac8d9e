// ListOffsets (api 2): what is asked and answered the same way by the fetcher and by offset queries.
#pragma once

#include <cstdint>

#include <ottla/msg/list_offsets.hpp>

#include "config/client_config.hpp"

namespace ottla::core {

/// Timestamps with a meaning of their own; equal to the logical offsets they look up.
inline constexpr int64_t timestamp_latest = -1;
inline constexpr int64_t timestamp_earliest = -2;

/// A request without topics yet. Reading committed, the latest offset is that of the last stable record.
inline msg::ListOffsetsRequest list_offsets_request(config::Isolation isolation) {
    msg::ListOffsetsRequest request;
    request.replica_id = -1;
    request.isolation_level = isolation == config::Isolation::read_committed ? 1 : 0;
    return request;
}

inline void ask_for(
    msg::ListOffsetsRequest& request,
    const std::string& topic,
    int32_t partition,
    int32_t leader_epoch,
    int64_t timestamp
) {
    if (request.topics.empty() || request.topics.back().name != topic)
        request.topics.emplace_back().name = topic;
    auto& asked = request.topics.back().partitions.emplace_back();
    asked.partition_index = partition;
    asked.current_leader_epoch = leader_epoch;
    asked.timestamp = timestamp;
    asked.max_num_offsets = 1;
}

/// The offset found, or -1 when there is none; version 0 answered with a list.
inline int64_t
offset_in(const msg::list_offsets_response::ListOffsetsPartitionResponse& answer, int16_t version) {
    if (version > 0)
        return answer.offset;
    return answer.old_style_offsets.empty() ? -1 : answer.old_style_offsets.front();
}

} // namespace ottla::core
