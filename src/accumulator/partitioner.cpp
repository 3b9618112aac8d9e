#include "accumulator/partitioner.hpp"

#include <cstring>
#include <ottla/partitioner.hpp>
#include <zlib.h>

namespace ottla::accumulator {
namespace {

constexpr uint32_t positive_mask = 0x7fffffff;

int32_t modulo(uint32_t hash, int32_t partitions) { return static_cast<int32_t>(hash % static_cast<uint32_t>(partitions)); }

// Read as a signed number, without its sign: what Sarama's hash partitioner does.
uint32_t magnitude(uint32_t hash) { return static_cast<int32_t>(hash) < 0 ? 0u - hash : hash; }

} // namespace

uint32_t murmur2(Bytes key) {
    constexpr uint32_t seed = 0x9747b28c;
    constexpr uint32_t mix = 0x5bd1e995;
    constexpr int shift = 24;
    const auto size = static_cast<uint32_t>(key.size());
    uint32_t hash = seed ^ size;
    const uint8_t* at = key.data();
    uint32_t left = size;
    for (; left >= 4; at += 4, left -= 4) {
        uint32_t word;
        std::memcpy(&word, at, 4);
        word *= mix;
        word ^= word >> shift;
        word *= mix;
        hash = hash * mix ^ word;
    }
    if (left == 3)
        hash ^= static_cast<uint32_t>(at[2]) << 16;
    if (left >= 2)
        hash ^= static_cast<uint32_t>(at[1]) << 8;
    if (left >= 1)
        hash = (hash ^ at[0]) * mix;
    hash ^= hash >> 13;
    hash *= mix;
    return hash ^ (hash >> 15);
}

uint32_t fnv1a(Bytes key) {
    uint32_t hash = 0x811c9dc5;
    for (uint8_t byte : key)
        hash = (hash ^ byte) * 0x01000193;
    return hash;
}

uint32_t crc32(Bytes key) { return static_cast<uint32_t>(::crc32_z(0, key.data() ? key.data() : reinterpret_cast<const uint8_t*>(""), key.size())); }

int32_t partition_of(config::Partitioner partitioner, Bytes key, int32_t partitions) {
    using enum config::Partitioner;
    switch (partitioner) {
    case random:
        return partition_any;
    case consistent:
        return modulo(crc32(key), partitions);
    case consistent_random:
        return key.empty_or_null() ? partition_any : modulo(crc32(key), partitions);
    case murmur2:
        return modulo(accumulator::murmur2(key) & positive_mask, partitions);
    case murmur2_random:
        return key.is_null() ? partition_any : modulo(accumulator::murmur2(key) & positive_mask, partitions);
    case fnv1a:
        return modulo(magnitude(accumulator::fnv1a(key)), partitions);
    case fnv1a_random:
        return key.is_null() ? partition_any : modulo(magnitude(accumulator::fnv1a(key)), partitions);
    }
    return partition_any;
}

} // namespace ottla::accumulator

namespace ottla {

int32_t partition_by_murmur2(Bytes key, int32_t partition_count) {
    return accumulator::partition_of(config::Partitioner::murmur2, key, partition_count);
}

int32_t partition_by_crc32(Bytes key, int32_t partition_count) {
    return accumulator::partition_of(config::Partitioner::consistent, key, partition_count);
}

int32_t partition_by_fnv1a(Bytes key, int32_t partition_count) {
    return accumulator::partition_of(config::Partitioner::fnv1a, key, partition_count);
}

} // namespace ottla
