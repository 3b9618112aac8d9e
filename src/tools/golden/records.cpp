// Record sets: every field of every batch and record as the Java client sees it, and back to the same bytes.
#include <fmt/format.h>

#include "record/builder.hpp"
#include "record/message.hpp"
#include "record/record_set.hpp"
#include "record/record_writer.hpp"
#include "tools/golden/golden.hpp"

namespace ottla::golden {
namespace {

using record::BatchView;
using record::BatchWalker;

std::optional<std::vector<uint8_t>> bytes_of(const Json& value) {
    if (value.is_null())
        return std::nullopt;
    return from_hex(value.get<std::string>());
}

Bytes view_of(const std::optional<std::vector<uint8_t>>& bytes) { return bytes ? Bytes(*bytes) : Bytes(); }

std::string_view type_name(TimestampType type) {
    switch (type) {
    case TimestampType::create_time:
        return "CreateTime";
    case TimestampType::log_append_time:
        return "LogAppendTime";
    case TimestampType::not_available:
        break;
    }
    return "NoTimestampType";
}

/// One record's expectation, with the memory that a builder's views need.
struct Expected {
    explicit Expected(const Json& json)
        : offset(json.at("offset"))
        , timestamp_ms(json.at("timestamp"))
        , key(bytes_of(json.at("key")))
        , value(bytes_of(json.at("value"))) {
        for (const auto& header : json.value("headers", Json::array()))
            headers.emplace_back(header.at(0).get<std::string>(), bytes_of(header.at(1)));
    }

    record::BuildRecord to_build() const {
        record::BuildRecord out{.offset = offset, .timestamp_ms = timestamp_ms, .key = view_of(key), .value = view_of(value)};
        for (const auto& [name, content] : headers)
            out.headers.push_back({name, view_of(content)});
        return out;
    }

    std::string compare(const RecordView& seen) const {
        if (seen.offset() != offset)
            return fmt::format("offset {} instead of {}", seen.offset(), offset);
        if (seen.timestamp_ms() != timestamp_ms)
            return fmt::format("offset {}: timestamp {} instead of {}", offset, seen.timestamp_ms(), timestamp_ms);
        if (!(seen.key() == view_of(key)) || !(seen.value() == view_of(value)))
            return fmt::format("offset {}: key or value differs", offset);
        const auto want = to_build().headers;
        if (!std::equal(want.begin(), want.end(), seen.headers().begin(), seen.headers().end()))
            return fmt::format("offset {}: headers differ", offset);
        return {};
    }

