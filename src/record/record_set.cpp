#include "record/record_set.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <zlib.h>

#include "record/message.hpp"
#include "record/record_parser.hpp"

namespace ottla::record {
namespace {

// A record takes at least this: length, attributes, two deltas, two nulls, no headers.
constexpr size_t smallest_record = 7;

template <class... Args>
Error bad(const BatchView& batch, fmt::format_string<Args...> text, Args&&... args) {
    return {
        Errc::_bad_msg,
        fmt::format("batch at offset {}: {}", batch.header.base_offset, fmt::format(text, std::forward<Args>(args)...))};
}

Error name_batch(const BatchView& batch, const Error& error) {
    return {error.code, fmt::format("batch at offset {}: {}", batch.header.base_offset, error.message())};
}

} // namespace

Result<BatchWalker::Step> BatchWalker::next(BatchView& out) {
    const auto left = static_cast<size_t>(end_ - at_);
    if (left == 0)
        return Step::end;
    if (left < batch_prefix_size)
        return Step::incomplete;
    const auto base_offset = load_be<int64_t>(at_ + at::base_offset);
    const auto length = load_be<int32_t>(at_ + at::batch_length);
    const auto refuse = [&](std::string text) {
        return Error(Errc::_bad_msg, fmt::format("batch at offset {}: {}", base_offset, text));
    };
    if (length < static_cast<int32_t>(message::smallest_body))
        return refuse(fmt::format("its length {} is less than any batch has", length));
    if (left <= at::magic)
        return Step::incomplete;
    const auto magic = static_cast<int8_t>(at_[at::magic]);
    if (magic < 0 || magic > 2)
        return refuse(fmt::format("its format version {} is unknown", static_cast<int>(magic)));
    const size_t smallest = magic == 2 ? batch_header_size - batch_prefix_size : message::smallest_size(magic);
    if (static_cast<size_t>(length) < smallest)
        return refuse(fmt::format("its length {} is less than its head", length));
    const size_t size = batch_prefix_size + static_cast<size_t>(length);
    if (left < size)
        return Step::incomplete;
    out.bytes = Bytes(at_, size);
    out.header = magic == 2 ? read_batch_header(at_) : message::read_header(at_);
    if (magic == 2 && (out.header.record_count < 0 || out.header.last_offset_delta < 0))
        return refuse(fmt::format("{} records, last offset delta {}", out.header.record_count, out.header.last_offset_delta));
    at_ += size;
    return Step::batch;
}

bool crc_matches(const BatchView& batch) {
    if (batch.header.magic == 2)
        return crc32c(0, batch.bytes.data() + at::attributes, batch.bytes.size() - at::attributes) == batch.header.crc;
    const uint8_t* from = batch.bytes.data() + message::at::magic;
    return crc32_z(0, from, batch.bytes.size() - message::at::magic) == batch.header.crc;
}

Error BatchDecoder::decode(const BatchView& batch, bool check_crc, std::vector<RecordView>& out, Buffer& decompressed) {
    if (check_crc && !crc_matches(batch))
        return bad(batch, "its checksum is wrong");
    const size_t before = out.size();
    Error error = batch.header.magic == 2 ? decode_batch(batch, out, decompressed) : decode_message(batch, out, decompressed);
    if (error)
        out.resize(before);
    return error;
}

Error BatchDecoder::decode_batch(const BatchView& batch, std::vector<RecordView>& out, Buffer& decompressed) {
    const BatchHeader& header = batch.header;
    const uint8_t* at = batch.bytes.data() + batch_header_size;
    const uint8_t* end = batch.bytes.end();
    if (header.compression() != Compression::none && header.record_count > 0) {
        auto plain = decompressors_->run(header.compression(), Bytes(at, static_cast<size_t>(end - at)), 2, max_decompressed_);
        if (!plain)
            return name_batch(batch, plain.error());
        decompressed = std::move(*plain);
        at = decompressed.data();
        end = at + decompressed.size();
    }
    const auto count = static_cast<size_t>(header.record_count);
    if (count > static_cast<size_t>(end - at) / smallest_record)
        return bad(batch, "{} records cannot fit into {} bytes", count, end - at);
    const BatchContext context{
        .base_offset = header.base_offset,
        .base_timestamp = header.base_timestamp,
        .log_append_time = header.max_timestamp,
        .timestamp_type = header.timestamp_type(),
        .leader_epoch = header.leader_epoch,
    };
    const size_t first = out.size();
    out.resize(first + count);
    for (size_t i = 0; i < count; ++i) {
        at = RecordParser::parse(at, end, context, out[first + i]);
        if (!at)
            return bad(batch, "record {} of {} is malformed", i, count);
        if (header.is_control())
            if (auto control = read_control(out[first + i]); !control)
                return name_batch(batch, control.error());
    }
    if (at != end)
        return bad(batch, "{} bytes after its {} records", end - at, count);
    return {};
}

Error BatchDecoder::decode_message(const BatchView& batch, std::vector<RecordView>& out, Buffer& decompressed) {
    const BatchHeader& header = batch.header;
    const auto wrapper = message::parse(batch.bytes, header);
    if (!wrapper)
        return name_batch(batch, wrapper.error());
    if (header.compression() == Compression::none) {
        out.push_back(RecordParser::make(header.base_offset, wrapper->timestamp_ms, wrapper->timestamp_type, wrapper->key, wrapper->value));
        return {};
    }
    if (wrapper->value.is_null())
        return bad(batch, "a compressed message without a value");
    auto plain = decompressors_->run(header.compression(), wrapper->value, header.magic, max_decompressed_);
    if (!plain)
        return name_batch(batch, plain.error());
    decompressed = std::move(*plain);

    const size_t first = out.size();
    BatchWalker walker{Bytes(decompressed)};
    BatchView inner;
    for (;;) {
        const auto step = walker.next(inner);
        if (!step)
            return name_batch(batch, step.error());
        if (*step == BatchWalker::Step::incomplete)
            return bad(batch, "its last message is cut short");
        if (*step == BatchWalker::Step::end)
            break;
        if (inner.header.magic != header.magic || inner.header.compression() != Compression::none)
            return bad(batch, "a wrapper within a wrapper, or of another version");
        const auto message = message::parse(inner.bytes, inner.header);
        if (!message)
            return name_batch(batch, message.error());
        const bool append_time = header.magic == 1 && header.timestamp_type() == TimestampType::log_append_time;
        out.push_back(RecordParser::make(
            inner.header.base_offset,
            append_time ? wrapper->timestamp_ms : message->timestamp_ms,
            append_time ? TimestampType::log_append_time : message->timestamp_type,
            message->key,
            message->value));
    }
    // Version 1 writes offsets relative to the first message; the wrapper has the last one's own.
    if (header.magic == 1 && out.size() > first) {
        const int64_t shift = wrapping_difference(header.base_offset, out.back().offset());
        for (size_t i = first; i < out.size(); ++i)
            RecordParser::shift_offset(out[i], shift);
    }
    return {};
}

Result<ControlRecord> read_control(const RecordView& record) {
    const Bytes key = record.key();
    if (key.size() < 4)
        return Error(Errc::_bad_msg, fmt::format("control record at offset {}: its key has {} bytes", record.offset(), key.size()));
    return ControlRecord{.version = load_be<int16_t>(key.data()), .type = load_be<int16_t>(key.data() + 2)};
}

} // namespace ottla::record
