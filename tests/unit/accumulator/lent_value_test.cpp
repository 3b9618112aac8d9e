// Values that stay the caller's: the same bytes go out, nothing is copied, and reports wait for readers.
#include <array>
#include <set>

#include "accumulator/accumulator.hpp"
#include "base/rng.hpp"
#include "catch.hpp"
#include "core/produce/sealer.hpp"
#include "record/record_set.hpp"

using namespace ottla;
using namespace ottla::accumulator;

namespace {

constexpr size_t copy_max = 10;

struct World {
    explicit World(size_t sum_from = SIZE_MAX)
        : accumulator({.copy_max = copy_max, .sum_from = sum_from}, [] {}, [this](Batch* batch) { delivered.push_back(batch); }) {}

    void append(Bytes value, bool lends, std::span<const Header> headers = {}, uintptr_t opaque = 7) {
        REQUIRE(accumulator.append(
            {.topic = "t", .key = "key", .value = value, .headers = headers, .timestamp_ms = 1000, .partition = 0, .token = {.value = opaque},
             .lends = lends}) == Errc::no_error);
    }
    void know() {
        BatchList rejected;
        accumulator.set_partitions(*accumulator.topics().front(), 1, rejected);
        REQUIRE(rejected.empty());
    }
    Batch* take() {
        BatchList all = accumulator.take_everything();
        Batch* batch = all.pop();
        REQUIRE(all.empty());
        return batch;
    }
    std::string wire(Batch& batch, Compression codec = Compression::none, int8_t magic = 2) {
        core::produce::Sealer sealer(codec, -1);
        do
            sealer.begin_turn();
        while (sealer.pack(batch, {.magic = magic, .zstd = true}).value() == core::produce::Sealer::Packed::later);
        REQUIRE_FALSE(sealer.seal(batch, {1, 0}, 0, {.magic = magic, .zstd = true}));
        std::string all;
        for (const Buffer& piece : batch.wire)
            all.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        return all;
    }

