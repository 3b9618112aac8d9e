#include "wire/codec.hpp"

#include <ottla/msg/api_versions.hpp>
#include <ottla/msg/fetch.hpp>
#include <ottla/msg/metadata.hpp>
#include <ottla/msg/produce.hpp>

#include "catch.hpp"

using namespace ottla;

namespace {

Buffer bytes_of(const Result<wire::Pieces>& pieces) {
    REQUIRE(pieces);
    return pieces->flatten();
}

msg::ProduceRequest produce_of(std::vector<Buffer> pieces) {
    msg::ProduceRequest request;
    request.acks = -1;
    request.topic_data.resize(1);
    request.topic_data[0].name = "orders";
    request.topic_data[0].partition_data.resize(1);
    request.topic_data[0].partition_data[0].records = {.pieces = std::move(pieces)};
    return request;
}

} // namespace

TEST_CASE("unknown tagged fields survive a round trip") {
    msg::MetadataResponse response;
    response.unknown_tags = {{.tag = 7, .data = {1, 2}}, {.tag = 100000, .data = {}}};

    msg::MetadataResponse read;
    REQUIRE_FALSE(wire::decode(read, 12, bytes_of(wire::encode(response, 12))));

    REQUIRE(read == response);
}

TEST_CASE("unknown tagged fields follow known ones, all in order of their tags") {
    msg::ApiVersionsResponse response;
    response.finalized_features_epoch = 5; // tag 1
    response.zk_migration_ready = true;    // tag 3
    response.unknown_tags = {{.tag = 4, .data = {9}}, {.tag = 6, .data = {8}}};

    msg::ApiVersionsResponse read;
    const Buffer bytes = bytes_of(wire::encode(response, 3));

    // Tag, size, ... from the count of tagged fields on, behind error code, empty array and throttle time.
    const std::vector<uint8_t> tail = {4, 1, 8, 0, 0, 0, 0, 0, 0, 0, 5, 3, 1, 1, 4, 1, 9, 6, 1, 8};
    REQUIRE(std::vector<uint8_t>(bytes.data() + 7, bytes.data() + bytes.size()) == tail);
    REQUIRE_FALSE(wire::decode(read, 3, bytes));
    REQUIRE(read == response);
}

TEST_CASE("unknown tagged fields out of order or in versions without them are refused by the writer") {
    msg::MetadataResponse response;
    response.unknown_tags = {{.tag = 8, .data = {}}, {.tag = 7, .data = {}}};

    REQUIRE_THAT(wire::encode(response, 12).error().detail, ContainsSubstring("not ascending"));
    REQUIRE_THAT(wire::encode(response, 8).error().detail, ContainsSubstring("MetadataResponse v8"));
}

TEST_CASE("a tag that the spec knows is no unknown one") {
    msg::ApiVersionsResponse response;
    response.unknown_tags = {{.tag = 2, .data = {9}}};

    REQUIRE_THAT(wire::encode(response, 3).error().detail, ContainsSubstring("tag 2"));
}

TEST_CASE("a set field that the version cannot carry is an error which names it") {
    msg::FetchRequest fetch;
    fetch.replica_id = 3; // gone from version 15 on
    REQUIRE(wire::encode(fetch, 14));
    const Error error = wire::encode(fetch, 15).error();
    REQUIRE(error.errc() == Errc::_invalid_arg);
    REQUIRE(error.detail == "FetchRequest v15: replicaId is set, but this version cannot carry it");
}

TEST_CASE("an ignorable field is dropped silently by versions that cannot carry it") {
    msg::FetchRequest request;
    request.rack_id = "r1"; // since version 11

    msg::FetchRequest read;
    REQUIRE_FALSE(wire::decode(read, 10, bytes_of(wire::encode(request, 10))));

    REQUIRE(read.rack_id.empty());
}

TEST_CASE("an unknown version is refused by reader and writer") {
    msg::FetchRequest request;

    REQUIRE(wire::encode(request, 19).error().errc() == Errc::_unsupported_feature);
    REQUIRE(wire::decode(request, -1, Buffer()).errc() == Errc::_unsupported_feature);
}

TEST_CASE("an error of the reader names message, version, field path and position") {
    Buffer bytes = bytes_of(wire::encode(produce_of({Buffer::copy_of("batch")}), 9));
    Buffer cut = bytes.slice(0, bytes.size() - 4);
    msg::ProduceRequest read;

    const Error error = wire::decode(read, 9, cut);

    REQUIRE(error.errc() == Errc::_bad_msg);
    REQUIRE_THAT(
        error.detail, ContainsSubstring("ProduceRequest v9: topicData[0].partitionData[0].records: ")
    );
    REQUIRE_THAT(error.detail, ContainsSubstring("at byte"));
}

