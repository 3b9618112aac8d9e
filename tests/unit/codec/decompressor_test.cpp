// How a decompressor comes by its memory.
#include <algorithm>
#include <malloc.h>
#include <string>
#include <thread>
#include <vector>

#include "base/varint.hpp"
#include "catch.hpp"
#include "codec/codec.hpp"

using namespace ottla;
using codec::Decompressor;

namespace {

Buffer compressed(Compression codec, const std::string& text) {
    codec::Compressor compressor;
    compressor.begin(codec, -1, text.size(), 0);
    REQUIRE_FALSE(compressor.feed(Bytes(text).span()));
    return compressor.finish().value();
}

/// Shrinks to about a hundredth.
std::string dull(size_t size) {
    std::string text;
    while (text.size() < size)
        text += std::string(200, static_cast<char>('a' + text.size() / 200 % 26));
    text.resize(size);
    return text;
}

std::string lively(size_t size) {
    std::string text;
    for (uint64_t n = 1; text.size() < size; n = n * 6364136223846793005 + 1442695040888963407)
        text += static_cast<char>(n >> 33);
    return text;
}

} // namespace

TEST_CASE("decompressor: memory of outputs that were let go is used again, as much as a few of them had") {
    const auto codec = GENERATE(Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd);
    const std::string text = lively(100'000);
    const Buffer input = compressed(codec, text);
    Decompressor decompressor;
    std::vector<const uint8_t*> first;
    for (int round = 0; round < 4; ++round) { // the first learns how large they become
        std::vector<Buffer> held;
        std::vector<const uint8_t*> places;
        for (int i = 0; i < 5; ++i) {
            held.push_back(decompressor.run(codec, input, 2).value());
            REQUIRE(Bytes(held.back()).text() == text);
            places.push_back(held.back().data());
        }
        std::sort(places.begin(), places.end());
        if (round == 1)
            first = places;
        if (round > 1)
            CHECK(places == first);
    }
}

TEST_CASE("decompressor: what is held is left alone, also when the decompressor is gone") {
    std::vector<Buffer> held;
    {
        Decompressor decompressor;
        for (int i = 0; i < 20; ++i)
            held.push_back(decompressor.run(Compression::lz4, compressed(Compression::lz4, dull(50'000 + i)), 2).value());
    }
    for (int i = 0; i < 20; ++i)
        CHECK(Bytes(held[static_cast<size_t>(i)]).text() == dull(50'000 + i));
}

TEST_CASE("decompressor: an output keeps little more memory than it needs, whatever came before") {
    const auto codec = GENERATE(Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd);
    Decompressor decompressor;
    const Buffer small = compressed(codec, dull(100'000));
    for (int i = 0; i < 10; ++i)
        REQUIRE(decompressor.run(codec, small, 2).value().size() == 100'000);
    const std::string text = lively(1'000'000); // does not shrink
    const Buffer output = decompressor.run(codec, compressed(codec, text), 2).value();
    CHECK(Bytes(output).text() == text);
    CHECK(output.block()->capacity <= 5 * text.size());
}

TEST_CASE("decompressor: more than the limit is refused, and the next output is as ever") {
    const auto codec = GENERATE(Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd);
    Decompressor decompressor;
    const std::string text = dull(300'000);
    const Buffer input = compressed(codec, text);
    CHECK(decompressor.run(codec, input, 2, 299'999).error().code == Errc::_bad_compression);
    const Buffer output = decompressor.run(codec, input, 2, 300'000).value();
    CHECK(output == Buffer::copy_of(Bytes(text)));
}

TEST_CASE("decompressor: a block that says it is larger than the limit gets no memory") {
    const auto used = [] {
        const auto info = mallinfo2();
        return info.uordblks + info.hblkhd;
    };
    std::vector<uint8_t> input(1 << 20);
    put_uvarint(input.data(), 30 << 20); // how a bare snappy block begins
    Decompressor decompressor;
    const size_t before = used();
    CHECK(decompressor.run(Compression::snappy, Bytes(input.data(), input.size()), 2, 1 << 20).error().code == Errc::_bad_compression);
    CHECK(used() < before + (8 << 20));
}

TEST_CASE("readers that take turns need one decompressor, however many they are", "[codec]") {
    codec::Decompressors shared;
    const std::string text = dull(100'000);
    const Buffer small = compressed(Compression::zstd, text);
    for (int reader = 0; reader < 10; ++reader)
        CHECK(shared.run(Compression::zstd, small, 2, text.size()).value() == Bytes(text));
    CHECK(shared.kept() == 1);
    CHECK_FALSE(shared.run(Compression::zstd, small, 2, 10));
    CHECK(shared.kept() == 1);
    std::vector<std::thread> readers;
    for (int reader = 0; reader < 8; ++reader)
        readers.emplace_back([&] {
            for (int i = 0; i < 100; ++i)
                (void)shared.run(Compression::zstd, small, 2, text.size()).value();
        });
    for (auto& reader : readers)
        reader.join();
    CHECK(shared.run(Compression::zstd, small, 2, text.size()).value() == Bytes(text));
}
