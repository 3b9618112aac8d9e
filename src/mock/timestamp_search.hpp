// ListOffsets by timestamp: which record of a log is the first that is not older, which has the largest
// timestamp. Batches are chosen by their headers; then the records of one batch are read, decompressed if
// need be.
#pragma once

#include <cstdint>
#include <optional>

#include "mock/partition_log.hpp"

namespace ottla::mock {

struct FoundRecord {
    int64_t offset;
    int64_t timestamp_ms;
};

/// The first record with a timestamp at or after `timestamp_ms`.
std::optional<FoundRecord> find_timestamp(const PartitionLog& log, int64_t timestamp_ms);
/// The first record with the largest timestamp.
std::optional<FoundRecord> find_max_timestamp(const PartitionLog& log);

} // namespace ottla::mock
