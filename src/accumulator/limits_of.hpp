// From the properties of a producer to the limits of its accumulator.
#pragma once

#include <algorithm>

#include "accumulator/accumulator.hpp"

namespace ottla::accumulator {

/// Batches of larger records leave the cache before they are sealed.
inline constexpr size_t large_record = 512;

/// What the properties say of the append path.
inline AccumulatorConfig limits_of(const config::ClientConfig& config, PartitionerFunction choose = {}) {
    return {
        .limits =
            {.bytes = static_cast<size_t>(std::min(config.batch_size, config.message_max_bytes)),
             .records = config.batch_num_messages},
        .max_messages = config.queue_max_messages,
        .max_bytes = config.queue_max_kbytes * 1024,
        .max_record_bytes = static_cast<size_t>(config.message_max_bytes),
        .copy_max = static_cast<size_t>(config.message_copy_max_bytes),
        .sum_from = config.compression == Compression::none ? large_record : SIZE_MAX,
        .partitioner = config.partitioner,
        .sticky = config.sticky_linger,
        .adaptive = config.adaptive_partitioning,
        .availability = config.partition_availability,
        .choose = std::move(choose),
    };
}

} // namespace ottla::accumulator
