// gzip by zlib. Several members one after the other are one stream, as gzip says.
#include <algorithm>
#include <climits>
#include <new>
#include <zlib.h>

#include "codec/codec.hpp"

namespace ottla::codec {
namespace {

constexpr int gzip_window = 15 + 16; // the largest window, gzip's own header
constexpr int default_memory = 8;

class Compress final : public CompressStream {
public:
    ~Compress() override {
        if (ready_)
            deflateEnd(&stream_);
    }

    size_t bound(size_t size) const override { return size + size / 1000 + 1024 + 5 * (size / 16383 + 1); }

    void begin(int level, size_t) override {
        if (ready_ && level == level_) {
            deflateReset(&stream_);
            return;
        }
        if (ready_)
            deflateEnd(&stream_);
        stream_ = {};
        if (deflateInit2(&stream_, level < 0 ? Z_DEFAULT_COMPRESSION : level, Z_DEFLATED, gzip_window, default_memory, Z_DEFAULT_STRATEGY) != Z_OK)
            throw std::bad_alloc();
        ready_ = true;
        level_ = level;
    }

    Result<size_t> feed(std::span<const uint8_t> input, std::span<uint8_t> out) override { return run(input, out, Z_NO_FLUSH); }
    Result<size_t> finish(std::span<uint8_t> out) override { return run({}, out, Z_FINISH); }

private:
    Result<size_t> run(std::span<const uint8_t> input, std::span<uint8_t> out, int flush) {
        stream_.next_in = const_cast<uint8_t*>(input.data());
        stream_.avail_in = static_cast<uInt>(input.size());
        stream_.next_out = out.data();
        stream_.avail_out = static_cast<uInt>(std::min<size_t>(out.size(), UINT_MAX));
        const uInt before = stream_.avail_out;
        const int status = deflate(&stream_, flush);
        if (stream_.avail_in != 0 || (flush == Z_FINISH && status != Z_STREAM_END))
            return Error(Errc::_bad_compression, "gzip: the output is larger than it may be");
        return before - stream_.avail_out;
    }

    z_stream stream_{};
    bool ready_ = false;
    int level_ = 0;
};

class Decompress final : public DecompressStream {
public:
    ~Decompress() override {
        if (ready_)
            inflateEnd(&stream_);
    }

    void begin(Bytes input) override {
        if (ready_) {
            inflateReset(&stream_);
        } else {
            if (inflateInit2(&stream_, gzip_window) != Z_OK)
                throw std::bad_alloc();
            ready_ = true;
        }
        stream_.next_in = const_cast<uint8_t*>(input.data());
        stream_.avail_in = static_cast<uInt>(input.size());
    }

    Result<Step> read(std::span<uint8_t> out) override {
        stream_.next_out = out.data();
        stream_.avail_out = static_cast<uInt>(std::min<size_t>(out.size(), UINT_MAX));
        const auto written = [&] { return static_cast<size_t>(stream_.next_out - out.data()); };
        for (;;) {
            const int status = inflate(&stream_, Z_NO_FLUSH);
            if (status == Z_STREAM_END) {
                if (stream_.avail_in == 0)
                    return Step{written(), true};
                inflateReset(&stream_);
                continue;
            }
            if (status != Z_OK && status != Z_BUF_ERROR)
                return Error(Errc::_bad_compression, stream_.msg ? stream_.msg : "malformed data");
            if (stream_.avail_out == 0)
                return Step{written(), false};
            if (stream_.avail_in == 0)
                return Error(Errc::_bad_compression, "the data is cut short");
        }
    }

private:
    z_stream stream_{};
    bool ready_ = false;
};

} // namespace

std::unique_ptr<CompressStream> make_gzip_compressor() { return std::make_unique<Compress>(); }
std::unique_ptr<DecompressStream> make_gzip_decompressor() { return std::make_unique<Decompress>(); }

} // namespace ottla::codec