TEST_CASE("bytes behind a message are an error") {
    const Buffer body = Buffer::copy_of(std::vector<uint8_t>{0, 0, 0, 0, 0, 0, 1});
    msg::ApiVersionsResponse read;

    REQUIRE_THAT(wire::decode(read, 0, body).detail, ContainsSubstring("1 bytes left"));
}

TEST_CASE("a count that the bytes left cannot hold is refused before memory is taken") {
    const Buffer body = Buffer::copy_of(std::vector<uint8_t>{0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0});
    msg::ApiVersionsResponse read;

    const Error error = wire::decode(read, 0, body);

    REQUIRE_THAT(error.detail, ContainsSubstring("apiKeys: 2147483647 elements of at least 6 bytes"));
    REQUIRE(read.api_keys.capacity() == 0);
}

TEST_CASE("tags that repeat or descend are refused") {
    msg::MetadataResponse read;
    for (const uint8_t second : {uint8_t{50}, uint8_t{49}}) {
        const Buffer head = bytes_of(wire::encode(msg::MetadataResponse{}, 12));
        std::vector<uint8_t> bytes(head.data(), head.data() + head.size() - 1);
        bytes.insert(bytes.end(), {2, 50, 0, second, 0});

        REQUIRE_THAT(wire::decode(read, 12, Buffer::copy_of(bytes)).detail, ContainsSubstring("after 50"));
    }
}

TEST_CASE("text that is not UTF-8 is refused by reader and writer") {
    msg::FetchRequest request;
    request.rack_id = "rack";
    Buffer bytes = bytes_of(wire::encode(request, 18));
    uint8_t* text = std::find(bytes.mutable_data(), bytes.mutable_data() + bytes.size(), uint8_t{'r'});
    *text = 0xc0;
    msg::FetchRequest read;

    REQUIRE_THAT(wire::decode(read, 18, bytes).detail, ContainsSubstring("rackId: not valid UTF-8"));
    request.rack_id = "\xed\xa0\x80"; // a surrogate
    REQUIRE_THAT(wire::encode(request, 18).error().detail, ContainsSubstring("rackId is not valid UTF-8"));
}

TEST_CASE("large records are gathered, small ones are copied") {
    const Buffer large = Buffer::copy_of(std::string(5000, 'x'));
    const Buffer small = Buffer::copy_of("small");

    const auto encoded = wire::encode(produce_of({small, large, small}), 9);

    REQUIRE(encoded);
    REQUIRE(encoded->buffers().size() == 3);
    REQUIRE(encoded->buffers()[1].data() == large.data());
    REQUIRE(encoded->flatten().size() == encoded->size());
}

TEST_CASE("records that were read share the memory of the frame, and equal what was written") {
    const auto request = produce_of({Buffer::copy_of(std::string(5000, 'x')), Buffer::copy_of("end")});
    const Buffer body = bytes_of(wire::encode(request, 9));
    msg::ProduceRequest read;

    REQUIRE_FALSE(wire::decode(read, 9, body));

    const auto& pieces = read.topic_data[0].partition_data[0].records.pieces;
    REQUIRE(pieces.size() == 1);
    REQUIRE(pieces[0].data() > body.data());
    REQUIRE(pieces[0].data() + pieces[0].size() <= body.data() + body.size());
    REQUIRE(read == request);
}

TEST_CASE("null records and empty records are different things") {
    auto request = produce_of({});
    auto& records = request.topic_data[0].partition_data[0].records;
    const Buffer empty = bytes_of(wire::encode(request, 9));
    records.null = true;
    const Buffer null = bytes_of(wire::encode(request, 9));
    msg::ProduceRequest read;

    REQUIRE_FALSE(wire::decode(read, 9, null));
    REQUIRE(read == request);
    REQUIRE_FALSE(wire::decode(read, 9, empty));
    REQUIRE_FALSE(read.topic_data[0].partition_data[0].records.null);
}

TEST_CASE("a null where the version allows none is an error that names the field") {
    msg::MetadataRequest request;
    request.topics.reset(); // all topics; not in version 0

    REQUIRE(wire::encode(request, 1));
    REQUIRE_THAT(wire::encode(request, 0).error().detail, ContainsSubstring("topics must not be null"));
}

TEST_CASE("the JSON form leaves out what the version lacks and escapes text") {
    msg::FetchRequest request;
    request.rack_id = "a\"\n";

    const std::string json = wire::to_json(request, 11);

    REQUIRE_THAT(json, ContainsSubstring(R"("rackId":"a\"\u000a")"));
    REQUIRE_THAT(json, !ContainsSubstring("clusterId"));
    REQUIRE_THAT(json, ContainsSubstring(R"("forgottenTopicsData":[])"));
}
