#include "record/builder.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "record/message.hpp"
#include "record/record_set.hpp"
#include "record/record_writer.hpp"

namespace ottla::record {
namespace {

using Span = std::span<const uint8_t>;

int64_t greatest_timestamp(std::span<const BuildRecord> records) {
    int64_t greatest = -1;
    for (const auto& record : records)
        greatest = std::max(greatest, record.timestamp_ms);
    return greatest;
}

} // namespace

void seal(uint8_t* head, BatchHeader header, std::span<const Span> body, Summed summed) {
    size_t size = batch_header_size;
    for (const Span part : body)
        size += part.size();
    header.batch_length = static_cast<int32_t>(size - batch_prefix_size);
    write_batch_header(head, header);
    const uint32_t of_head = crc32c(0, head + at::attributes, batch_header_size - at::attributes);
    uint32_t crc = summed.bytes ? summed.crc : of_head;
    size_t known = summed.bytes;
    for (const Span part : body) {
        const size_t skipped = std::min(known, part.size());
        known -= skipped;
        crc = crc32c(crc, part.data() + skipped, part.size() - skipped);
    }
    store_be(head + at::crc, summed.bytes ? crc32c_join(of_head, crc, size - batch_header_size) : crc);
}

Result<Buffer> compress_body(codec::Compressor& compressor, Compression codec, int level, std::span<const Span> body) {
    size_t total = 0;
    for (const Span part : body)
        total += part.size();
    compressor.begin(codec, level, total, batch_header_size);
    for (const Span part : body)
        if (Error error = compressor.feed(part))
            return error;
    return compressor.finish();
}

Result<Buffer> build_batch(const BuildOptions& options, std::span<const BuildRecord> records) {
    const int64_t base_timestamp = records.empty() ? -1 : records.front().timestamp_ms;
    size_t size = batch_header_size;
    for (const auto& record : records)
        size += max_record_size(payload_size(record.key, record.value, record.headers), record.headers.size());
    Buffer plain = Buffer::allocate(size);
    uint8_t* at = plain.mutable_data() + batch_header_size;
    int32_t last_delta = 0;
    for (const auto& record : records) {
        if (record.offset < options.base_offset || record.offset - options.base_offset > INT32_MAX)
            return Error(Errc::_invalid_arg, fmt::format("offset {} in a batch at {}", record.offset, options.base_offset));
        last_delta = static_cast<int32_t>(record.offset - options.base_offset);
        const auto timestamp_delta =
            static_cast<int64_t>(static_cast<uint64_t>(record.timestamp_ms) - static_cast<uint64_t>(base_timestamp));
        const size_t payload = payload_size(record.key, record.value, record.headers);
        at = put_record(at, payload, last_delta, timestamp_delta, record.key, record.value, record.headers);
    }
    plain = plain.slice(0, static_cast<size_t>(at - plain.data()));
    Span body = plain.span().subspan(batch_header_size);
    Buffer out = plain;
    if (options.compression != Compression::none) {
        codec::Compressor compressor;
        auto packed = compress_body(compressor, options.compression, options.level, std::span(&body, 1));
        if (!packed)
            return packed;
        out = std::move(*packed);
        body = out.span().subspan(batch_header_size);
    }
    const bool append_time = options.timestamp_type == TimestampType::log_append_time;
    const int attributes = static_cast<int>(options.compression) | (append_time ? log_append_time_bit : 0) |
                           (options.transactional ? transactional_bit : 0) | (options.control ? control_bit : 0);
    seal(
        out.mutable_data(),
        {.base_offset = options.base_offset,
         .leader_epoch = options.leader_epoch,
         .attributes = static_cast<int16_t>(attributes),
         .last_offset_delta = options.last_offset_delta < 0 ? last_delta : options.last_offset_delta,
         .base_timestamp = base_timestamp,
         .max_timestamp = append_time ? options.log_append_time_ms : greatest_timestamp(records),
         .producer_id = options.producer_id,
         .producer_epoch = options.producer_epoch,
         .base_sequence = options.base_sequence,
         .record_count = static_cast<int32_t>(records.size())},
        std::span(&body, 1));
    return out;
}

Result<Buffer> build_marker(const BuildOptions& options, int16_t control_type, int32_t coordinator_epoch, int64_t timestamp_ms) {
    uint8_t key[4];
    store_be<int16_t>(key, 0);
    store_be(key + 2, control_type);
    uint8_t value[6];
    store_be<int16_t>(value, 0);
    store_be(value + 2, coordinator_epoch);
    BuildOptions marker = options;
    marker.transactional = true;
    marker.control = true;
    marker.compression = Compression::none;
    const BuildRecord record{.offset = options.base_offset, .timestamp_ms = timestamp_ms, .key = Span(key), .value = Span(value)};
    return build_batch(marker, std::span(&record, 1));
}

Result<Buffer> build_message_set(int8_t magic, const BuildOptions& options, std::span<const BuildRecord> records) {
    const bool compressed = options.compression != Compression::none;
    const bool append_time = magic == 1 && options.timestamp_type == TimestampType::log_append_time;
    const auto type_bit = static_cast<int8_t>(append_time ? log_append_time_bit : 0);
    size_t size = 0;
    for (const auto& record : records) {
        if (!record.headers.empty())
            return Error(
                Errc::_unsupported_feature,
                "record headers need a broker from 0.11 on; this one takes message format " + std::to_string(magic));
        size += message::encoded_size(magic, record.key, record.value);
    }
    Buffer plain = Buffer::allocate(size);
    uint8_t* at = plain.mutable_data();
    for (const auto& record : records) {
        const int64_t offset = compressed && magic == 1 ? record.offset - records.front().offset : record.offset;
        const int64_t timestamp = append_time && !compressed ? options.log_append_time_ms : record.timestamp_ms;
        // Inner messages keep their own kind of time; the wrapper's overrules it.
        at = message::put(at, magic, offset, compressed ? int8_t{0} : type_bit, timestamp, record.key, record.value);
    }
    if (!compressed || records.empty())
        return plain;

    codec::Compressor compressor;
    compressor.begin(options.compression, options.level, plain.size(), 0);
    if (Error error = compressor.feed(plain.span()))
        return error;
    auto packed = compressor.finish();
    if (!packed)
        return packed;
    if (magic == 0 && options.compression == Compression::lz4)
        codec::lz4::break_header_checksum({packed->mutable_data(), packed->size()});
    Buffer out = Buffer::allocate(message::encoded_size(magic, {}, *packed));
    const int64_t timestamp = append_time ? options.log_append_time_ms : greatest_timestamp(records);
    message::put(
        out.mutable_data(),
        magic,
        records.back().offset,
        static_cast<int8_t>(static_cast<int8_t>(options.compression) | type_bit),
        timestamp,
        {},
        *packed);
    return out;
}

} // namespace ottla::record
