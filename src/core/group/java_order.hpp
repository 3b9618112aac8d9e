// The orders in which Java's collections hold strings. Where an assignor of the Java client has a choice, one of these
// decides; a group whose leaders are now a Java client, now this one, must not see its partitions move for that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ottla::core::group {

/// Whether `a` comes first by String.compareTo: by UTF-16 units, not by code points. Both are UTF-8.
bool java_less(std::string_view a, std::string_view b);

/// String.hashCode of a text in UTF-8. A byte that is no part of a character counts as U+FFFD.
uint32_t java_hash(std::string_view text);

/// TopicPartition.hashCode.
uint32_t java_hash(std::string_view topic, int32_t partition);

/// Buckets of a HashMap which began with the default size and has grown to so many keys.
uint32_t java_buckets(size_t keys);

/// The bucket of a key with this hash. `buckets` is a power of two.
inline uint32_t java_bucket(uint32_t hash, uint32_t buckets) {
    return (hash ^ (hash >> 16)) & (buckets - 1);
}

/// Where a HashMap with these keys, added in this order, has them when it is walked through: indices into `keys`.
std::vector<uint32_t> java_hash_order(const std::vector<std::string_view>& keys);

} // namespace ottla::core::group
