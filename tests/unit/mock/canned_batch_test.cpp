#include "mock/canned_batch.hpp"

#include "record/record_set.hpp"
#include "unit/mock/cluster_world.hpp"

using namespace ottla;
using namespace ottla::mock;

namespace {

/// Offsets and values of what was read, decoded and checked as a client does.
std::vector<std::pair<int64_t, std::string>> records_in(const std::vector<Buffer>& pieces) {
    const Buffer whole = wire::Pieces(pieces).flatten();
    std::vector<std::pair<int64_t, std::string>> all;
    record::BatchWalker walker{Bytes(whole)};
    record::BatchDecoder decoder;
    record::BatchView batch;
    for (;;) {
        const auto step = walker.next(batch);
        REQUIRE(step);
        if (*step == record::BatchWalker::Step::end)
            return all;
        REQUIRE(*step == record::BatchWalker::Step::batch);
        std::vector<RecordView> views;
        Buffer decompressed;
        const Error error = decoder.decode(batch, true, views, decompressed);
        INFO(error.message());
        REQUIRE_FALSE(error);
        for (const RecordView& view : views)
            all.emplace_back(view.offset(), view.value().text());
    }
}

CannedBatch make(NullOptions options) {
    auto canned = CannedBatch::make(options, 1000);
    REQUIRE(canned);
    return std::move(*canned);
}

CoreOptions null_brokers(NullOptions options) {
    CoreOptions core;
    core.canned = make(options);
    core.topic_defaults.check_crcs = false;
    return core;
}

} // namespace

TEST_CASE("a canned batch begins anew at every multiple of its records, with every codec") {
    for (const auto codec :
         {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
        INFO("codec " << static_cast<int>(codec));
        const CannedBatch canned =
            make({.value_size = 2, .compression = codec, .records_per_batch = 3, .text = "aabbccddee"});
        std::vector<Buffer> out;
        const size_t size = canned.read(4, 0, 2 * canned.size(), out);
        CHECK(size == 2 * canned.size());
        const std::vector<std::pair<int64_t, std::string>> expected{
            {3, "aa"}, {4, "bb"}, {5, "cc"}, {6, "aa"}, {7, "bb"}, {8, "cc"}};
        CHECK(records_in(out) == expected);
    }
}

TEST_CASE("a canned batch comes whole when it exceeds the limit, and ends with the log") {
    const CannedBatch canned = make({.value_size = 10, .records_per_batch = 4});
    std::vector<Buffer> out;
    CHECK(canned.read(0, 0, 1, out) == canned.size());
    out.clear();
    CHECK(canned.read(CannedBatch::end_offset - 1, 0, 10 * canned.size(), out) == canned.size());
}

TEST_CASE("left open, the number of records makes about 64 KiB") {
    for (const size_t size : {10, 100, 1000, 10'000}) {
        const CannedBatch canned = make({.value_size = size});
        CHECK(canned.size() > 48 * 1024);
        CHECK(canned.size() < 68 * 1024);
    }
    CHECK(make({.value_size = 1'000'000}).records() == 1);
    CHECK(
        CannedBatch::make({.value_size = 1'000'000, .records_per_batch = 1000}, 0).error().errc() ==
        Errc::_invalid_arg
    );
}

TEST_CASE("a null broker acknowledges with rising base offsets, knows repeats, and keeps nothing") {
    ClusterWorld world(1, null_brokers({.records_per_batch = 10}));
    world.create("t", 1);
    const auto base_of = [&](const Buffer& batch) {
        const auto answer = world.ask(produce_request("t", 0, batch), 12).responses[0].partition_responses[0];
        CHECK(answer.error_code == 0);
        return answer.base_offset;
    };
    const Buffer first = batch_of({"a", "b", "c"}, {.producer_id = 5, .epoch = 0, .first = 0});
    CHECK(base_of(first) == 0);
    CHECK(base_of(batch_of({"d"}, {.producer_id = 5, .epoch = 0, .first = 3})) == 3);
    CHECK(base_of(first) == 0);
    CHECK(base_of(batch_of({"e"}, {.producer_id = 5, .epoch = 0, .first = 4})) == 4);
    CHECK(world.partition("t", 0).log.size_bytes() == 0);
    CHECK(world.partition("t", 0).log.batches().empty());
}

TEST_CASE("a null broker gives records for ever, within the limits of the fetch") {
    ClusterWorld world(1, null_brokers({.value_size = 100, .records_per_batch = 10}));
    world.create("t", 2);
    const size_t batch = world.core.options().canned->size();
    int64_t offset = 0;
    for (int i = 0; i < 5; ++i) {
        const auto partition =
            world
                .ask(
                    fetch_request(
                        "t", 1, offset, {.partition_max_bytes = static_cast<int32_t>(3 * batch + 5)}
                    ),
                    12
                )
                .responses[0]
                .partitions[0];
        CHECK(partition.error_code == 0);
        CHECK(partition.high_watermark == CannedBatch::end_offset);
        const auto records = records_in(partition.records.pieces);
        REQUIRE(records.size() == 30);
        CHECK(records.front().first == offset);
        offset = records.back().first + 1;
    }
    CHECK(offset == 150);
    const auto at_end = world.ask(fetch_request("t", 1, CannedBatch::end_offset, {.max_wait_ms = 0}), 12)
                            .responses[0]
                            .partitions[0];
    CHECK(at_end.records.size() == 0);
    CHECK(at_end.error_code == 0);
}
