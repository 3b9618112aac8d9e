// What the application gets to see of a fetched slice, and what not.
#include "client/slice_reader.hpp"

#include "catch.hpp"
#include "record/builder.hpp"

using namespace ottla;
using namespace ottla::client;

namespace {

using Offsets = std::vector<int64_t>;

std::vector<uint8_t> join(std::initializer_list<Buffer> batches) {
    std::vector<uint8_t> all;
    for (const auto& b : batches)
        all.insert(all.end(), b.data(), b.data() + b.size());
    return all;
}

std::vector<record::BuildRecord> numbered(int64_t base, int count) {
    std::vector<record::BuildRecord> records;
    for (int i = 0; i < count; ++i)
        records.push_back(
            {.offset = base + i, .timestamp_ms = 1000 + i, .key = "k", .value = "some value, twice, twice"}
        );
    return records;
}

Buffer batch(int64_t base, int count, record::BuildOptions options = {}) {
    options.base_offset = base;
    return record::build_batch(options, numbered(base, count)).value();
}

Buffer transactional(int64_t base, int count, int64_t producer) {
    return batch(base, count, {.producer_id = producer, .producer_epoch = 0, .transactional = true});
}

Buffer marker(int64_t offset, int64_t producer, int16_t type) {
    return record::build_marker(
               {.base_offset = offset, .producer_id = producer, .producer_epoch = 0}, type, 0, 5
    )
        .value();
}

core::FetchedSlice slice_of(std::initializer_list<Buffer> batches, int64_t from = 0) {
    return {.records = Buffer::copy_of(join(batches)), .from = from, .messages = 7};
}

struct Seen {
    Offsets one_by_one;
    Offsets whole;
    SliceReader::Step step{};
    int64_t position = -1;
    Error error;
};

// Reads a slice both ways; they must agree.
Seen read(const core::FetchedSlice& slice, bool check_crcs = true) {
    DecodeContext context{.check_crcs = check_crcs};
    Seen seen;
    SliceReader reader;
    reader.begin(slice, context);
    while (const RecordView* view = reader.next(context, seen.step)) {
        seen.one_by_one.push_back(view->offset());
        CHECK(view->value().text() == "some value, twice, twice");
    }
    seen.position = reader.position();
    seen.error = reader.error();
    reader.end(context);

    std::vector<RecordView> views;
    std::vector<Buffer> decompressed;
    reader.begin(slice, context);
    while ((seen.step = reader.take_batch(context, views, decompressed)) == SliceReader::Step::records) {
    }
    for (const auto& view : views) {
        seen.whole.push_back(view.offset());
        CHECK(view.value().text() == "some value, twice, twice");
    }
    CHECK(reader.position() == seen.position);
    reader.end(context);
    CHECK(seen.one_by_one == seen.whole);
    return seen;
}

} // namespace

