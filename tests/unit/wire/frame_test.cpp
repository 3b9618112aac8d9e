#include "wire/frame.hpp"

#include <ottla/msg/api_versions.hpp>
#include <ottla/msg/heartbeat.hpp>

#include "catch.hpp"
#include "wire/table.hpp"

using namespace ottla;

namespace {

Buffer behind_size(const Result<wire::Pieces>& frame) {
    REQUIRE(frame);
    const Buffer all = frame->flatten();
    return all.slice(4, all.size() - 4);
}

} // namespace

TEST_CASE("the head of a request comes back with its body") {
    msg::HeartbeatRequest request;
    request.group_id = "g";

    wire::RequestHead head;
    REQUIRE_FALSE(wire::decode_request_head(head, behind_size(wire::encode_request(request, 4, 77, "me"))));

    REQUIRE(head.api_key == 12);
    REQUIRE(head.version == 4);
    REQUIRE(head.correlation_id == 77);
    REQUIRE(head.client_id == "me");
    msg::HeartbeatRequest read;
    REQUIRE_FALSE(wire::decode(read, head.version, head.body));
    REQUIRE(read == request);
}

TEST_CASE("a client id may be null") {
    wire::RequestHead head;
    head.client_id = "before";

    const auto frame = wire::encode_request(msg::HeartbeatRequest{}, 0, 1, std::nullopt);
    REQUIRE_FALSE(wire::decode_request_head(head, behind_size(frame)));

    REQUIRE_FALSE(head.client_id);
}

TEST_CASE("a request of an unknown API or version is reported, not refused") {
    wire::RequestHead head;

    REQUIRE_FALSE(
        wire::decode_request_head(head, Buffer::copy_of(std::vector<uint8_t>{0x03, 0xe7, 0, 1, 0, 0, 0, 5}))
    );
    REQUIRE(head.api_key == 999);
    REQUIRE(head.correlation_id == 5);
    REQUIRE_FALSE(
        wire::decode_request_head(head, Buffer::copy_of(std::vector<uint8_t>{0, 18, 0, 99, 0, 0, 0, 6}))
    );
    REQUIRE(head.version == 99);
    REQUIRE(head.body.empty());
    REQUIRE(
        wire::decode_request_head(head, Buffer::copy_of(std::vector<uint8_t>{0, 18, 0})).errc() ==
        Errc::_bad_msg
    );
}

TEST_CASE("a flexible response has a tagged header, except that of ApiVersions") {
    int32_t id = 0;
    msg::HeartbeatResponse heartbeat;
    const Buffer flexible = behind_size(wire::encode_response(msg::HeartbeatResponse{}, 4, 9));
    const Buffer versions = behind_size(wire::encode_response(msg::ApiVersionsResponse{}, 3, 9));

    REQUIRE_FALSE(wire::decode_response(heartbeat, 4, flexible, &id));
    REQUIRE(id == 9);
    REQUIRE(flexible.size() == 4 + 1 + 4 + 2 + 1);
    REQUIRE(versions.size() == 4 + 2 + 1 + 4 + 1);
}

TEST_CASE("the size prefix counts what follows it") {
    const auto frame = wire::encode_request(msg::HeartbeatRequest{}, 4, 1, "me");

    REQUIRE(frame);
    const Buffer bytes = frame->flatten();
    REQUIRE(bytes.data()[3] == bytes.size() - 4);
}

TEST_CASE("every message is found by name, and every API by key and direction") {
    size_t count = 0;
    for (; const wire::MessageInfo* info = msg::message_at(count); ++count) {
        REQUIRE(msg::find_message(info->name) == info);
        if (info->api_key >= 0)
            REQUIRE(msg::find_message(static_cast<msg::ApiKey>(info->api_key), info->direction) == info);
    }
    REQUIRE(count == 198);
    REQUIRE_FALSE(msg::find_message("Nonsense"));
    REQUIRE_FALSE(msg::find_message(static_cast<msg::ApiKey>(93), wire::Direction::request));
}
