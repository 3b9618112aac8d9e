#include "mock/canned_batch.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "record/batch_header.hpp"
#include "record/builder.hpp"

namespace ottla::mock {
namespace {

/// What the records of a batch come to when their number is left open.
constexpr size_t usual_batch = 64 * 1024;
/// Length, attributes, deltas and the like, roughly.
constexpr size_t record_framing = 10;
constexpr size_t largest_batch = 100 * 1024 * 1024;
constexpr size_t words_size = 1024 * 1024;

/// Words, so that codecs have something to find.
std::string words(size_t size) {
    std::string text;
    for (uint64_t i = 0; text.size() < size; ++i)
        text += fmt::format("line {} of a letter to Ottla, ", i * 2654435761u % 100003);
    return text;
}

} // namespace

Result<CannedBatch> CannedBatch::make(const NullOptions& options, int64_t timestamp_ms) {
    const size_t size = options.value_size;
    const size_t count = options.records_per_batch > 0
                             ? static_cast<size_t>(options.records_per_batch)
                             : std::max<size_t>(1, usual_batch / (size + record_framing));
    if (count > largest_batch / (size + record_framing))
        return Error(
            Errc::_invalid_arg, fmt::format("{} records of {} bytes are too much for one batch", count, size)
        );
    const std::string text =
        options.text.size() < std::max<size_t>(size, 1) ? words(std::max(size, words_size)) : options.text;
    const size_t values = std::max<size_t>(1, text.size() / std::max<size_t>(size, 1));
    std::vector<record::BuildRecord> records(count);
    for (size_t i = 0; i < count; ++i) {
        records[i].offset = static_cast<int64_t>(i);
        records[i].timestamp_ms = timestamp_ms;
        records[i].value = std::string_view(text).substr(i % values * size, size);
    }
    auto bytes = record::build_batch({.compression = options.compression}, records);
    if (!bytes)
        return bytes.error();
    return CannedBatch(std::move(*bytes), static_cast<int32_t>(count));
}

size_t
CannedBatch::read(int64_t offset, int32_t leader_epoch, size_t max_bytes, std::vector<Buffer>& out) const {
    constexpr size_t head_size = record::batch_header_size;
    size_t read = 0;
    for (int64_t base = offset - offset % records_; base < end_offset; base += records_) {
        Buffer head = Buffer::copy_of(bytes_.slice(0, head_size));
        store_be(head.mutable_data() + record::at::base_offset, base);
        store_be(head.mutable_data() + record::at::leader_epoch, leader_epoch);
        out.push_back(std::move(head));
        out.push_back(bytes_.slice(head_size, bytes_.size() - head_size));
        read += bytes_.size();
        if (read + bytes_.size() > max_bytes)
            break;
    }
    return read;
}

} // namespace ottla::mock
