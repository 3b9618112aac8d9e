// The records of a fetch response or a produce request: batches of version 2, messages and wrappers of versions 0 and 1,
// also mixed. Walking looks at heads only; decoding checks, decompresses (within a bound) and yields record views.
#pragma once

#include <cstdint>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>
#include <ottla/record.hpp>

#include "codec/codec.hpp"
#include "record/batch_header.hpp"

namespace ottla::record {

/// One entry of a record set. Of a message before version 2 the header holds what it has: offset, size, magic, crc,
/// attributes (codec and timestamp type), and record_count -1, since a wrapper does not tell.
struct BatchView {
    BatchHeader header;
    Bytes bytes; ///< the whole entry

    /// Offset after the last record. Of a wrapper too: its offset is that of its last message.
    int64_t next_offset() const { return wrapping_sum(header.last_offset(), 1); }
};

/// Walks the entries of a set without decoding records. The bytes must outlive it and its views.
class BatchWalker {
public:
    explicit BatchWalker(Bytes set) : at_(set.begin()), end_(set.end()) {}

    enum class Step {
        batch,      ///< an entry was put into `out`
        end,        ///< the set ends here
        incomplete, ///< what is left is the beginning of an entry: a fetch may cut the last one
    };
    /// Errors: _bad_msg for a length or magic that no entry can have; the walk cannot go on then.
    Result<Step> next(BatchView& out);

private:
    const uint8_t* at_;
    const uint8_t* end_;
};

/// Decodes entries into record views. Use from one thread at a time. Its copies share the decompressors.
class BatchDecoder {
public:
    explicit BatchDecoder(
        size_t max_decompressed = codec::default_max_decompressed,
        std::shared_ptr<codec::Decompressors> decompressors = std::make_shared<codec::Decompressors>())
        : decompressors_(std::move(decompressors))
        , max_decompressed_(max_decompressed) {}

    /// Appends the entry's records to `out`, control records too (see the header). The views point into `batch.bytes`, or
    /// into `decompressed`, which is set when the entry is compressed and must then be kept as long as they.
    /// Errors: _bad_msg, _bad_compression, naming the base offset; `out` is as before then.
    Error decode(const BatchView& batch, bool check_crc, std::vector<RecordView>& out, Buffer& decompressed);

private:
    Error decode_batch(const BatchView& batch, std::vector<RecordView>& out, Buffer& decompressed);
    Error decode_message(const BatchView& batch, std::vector<RecordView>& out, Buffer& decompressed);

    std::shared_ptr<codec::Decompressors> decompressors_;
    size_t max_decompressed_;
};

/// Whether the checksum of the entry is right: CRC-32C of a batch, CRC-32 of a message.
bool crc_matches(const BatchView& batch);

/// What a record of a control batch says (KIP-98). Other types exist and are skipped by clients.
struct ControlRecord {
    static constexpr int16_t abort = 0;
    static constexpr int16_t commit = 1;
    int16_t version = 0;
    int16_t type = -1;
};
/// Errors: _bad_msg when the key is too short.
Result<ControlRecord> read_control(const RecordView& record);

} // namespace ottla::record
