// Writes whole batches and message sets: sealing on the producer's path, and convenience for the mock broker, tools, tests.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>
#include <ottla/record.hpp>

#include "codec/codec.hpp"
#include "record/batch_header.hpp"

namespace ottla::record {

/// The checksum of the first bytes of some records.
struct Summed {
    uint32_t crc = 0;
    size_t bytes = 0;
};

/// Writes `header` at `head` (batch_header_size bytes), filling in batch_length and crc for the records in `body`, which
/// follow the head on the wire in this order. `summed`: what is known of them already.
void seal(uint8_t* head, BatchHeader header, std::span<const std::span<const uint8_t>> body, Summed summed = {});

/// The records of `body` compressed, with batch_header_size bytes left free at the start. It may be larger than what went in.
Result<Buffer> compress_body(codec::Compressor& compressor, Compression codec, int level, std::span<const std::span<const uint8_t>> body);

/// A record to be written by the functions below; owns nothing.
struct BuildRecord {
    int64_t offset = 0;
    int64_t timestamp_ms = 0;
    Bytes key{};
    Bytes value{};
    std::vector<Header> headers{};
};

struct BuildOptions {
    int64_t base_offset = 0;
    /// Below zero: from the last record.
    int32_t last_offset_delta = -1;
    Compression compression = Compression::none;
    int level = -1;
    TimestampType timestamp_type = TimestampType::create_time;
    int64_t log_append_time_ms = -1; ///< with that type: of all records
    int32_t leader_epoch = -1;
    int64_t producer_id = -1;
    int16_t producer_epoch = -1;
    int32_t base_sequence = -1;
    bool transactional = false;
    bool control = false;
};

/// A batch of version 2. Errors: _bad_compression, _invalid_arg (an offset below the base).
Result<Buffer> build_batch(const BuildOptions& options, std::span<const BuildRecord> records);

/// A transaction marker: a control batch of one record (KIP-98).
Result<Buffer> build_marker(const BuildOptions& options, int16_t control_type, int32_t coordinator_epoch, int64_t timestamp_ms);

/// A message set of version 0 or 1; compressed, it is one wrapper. Offsets of the records are used as they are (made
/// relative where version 1 wants it). Errors: _unsupported_feature for headers, which these versions do not have.
Result<Buffer> build_message_set(int8_t magic, const BuildOptions& options, std::span<const BuildRecord> records);

} // namespace ottla::record
