#include <ottla/inspect.hpp>
#include <ottla/msg/api_versions.hpp>
#include <ottla/msg/heartbeat.hpp>
#include <ottla/msg/metadata.hpp>
#include <ottla/msg/produce.hpp>
#include <ottla/msg/sasl_handshake.hpp>

#include "base/endian.hpp"
#include "base/rng.hpp"
#include "unit/inspect/seen.hpp"

using namespace ottla;

namespace {

std::string sized(std::string_view token) {
    std::string out(4, '\0');
    store_be(reinterpret_cast<uint8_t*>(out.data()), static_cast<int32_t>(token.size()));
    return out + std::string(token);
}

std::string metadata_request(int32_t id) {
    msg::MetadataRequest request;
    request.topics.emplace().push_back({.name = "orders"});
    return request_frame(request, 12, id);
}

std::string metadata_response(int32_t id) {
    msg::MetadataResponse response;
    response.brokers.push_back({.node_id = 1, .host = "kafka", .port = 9092});
    return response_frame(response, 12, id);
}

std::string heartbeat(int32_t id) {
    msg::HeartbeatRequest request;
    request.group_id = "g";
    return request_frame(request, 4, id);
}

std::string heartbeat_response(int32_t id) {
    return response_frame(msg::HeartbeatResponse{}, 4, id);
}

} // namespace

TEST_CASE("a request is told with its head and body", "[inspect]") {
    Seen seen;

    seen.request(metadata_request(7));

    REQUIRE(seen.frames.size() == 1);
    const auto& frame = seen.frames[0];
    CHECK(frame["direction"] == "request");
    CHECK(frame["api"] == "Metadata");
    CHECK(frame["api_key"] == 3);
    CHECK(frame["version"] == 12);
    CHECK(frame["correlation_id"] == 7);
    CHECK(frame["client_id"] == "me");
    CHECK(frame["bytes"] == metadata_request(7).size());
    CHECK(frame["body"]["topics"][0]["name"] == "orders");
    CHECK_FALSE(frame.contains("error"));
}

TEST_CASE("responses are read by the requests they answer", "[inspect]") {
    Seen seen;
    seen.request(metadata_request(7) + heartbeat(8));

    seen.response(metadata_response(7) + heartbeat_response(8));

    REQUIRE(seen.frames.size() == 4);
    CHECK(seen.frames[2]["api"] == "Metadata");
    CHECK(seen.frames[2]["body"]["brokers"][0]["host"] == "kafka");
    CHECK(seen.frames[3]["api"] == "Heartbeat");
    CHECK(seen.frames[3]["direction"] == "response");
    CHECK(
        seen.positions == std::vector<uint64_t>{0, metadata_request(7).size(), 0, metadata_response(7).size()}
    );
}

TEST_CASE("requests that use a correlation id again are answered in their order", "[inspect]") {
    Seen seen;
    seen.request(metadata_request(1) + heartbeat(1));

    seen.response(metadata_response(1) + heartbeat_response(1));

    CHECK(seen.frames[2]["api"] == "Metadata");
    CHECK(seen.frames[3]["api"] == "Heartbeat");
}

