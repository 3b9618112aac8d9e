// Compression as Kafka uses it: gzip, snappy (in xerial's framing), lz4 frames, zstd. Contexts are kept and used again, so
// that steady state allocates nothing but the output. Decompression stops at a limit.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>
#include <ottla/types.hpp>

#include "base/buffer_pool.hpp"
#include "base/spares.hpp"

namespace ottla::codec {

/// "none", "gzip", "snappy", "lz4", "zstd".
std::string_view name_of(Compression codec);

/// The highest level that the codec has; higher ones are lowered to it. -1 means the codec's default.
int max_level(Compression codec);

/// A batch may not grow beyond this when decompressed, unless the caller says otherwise.
inline constexpr size_t default_max_decompressed = 256 * 1024 * 1024;

/// Between two flushes lie at least so many bytes: each costs some in the output.
inline constexpr size_t smallest_flush = 4 * 1024;

/// One direction of one codec. Errors: _bad_compression, the text naming codec and cause.
class CompressStream {
public:
    virtual ~CompressStream() = default;
    /// The most bytes that compressing `size` bytes can give.
    virtual size_t bound(size_t size) const = 0;
    /// `total`: how many bytes will be fed.
    virtual void begin(int level, size_t total) = 0;
    /// Adds input; returns how much was written at `out`, which has room for the rest of the bound.
    virtual Result<size_t> feed(std::span<const uint8_t> input, std::span<uint8_t> out) = 0;
    /// Compresses what was fed and is still held back, so that later calls need not. The bound holds for pieces that are
    /// no smaller than `smallest_flush`.
    virtual Result<size_t> flush(std::span<uint8_t>) { return size_t{0}; }
    virtual Result<size_t> finish(std::span<uint8_t> out) = 0;
};

class DecompressStream {
public:
    virtual ~DecompressStream() = default;
    virtual void begin(Bytes input) = 0;
    struct Step {
        size_t written;
        bool done; ///< all input is used up; else `out` was too small
        size_t wanted = 0; ///< then: so much must have room before more can be written
    };
    virtual Result<Step> read(std::span<uint8_t> out) = 0;
};

/// Compresses one batch at a time, fed in pieces. Use from one thread at a time.
class Compressor {
public:
    Compressor();
    ~Compressor();

    /// `total`: how many bytes will be fed; neither more nor less. `reserve`: bytes left free at the start of the output. `level` -1: default.
    void begin(Compression codec, int level, size_t total, size_t reserve);
    Error feed(std::span<const uint8_t> input);
    /// Spreads the work: compresses what the codec holds back, if at least `smallest_flush` bytes came since the last time.
    /// Makes the output a little larger.
    Error flush();
    /// The output, `reserve` bytes first. It is as large as what was written, its memory as the bound was.
    Result<Buffer> finish();

private:
    std::unique_ptr<CompressStream> streams_[5];
    CompressStream* stream_ = nullptr;
    Buffer output_;
    size_t written_ = 0;
    size_t unflushed_ = 0; ///< bytes fed since the last flush
};

/// Use from one thread at a time.
class Decompressor {
public:
    Decompressor();
    ~Decompressor();

    /// `magic`: of the batch or message set; lz4 in version 0 has its own, broken, header checksum (KIP-57).
    /// Errors: _bad_compression: malformed, cut short, or more than `max_size` bytes.
    Result<Buffer> run(Compression codec, Bytes input, int8_t magic, size_t max_size = default_max_decompressed);
private:
    /// Of memory that no output is in: what a call of the application's uses, and more.
    static constexpr size_t max_kept = 4 * 1024 * 1024;

    size_t guess(size_t input) const;
    Buffer allocate(size_t size);

    std::unique_ptr<DecompressStream> streams_[5];
    BufferPool pool_{max_kept};
    size_t ratio_ = 4; ///< of output to input, as it was of late
};

/// Decompressors that many readers share: each is lent for one batch, so there are as many as batches are read at a time, and not
/// as there are readers. Thread-safe; one lock a batch.
class Decompressors {
public:
    /// As Decompressor::run.
    Result<Buffer> run(Compression codec, Bytes input, int8_t magic, size_t max_size);
    size_t kept() const { return spares_.kept(); }

private:
    Spares<Decompressor> spares_{4};
};

// One file each.
std::unique_ptr<CompressStream> make_gzip_compressor();
std::unique_ptr<DecompressStream> make_gzip_decompressor();
std::unique_ptr<CompressStream> make_snappy_compressor();
std::unique_ptr<DecompressStream> make_snappy_decompressor();
std::unique_ptr<CompressStream> make_lz4_compressor();
std::unique_ptr<DecompressStream> make_lz4_decompressor();
std::unique_ptr<CompressStream> make_zstd_compressor();
std::unique_ptr<DecompressStream> make_zstd_decompressor();

namespace lz4 {
/// Message sets of version 0 checksum the frame header from its magic number on instead of from the flags on. These turn
/// the one form into the other; false when `frame` does not begin with an lz4 frame header.
bool break_header_checksum(std::span<uint8_t> frame);
bool mend_header_checksum(std::span<uint8_t> frame);
} // namespace lz4

} // namespace ottla::codec
