// Bytes that are missing: what is lost with them, and where frames go on. Through Conversation, which says
// what a frame is.
#include <ottla/msg/heartbeat.hpp>
#include <ottla/msg/metadata.hpp>

#include "unit/inspect/seen.hpp"

using namespace ottla;

namespace {

std::string heartbeat(int32_t id, size_t size = 1) {
    msg::HeartbeatRequest request;
    request.group_id = std::string(size, 'g');
    return request_frame(request, 4, id);
}

std::string heartbeat_response(int32_t id) {
    return response_frame(msg::HeartbeatResponse{}, 4, id);
}

std::vector<int> ids(const Seen& seen) {
    std::vector<int> out;
    for (const auto& frame : seen.frames)
        out.push_back(frame.value("correlation_id", -1));
    return out;
}

} // namespace

TEST_CASE("a hole inside of a frame costs that frame only", "[inspect]") {
    const std::string all = heartbeat(1) + heartbeat(2, 100) + heartbeat(3);
    const size_t begin = heartbeat(1).size() + 40;
    Seen seen;

    seen.request(all.substr(0, begin));
    seen.conversation.lose(Sender::client, 30);
    seen.request(all.substr(begin + 30));
    seen.response(heartbeat_response(2));

    REQUIRE(ids(seen) == std::vector<int>{1, 2, 3, 2});
    CHECK(seen.errors[1] == fmt::format("30 of its {} bytes are missing", heartbeat(2, 100).size()));
    CHECK(seen.frames[1]["api"] == "Heartbeat");
    CHECK(seen.positions[2] == all.size() - heartbeat(3).size());
    CHECK(seen.errors[3].empty());
}

TEST_CASE("several holes in a frame are one loss", "[inspect]") {
    const std::string frame = heartbeat(1, 100);
    Seen seen;

    seen.request(frame.substr(0, 20));
    seen.conversation.lose(Sender::client, 10);
    seen.request(frame.substr(30, 10));
    seen.conversation.lose(Sender::client, frame.size() - 40);
    seen.request(heartbeat(2));

    REQUIRE(ids(seen) == std::vector<int>{1, 2});
    CHECK(seen.errors[0] == fmt::format("{} of its {} bytes are missing", frame.size() - 30, frame.size()));
}

TEST_CASE("behind a hole that swallows the beginning of a frame the next one is found", "[inspect]") {
    const std::string all = heartbeat(1) + heartbeat(2, 100) + heartbeat(3) + heartbeat(4);
    const size_t begin = heartbeat(1).size() - 5;
    Seen seen;

    seen.request(all.substr(0, begin));
    seen.conversation.lose(Sender::client, 20);
    for (const char c : all.substr(begin + 20))
        seen.request(std::string(1, c));
    seen.conversation.end();

    REQUIRE(ids(seen) == std::vector<int>{1, -1, 3, 4});
    const size_t rest = heartbeat(2, 100).size() - 15;
    CHECK(seen.errors[1] == fmt::format("15 bytes are missing, {} bytes are no whole frame", rest));
    CHECK(seen.positions[1] == heartbeat(1).size());
    CHECK(seen.frames[1]["bytes"] == heartbeat(2, 100).size());
}

TEST_CASE("a hole between frames leaves the others as they are", "[inspect]") {
    Seen seen;
    seen.request(heartbeat(1) + heartbeat(2) + heartbeat(3));

    seen.response(heartbeat_response(1));
    seen.conversation.lose(Sender::broker, heartbeat_response(2).size());
    seen.response(heartbeat_response(3));

    REQUIRE(ids(seen) == std::vector<int>{1, 2, 3, 1, -1, 3});
    CHECK(seen.errors[4] == fmt::format("{} bytes are missing", heartbeat_response(2).size()));
    CHECK(seen.frames[5]["api"] == "Heartbeat");
}

TEST_CASE("who joins late finds the first whole request, and the responses to what was seen", "[inspect]") {
    Seen seen;
    seen.conversation.join();

    seen.request(heartbeat(1, 100).substr(50) + heartbeat(2));
    seen.response(heartbeat_response(1) + heartbeat_response(2));
    seen.request(heartbeat(3));

    REQUIRE(ids(seen) == std::vector<int>{-1, 2, -1, 2, 3});
    CHECK_THAT(seen.errors[0], ContainsSubstring("are no whole frame"));
    CHECK(seen.frames[3]["body"]["errorCode"] == 0);
}

TEST_CASE("who joins between frames misses nothing", "[inspect]") {
    Seen seen;
    seen.conversation.join();

    seen.request(heartbeat(2));
    seen.response(heartbeat_response(2));

    CHECK(ids(seen) == std::vector<int>{2, 2});
    CHECK(seen.errors == std::vector<std::string>(2));
}

TEST_CASE("where only beginnings of frames were captured, each is told", "[inspect]") {
    Seen seen;
    for (int32_t id = 1; id <= 3; ++id) {
        const std::string frame = heartbeat(id, 200);
        seen.request(frame.substr(0, 30));
        seen.conversation.lose(Sender::client, frame.size() - 30);
    }

    REQUIRE(ids(seen) == std::vector<int>{1, 2, 3});
    CHECK(seen.frames[2]["client_id"] == "me");
}

TEST_CASE("the place of a frame counts the bytes that are missing", "[inspect]") {
    Seen seen;
    seen.conversation.lose(Sender::client, 5'000'000'000);

    seen.request(heartbeat(1));

    REQUIRE(seen.positions == std::vector<uint64_t>{0, 5'000'000'000});
}
