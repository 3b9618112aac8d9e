// Which partition a record goes to, decided by the application. Vocabulary: no client is needed.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include <ottla/export.hpp>
#include <ottla/record.hpp>
#include <ottla/types.hpp>

namespace ottla {

/// What a partitioner is asked. A view, valid during the call.
class OTTLA_EXPORT PartitionQuery {
public:
    virtual ~PartitionQuery() = default;

    std::string_view topic;
    Bytes key;
    Bytes value;
    std::span<const Header> headers;
    int32_t partition_count = 0; ///< at least 1

    /// Whether this partition has a leader, as far as metadata tell.
    virtual bool available(int32_t partition) const = 0;
    /// Where a record without a key would go: the partition that this thread's records stick to at the moment.
    virtual int32_t keyless() const = 0;
};

/// Answers with a partition from 0 to partition_count - 1; anything else, and an exception, fails the record with
/// _unknown_partition. Called on the producing threads, at the same time from several, or on the client's own thread for records
/// that waited for the topic's first metadata. It must not block. Asked only for records without a partition.
using PartitionerFunction = std::function<int32_t(const PartitionQuery&)>;

/// Partition of a key by Kafka's murmur2, as the Java client has it. `partition_count` is at least 1; a null key counts as empty.
OTTLA_EXPORT int32_t partition_by_murmur2(Bytes key, int32_t partition_count);
/// By CRC-32, as librdkafka's `consistent`.
OTTLA_EXPORT int32_t partition_by_crc32(Bytes key, int32_t partition_count);
/// By FNV-1a, as Sarama's hash partitioner.
OTTLA_EXPORT int32_t partition_by_fnv1a(Bytes key, int32_t partition_count);

} // namespace ottla
