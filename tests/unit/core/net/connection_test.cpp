#include "core/net/connection.hpp"

#include <ottla/msg/metadata.hpp>

#include "catch.hpp"
#include "unit/core/fake_network.hpp"

using namespace ottla;
using namespace ottla::core;
using namespace std::chrono_literals;

namespace {

const TimePoint start{1h};

struct World : Connection::Owner {
    explicit World(ConnectionConfig config = {}) : connection(std::move(config), 1, "broker:9092/1", *this, counters) {
        connection.open(network, "broker", 9092, start);
        link = network.links.at(0);
    }

    void on_ready(Connection&, TimePoint) override { ++ready; }
    void on_down(Connection&, const Error& error, TimePoint) override { down.push_back(error); }

    msg::ApiVersionsResponse versions() {
        msg::ApiVersionsResponse response;
        for (const auto& [key, max] : {std::pair{0, 9}, {1, 13}, {3, 12}, {18, 3}}) {
            auto& api = response.api_keys.emplace_back();
            api.api_key = static_cast<int16_t>(key);
            api.max_version = static_cast<int16_t>(max);
        }
        return response;
    }

    void become_ready() {
        connection.on_open(start);
        auto seen = link->requests(start);
        REQUIRE(seen.size() == 1);
        link->answer(seen[0], versions(), start);
        REQUIRE(connection.state() == Connection::State::ready);
    }

    void ask(TimePoint deadline = start + 10s, bool expects_response = true) {
        msg::MetadataRequest request;
        request.topics.emplace();
        auto frame = wire::encode_request(request, 12, connection.next_correlation_id(), "test");
        REQUIRE(frame);
        connection.send(
            {.api_key = msg::ApiKey::metadata,
             .version = 12,
             .frame = std::move(*frame),
             .deadline = deadline,
             .expects_response = expects_response,
             .done = [this](PendingCall::RawResult r, TimePoint) { results.push_back(std::move(r)); }},
            start);
    }

    test::FakeNetwork network;
    stats::BrokerCounters counters;
    Connection connection;
    test::FakeLink* link = nullptr;
    int ready = 0;
    std::vector<Error> down;
    std::vector<PendingCall::RawResult> results;
};

} // namespace

TEST_CASE("a connection asks for versions first and is ready when they have come", "[connection]") {
    World world;
    world.connection.on_open(start);
    auto seen = world.link->requests(start);

    REQUIRE(seen.size() == 1);
    CHECK(seen[0].api() == msg::ApiKey::api_versions);
    CHECK(seen[0].head.version == msg::ApiVersionsRequest::max_version);
    world.link->answer(seen[0], world.versions(), start);

    CHECK(world.ready == 1);
    CHECK(world.connection.versions().of(msg::ApiKey::fetch).max == 13);
    CHECK_FALSE(world.connection.versions().of(msg::ApiKey::create_topics).present());
}

TEST_CASE("a broker that refuses the ApiVersions version is asked again in one it knows", "[connection]") {
    World world;
    world.connection.on_open(start);
    auto seen = world.link->requests(start);
    auto refusal = world.versions();
    refusal.error_code = static_cast<int16_t>(Errc::unsupported_version);
    seen[0].head.version = 0; // such an answer always comes in version 0
    world.link->answer(seen[0], refusal, start);

    seen = world.link->requests(start);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].head.version == 3);
    world.link->answer(seen[0], world.versions(), start);
    CHECK(world.ready == 1);
}

TEST_CASE("pipelined requests are answered in order", "[connection]") {
    World world;
    world.become_ready();
    world.ask();
    world.ask();
    auto seen = world.link->requests(start);
    REQUIRE(seen.size() == 2);

    world.link->answer(seen[0], msg::MetadataResponse{}, start);
    CHECK(world.results.size() == 1);
    world.link->answer(seen[1], msg::MetadataResponse{}, start);
    REQUIRE(world.results.size() == 2);
    CHECK(world.results[0].has_value());
    CHECK(world.results[1].has_value());
}

TEST_CASE("a response with a foreign correlation id ends the connection", "[connection]") {
    World world;
    world.become_ready();
    world.ask();
    auto seen = world.link->requests(start);
    seen[0].head.correlation_id += 7;
    world.link->answer(seen[0], msg::MetadataResponse{}, start);

    REQUIRE(world.down.size() == 1);
    CHECK(world.down[0].errc() == Errc::_bad_msg);
    REQUIRE(world.results.size() == 1);
    CHECK(world.results[0].error().maybe_sent);
}

TEST_CASE("a late answer fails its request as timed out and those behind it as lost", "[connection]") {
    World world;
    world.become_ready();
    world.ask(start + 5s);
    world.ask(start + 50s);
    (void)world.link->requests(start);

    CHECK(world.connection.poll(start + 1s) == start + 5s);
    world.connection.poll(start + 5s);

    REQUIRE(world.results.size() == 2);
    CHECK(world.results[0].error().errc() == Errc::_timed_out);
    CHECK(world.results[1].error().errc() == Errc::_transport);
    CHECK(world.connection.state() == Connection::State::down);
}