    std::vector<Batch*> delivered;
    Accumulator accumulator;
};

const std::string small(copy_max, 's');
const std::string large(1000, 'L');
const std::string larger(100'000, 'M');
const std::array headers{Header{"h", Bytes("1")}, Header{"n", Bytes()}};

void append_all(World& world, bool lends) {
    world.append(large, lends, headers);
    world.append(small, lends);
    world.append(larger, lends);
    world.append(larger, lends, headers);
    world.append("last", false);
}

} // namespace

TEST_CASE("lent values go out as the same bytes as copied ones") {
    const auto codec = GENERATE(Compression::none, Compression::lz4);
    const auto magic = GENERATE(int8_t{2}, int8_t{1});
    const bool waited = GENERATE(true, false); // for the topic's first metadata
    World copied;
    World lent;
    for (World* world : {&copied, &lent}) {
        if (!waited) {
            world->append("x", false);
            world->know();
            world->accumulator.finish(world->take());
        }
        if (magic == 2)
            append_all(*world, world == &lent);
        else // message sets have no headers
            for (const auto* value : {&large, &small, &larger})
                world->append(*value, world == &lent);
        if (waited)
            world->know();
    }
    Batch* a = copied.take();
    Batch* b = lent.take();
    CHECK(b->gathered == (magic == 2 ? 3 : 2));
    CHECK(copied.wire(*a, codec, magic) == lent.wire(*b, codec, magic));
    CHECK(a->payload_bytes == b->payload_bytes);
    if (codec == Compression::none && magic == 2) { // not one byte of it was copied
        std::set<const void*> sent;
        for (const Buffer& piece : b->wire)
            sent.insert(piece.data());
        CHECK(sent.contains(large.data()));
        CHECK(sent.contains(larger.data()));
        CHECK_FALSE(sent.contains(small.data()));
    }
    copied.accumulator.finish(a);
    lent.accumulator.finish(b);
    CHECK(lent.accumulator.outstanding() == 0);
    CHECK(lent.accumulator.outstanding_bytes() == 0);
}

TEST_CASE("checksums taken while records come in are those of the whole") {
    const bool lends = GENERATE(true, false);
    const auto magic = GENERATE(int8_t{2}, int8_t{1});
    const auto codec = GENERATE(Compression::none, Compression::lz4);
    Rng rng(1);
    for (int round = 0; round < 20; ++round) {
        World early(large.size());
        World late;
        for (int i = static_cast<int>(rng.below(20)); i >= 0; --i) {
            const auto& value = *std::array{&small, &small, &large, &larger}[rng.below(4)];
            const bool lent = lends && rng.below(2) == 0;
            for (World* world : {&early, &late})
                world->append(value, lent);
        }
        for (World* world : {&early, &late}) {
            world->append(larger, false);
            for (int i = round % 3; i > 0; --i)
                world->append(small, false);
            world->know();
        }
        BatchList a = early.accumulator.take_everything();
        BatchList b = late.accumulator.take_everything();
        CHECK(a.front()->summed.bytes > 0);
        while (!a.empty()) {
            Batch* const x = a.pop();
            Batch* const y = b.pop();
            CHECK(y->summed.bytes == 0);
            CHECK(early.wire(*x, codec, magic) == late.wire(*y, codec, magic));
            early.accumulator.finish(x);
            late.accumulator.finish(y);
        }
        CHECK(b.empty());
    }
}

TEST_CASE("a record with a lent value is read back, its value by the caller's own pointer") {
    World world;
    append_all(world, true);
    world.know();
    Batch* batch = world.take();
    std::vector<size_t> header_counts;
    batch->for_each_record([&](int32_t index, const uint8_t* encoded, const Chunk& chunk) {
        const RecordView view = batch->view(index, encoded, chunk);
        CHECK(view.key().text() == "key");
        CHECK(view.timestamp_ms() == 1000);
        CHECK(view.offset() == index);
        header_counts.push_back(view.header_count());
        if (chunk.gathered())
            CHECK(view.value().data() == batch->lent(index)->value.data());
        CHECK(batch->token(index).value == 7);
        CHECK(batch->token(index).kind == TokenKind::opaque);
    });
    CHECK(header_counts == std::vector<size_t>{2, 0, 0, 2, 0});
    CHECK(batch->lent(1)->value.data() == reinterpret_cast<const uint8_t*>(small.data())); // copied, and reported as lent
    CHECK(batch->lent(4) == nullptr);
    world.accumulator.finish(batch);
}

TEST_CASE("halves share lent values out") {
    World world;
    append_all(world, true);
    world.know();
    BatchList halves = world.accumulator.halve(world.take());
    int32_t records = 0;
    int32_t gathered = 0;
    int parts = 0;
    while (!halves.empty()) {
        Batch* half = halves.pop();
        ++parts;
        records += half->count;
        gathered += half->gathered;
        CHECK_FALSE(world.accumulator.hold(*half));
        world.accumulator.finish(half);
    }
    CHECK(parts == 2);
    CHECK(records == 5);
    CHECK(gathered == 3);
    CHECK(world.accumulator.outstanding() == 0);
}

TEST_CASE("the report of a batch waits until nothing reads its lent values") {
    World world;
    append_all(world, true);
    world.know();
    Batch* batch = world.take();
    world.wire(*batch);
    SECTION("a connection has pieces of it") {
        std::vector<Buffer> in_the_socket = batch->wire;
        REQUIRE(world.accumulator.hold(*batch));
        in_the_socket.pop_back();
        CHECK(world.delivered.empty());
        in_the_socket.clear();
        CHECK(world.delivered == std::vector<Batch*>{batch});
    }
    SECTION("the connection has written all") {
        CHECK_FALSE(world.accumulator.hold(*batch));
        CHECK(world.delivered.empty());
    }
    SECTION("all connections are closed, though pieces are still kept somewhere") {
        std::vector<Buffer> kept = batch->wire;
        REQUIRE(world.accumulator.hold(*batch));
        BatchList released = world.accumulator.release_held();
        CHECK(released.front() == batch);
        kept.clear();
        CHECK(world.delivered.empty());
    }
    world.accumulator.finish(batch);
    CHECK(world.accumulator.outstanding() == 0);
}

TEST_CASE("tokens of lent values are used again") {
    World world;
    world.append(large, true);
    world.know();
    for (int round = 0; round < 10; ++round) {
        if (round)
            world.append(large, true);
        Batch* batch = world.take();
        CHECK_FALSE(world.accumulator.hold(*batch));
        world.accumulator.finish(batch);
    }
    world.append(small, true);
    world.accumulator.finish(world.take());
}

TEST_CASE("a piece of a lent value may outlive the producer") {
    std::vector<Buffer> kept;
    {
        World world;
        append_all(world, true);
        world.know();
        Batch* batch = world.take();
        world.wire(*batch);
        kept = batch->wire;
        REQUIRE(world.accumulator.hold(*batch));
        BatchList released = world.accumulator.release_held();
        world.accumulator.finish(released.pop());
    }
    CHECK(kept.size() > 3);
}
