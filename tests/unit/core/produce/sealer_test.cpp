// Batches are compressed in pieces, one after the other, and come out as if in one go.
#include "core/produce/sealer.hpp"

#include "accumulator/accumulator.hpp"
#include "catch.hpp"
#include "record/batch_header.hpp"

using namespace ottla;
using namespace ottla::accumulator;
using core::produce::Format;
using core::produce::Sealer;

namespace {

struct World {
    Batch* batch(int records, std::string_view value) {
        for (int i = 0; i < records; ++i)
            REQUIRE(accumulator.append({.topic = "t", .key = {}, .value = value, .headers = {}, .timestamp_ms = 1, .partition = 0, .token = {}}) == Errc::no_error);
        BatchList rejected;
        accumulator.set_partitions(*accumulator.topics().front(), 1, rejected);
        return accumulator.take_everything().pop();
    }
    ~World() {
        for (BatchList left = accumulator.take_everything(); !left.empty();)
            accumulator.finish(left.pop());
    }
    Accumulator accumulator{{}, [] {}};
};

int turns_until_packed(Sealer& sealer, Batch& batch, Format format = {}) {
    for (int turns = 1;; ++turns) {
        REQUIRE(turns < 1000);
        sealer.begin_turn();
        const auto ready = sealer.pack(batch, format);
        REQUIRE(ready);
        if (*ready == Sealer::Packed::ready)
            return turns;
    }
}

std::string sealed(Sealer& sealer, Batch& batch, int64_t producer_id = 1) {
    REQUIRE_FALSE(sealer.seal(batch, {producer_id, 0}, 0, {}));
    std::string all;
    for (const Buffer& piece : batch.wire)
        all.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return all;
}

} // namespace

