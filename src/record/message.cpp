#include "record/message.hpp"

#include <cstring>
#include <zlib.h>

namespace ottla::record::message {
namespace {

size_t parts_offset(int8_t magic) { return magic == 1 ? at::timestamp + 8 : at::timestamp; }

// An int32 length, -1 for null, then the bytes.
const uint8_t* get(const uint8_t* p, const uint8_t* end, Bytes& out) {
    if (end - p < 4)
        return nullptr;
    const auto size = load_be<int32_t>(p);
    p += 4;
    if (size < 0) {
        out = Bytes();
        return p;
    }
    if (size > end - p)
        return nullptr;
    out = Bytes(p, static_cast<size_t>(size));
    return p + size;
}

uint8_t* put_part(uint8_t* out, Bytes part) {
    store_be(out, part.is_null() ? int32_t{-1} : static_cast<int32_t>(part.size()));
    if (part.size())
        std::memcpy(out + 4, part.data(), part.size());
    return out + 4 + part.size();
}

} // namespace

BatchHeader read_header(const uint8_t* bytes) {
    BatchHeader header;
    header.base_offset = load_be<int64_t>(bytes + at::offset);
    header.batch_length = load_be<int32_t>(bytes + at::size);
    header.crc = load_be<uint32_t>(bytes + at::crc);
    header.magic = static_cast<int8_t>(bytes[at::magic]);
    // Codec in three bits, timestamp type in the fourth, as in version 2; the rest has no meaning here.
    header.attributes = bytes[at::attributes] & (codec_mask | log_append_time_bit);
    header.max_timestamp = header.magic == 1 ? load_be<int64_t>(bytes + at::timestamp) : -1;
    header.record_count = -1;
    return header;
}

Result<Parts> parse(Bytes entry, const BatchHeader& header) {
    Parts parts{
        .timestamp_ms = header.max_timestamp,
        .timestamp_type = header.magic == 0 ? TimestampType::not_available : header.timestamp_type(),
        .key = {},
        .value = {},
    };
    const uint8_t* p = entry.data() + parts_offset(header.magic);
    if (!(p = get(p, entry.end(), parts.key)) || !(p = get(p, entry.end(), parts.value)) || p != entry.end())
        return Error(Errc::_bad_msg, "the lengths in a message do not add up to its size");
    return parts;
}

size_t encoded_size(int8_t magic, Bytes key, Bytes value) { return parts_offset(magic) + 4 + key.size() + 4 + value.size(); }

uint8_t* put(uint8_t* out, int8_t magic, int64_t offset, int8_t attributes, int64_t timestamp_ms, Bytes key, Bytes value) {
    const size_t size = encoded_size(magic, key, value);
    store_be(out + at::offset, offset);
    store_be(out + at::size, static_cast<int32_t>(size - batch_prefix_size));
    out[at::magic] = static_cast<uint8_t>(magic);
    out[at::attributes] = static_cast<uint8_t>(attributes);
    if (magic == 1)
        store_be(out + at::timestamp, timestamp_ms);
    uint8_t* end = put_part(put_part(out + parts_offset(magic), key), value);
    store_be(out + at::crc, static_cast<uint32_t>(crc32_z(0, out + at::magic, size - at::magic)));
    return end;
}

} // namespace ottla::record::message
