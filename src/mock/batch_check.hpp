// What a broker checks of the records in a produce request before it appends them: one batch of magic 2, its
// size, counts, crc. It looks at the batch header only; the records inside stay compressed.
#pragma once

#include <cstdint>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>

#include "mock/partition_log.hpp"
#include "mock/producer_state.hpp"
#include "mock/topic.hpp"

namespace ottla::mock {

struct CheckedBatch {
    NewBatch batch;
    ProducerBatch producer; ///< producer_id -1: not idempotent
};

/// Errors: invalid_record, invalid_msg (crc, lengths), msg_size_too_large, unsupported_compression_type (zstd
/// before v7).
Error check_produced(
    const Buffer& records, int16_t produce_version, const TopicConfig& config, CheckedBatch& out
);

/// A copy of `batch` that says the records were appended at `timestamp_ms`
/// (message.timestamp.type=LogAppendTime).
NewBatch with_append_time(const NewBatch& batch, int64_t timestamp_ms);

} // namespace ottla::mock
