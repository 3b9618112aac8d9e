#include "mock/batch_check.hpp"

#include <fmt/format.h>

#include "base/crc32c.hpp"
#include "record/batch_header.hpp"

namespace ottla::mock {
namespace {

/// That `records` is one whole batch of magic 2 and nothing else.
Error check_shape(const Buffer& records) {
    if (records.size() <= record::at::magic)
        return {Errc::invalid_record, "there is no record batch"};
    const auto length = load_be<int32_t>(records.data() + record::at::batch_length);
    const auto magic = static_cast<int8_t>(records.data()[record::at::magic]);
    if (magic != 2)
        return {Errc::invalid_record, fmt::format("the batch has magic {}, it must be 2", magic)};
    if (length < static_cast<int32_t>(record::batch_header_size - record::batch_prefix_size))
        return {Errc::invalid_msg, fmt::format("a batch cannot have {} bytes", length)};
    const size_t size = record::batch_prefix_size + static_cast<size_t>(length);
    if (size > records.size())
        return {Errc::invalid_record, "the record batch is not whole"};
    if (size < records.size())
        return {Errc::invalid_record, "there is more than one record batch"};
    return {};
}

bool crc_matches(const Buffer& batch, uint32_t crc) {
    return crc32c(0, batch.data() + record::at::attributes, batch.size() - record::at::attributes) == crc;
}

Error check_header(const record::BatchHeader& header) {
    if (header.base_offset != 0)
        return {Errc::invalid_record, fmt::format("the base offset is {}, it must be 0", header.base_offset)};
    if (header.is_control())
        return {Errc::invalid_record, "clients cannot write control batches"};
    if (header.record_count <= 0 || int64_t{header.record_count} != int64_t{header.last_offset_delta} + 1)
        return {
            Errc::invalid_record,
            fmt::format(
                "{} records with a last offset delta of {}", header.record_count, header.last_offset_delta
            )};
    if (header.producer_id >= 0 && header.base_sequence < 0)
        return {Errc::invalid_record, "a producer id without a sequence"};
    return {};
}

} // namespace

Error check_produced(const Buffer& records, int16_t version, const TopicConfig& config, CheckedBatch& out) {
    if (Error error = check_shape(records))
        return error;
    const record::BatchHeader header = record::read_batch_header(records.data());
    if (header.compression() > Compression::zstd)
        return {
            Errc::invalid_record,
            fmt::format("there is no codec {}", static_cast<int>(header.compression()))};
    if (header.compression() == Compression::zstd && version < 7)
        return {Errc::unsupported_compression_type, "zstd needs version 7 of Produce"};
    if (records.size() > config.max_message_bytes)
        return {
            Errc::msg_size_too_large,
            fmt::format("the batch has {} bytes, the limit is {}", records.size(), config.max_message_bytes)};
    if (config.check_crcs && !crc_matches(records, header.crc))
        return {Errc::invalid_msg, "the crc of the batch does not match"};
    if (Error error = check_header(header))
        return error;

    out.batch = {.bytes = records, .last_offset_delta = header.last_offset_delta, .max_timestamp = header.max_timestamp};
    out.producer = {
        header.producer_id, header.producer_epoch, header.base_sequence, header.last_offset_delta};
    if (header.is_transactional()) {
        out.batch.role = BatchRole::transactional;
        out.batch.producer_id = header.producer_id;
    }
    return {};
}

NewBatch with_append_time(const NewBatch& batch, int64_t timestamp_ms) {
    NewBatch stamped = batch;
    stamped.bytes = Buffer::copy_of(batch.bytes);
    stamped.max_timestamp = timestamp_ms;
    uint8_t* const bytes = stamped.bytes.mutable_data();
    record::BatchHeader header = record::read_batch_header(bytes);
    header.attributes = static_cast<int16_t>(header.attributes | record::log_append_time_bit);
    header.max_timestamp = timestamp_ms;
    record::write_batch_header(bytes, header);
    header.crc = crc32c(0, bytes + record::at::attributes, stamped.bytes.size() - record::at::attributes);
    store_be(bytes + record::at::crc, header.crc);
    return stamped;
}

} // namespace ottla::mock
