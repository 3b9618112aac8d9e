#include "inspect/records_text.hpp"

#include <fmt/format.h>
#include <iterator>
#include <string_view>

#include "wire/json.hpp"
#include "wire/utf8.hpp"

namespace ottla::inspect {
namespace {

using record::BatchView;
using record::BatchWalker;

// Compressed batches can be made that say a thousand times as much as they have bytes.
constexpr size_t longest_text = size_t{256} << 20;

template <class... Args>
void put(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

const char* word(bool value) {
    return value ? "true" : "false";
}

std::string codec_name(Compression codec) {
    static constexpr std::string_view names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    const auto index = static_cast<size_t>(codec);
    return index < std::size(names) ? std::string(names[index]) : std::to_string(index);
}

std::string_view name_of(TimestampType type) {
    static constexpr std::string_view names[] = {"none", "create", "logappend"};
    return names[static_cast<size_t>(type)];
}

/// `"name":"text"`, or `"name_base64":"..."` of what is no text.
void append_bytes(std::string& out, std::string_view name, Bytes bytes) {
    if (bytes.is_null()) {
        put(out, "\"{}\":null", name);
    } else if (wire::is_utf8(bytes.text())) {
        put(out, "\"{}\":", name);
        wire::append_json_text(out, bytes.text());
    } else {
        put(out, "\"{}_base64\":", name);
        wire::append_json_base64(out, bytes);
    }
}

void append_record(std::string& out, const RecordView& record, bool is_control) {
    put(out, "{{\"offset\":{},\"timestamp\":{},", record.offset(), record.timestamp_ms());
    if (is_control) {
        if (const auto control = record::read_control(record)) {
            if (control->type == record::ControlRecord::commit)
                put(out, "\"control\":\"commit\",");
            else if (control->type == record::ControlRecord::abort)
                put(out, "\"control\":\"abort\",");
            else
                put(out, "\"control\":{},", control->type);
        }
    }
    append_bytes(out, "key", record.key());
    out += ',';
    append_bytes(out, "value", record.value());
    out += ",\"headers\":[";
    bool first = true;
    for (const Header& header : record.headers()) {
        out += std::exchange(first, false) ? "{" : ",{";
        append_bytes(out, "key", Bytes(header.key));
        out += ',';
        append_bytes(out, "value", header.value);
        out += '}';
    }
    out += "]}";
}

} // namespace

void RecordsText::append(std::string& out, Bytes set) {
    put(out, "{{\"bytes\":{}", set.size());
    expand_ ? expand(out, set) : count(out, set);
    out += '}';
}

void RecordsText::count(std::string& out, Bytes set) {
    BatchWalker walker(set);
    BatchView batch;
    size_t batches = 0;
    size_t used = 0;
    int64_t records = 0; // -1: a compressed message of an old version does not tell
    for (;;) {
        const auto step = walker.next(batch);
        if (!step)
            append_error(out, step.error().message());
        else if (*step == BatchWalker::Step::incomplete)
            put(out, ",\"incompleteBytes\":{}", set.size() - used);
        if (!step || *step != BatchWalker::Step::batch)
            break;
        ++batches;
        used += batch.bytes.size();
        if (batch.header.magic == 2)
            records += records < 0 ? 0 : batch.header.record_count;
        else if (batch.header.compression() != Compression::none)
            records = -1;
        else
            records += records < 0 ? 0 : 1;
    }
    put(out, ",\"batchCount\":{}", batches);
    if (records >= 0)
        put(out, ",\"recordCount\":{}", records);
}

void RecordsText::expand(std::string& out, Bytes set) {
    BatchWalker walker(set);
    BatchView batch;
    size_t used = 0;
    std::string problem;
    size_t incomplete = 0;
    out += ",\"batches\":[";
    for (;;) {
        const auto step = walker.next(batch);
        if (!step)
            problem = step.error().message();
        else if (*step == BatchWalker::Step::incomplete)
            incomplete = set.size() - used;
        else if (*step == BatchWalker::Step::batch && out.size() > longest_text)
            problem = fmt::format("batches from offset {} on are left out", batch.header.base_offset);
        if (!problem.empty() || *step != BatchWalker::Step::batch)
            break;
        if (used > 0)
            out += ',';
        used += batch.bytes.size();
        append_batch(out, batch);
    }
    out += ']';
    if (incomplete)
        put(out, ",\"incompleteBytes\":{}", incomplete);
    if (!problem.empty())
        append_error(out, problem);
}

void RecordsText::append_batch(std::string& out, const BatchView& batch) {
    const record::BatchHeader& header = batch.header;
    put(out,
        "{{\"baseOffset\":{},\"bytes\":{},\"magic\":{},\"codec\":\"{}\",\"timestampType\":\"{}\",\"crcOk\":{"
        "}",
        header.base_offset,
        batch.bytes.size(),
        static_cast<int>(header.magic),
        codec_name(header.compression()),
        name_of(header.magic == 0 ? TimestampType::not_available : header.timestamp_type()),
        word(record::crc_matches(batch)));
    if (header.magic == 2)
        put(out,
            ",\"lastOffset\":{},\"leaderEpoch\":{},\"baseTimestamp\":{},\"maxTimestamp\":{},\"producerId\":{}"
            ","
            "\"producerEpoch\":{},\"baseSequence\":{},\"isTransactional\":{},\"isControl\":{},"
            "\"recordCount\":{}",
            header.last_offset(),
            header.leader_epoch,
            header.base_timestamp,
            header.max_timestamp,
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
            word(header.is_transactional()),
            word(header.is_control()),
            header.record_count);
    append_records(out, batch);
    out += '}';
}

void RecordsText::append_records(std::string& out, const BatchView& batch) {
    records_.clear();
    Buffer decompressed;
    Error error = decoder_.decode(batch, false, records_, decompressed);
    if (!record::crc_matches(batch)) // what can be read of it all the same is shown
        append_error(out, fmt::format("batch at offset {}: its checksum is wrong", batch.header.base_offset));
    else if (error)
        append_error(out, error.message());
    if (error)
        return;
    out += ",\"records\":[";
    size_t printed = 0;
    for (const RecordView& record : records_) {
        if (out.size() > longest_text)
            break;
        if (printed++)
            out += ',';
        append_record(out, record, batch.header.is_control());
    }
    out += ']';
    if (printed < records_.size())
        put(out, ",\"recordsLeftOut\":{}", records_.size() - printed);
    records_.clear();
}

void RecordsText::append_error(std::string& out, const std::string& text) {
    out += ",\"error\":";
    wire::append_json_text(out, text);
    if (problem_.empty())
        problem_ = "records: " + text;
}

} // namespace ottla::inspect
