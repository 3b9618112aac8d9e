// zstd (KIP-110).
#include <new>
#include <zstd.h>

#include "codec/codec.hpp"

namespace ottla::codec {
namespace {

constexpr int default_level = 3;
constexpr size_t block_header_size = 3;

Error failed(size_t code) { return {Errc::_bad_compression, ZSTD_getErrorName(code)}; }

class Compress final : public CompressStream {
public:
    Compress() : context_(ZSTD_createCCtx()) {
        if (!context_)
            throw std::bad_alloc();
    }
    ~Compress() override { ZSTD_freeCCtx(context_); }

    size_t bound(size_t size) const override { return ZSTD_compressBound(size) + 64 + block_header_size * (size / smallest_flush); }

    void begin(int level, size_t total) override {
        ZSTD_CCtx_reset(context_, ZSTD_reset_session_only);
        ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level < 0 ? default_level : level);
        ZSTD_CCtx_setPledgedSrcSize(context_, total); // no tables larger than the batch wants; readers learn what room it needs
    }

    Result<size_t> feed(std::span<const uint8_t> input, std::span<uint8_t> out) override {
        ZSTD_inBuffer in{input.data(), input.size(), 0};
        ZSTD_outBuffer to{out.data(), out.size(), 0};
        while (in.pos < in.size) {
            const size_t code = ZSTD_compressStream2(context_, &to, &in, ZSTD_e_continue);
            if (ZSTD_isError(code))
                return failed(code);
            if (to.pos == to.size && in.pos < in.size)
                return Error(Errc::_bad_compression, "zstd: the output is larger than it may be");
        }
        return to.pos;
    }

    // Without it a block of up to 128 KiB is gathered and compressed at once.
    Result<size_t> flush(std::span<uint8_t> out) override { return run(out, ZSTD_e_flush); }
    Result<size_t> finish(std::span<uint8_t> out) override { return run(out, ZSTD_e_end); }

private:
    Result<size_t> run(std::span<uint8_t> out, ZSTD_EndDirective directive) {
        ZSTD_inBuffer in{nullptr, 0, 0};
        ZSTD_outBuffer to{out.data(), out.size(), 0};
        const size_t code = ZSTD_compressStream2(context_, &to, &in, directive);
        if (ZSTD_isError(code))
            return failed(code);
        if (code != 0)
            return Error(Errc::_bad_compression, "zstd: the output is larger than it may be");
        return to.pos;
    }

    ZSTD_CCtx* context_;
};

class Decompress final : public DecompressStream {
public:
    Decompress() : context_(ZSTD_createDCtx()) {
        if (!context_)
            throw std::bad_alloc();
    }
    ~Decompress() override { ZSTD_freeDCtx(context_); }

    void begin(Bytes input) override {
        ZSTD_DCtx_reset(context_, ZSTD_reset_session_only);
        input_ = {input.data(), input.size(), 0};
        in_frame_ = true; // no input at all is no frame
    }

    Result<Step> read(std::span<uint8_t> out) override {
        ZSTD_outBuffer to{out.data(), out.size(), 0};
        for (;;) {
            const size_t in_before = input_.pos;
            const size_t out_before = to.pos;
            if (!in_frame_ && input_.pos == input_.size)
                return Step{to.pos, true};
            const size_t hint = ZSTD_decompressStream(context_, &to, &input_);
            if (ZSTD_isError(hint))
                return failed(hint);
            in_frame_ = hint != 0;
            if (!in_frame_ && input_.pos == input_.size)
                return Step{to.pos, true};
            if (to.pos == to.size)
                return Step{to.pos, false};
            if (input_.pos == in_before && to.pos == out_before)
                return Error(Errc::_bad_compression, "the data is cut short");
        }
    }

private:
    ZSTD_DCtx* context_;
    ZSTD_inBuffer input_{};
    bool in_frame_ = false;
};

} // namespace

std::unique_ptr<CompressStream> make_zstd_compressor() { return std::make_unique<Compress>(); }
std::unique_ptr<DecompressStream> make_zstd_decompressor() { return std::make_unique<Decompress>(); }

} // namespace ottla::codec
