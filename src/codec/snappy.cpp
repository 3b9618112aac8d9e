// snappy. Written in xerial's stream framing (magic, two versions, then int32 length and block, again and again), as Java
// does; read in that framing and as one bare block, as some clients write it.
#include <algorithm>
#include <array>
#include <cstring>
#include <snappy.h>
#include <vector>

#include "base/endian.hpp"
#include "codec/codec.hpp"

namespace ottla::codec {
namespace {

constexpr std::array<uint8_t, 8> magic = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr size_t header_size = magic.size() + 8;
constexpr size_t block_size = 32 * 1024;

const char* chars(const uint8_t* p) { return reinterpret_cast<const char*>(p); }

class Compress final : public CompressStream {
public:
    size_t bound(size_t size) const override {
        return header_size + (size / block_size + 1) * (4 + snappy::MaxCompressedLength(block_size));
    }

    void begin(int, size_t) override {
        staged_.clear();
        staged_.reserve(block_size);
        header_written_ = false;
    }

    Result<size_t> feed(std::span<const uint8_t> input, std::span<uint8_t> out) override {
        size_t written = put_header(out);
        while (!input.empty()) {
            if (staged_.empty() && input.size() >= block_size) {
                written += put_block(input.first(block_size), out.subspan(written));
                input = input.subspan(block_size);
                continue;
            }
            const size_t part = std::min(input.size(), block_size - staged_.size());
            staged_.insert(staged_.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(part));
            input = input.subspan(part);
            if (staged_.size() == block_size)
                written += put_staged(out.subspan(written));
        }
        return written;
    }

    Result<size_t> finish(std::span<uint8_t> out) override {
        const size_t written = put_header(out);
        return written + (staged_.empty() ? 0 : put_staged(out.subspan(written)));
    }

private:
    size_t put_header(std::span<uint8_t> out) {
        if (std::exchange(header_written_, true))
            return 0;
        std::memcpy(out.data(), magic.data(), magic.size());
        store_be<int32_t>(out.data() + magic.size(), 1);
        store_be<int32_t>(out.data() + magic.size() + 4, 1);
        return header_size;
    }

    size_t put_staged(std::span<uint8_t> out) {
        const size_t written = put_block(staged_, out);
        staged_.clear();
        return written;
    }

    static size_t put_block(std::span<const uint8_t> input, std::span<uint8_t> out) {
        size_t size = 0;
        snappy::RawCompress(chars(input.data()), input.size(), reinterpret_cast<char*>(out.data()) + 4, &size);
        store_be(out.data(), static_cast<int32_t>(size));
        return 4 + size;
    }

    std::vector<uint8_t> staged_;
    bool header_written_ = false;
};

class Decompress final : public DecompressStream {
public:
    void begin(Bytes input) override {
        at_ = input.begin();
        end_ = input.end();
        framed_ = input.size() >= header_size && std::memcmp(at_, magic.data(), magic.size()) == 0;
        if (framed_)
            at_ += header_size;
    }

    Result<Step> read(std::span<uint8_t> out) override {
        size_t written = 0;
        for (;;) {
            if (at_ == end_)
                return Step{written, true};
            const uint8_t* block = at_;
            size_t size = static_cast<size_t>(end_ - block);
            if (framed_) {
                if (size < 4)
                    return Error(Errc::_bad_compression, "a block's length is cut short");
                const auto announced = load_be<int32_t>(block);
                block += 4;
                if (announced < 0 || announced > end_ - block)
                    return Error(Errc::_bad_compression, "a block is cut short");
                size = static_cast<size_t>(announced);
            }
            size_t plain = 0;
            // snappy's densest element makes 64 bytes out of 3.
            if (!snappy::GetUncompressedLength(chars(block), size, &plain) || plain > size * 32 + 64)
                return Error(Errc::_bad_compression, "a block's length cannot be true");
            if (plain > out.size() - written)
                return Step{written, false, plain};
            if (!snappy::RawUncompress(chars(block), size, reinterpret_cast<char*>(out.data() + written)))
                return Error(Errc::_bad_compression, "a malformed block");
            written += plain;
            at_ = block + size;
        }
    }

private:
    const uint8_t* at_ = nullptr;
    const uint8_t* end_ = nullptr;
    bool framed_ = false;
};

} // namespace

std::unique_ptr<CompressStream> make_snappy_compressor() { return std::make_unique<Compress>(); }
std::unique_ptr<DecompressStream> make_snappy_decompressor() { return std::make_unique<Decompress>(); }

} // namespace ottla::codec