TEST_CASE("a large batch is compressed over several turns") {
    const auto codec = GENERATE(Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd);
    World world;
    const std::string value(900, 'v');
    Batch* batch = world.batch(1000, value);
    Sealer sealer(codec, -1);
    CHECK(turns_until_packed(sealer, *batch) > 3);
    CHECK(turns_until_packed(sealer, *batch) == 1);
    CHECK(batch->packed.size() < 100'000);
    const std::string once = sealed(sealer, *batch);

    // Another identity: the checksum is another, the compressed bytes are the same memory.
    const uint8_t* const memory = batch->packed.data();
    const std::string again = sealed(sealer, *batch, 2);
    CHECK(once != again);
    CHECK(batch->packed.data() == memory);
    CHECK(sealed(sealer, *batch) == once);

    world.accumulator.finish(batch);
}

TEST_CASE("pieces of every codec and level come out as what went in") {
    const auto [codec, levels] = GENERATE(
        std::pair{Compression::gzip, std::vector{-1, 1, 5, 9}},
        std::pair{Compression::snappy, std::vector{-1}},
        std::pair{Compression::lz4, std::vector{-1, 0, 3, 9, 12}},
        std::pair{Compression::zstd, std::vector{-1, 1, 5, 9, 13, 22}});
    std::string value; // half of it noise, so that pieces grow as well as shrink
    for (uint32_t i = 0, x = 1; i < 60'000; ++i)
        value.push_back(static_cast<char>((x = x * 1664525 + 1013904223) >> 24));
    value.append(60'000, 'v');
    for (int level : levels) {
        CAPTURE(codec, level);
        World world;
        Batch* batch = world.batch(4, value);
        Sealer sealer(codec, level);
        CHECK(turns_until_packed(sealer, *batch) > 3);
        REQUIRE_FALSE(batch->packed.empty());
        std::string plain;
        for (const Chunk& chunk : batch->chunks)
            chunk.for_each_piece([&](std::span<const uint8_t> bytes) { plain.append(reinterpret_cast<const char*>(bytes.data()), bytes.size()); });
        codec::Decompressor decompressor;
        const auto again = decompressor.run(codec, Bytes(batch->packed.span().subspan(record::batch_header_size)), 2);
        REQUIRE(again);
        CHECK(Bytes(again->span()).text() == plain);
        world.accumulator.finish(batch);
    }
}

TEST_CASE("long turns, where nothing else runs on the thread, are few") {
    World world;
    const std::string value(900, 'v');
    for (const auto codec : {Compression::gzip, Compression::zstd}) {
        Batch* batch = world.batch(1000, value);
        Sealer brief(codec, -1);
        const int turns = turns_until_packed(brief, *batch);
        batch->packed = Buffer();
        batch->packed_by = Compression::none;
        Sealer patient(codec, -1, false, true);
        CHECK(turns_until_packed(patient, *batch) <= (turns + 3) / 4);
        world.accumulator.finish(batch);
    }
}

TEST_CASE("a turn seals a megabyte of plain batches") {
    World world;
    const std::string value(100'000, 'v');
    Batch* large = world.batch(6, value);
    Batch* second = world.batch(3, value);
    Batch* third = world.batch(4, value);
    Sealer sealer(Compression::none, -1);
    sealer.begin_turn();
    CHECK(sealer.pack(*large, {}).value() == Sealer::Packed::ready);
    CHECK(sealer.pack(*second, {}).value() == Sealer::Packed::ready);
    CHECK(sealer.pack(*third, {}).value() == Sealer::Packed::later);
    sealer.begin_turn();
    CHECK(sealer.pack(*third, {}).value() == Sealer::Packed::ready);
    for (Batch* batch : {large, second, third})
        world.accumulator.finish(batch);
}

TEST_CASE("a batch that does not shrink goes out as it is") {
    World world;
    std::string noise;
    for (uint32_t i = 0, x = 1; i < 1000; ++i)
        noise.push_back(static_cast<char>((x = x * 1664525 + 1013904223) >> 24));
    Batch* batch = world.batch(1, noise);
    Sealer sealer(Compression::lz4, -1);
    CHECK(turns_until_packed(sealer, *batch) == 1);
    CHECK(batch->packed.empty());
    CHECK(sealed(sealer, *batch).find(noise) != std::string::npos);
    world.accumulator.finish(batch);
}

TEST_CASE("batches wait for one another, but not for one that cannot go on") {
    World world;
    const std::string value(900, 'v');
    Batch* first = world.batch(1000, value);
    Batch* second = world.batch(1000, value);
    Sealer sealer(Compression::gzip, -1);
    sealer.begin_turn();
    CHECK(sealer.pack(*first, {}).value() == Sealer::Packed::later);
    CHECK(sealer.pack(*second, {}).value() == Sealer::Packed::later); // it is not its turn
    sealer.begin_turn();
    CHECK(sealer.pack(*second, {}).value() == Sealer::Packed::later);
    sealer.begin_turn(); // the first was not asked for
    CHECK(sealer.pack(*second, {}).value() == Sealer::Packed::later);
    CHECK(turns_until_packed(sealer, *second) > 3);
    const std::string one = sealed(sealer, *second);

    sealer.begin_turn();
    CHECK(sealer.pack(*first, {}).value() == Sealer::Packed::later);
    sealer.forget(*first);
    CHECK(turns_until_packed(sealer, *first) > 3);
    CHECK(sealed(sealer, *first) == one);
    world.accumulator.finish(first);
    world.accumulator.finish(second);
}

TEST_CASE("a leader that does not know the codec gets the batch plain, another gets it compressed") {
    World world;
    Batch* batch = world.batch(10, std::string(900, 'v'));
    Sealer sealer(Compression::zstd, -1);
    CHECK(turns_until_packed(sealer, *batch) == 1);
    CHECK_FALSE(batch->packed.empty());
    CHECK(turns_until_packed(sealer, *batch, {.magic = 2, .zstd = false}) == 1);
    CHECK(batch->packed.empty());
    CHECK(turns_until_packed(sealer, *batch) == 1);
    CHECK_FALSE(batch->packed.empty());
    world.accumulator.finish(batch);
}
