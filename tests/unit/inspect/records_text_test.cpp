// Records in what a Conversation tells: counted, or one by one.
#include <ottla/msg/produce.hpp>

#include "record/builder.hpp"
#include "record/record_set.hpp"
#include "unit/inspect/seen.hpp"

using namespace ottla;

namespace {

Buffer batch(Compression codec = Compression::none) {
    static constexpr uint8_t no_text[] = {0xff, 0x00, 0x80};
    const std::vector<record::BuildRecord> records{
        {.offset = 10,
         .timestamp_ms = 1000,
         .key = "k",
         .value = "say \"hi\"\n",
         .headers = {{"h", "x"}, {"n", Bytes()}}},
        {.offset = 11, .timestamp_ms = 1001, .key = Bytes(), .value = Bytes(no_text, 3)}};
    return *record::build_batch(
        {.base_offset = 10,
         .compression = codec,
         .producer_id = 77,
         .producer_epoch = 2,
         .base_sequence = 5,
         .transactional = true},
        records
    );
}

std::string produce(std::vector<Buffer> pieces) {
    msg::ProduceRequest request;
    request.acks = -1;
    auto& partition = request.topic_data.emplace_back().partition_data.emplace_back();
    partition.records.pieces = std::move(pieces);
    return request_frame(request, 9, 1);
}

nlohmann::json records_in(const Seen& seen) {
    return seen.frames.at(0)["body"]["topicData"][0]["partitionData"][0]["records"];
}

} // namespace

TEST_CASE("records are counted", "[inspect]") {
    Seen seen;

    seen.request(produce({batch(), batch(Compression::zstd)}));

    const size_t bytes = batch().size() + batch(Compression::zstd).size();
    CHECK(records_in(seen) == nlohmann::json{{"bytes", bytes}, {"batchCount", 2}, {"recordCount", 4}});
    CHECK(seen.errors[0].empty());
}

TEST_CASE("records are shown one by one, text as text, the rest in Base64", "[inspect]") {
    for (const auto codec : {Compression::none, Compression::lz4, Compression::zstd}) {
        Seen seen({.expand_records = true});

        seen.request(produce({batch(codec)}));

        REQUIRE(seen.errors[0].empty());
        const auto shown = records_in(seen)["batches"].at(0);
        CHECK(shown["baseOffset"] == 10);
        CHECK(shown["lastOffset"] == 11);
        CHECK(shown["producerId"] == 77);
        CHECK(shown["producerEpoch"] == 2);
        CHECK(shown["baseSequence"] == 5);
        CHECK(shown["isTransactional"] == true);
        CHECK(shown["isControl"] == false);
        CHECK(shown["crcOk"] == true);
        CHECK(shown["records"] == nlohmann::json::parse(R"([
            {"offset": 10, "timestamp": 1000, "key": "k", "value": "say \"hi\"\n",
             "headers": [{"key": "h", "value": "x"}, {"key": "n", "value": null}]},
            {"offset": 11, "timestamp": 1001, "key": null, "value_base64": "/wCA", "headers": []}])"));
    }
}

TEST_CASE("a transaction marker says what it does", "[inspect]") {
    Seen seen({.expand_records = true});

    seen.request(produce({*record::build_marker(
        {.producer_id = 1, .producer_epoch = 0}, record::ControlRecord::commit, 3, 1000
    )}));

    const auto shown = records_in(seen)["batches"].at(0);
    CHECK(shown["isControl"] == true);
    CHECK(shown["records"].at(0)["control"] == "commit");
}

TEST_CASE("messages of old versions are shown, too", "[inspect]") {
    const std::vector<record::BuildRecord> records{
        {.offset = 3, .timestamp_ms = 5, .key = Bytes(), .value = "v"}};
    const Buffer set = *record::build_message_set(1, {.compression = Compression::gzip}, records);
    Seen counted;
    Seen seen({.expand_records = true});

    counted.request(produce({set}));
    seen.request(produce({set}));

    CHECK(
        records_in(counted) == nlohmann::json{{"bytes", set.size()}, {"batchCount", 1}}
    ); // how many it does not tell
    CHECK(records_in(seen)["batches"].at(0)["magic"] == 1);
    CHECK(records_in(seen)["batches"].at(0)["codec"] == "gzip");
    CHECK(records_in(seen)["batches"].at(0)["records"].at(0)["value"] == "v");
}

TEST_CASE("damaged records are an error beside the body", "[inspect]") {
    Buffer damaged = Buffer::copy_of(batch());
    damaged.mutable_data()[damaged.size() - 3] ^= 1;
    Seen seen({.expand_records = true});

    seen.request(produce({damaged, batch()}));

    CHECK(seen.errors[0] == "records: batch at offset 10: its checksum is wrong");
    CHECK(seen.frames[0]["error"] == seen.errors[0]);
    CHECK(records_in(seen)["batches"].at(0)["crcOk"] == false);
    CHECK(records_in(seen)["batches"].at(0)["records"].size() == 2); // readable all the same
    CHECK(records_in(seen)["batches"].at(1)["crcOk"] == true);
}

TEST_CASE("bytes that are no batch, and a batch that is cut short", "[inspect]") {
    for (const bool expand : {false, true}) {
        Seen cut({.expand_records = expand});
        Seen garbage({.expand_records = expand});

        cut.request(produce({batch(), batch().slice(0, 30)}));
        garbage.request(produce({batch(), Buffer::copy_of(std::string(40, 'x'))}));

        CHECK(cut.errors[0].empty());
        CHECK(records_in(cut)["incompleteBytes"] == 30);
        CHECK_THAT(garbage.errors[0], ContainsSubstring("records: batch at offset"));
        CHECK(records_in(garbage).contains("error"));
    }
}