TEST_CASE("records of every codec come out in order", "[consumer]") {
    for (const auto codec :
         {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
        const auto seen = read(
            slice_of({batch(0, 3, {.compression = codec}), batch(3, 2), batch(5, 2, {.compression = codec})})
        );
        CHECK(seen.whole == Offsets{0, 1, 2, 3, 4, 5, 6});
        CHECK(seen.step == SliceReader::Step::end);
        CHECK(seen.position == 7);
    }
}

TEST_CASE("message sets of old brokers are read", "[consumer]") {
    for (const int8_t magic : {int8_t{0}, int8_t{1}})
        for (const auto codec :
             {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4}) {
            const auto set =
                record::build_message_set(magic, {.compression = codec}, numbered(10, 5)).value();
            CHECK(read(slice_of({set}, 12)).whole == Offsets{12, 13, 14});
        }
}

TEST_CASE("records below the position are skipped", "[consumer]") {
    CHECK(read(slice_of({batch(0, 5), batch(5, 5)}, 3)).whole == Offsets{3, 4, 5, 6, 7, 8, 9});
    CHECK(read(slice_of({batch(0, 5), batch(5, 5)}, 7)).whole == Offsets{7, 8, 9});
    const auto seen = read(slice_of({batch(0, 5)}, 5));
    CHECK(seen.whole.empty());
    CHECK(seen.position == 5);
}

TEST_CASE("a slice may end in the middle of a batch", "[consumer]") {
    auto bytes = join({batch(0, 5), batch(5, 5)});
    bytes.resize(bytes.size() - 3);
    const auto seen = read({.records = Buffer::copy_of(bytes)});
    CHECK(seen.whole == Offsets{0, 1, 2, 3, 4});
    CHECK(seen.step == SliceReader::Step::end);
}

TEST_CASE("compacted batches keep their range: the position moves past it", "[consumer]") {
    record::BuildOptions options{.base_offset = 5, .last_offset_delta = 9};
    const auto sparse = record::build_batch(options, numbered(7, 2)).value();
    options = {.base_offset = 15, .last_offset_delta = 4};
    const auto empty = record::build_batch(options, {}).value();
    const auto seen = read(slice_of({sparse, empty}, 5));
    CHECK(seen.whole == Offsets{7, 8});
    CHECK(seen.position == 20);
    CHECK(read(slice_of({sparse}, 5)).position == 15);
}

TEST_CASE("control batches are never handed out", "[consumer]") {
    const auto seen =
        read(slice_of({transactional(0, 2, 9), marker(2, 9, record::ControlRecord::commit), batch(3, 1)}));
    CHECK(seen.whole == Offsets{0, 1, 3});
    CHECK(read(slice_of({marker(0, 9, record::ControlRecord::commit)})).position == 1);
}

TEST_CASE("aborted transactions are left out, up to their markers", "[consumer]") {
    auto slice = slice_of({
        transactional(0, 2, 9), // aborted
        transactional(2, 1, 8), // committed, in between
        batch(3, 1),
        transactional(4, 1, 9),
        marker(5, 9, record::ControlRecord::abort),
        transactional(6, 1, 9), // a new one, committed
        marker(7, 8, record::ControlRecord::commit),
        marker(8, 9, record::ControlRecord::commit),
        transactional(9, 1, 9), // aborted again
        marker(10, 9, record::ControlRecord::abort),
        batch(11, 1),
    });
    slice.aborted = {{9, 0}, {9, 9}};
    CHECK(read(slice).whole == Offsets{2, 3, 6, 11});
}

TEST_CASE("a transaction that began before the slice is left out too", "[consumer]") {
    auto slice =
        slice_of({transactional(10, 2, 9), marker(12, 9, record::ControlRecord::abort), batch(13, 1)}, 10);
    slice.aborted = {{9, 3}};
    CHECK(read(slice).whole == Offsets{13});
}

TEST_CASE("a wrong checksum ends the slice at the batch it is in", "[consumer]") {
    auto bytes = join({batch(0, 3), batch(3, 3)});
    bytes.back() ^= 1;
    auto seen = read({.records = Buffer::copy_of(bytes)});
    CHECK(seen.whole == Offsets{0, 1, 2});
    CHECK(seen.step == SliceReader::Step::bad);
    CHECK(seen.error.errc() == Errc::_bad_msg);
    CHECK(seen.position == 3);
}

TEST_CASE("damage does not hide records as if they were a marker, or of an aborted transaction", "[consumer]") {
    auto bytes = join({batch(0, 3), batch(3, 3)});
    uint8_t* second = bytes.data() + bytes.size() / 2;
    const auto refused = [&](const Seen& seen) {
        CHECK(seen.whole == Offsets{0, 1, 2});
        CHECK(seen.step == SliceReader::Step::bad);
        CHECK(seen.error.errc() == Errc::_bad_msg);
        CHECK(seen.error.message() == "batch at offset 3: its checksum is wrong; what follows it begins at offset 6");
        CHECK(seen.position == 3);
    };
    second[record::at::attributes + 1] ^= record::control_bit;
    refused(read({.records = Buffer::copy_of(bytes)}));
    second[record::at::attributes + 1] ^= record::control_bit ^ record::transactional_bit;
    store_be<int64_t>(second + record::at::producer_id, 9);
    core::FetchedSlice slice{.records = Buffer::copy_of(bytes)};
    slice.aborted = {{9, 3}};
    refused(read(slice));
    CHECK(read(slice, false).whole == Offsets{0, 1, 2});
}

TEST_CASE("compressed bytes that are no such thing end the slice", "[consumer]") {
    auto good = batch(0, 50, {.compression = Compression::zstd});
    std::vector<uint8_t> bytes(good.data(), good.data() + good.size());
    for (size_t i = record::batch_header_size; i < bytes.size(); ++i)
        bytes[i] = static_cast<uint8_t>(i * 7);
    const auto seen = read({.records = Buffer::copy_of(bytes)}, false);
    CHECK(seen.whole.empty());
    CHECK(seen.step == SliceReader::Step::bad);
    CHECK(seen.error.errc() == Errc::_bad_compression);
}

TEST_CASE("what is left of a batch can be taken whole", "[consumer]") {
    DecodeContext context;
    SliceReader reader;
    reader.begin(slice_of({batch(0, 5, {.compression = Compression::lz4}), batch(5, 2)}), context);
    SliceReader::Step step{};
    CHECK(reader.next(context, step)->offset() == 0);
    CHECK(reader.next(context, step)->offset() == 1);
    std::vector<RecordView> views;
    std::vector<Buffer> decompressed;
    CHECK(reader.take_batch(context, views, decompressed) == SliceReader::Step::records);
    CHECK(views.size() == 3);
    CHECK(views.front().offset() == 2);
    CHECK(decompressed.size() == 1);
    CHECK(reader.position() == 5);
    CHECK(reader.next(context, step)->offset() == 5);
    CHECK(reader.next(context, step)->offset() == 6);
    CHECK(reader.next(context, step) == nullptr);
    CHECK(step == SliceReader::Step::end);
}

TEST_CASE("records of a plain batch keep the fetch alive, also behind a compressed batch of which nothing is read", "[consumer]") {
    DecodeContext context;
    SliceReader reader;
    // Compaction took the records from offset 7 on.
    const auto sparse =
        record::build_batch({.last_offset_delta = 9, .compression = Compression::lz4}, numbered(0, 7)).value();
    auto slice = slice_of({sparse, batch(10, 2)}, 7);
    const BufferBlock* const fetched = slice.records.block();
    reader.begin(std::move(slice), context);
    SliceReader::Step step{};
    REQUIRE(reader.next(context, step));
    CHECK(reader.bytes().block() == fetched); // what a message of it holds
}

TEST_CASE("the reader itself holds nothing of a batch that was taken whole", "[consumer][memory]") {
    DecodeContext context;
    context.budget = std::make_shared<MemoryBudget>(4500); // one decompressed batch takes 4096
    SliceReader reader;
    reader.begin(slice_of({batch(0, 5, {.compression = Compression::lz4}), batch(5, 5, {.compression = Compression::lz4})}), context);
    SliceReader::Step step{};
    REQUIRE(reader.next(context, step));
    std::vector<RecordView> views;
    std::vector<Buffer> decompressed;
    REQUIRE(reader.take_batch(context, views, decompressed) == SliceReader::Step::records);
    CHECK(reader.take_batch(context, views, decompressed) == SliceReader::Step::no_room);
    views.clear();
    decompressed.clear(); // the application lets go of it
    CHECK(reader.take_batch(context, views, decompressed) == SliceReader::Step::records);
    CHECK(views.size() == 5);
}