TEST_CASE("a response that is still flowing in is not late", "[connection]") {
    World world;
    world.become_ready();
    world.ask(start + 5s);
    auto seen = world.link->requests(start);
    const auto frame = wire::encode_response(msg::MetadataResponse{}, 12, seen[0].head.correlation_id);
    const Buffer bytes = frame->flatten();
    world.link->feed(bytes.span().first(6), start + 4500ms);

    CHECK(world.connection.poll(start + 5s) == start + 5500ms);
    world.link->feed(bytes.span().subspan(6), start + 5200ms);
    CHECK(world.results.at(0).has_value());

    SECTION("but one that has stalled is") {
        world.ask(start + 7s);
        seen = world.link->requests(start);
        world.link->feed(bytes.span().first(6), start + 5500ms);
        world.connection.poll(start + 7s);
        CHECK(world.results.at(1).error().errc() == Errc::_timed_out);
    }
}

TEST_CASE("a request that never left is told apart from one that may have", "[connection]") {
    World world;
    world.become_ready();
    world.ask();
    (void)world.link->requests(start);
    world.ask();
    world.connection.on_closed(Error(Errc::_transport, "cut"), start);

    REQUIRE(world.results.size() == 2);
    CHECK(world.results[0].error().maybe_sent);
    CHECK_FALSE(world.results[1].error().maybe_sent);
}

TEST_CASE("a request without a response is done when it is written", "[connection]") {
    World world;
    world.become_ready();
    world.ask(start + 10s, false);
    CHECK(world.results.empty());
    (void)world.link->requests(start);
    REQUIRE(world.results.size() == 1);
    CHECK(world.results[0]->frame.empty());
}

TEST_CASE("the wrong kind of server is named", "[connection]") {
    World world;
    world.connection.on_open(start);
    const std::string_view http = "HTTP/1.1 400 Bad Request\r\n\r\n";
    const uint8_t tls[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x0a};

    SECTION("HTTP") {
        world.link->feed(Bytes(http).span(), start);
        CHECK_THAT(world.down.at(0).message(), ContainsSubstring("speaks HTTP"));
    }
    SECTION("TLS") {
        world.link->feed(tls, start);
        CHECK_THAT(world.down.at(0).message(), ContainsSubstring("speaks TLS"));
    }
    SECTION("silence") {
        CHECK(world.connection.poll(start) == start + 10s); // api.version.request.timeout.ms
        world.connection.poll(start + 10s);
        CHECK(world.connection.died_unanswered());
        CHECK(world.down.at(0).errc() == Errc::_timed_out);
        CHECK_THAT(world.down.at(0).message(), ContainsSubstring("does not answer ApiVersions"));
        CHECK_THAT(world.down.at(0).message(), ContainsSubstring("broker.version.fallback"));
    }
    SECTION("one that hangs up") {
        world.connection.on_closed(Error(Errc::_transport, "the peer closed the connection"), start);
        CHECK(world.connection.died_unanswered());
        CHECK_THAT(world.down.at(0).message(), ContainsSubstring("broker.version.fallback"));
    }
}

TEST_CASE("a connection cut in mid-frame says so", "[connection]") {
    World world;
    world.become_ready();
    world.ask();
    (void)world.link->requests(start);
    const uint8_t half[] = {0, 0, 0, 50, 1, 2};
    world.link->feed(half, start);
    world.connection.on_closed(Error(Errc::_transport, "the peer closed the connection"), start);
    CHECK_THAT(world.results.at(0).error().message(), ContainsSubstring("in the middle of a response"));
}

TEST_CASE("a broker that hangs up on assumed versions gives rise to doubt", "[connection]") {
    World world({.assumed_versions = ApiVersions::of_release("0.9.0").value()});
    world.connection.on_open(start);
    REQUIRE(world.connection.state() == Connection::State::ready);
    world.ask();
    (void)world.link->requests(start);
    world.connection.on_closed(Error(Errc::_transport, "the peer closed the connection"), start);
    CHECK_THAT(world.results.at(0).error().message(), ContainsSubstring("assumed from broker.version.fallback"));
}

TEST_CASE("frames come out whole however the stream is cut", "[connection]") {
    std::vector<uint8_t> stream;
    std::vector<size_t> sizes = {0, 1, 100, 5000, 20000, 70000, 3, 200000, 16384, 16385};
    uint8_t fill = 0;
    for (size_t size : sizes) {
        uint8_t prefix[4];
        store_be(prefix, static_cast<int32_t>(size));
        stream.insert(stream.end(), prefix, prefix + 4);
        stream.insert(stream.end(), size, ++fill);
    }
    const size_t step = GENERATE(size_t{1}, size_t{7}, size_t{1000}, size_t{4096}, size_t{65536}, size_t{1} << 20);
    FrameReader reader(1 << 20, step);
    std::vector<Buffer> frames;
    for (size_t at = 0; at < stream.size();) {
        const auto space = reader.space();
        const size_t size = std::min({space.size(), stream.size() - at, step});
        std::memcpy(space.data(), stream.data() + at, size);
        at += size;
        REQUIRE_FALSE(reader.commit(size, [&](Buffer frame) {
            frames.push_back(std::move(frame));
            return true;
        }));
    }
    REQUIRE(frames.size() == sizes.size());
    bool same = true;
    for (size_t i = 0; i < sizes.size(); ++i) {
        same = same && frames[i].size() == sizes[i];
        for (uint8_t byte : frames[i].span())
            same = same && byte == i + 1;
    }
    CHECK(same);
    CHECK_FALSE(reader.in_mid_frame());
}
