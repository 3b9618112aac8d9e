// lz4 frames with independent blocks of 64 KiB, as Java writes them; any frame is read. Message sets of version 0 checksum
// the frame header wrongly (KIP-57): the two functions at the end turn one form into the other.
#include <bit>
#include <cstring>
#include <lz4frame.h>
#include <new>

#include "codec/codec.hpp"

namespace ottla::codec {
namespace {

LZ4F_preferences_t preferences(int level) {
    LZ4F_preferences_t prefs{};
    prefs.frameInfo.blockSizeID = LZ4F_max64KB;
    prefs.frameInfo.blockMode = LZ4F_blockIndependent;
    prefs.compressionLevel = level < 0 ? 0 : level;
    prefs.autoFlush = 0;
    return prefs;
}

Error failed(size_t code) { return {Errc::_bad_compression, LZ4F_getErrorName(code)}; }

class Compress final : public CompressStream {
public:
    Compress() {
        if (LZ4F_isError(LZ4F_createCompressionContext(&context_, LZ4F_VERSION)))
            throw std::bad_alloc();
    }
    ~Compress() override { LZ4F_freeCompressionContext(context_); }

    size_t bound(size_t size) const override {
        const auto prefs = preferences(0);
        return LZ4F_HEADER_SIZE_MAX + 2 * LZ4F_compressBound(size, &prefs) + 4 * (size / smallest_flush); // 4: a block's length
    }

    void begin(int level, size_t) override {
        preferences_ = preferences(level);
        begun_ = false;
    }

    Result<size_t> feed(std::span<const uint8_t> input, std::span<uint8_t> out) override {
        size_t written = 0;
        if (!begun_) {
            begun_ = true;
            written = LZ4F_compressBegin(context_, out.data(), out.size(), &preferences_);
            if (LZ4F_isError(written))
                return failed(written);
        }
        const size_t more = LZ4F_compressUpdate(context_, out.data() + written, out.size() - written, input.data(), input.size(), nullptr);
        if (LZ4F_isError(more))
            return failed(more);
        return written + more;
    }

    Result<size_t> flush(std::span<uint8_t> out) override {
        const size_t written = LZ4F_flush(context_, out.data(), out.size(), nullptr);
        if (LZ4F_isError(written))
            return failed(written);
        return written;
    }

    Result<size_t> finish(std::span<uint8_t> out) override {
        size_t written = 0;
        if (!begun_) {
            auto header = feed({}, out);
            if (!header)
                return header;
            written = *header;
        }
        const size_t more = LZ4F_compressEnd(context_, out.data() + written, out.size() - written, nullptr);
        if (LZ4F_isError(more))
            return failed(more);
        return written + more;
    }

private:
    LZ4F_cctx* context_ = nullptr;
    LZ4F_preferences_t preferences_{};
    bool begun_ = false;
};

class Decompress final : public DecompressStream {
public:
    Decompress() {
        if (LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)))
            throw std::bad_alloc();
    }
    ~Decompress() override { LZ4F_freeDecompressionContext(context_); }

    void begin(Bytes input) override {
        LZ4F_resetDecompressionContext(context_);
        at_ = input.begin();
        end_ = input.end();
        in_frame_ = true; // no input at all is no frame
    }

    Result<Step> read(std::span<uint8_t> out) override {
        size_t written = 0;
        for (;;) {
            size_t room = out.size() - written;
            size_t left = static_cast<size_t>(end_ - at_);
            const size_t hint = LZ4F_decompress(context_, out.data() + written, &room, at_, &left, nullptr);
            if (LZ4F_isError(hint))
                return failed(hint);
            written += room;
            at_ += left;
            in_frame_ = hint != 0;
            if (!in_frame_ && at_ == end_)
                return Step{written, true};
            if (written == out.size())
                return Step{written, false};
            if (at_ == end_ && room == 0 && left == 0)
                return Error(Errc::_bad_compression, "the data is cut short");
        }
    }

private:
    LZ4F_dctx* context_ = nullptr;
    const uint8_t* at_ = nullptr;
    const uint8_t* end_ = nullptr;
    bool in_frame_ = false;
};

// --- header checksums

constexpr size_t magic_size = 4;
constexpr uint8_t frame_magic[magic_size] = {0x04, 0x22, 0x4d, 0x18};
constexpr uint8_t content_size_flag = 0x08;
constexpr uint8_t dictionary_flag = 0x01;

// XXH32 with seed 0 of fewer than 16 bytes, which frame headers always are.
uint32_t xxh32_short(std::span<const uint8_t> bytes) {
    constexpr uint32_t prime1 = 2654435761u;
    constexpr uint32_t prime2 = 2246822519u;
    constexpr uint32_t prime3 = 3266489917u;
    constexpr uint32_t prime4 = 668265263u;
    constexpr uint32_t prime5 = 374761393u;
    uint32_t hash = prime5 + static_cast<uint32_t>(bytes.size());
    for (; bytes.size() >= 4; bytes = bytes.subspan(4)) {
        uint32_t word;
        std::memcpy(&word, bytes.data(), 4);
        hash = std::rotl(hash + word * prime3, 17) * prime4;
    }
    for (uint8_t byte : bytes)
        hash = std::rotl(hash + byte * prime5, 11) * prime1;
    hash = (hash ^ (hash >> 15)) * prime2;
    hash = (hash ^ (hash >> 13)) * prime3;
    return hash ^ (hash >> 16);
}

bool set_checksum(std::span<uint8_t> frame, size_t from) {
    if (frame.size() < magic_size + 3 || std::memcmp(frame.data(), frame_magic, magic_size) != 0)
        return false;
    const uint8_t flags = frame[magic_size];
    const size_t end = magic_size + 2 + (flags & content_size_flag ? 8u : 0u) + (flags & dictionary_flag ? 4u : 0u);
    if (frame.size() <= end || end - from >= 16)
        return false;
    frame[end] = static_cast<uint8_t>(xxh32_short(frame.subspan(from, end - from)) >> 8);
    return true;
}

} // namespace

bool lz4::break_header_checksum(std::span<uint8_t> frame) { return set_checksum(frame, 0); }
bool lz4::mend_header_checksum(std::span<uint8_t> frame) { return set_checksum(frame, magic_size); }

std::unique_ptr<CompressStream> make_lz4_compressor() { return std::make_unique<Compress>(); }
std::unique_ptr<DecompressStream> make_lz4_decompressor() { return std::make_unique<Decompress>(); }

} // namespace ottla::codec
