#include "core/fetch/batch_headers.hpp"

#include <fmt/format.h>

#include "base/endian.hpp"

namespace ottla::core {
namespace {

// Both formats begin alike: offset (8), length of the rest (4), then 4 bytes, then the magic byte.
constexpr size_t prefix = 12;
constexpr size_t leader_epoch_at = 12;
constexpr size_t magic_at = 16;
constexpr size_t last_offset_delta_at = 23;
constexpr size_t count_at = 57;
constexpr size_t batch_header = 61;
constexpr size_t message_header = 26; // v0: offset, size, crc, magic, attributes, two lengths

} // namespace

HeaderSummary walk_headers(std::span<const uint8_t> bytes) {
    HeaderSummary summary;
    while (bytes.size() > magic_at) {
        const int64_t offset = load_be<int64_t>(bytes.data());
        const int32_t length = load_be<int32_t>(bytes.data() + 8);
        const auto magic = static_cast<int8_t>(bytes[magic_at]);
        const auto bad = [&](std::string_view what) {
            summary.error = Error(Errc::_bad_msg, fmt::format("batch at offset {}: {}", offset, what));
            return summary;
        };
        if (magic < 0 || magic > 2)
            return bad(fmt::format("unknown magic {}", magic));
        const size_t least = magic == 2 ? batch_header : message_header;
        if (offset < 0 || length < 0 || prefix + static_cast<size_t>(length) < least)
            return bad(fmt::format("impossible length {}", length));
        const size_t size = prefix + static_cast<size_t>(length);
        if (size > bytes.size())
            break; // cut off
        int64_t last = offset;
        int64_t count = 1;
        if (magic == 2) {
            const int32_t delta = load_be<int32_t>(bytes.data() + last_offset_delta_at);
            count = load_be<int32_t>(bytes.data() + count_at);
            if (delta < 0 || count < 0 || offset > INT64_MAX - 1 - delta)
                return bad("impossible record count");
            last += delta;
        } else if (offset == INT64_MAX) {
            return bad("impossible offset");
        }
        if (last < summary.next)
            return bad(fmt::format("offsets do not advance after {}", summary.next));
        summary.next = last + 1;
        summary.epoch = magic == 2 ? load_be<int32_t>(bytes.data() + leader_epoch_at) : -1;
        summary.messages += count;
        ++summary.batches;
        summary.bytes += size;
        bytes = bytes.subspan(size);
    }
    return summary;
}

} // namespace ottla::core
