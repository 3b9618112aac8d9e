// Reads one record: of a v2 batch, or a message of the sets before it. Hot path: no allocation; every length is checked
// against the bytes that are there, and headers are walked once so that iterating them needs no checks.
#pragma once

#include <algorithm>
#include <cstdint>

#include <ottla/record.hpp>

#include "base/varint.hpp"
#include "base/wrapping.hpp"

namespace ottla::record {

/// What all records of a batch share.
struct BatchContext {
    int64_t base_offset = 0;
    int64_t base_timestamp = 0;
    int64_t log_append_time = -1; ///< used for all records when the type says so
    TimestampType timestamp_type = TimestampType::create_time;
    int32_t leader_epoch = -1;
};

class RecordParser {
public:
    /// Reads the record at `p`; returns the byte after it, or null when it is malformed or does not end by `end`.
    static const uint8_t* parse(const uint8_t* p, const uint8_t* end, const BatchContext& batch, RecordView& out) {
        int32_t length;
        p = get_varint32(p, end, length);
        if (!p || length < 0 || length > end - p)
            return nullptr;
        const uint8_t* const stop = p + length;
        if (p == stop)
            return nullptr;
        ++p; // attributes
        int64_t timestamp_delta;
        int32_t offset_delta;
        if (!(p = get_varint64(p, stop, timestamp_delta)) || !(p = get_varint32(p, stop, offset_delta)))
            return nullptr;
        if (!(p = get_bytes(p, stop, out.key_)) || !(p = get_bytes(p, stop, out.value_)))
            return nullptr;
        int32_t count;
        if (!(p = get_varint32(p, stop, count)) || count < 0)
            return nullptr;
        out.headers_ = p;
        out.header_count_ = count;
        for (int32_t i = 0; i < count; ++i) {
            Bytes key;
            Bytes value;
            if (!(p = get_bytes(p, stop, key)) || key.is_null() || !(p = get_bytes(p, stop, value)))
                return nullptr;
        }
        if (p != stop)
            return nullptr;
        out.offset_ = wrapping_sum(batch.base_offset, offset_delta);
        out.timestamp_type_ = batch.timestamp_type;
        out.timestamp_ms_ = batch.timestamp_type == TimestampType::log_append_time
                                ? batch.log_append_time
                                : wrapping_sum(batch.base_timestamp, timestamp_delta);
        out.leader_epoch_ = batch.leader_epoch;
        return stop;
    }

    /// A record of our own whose value lies elsewhere: the bytes up to the value, which end with its length, and those from
    /// `rest` to `end` after it.
    static void parse_gathered(
        const uint8_t* p, const uint8_t* rest, const uint8_t* end, Bytes value, const BatchContext& batch, RecordView& out) {
        int32_t length = 0;
        int64_t timestamp_delta = 0;
        int32_t offset_delta = 0;
        p = get_varint32(p, rest, length) + 1; // attributes
        p = get_varint32(get_varint64(p, rest, timestamp_delta), rest, offset_delta);
        get_bytes(p, rest, out.key_);
        out.value_ = value;
        out.headers_ = get_varint32(rest, end, out.header_count_);
        out.offset_ = wrapping_sum(batch.base_offset, offset_delta);
        out.timestamp_ms_ = wrapping_sum(batch.base_timestamp, timestamp_delta);
        out.timestamp_type_ = batch.timestamp_type;
        out.leader_epoch_ = batch.leader_epoch;
    }

    /// A message of a v0 or v1 set, whose parts the caller has checked.
    static RecordView make(int64_t offset, int64_t timestamp_ms, TimestampType type, Bytes key, Bytes value) {
        RecordView view;
        view.offset_ = offset;
        view.timestamp_ms_ = timestamp_ms;
        view.timestamp_type_ = type;
        view.key_ = key;
        view.value_ = value;
        return view;
    }

    static void shift_offset(RecordView& view, int64_t by) { view.offset_ = wrapping_sum(view.offset_, by); }

    /// Moves the view into other memory that holds the same bytes: `from` is where they were, `to` where they are.
    static void rebase(RecordView& view, const uint8_t* from, const uint8_t* to) {
        const auto move = [&](Bytes bytes) {
            return bytes.is_null() || bytes.size() == 0 ? bytes : Bytes(to + (bytes.data() - from), bytes.size());
        };
        view.key_ = move(view.key_);
        view.value_ = move(view.value_);
        if (view.headers_)
            view.headers_ = to + (view.headers_ - from);
    }

    /// The encoded headers of a view; null when it has none.
    static Bytes header_bytes(const RecordView& view) {
        const uint8_t* end = view.headers_;
        for (int32_t i = 0; i < 2 * view.header_count_; ++i) { // keys and values; checked when the record was parsed
            int32_t size = -1;
            end = get_varint32(end, end + max_varint32, size);
            end += std::max(size, 0);
        }
        return view.header_count_ == 0 ? Bytes() : Bytes(view.headers_, static_cast<size_t>(end - view.headers_));
    }

    /// The encoded form of a header or field: a varint length, -1 for null, then the bytes. Null when malformed.
    static const uint8_t* get_bytes(const uint8_t* p, const uint8_t* end, Bytes& out) {
        int32_t size;
        p = get_varint32(p, end, size);
        if (!p || size > end - p || size < -1)
            return nullptr;
        if (size < 0) {
            out = Bytes();
            return p;
        }
        out = Bytes(p, static_cast<size_t>(size));
        return p + size;
    }
};

} // namespace ottla::record