    int64_t offset;
    int64_t timestamp_ms;
    std::optional<std::vector<uint8_t>> key;
    std::optional<std::vector<uint8_t>> value;
    std::vector<std::pair<std::string, std::optional<std::vector<uint8_t>>>> headers;
};

std::string compare_header(const Json& want, const BatchView& batch, const std::vector<RecordView>& records) {
    const record::BatchHeader& header = batch.header;
    std::string differences;
    const auto check = [&](const char* field, auto seen) {
        if (want.contains(field) && want.at(field) != Json(seen))
            differences += fmt::format("{}: {} instead of {}; ", field, Json(seen).dump(), want.at(field).dump());
    };
    check("sizeInBytes", batch.bytes.size());
    check("magic", header.magic);
    check("crc", header.crc);
    check("compression", std::string(codec::name_of(header.compression())));
    if (header.magic == 2) {
        check("baseOffset", header.base_offset);
        check("lastOffset", header.last_offset());
        check("timestampType", std::string(type_name(header.timestamp_type())));
        check("maxTimestamp", header.max_timestamp);
        check("attributes", header.attributes);
        check("partitionLeaderEpoch", header.leader_epoch);
        check("lastOffsetDelta", header.last_offset_delta);
        check("baseTimestampRaw", header.base_timestamp);
        check("producerId", header.producer_id);
        check("producerEpoch", header.producer_epoch);
        check("baseSequence", header.base_sequence);
        check("isTransactional", header.is_transactional());
        check("isControl", header.is_control());
        check("count", header.record_count);
    } else {
        check("baseOffset", records.empty() ? header.base_offset : records.front().offset());
        check("lastOffset", header.last_offset());
        check("timestampType", std::string(type_name(records.empty() ? TimestampType::not_available : records.front().timestamp_type())));
    }
    return differences;
}

std::string compare_records(const Json& want, const std::vector<RecordView>& records) {
    if (want.size() != records.size())
        return fmt::format("{} records instead of {}", records.size(), want.size());
    for (size_t i = 0; i < records.size(); ++i)
        if (std::string difference = Expected(want[i]).compare(records[i]); !difference.empty())
            return difference;
    return {};
}

std::string compare_control(const Json& want, const std::vector<RecordView>& records) {
    static const std::vector<std::string> names = {
        "ABORT", "COMMIT", "LEADER_CHANGE", "SNAPSHOT_HEADER", "SNAPSHOT_FOOTER", "KRAFT_VERSION", "KRAFT_VOTERS"};
    for (size_t i = 0; i < records.size(); ++i) {
        const auto control = record::read_control(records[i]);
        if (!control)
            return control.error().message();
        const auto type = static_cast<size_t>(control->type);
        const std::string name = control->type >= 0 && type < names.size() ? names[type] : "UNKNOWN";
        if (want[i].value("controlType", "") != name)
            return fmt::format("control type {} instead of {}", name, want[i].value("controlType", ""));
    }
    return {};
}

/// Writes the batch anew from what was read.
Result<Buffer> rebuild(const BatchView& batch, const std::vector<record::BuildRecord>& records, TimestampType type) {
    if (batch.header.magic == 2) {
        record::BatchHeader header = batch.header;
        std::vector<uint8_t> body;
        for (const auto& record : records) {
            const auto offset_delta = static_cast<int32_t>(record.offset - header.base_offset);
            // Log append time overrules the records' own, which are not seen then: re-encoding is not tried with it.
            const int64_t timestamp_delta = record.timestamp_ms - header.base_timestamp;
            const auto size = record::record_size(offset_delta, timestamp_delta, record.key, record.value, record.headers);
            const size_t payload = record::payload_size(record.key, record.value, record.headers);
            const size_t at = body.size();
            body.resize(at + record::max_record_size(payload, record.headers.size()));
            const uint8_t* end = record::put_record(
                body.data() + at, payload, offset_delta, timestamp_delta, record.key, record.value, record.headers);
            if (end != body.data() + at + size.total)
                return Error(Errc::_fail, "a record is not as long as computed");
            body.resize(at + size.total);
        }
        const std::span<const uint8_t> plain(body);
        if (header.compression() == Compression::none || records.empty()) {
            Buffer out = Buffer::allocate(record::batch_header_size + body.size());
            std::copy(body.begin(), body.end(), out.mutable_data() + record::batch_header_size);
            record::seal(out.mutable_data(), header, std::span(&plain, 1));
            return out;
        }
        codec::Compressor compressor;
        auto packed = record::compress_body(compressor, header.compression(), -1, std::span(&plain, 1));
        if (!packed)
            return packed;
        const auto compressed = packed->span().subspan(record::batch_header_size);
        record::seal(packed->mutable_data(), header, std::span(&compressed, 1));
        return packed;
    }
    return record::build_message_set(
        batch.header.magic,
        {.compression = batch.header.compression(), .timestamp_type = type, .log_append_time_ms = batch.header.max_timestamp},
        records);
}

std::string check_batch(const Json& want, const BatchView& batch, record::BatchDecoder& decoder) {
    std::vector<RecordView> records;
    Buffer decompressed;
    if (const Error error = decoder.decode(batch, true, records, decompressed))
        return error.message();
    if (std::string difference = compare_header(want, batch, records); !difference.empty())
        return difference;
    if (std::string difference = compare_records(want.at("records"), records); !difference.empty())
        return difference;
    if (batch.header.magic == 2 && batch.header.is_control())
        if (std::string difference = compare_control(want.at("records"), records); !difference.empty())
            return difference;

    const TimestampType type = records.empty() ? TimestampType::create_time : records.front().timestamp_type();
    if (batch.header.magic == 2 && type == TimestampType::log_append_time)
        return {};
    std::vector<Expected> expected(want.at("records").begin(), want.at("records").end());
    std::vector<record::BuildRecord> build;
    for (const auto& record : expected)
        build.push_back(record.to_build());
    if (batch.header.magic != 2 && build.empty())
        return {};
    const auto again = rebuild(batch, build, type);
    if (!again)
        return "not written again: " + again.error().message();
    if (batch.header.compression() == Compression::none)
        return Bytes(*again) == batch.bytes ? "" : "written again it differs: " + to_hex(*again);
    // Another compressor's bytes may differ; their meaning may not.
    BatchView second;
    BatchWalker walker{Bytes(*again)};
    const auto step = walker.next(second);
    if (!step || *step != BatchWalker::Step::batch)
        return "written again it is no batch";
    std::vector<RecordView> reread;
    Buffer unpacked;
    if (const Error error = decoder.decode(second, true, reread, unpacked))
        return "written again it cannot be read: " + error.message();
    return compare_records(want.at("records"), reread);
}

std::string check_primitive(const Json& line) {
    const auto bytes = from_hex(line.at("hex").get<std::string>());
    const std::string& name = line.at("name").get_ref<const std::string&>();
    const std::string value = line.at("value").is_string() ? line.at("value").get<std::string>() : line.at("value").dump();
    const uint8_t* const end = bytes.data() + bytes.size();
    std::vector<uint8_t> again(max_varint64);
    const uint8_t* stop = nullptr;
    std::string seen;
    uint8_t* written = nullptr;
    if (name == "uvarint") {
        uint64_t number = 0;
        stop = get_uvarint<32>(bytes.data(), end, number);
        seen = std::to_string(static_cast<int32_t>(number));
        if (seen != value)
            seen = std::to_string(number);
        written = put_uvarint(again.data(), number);
    } else if (name == "varint") {
        int32_t number = 0;
        stop = get_varint32(bytes.data(), end, number);
        seen = std::to_string(number);
        written = put_varint(again.data(), number);
    } else {
        int64_t number = 0;
        stop = get_varint64(bytes.data(), end, number);
        seen = std::to_string(number);
        written = put_varint(again.data(), number);
    }
    again.resize(static_cast<size_t>(written - again.data()));
    if (stop != end || seen != value)
        return fmt::format("{} {} instead of {}", name, seen, value);
    return again == bytes ? "" : fmt::format("{} {}: written as {}", name, value, to_hex(again));
}

} // namespace

void check_records(const Json& line, Report& report) {
    const std::string what = fmt::format("{} {}", line.value("group", ""), line.value("name", ""));
    if (line.at("group") == "primitive") {
        const std::string difference = check_primitive(line);
        return report.check(difference.empty(), difference);
    }
    const Buffer set = buffer_from_hex(line.at("hex").get<std::string>());
    BatchWalker walker{Bytes(set)};
    record::BatchDecoder decoder;
    size_t consumed = 0;
    for (const auto& want : line.at("batches")) {
        BatchView batch;
        const auto step = walker.next(batch);
        if (!step)
            return report.fail(what + ": " + step.error().message());
        if (*step != BatchWalker::Step::batch)
            return report.fail(what + ": fewer batches than there are");
        consumed += batch.bytes.size();
        if (const std::string difference = check_batch(want, batch, decoder); !difference.empty())
            return report.fail(what + ": " + difference);
    }
    BatchView rest;
    const auto step = walker.next(rest);
    const auto tail = line.value("incompleteTailBytes", size_t{0});
    const auto expected = tail ? BatchWalker::Step::incomplete : BatchWalker::Step::end;
    report.check(step && *step == expected && set.size() - consumed == tail, what + ": its end is not seen as it is");
}

void check_hostile_records(const Json& line, Report& report) {
    const std::string what = fmt::format("hostile records {}", line.value("mutation", ""));
    const std::string& expect = line.at("expect").get_ref<const std::string&>();
    const Buffer set = buffer_from_hex(line.at("hex").get<std::string>());
    BatchWalker walker{Bytes(set)};
    record::BatchDecoder decoder;
    std::vector<RecordView> records;
    Error error;
    bool incomplete = false;
    for (;;) {
        BatchView batch;
        const auto step = walker.next(batch);
        if (!step) {
            error = step.error();
            break;
        }
        if (*step == BatchWalker::Step::batch) {
            Buffer decompressed;
            records.clear();
            error = decoder.decode(batch, true, records, decompressed);
            if (error)
                break;
            continue;
        }
        incomplete = *step == BatchWalker::Step::incomplete;
        break;
    }
    if (expect == "error")
        return report.check(static_cast<bool>(error), what + ": was accepted");
    if (expect == "incomplete")
        return report.check(!error && incomplete, what + ": not seen as incomplete: " + error.message());
    if (expect == "ok")
        return report.check(!error && !incomplete, what + ": " + error.message());
    report.pass(); // "any": that we are here is the point
}

} // namespace ottla::golden
