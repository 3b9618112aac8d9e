// What a null broker has to read: one batch, built once, again and again for ever. Record k of a partition is
// always the same one, since offsets are counted in whole batches. Knows bytes and offsets, no partitions.
#pragma once

#include <cstdint>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>
#include <ottla/mock_cluster.hpp>

namespace ottla::mock {

class CannedBatch {
public:
    /// Offsets below this are there.
    static constexpr int64_t end_offset = int64_t{1} << 62;

    /// Errors: _invalid_arg for a batch that no broker would have, _bad_compression.
    static Result<CannedBatch> make(const NullOptions& options, int64_t timestamp_ms);

    /// Appends copies from the one that holds `offset` on, whole ones, at least one and else at most
    /// `max_bytes`. Returns how many bytes. Only the head of each is new memory.
    size_t read(int64_t offset, int32_t leader_epoch, size_t max_bytes, std::vector<Buffer>& out) const;

    size_t size() const { return bytes_.size(); }

    int32_t records() const { return records_; }

private:
    CannedBatch(Buffer bytes, int32_t records)
        : bytes_(std::move(bytes))
        , records_(records) {}

    Buffer bytes_;
    int32_t records_;
};

} // namespace ottla::mock
