// Topics and partitions as the cluster keeps them. Plain state; ClusterCore and the API handlers act on it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <ottla/types.hpp>

#include "mock/partition_log.hpp"
#include "mock/producer_state.hpp"

namespace ottla::mock {

using ConnectionId = uint64_t;

inline constexpr int32_t no_leader = -1;

struct Partition {
    int32_t leader = no_leader;
    int32_t leader_epoch = 0;
    std::vector<int32_t> replicas; ///< in order of preference
    PartitionLog log;
    ProducerTable producers;
    /// Producers have been told (in an answer that left) that what is below is stored.
    int64_t acknowledged_end = 0;
    /// Connections whose fetch waits for records here.
    std::vector<ConnectionId> waiting;

    bool has_replica(int32_t broker) const {
        return std::find(replicas.begin(), replicas.end(), broker) != replicas.end();
    }
};

struct TopicConfig {
    TimestampType timestamp_type = TimestampType::create_time; ///< message.timestamp.type
    size_t max_message_bytes = 1048588; ///< max.message.bytes, of a batch with its header
    size_t retention_bytes = 0;         ///< retention.bytes of a partition; 0: no limit
    bool check_crcs = true;             ///< a null broker does not look at what it drops
};

struct Topic {
    std::string name;
    Uuid id;
    TopicConfig config;
    std::vector<Partition> partitions;

    Partition* find(int32_t index) {
        return index >= 0 && static_cast<size_t>(index) < partitions.size()
                   ? &partitions[static_cast<size_t>(index)]
                   : nullptr;
    }
};

/// Letters, digits, '.', '_' and '-', at most 249 of them, and neither "." nor "..".
inline bool is_valid_topic_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    };
    return !name.empty() && name.size() <= 249 && name != "." && name != ".." &&
           std::all_of(name.begin(), name.end(), allowed);
}

} // namespace ottla::mock