TEST_CASE("however the bytes are cut, the same is told", "[inspect]") {
    const std::string requests = metadata_request(7) + heartbeat(8) + heartbeat(9);
    const std::string responses = metadata_response(7) + heartbeat_response(8) + "\x01garbage after that";
    const auto told = [&](size_t step, size_t cut) {
        Seen seen;
        for (const Sender sender : {Sender::client, Sender::broker}) {
            const std::string& all = sender == Sender::client ? requests : responses;
            seen.feed(sender, all.substr(0, std::min(cut, all.size())));
            for (size_t at = std::min(cut, all.size()); at < all.size(); at += step)
                seen.feed(sender, all.substr(at, step));
        }
        seen.conversation.end();
        return seen.texts;
    };
    const auto whole = told(10'000, 0);
    REQUIRE(whole.size() == 6);

    for (size_t cut = 0; cut <= std::max(requests.size(), responses.size()); ++cut)
        REQUIRE(told(10'000, cut) == whole);
    for (size_t step = 1; step < 20; ++step)
        REQUIRE(told(step, 0) == whole);
}

TEST_CASE("a response to no request that was seen is named", "[inspect]") {
    Seen seen;

    seen.response(heartbeat_response(5));

    CHECK(seen.errors == std::vector<std::string>{"it answers no request that was seen (correlation id 5)"});
    CHECK(seen.frames[0]["correlation_id"] == 5);
    CHECK(seen.frames[0]["hex"].get<std::string>().starts_with("0000000c00000005"));
}

TEST_CASE("a lone response is read as what the options say", "[inspect]") {
    Seen seen({.response_api_key = 3, .response_version = 12});

    seen.response(metadata_response(99));

    CHECK(seen.frames.at(0)["body"]["brokers"][0]["port"] == 9092);
}

TEST_CASE("a produce request without acknowledgement has no response", "[inspect]") {
    Seen seen;
    msg::ProduceRequest request;
    request.acks = 0;

    seen.request(request_frame(request, 9, 1) + heartbeat(1));
    seen.response(heartbeat_response(1));

    CHECK(seen.frames[2]["api"] == "Heartbeat");
}

TEST_CASE("an ApiVersions request of an unknown version is answered in version 0", "[inspect]") {
    Seen seen;
    msg::ApiVersionsResponse refusal;
    refusal.error_code = 35;
    refusal.api_keys.push_back({.api_key = 18, .min_version = 0, .max_version = 3});
    std::string request = request_frame(msg::ApiVersionsRequest{}, 4, 1);
    request[7] = 99; // a version that is not even known here

    seen.request(request);
    seen.response(response_frame(refusal, 0, 1));

    CHECK_THAT(seen.errors[0], ContainsSubstring("ApiVersions v99: versions 0 to "));
    CHECK(seen.frames[1]["version"] == 0);
    CHECK(seen.frames[1]["body"]["apiKeys"][0]["maxVersion"] == 3);
}

TEST_CASE("an unknown API is named and passed by its size", "[inspect]") {
    Seen seen;
    std::string unknown = heartbeat(1);
    unknown[4] = 3;

    seen.request(unknown + heartbeat(2));

    CHECK(seen.errors == std::vector<std::string>{"API 780 is unknown", ""});
    CHECK(seen.frames[0]["api_key"] == 780);
    CHECK_FALSE(seen.frames[0].contains("api"));
    CHECK(seen.frames[1]["api"] == "Heartbeat");
}

TEST_CASE("a damaged body is told with how the frame begins", "[inspect]") {
    Seen seen;
    std::string damaged = metadata_request(1);
    damaged.back() = 5; // so many tagged fields

    seen.request(damaged + heartbeat(2));

    CHECK_THAT(seen.errors[0], ContainsSubstring("MetadataRequest v12"));
    CHECK(seen.frames[0]["api"] == "Metadata");
    CHECK_FALSE(seen.frames[0].contains("body"));
    CHECK(seen.frames[0]["hex"].get<std::string>().size() > 20);
    CHECK(seen.errors[1].empty());
}

TEST_CASE("raw SASL tokens are told as such, until a request comes", "[inspect]") {
    Seen seen;
    msg::SaslHandshakeRequest handshake;
    handshake.mechanism = "PLAIN";

    seen.request(request_frame(handshake, 0, 1));
    seen.response(response_frame(msg::SaslHandshakeResponse{}, 0, 1));
    seen.request(sized(std::string_view("\0alice\0secret", 13)));
    seen.response(sized(""));
    seen.request(heartbeat(2));
    seen.response(heartbeat_response(2));

    REQUIRE(seen.frames.size() == 6);
    CHECK(seen.frames[2] == nlohmann::json{{"direction", "request"}, {"api", "SASL token"}, {"bytes", 17}});
    CHECK(seen.frames[3] == nlohmann::json{{"direction", "response"}, {"api", "SASL token"}, {"bytes", 4}});
    CHECK(seen.frames[4]["api"] == "Heartbeat");
    CHECK(seen.frames[5]["api"] == "Heartbeat");
    CHECK(seen.errors == std::vector<std::string>(6));
}

TEST_CASE("what is not Kafka's protocol ends its direction and is named", "[inspect]") {
    const std::pair<std::string, std::string> rows[] = {
        {std::string("\x16\x03\x01\x02\x00\x01", 6), "it looks like TLS"},
        {"GET / HTTP/1.1\r\n", "it looks like HTTP"},
        {"HTTP/1.1 400 Bad Request\r\n", "it looks like HTTP"},
        {"SSH-2.0-OpenSSH\r\n", "it looks like SSH"},
        {"hello, world\n", "it looks like text"},
        {"\xff\xd8\xff\xe0", "it looks like a JPEG image"},
        {"\xf0\xf1\xf2\xf3", "no frame begins with f0f1f2f3"},
        {std::string(8, '\0'), "a request of 0 bytes cannot be"},
    };
    for (const auto& [bytes, text] : rows) {
        Seen seen;

        seen.request(bytes + heartbeat(1));
        seen.request(heartbeat(2));

        CAPTURE(text);
        REQUIRE(seen.errors.size() == 1);
        CHECK_THAT(seen.errors[0], ContainsSubstring(text));
        CHECK(seen.conversation.is_off(Sender::client));
        CHECK_FALSE(seen.conversation.is_off(Sender::broker));
    }
}

TEST_CASE("a frame that is not whole at the end is named", "[inspect]") {
    Seen seen;

    seen.request(heartbeat(1) + metadata_request(2).substr(0, 20));
    seen.response("\x01");
    seen.conversation.end();

    REQUIRE(seen.errors.size() == 3);
    CHECK(
        seen.errors[1] ==
        fmt::format(
            "{} of its {} bytes are missing", metadata_request(2).size() - 20, metadata_request(2).size()
        )
    );
    CHECK(seen.frames[1]["api"] == "Metadata");
    CHECK(seen.errors[2] == "1 bytes are no whole frame");
}

TEST_CASE("requests that are never answered are forgotten in time", "[inspect]") {
    Seen seen;
    for (int32_t id = 0; id < 12'000; ++id)
        seen.request(heartbeat(id));
    seen.errors.clear();

    seen.response(heartbeat_response(11'999) + heartbeat_response(0));

    CHECK(
        seen.errors == std::vector<std::string>{"", "it answers no request that was seen (correlation id 0)"}
    );
}

TEST_CASE("damaged conversations are told in JSON, and end", "[inspect]") {
    const std::string requests = metadata_request(7) + heartbeat(8) + metadata_request(9);
    const std::string responses = metadata_response(7) + heartbeat_response(8) + metadata_response(9);
    Rng rng(1);
    for (int round = 0; round < 3000; ++round) {
        std::string bytes[] = {requests, responses};
        for (auto& all : bytes)
            for (uint64_t n = rng.below(4); n > 0; --n)
                all[rng.below(all.size())] = static_cast<char>(rng.below(256));
        Seen seen({.expand_records = true, .max_frame = 1 << 20});
        if (rng.below(2))
            seen.conversation.join();

        for (const Sender sender : {Sender::client, Sender::broker}) {
            const auto& all = bytes[static_cast<size_t>(sender)];
            const size_t hole = rng.below(all.size());
            seen.feed(sender, all.substr(0, hole));
            seen.conversation.lose(sender, rng.below(40));
            seen.feed(sender, all.substr(hole));
        }
        seen.conversation.end();

        REQUIRE(!seen.frames.empty());
    }
}

TEST_CASE("requests are told from other bytes", "[inspect]") {
    const std::string request = heartbeat(1);
    CHECK(looks_like_request(request) == Likeness::yes);
    CHECK(looks_like_request(request.substr(0, 10)) == Likeness::too_short);
    CHECK(looks_like_request(metadata_response(70'000)) == Likeness::no);
    CHECK(looks_like_request("GET / HTTP/1.1\r\n") == Likeness::no);
    CHECK(find_api_key("produce") == 0);
    CHECK(find_api_key("18") == 18);
    CHECK_FALSE(find_api_key("prod"));
    CHECK_FALSE(find_api_key(""));
    CHECK(api_name(1) == "Fetch");
    CHECK(api_name(-1).empty());
}
