// Which partition a record goes to, by librdkafka's names. Pure functions of key and partition count.
#pragma once

#include <cstdint>

#include <ottla/types.hpp>

#include "config/client_config.hpp"

namespace ottla::accumulator {

/// Kafka's murmur2 of a key, as the Java client computes it.
uint32_t murmur2(Bytes key);
/// FNV-1a, 32 bits.
uint32_t fnv1a(Bytes key);
/// CRC-32 as zlib has it.
uint32_t crc32(Bytes key);

/// The partition a key maps to, or partition_any when this partitioner sends such a key to a random (sticky) one.
int32_t partition_of(config::Partitioner partitioner, Bytes key, int32_t partitions);

} // namespace ottla::accumulator
