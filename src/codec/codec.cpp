#include "codec/codec.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/assert.hpp"

namespace ottla::codec {
namespace {

size_t index_of(Compression codec) { return static_cast<size_t>(codec); }

std::unique_ptr<CompressStream> make_compressor(Compression codec) {
    switch (codec) {
    case Compression::gzip:
        return make_gzip_compressor();
    case Compression::snappy:
        return make_snappy_compressor();
    case Compression::lz4:
        return make_lz4_compressor();
    case Compression::zstd:
        return make_zstd_compressor();
    case Compression::none:
        break;
    }
    return nullptr;
}

std::unique_ptr<DecompressStream> make_decompressor(Compression codec) {
    switch (codec) {
    case Compression::gzip:
        return make_gzip_decompressor();
    case Compression::snappy:
        return make_snappy_decompressor();
    case Compression::lz4:
        return make_lz4_decompressor();
    case Compression::zstd:
        return make_zstd_decompressor();
    case Compression::none:
        break;
    }
    return nullptr;
}

// Of output to input. A guess that is too low costs a copy, one that is too high memory: more than the usual is guessed of
// small outputs alone.
constexpr size_t usual_ratio = 4;
constexpr size_t max_ratio = 64;
constexpr size_t smallest_output = 4096;
constexpr size_t largest_daring = 256 * 1024;
// Smaller outputs are as good from the heap.
constexpr size_t smallest_pooled = 32 * 1024;

} // namespace

std::string_view name_of(Compression codec) {
    static constexpr std::string_view names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    const size_t index = index_of(codec);
    return index < std::size(names) ? names[index] : "unknown";
}

int max_level(Compression codec) {
    static constexpr int levels[] = {0, 9, 0, 12, 22};
    const size_t index = index_of(codec);
    return index < std::size(levels) ? levels[index] : 0;
}

Compressor::Compressor() = default;
Compressor::~Compressor() = default;

void Compressor::begin(Compression codec, int level, size_t total, size_t reserve) {
    OTTLA_ASSERT(codec != Compression::none && index_of(codec) < std::size(streams_));
    auto& stream = streams_[index_of(codec)];
    if (!stream)
        stream = make_compressor(codec);
    stream_ = stream.get();
    stream_->begin(std::min(level, max_level(codec)), total);
    output_ = Buffer::allocate(reserve + stream_->bound(total));
    written_ = reserve;
    unflushed_ = 0;
}

Error Compressor::feed(std::span<const uint8_t> input) {
    auto written = stream_->feed(input, {output_.mutable_data() + written_, output_.size() - written_});
    if (!written)
        return std::move(written).error();
    written_ += *written;
    unflushed_ += input.size();
    return {};
}

Error Compressor::flush() {
    if (unflushed_ < smallest_flush)
        return {};
    unflushed_ = 0;
    auto written = stream_->flush({output_.mutable_data() + written_, output_.size() - written_});
    if (!written)
        return std::move(written).error();
    written_ += *written;
    return {};
}

Result<Buffer> Compressor::finish() {
    auto written = stream_->finish({output_.mutable_data() + written_, output_.size() - written_});
    if (!written)
        return std::move(written).error();
    return std::exchange(output_, Buffer()).slice(0, written_ + *written);
}

Decompressor::Decompressor() = default;
Decompressor::~Decompressor() = default;

Buffer Decompressor::allocate(size_t size) {
    if (size < smallest_pooled)
        return Buffer::allocate(size);
    const Buffer some = pool_.allocate(size);
    return some.slice(0, some.block()->capacity);
}

size_t Decompressor::guess(size_t input) const {
    const size_t likely = input * ratio_;
    return std::max(smallest_output, std::min(likely, std::max(input * usual_ratio, largest_daring)));
}

Result<Buffer> Decompressor::run(Compression codec, Bytes input, int8_t magic, size_t max_size) {
    if (codec == Compression::none || index_of(codec) >= std::size(streams_))
        return Error(Errc::_bad_compression, fmt::format("codec number {} is not known", static_cast<int>(codec)));
    auto& stream = streams_[index_of(codec)];
    if (!stream)
        stream = make_decompressor(codec);

    Buffer mended;
    if (codec == Compression::lz4 && magic == 0) {
        mended = Buffer::copy_of(input);
        lz4::mend_header_checksum({mended.mutable_data(), mended.size()});
        input = mended;
    }
    stream->begin(input);
    Buffer output = allocate(std::min(max_size, guess(input.size())));
    size_t size = 0;
    for (;;) {
        const auto step = stream->read({output.mutable_data() + size, std::min(output.size(), max_size) - size});
        if (!step)
            return Error(Errc::_bad_compression, fmt::format("{}: {}", name_of(codec), step.error().message()));
        size += step->written;
        if (step->done) {
            if (!input.empty_or_null())
                ratio_ = std::clamp(size / input.size() + 1, ratio_ - 1, max_ratio);
            return output.slice(0, size);
        }
        if (size >= max_size || step->wanted > max_size - size)
            return Error(Errc::_bad_compression, fmt::format("{}: more than {} bytes when decompressed", name_of(codec), max_size));
        Buffer larger = allocate(std::min(max_size, std::max(output.size() * 2, size + step->wanted)));
        std::memcpy(larger.mutable_data(), output.data(), size);
        output = std::move(larger);
    }
}

Result<Buffer> Decompressors::run(Compression codec, Bytes input, int8_t magic, size_t max_size) {
    auto one = spares_.take();
    auto output = one->run(codec, input, magic, max_size);
    spares_.put(std::move(one));
    return output;
}

} // namespace ottla::codec
