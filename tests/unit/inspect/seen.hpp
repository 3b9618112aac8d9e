// For tests of Conversation: frames to feed it with, and what it told.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <ottla/inspect.hpp>

#include "catch.hpp"
#include "wire/frame.hpp"

namespace ottla {

/// What a Conversation told, one object a frame.
class Seen {
public:
    explicit Seen(ConversationOptions options = {})
        : conversation(options, [this](const SeenFrame& frame) {
            texts.emplace_back(frame.json);
            frames.push_back(nlohmann::json::parse(frame.json)); // strict: it must be JSON
            errors.emplace_back(frame.error);
            positions.push_back(frame.position);
        }) {}

    void feed(Sender sender, const std::string& bytes) { conversation.feed(sender, Bytes(bytes)); }

    void request(const std::string& bytes) { feed(Sender::client, bytes); }

    void response(const std::string& bytes) { feed(Sender::broker, bytes); }

    std::vector<std::string> texts;
    std::vector<nlohmann::json> frames;
    std::vector<std::string> errors;
    std::vector<uint64_t> positions;
    Conversation conversation;
};

inline std::string bytes_of(const Result<wire::Pieces>& frame) {
    REQUIRE(frame);
    const Buffer all = frame->flatten();
    return std::string(Bytes(all).text());
}

template <class Request>
std::string request_frame(const Request& request, int16_t version, int32_t id, const char* client_id = "me") {
    return bytes_of(wire::encode_request(request, version, id, client_id));
}

template <class Response>
std::string response_frame(const Response& response, int16_t version, int32_t id) {
    return bytes_of(wire::encode_response(response, version, id));
}

} // namespace ottla
