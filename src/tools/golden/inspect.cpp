// Messages once more, as a Conversation sees them: inside of a frame that arrives in pieces.
#include <algorithm>
#include <fmt/format.h>
#include <ottla/inspect.hpp>

#include "tools/golden/golden.hpp"
#include "wire/frame.hpp"

namespace ottla::golden {
namespace {

size_t size_of_base64(const std::string& text) {
    const auto padding = static_cast<size_t>(std::count(text.begin(), text.end(), '='));
    return text.size() / 4 * 3 - padding;
}

// Records are Base64 in Kafka's form, and counted here.
bool same_but_records(const Json& seen, const Json& wanted) {
    if (seen.is_object() && wanted.is_string())
        return seen.at("bytes").get<size_t>() == size_of_base64(wanted.get<std::string>());
    if (seen.type() != wanted.type() || seen.size() != wanted.size())
        return false;
    if (!seen.is_structured())
        return seen == wanted;
    if (seen.is_array())
        return std::equal(seen.begin(), seen.end(), wanted.begin(), same_but_records);
    return std::all_of(seen.items().begin(), seen.items().end(), [&](const auto& item) {
        return wanted.contains(item.key()) && same_but_records(item.value(), wanted.at(item.key()));
    });
}

} // namespace

std::string
see_message(const wire::MessageInfo& info, const void* message, int16_t version, const Json& wanted) {
    const bool is_request = info.direction == wire::Direction::request;
    if (!is_request && info.direction != wire::Direction::response)
        return {};
    const auto frame = is_request ? wire::encode_request(info, message, version, 7, "golden")
                                  : wire::encode_response(info, message, version, 7);
    if (!frame)
        return frame.error().message();

    std::string text;
    size_t frames = 0;
    Conversation conversation(
        {.response_api_key = info.api_key, .response_version = version},
        [&](const SeenFrame& seen) {
            ++frames;
            text = seen.json;
        }
    );
    const Buffer bytes = frame->flatten();
    const size_t step = std::max<size_t>(1, bytes.size() / 40);
    for (size_t at = 0; at < bytes.size(); at += step)
        conversation.feed(
            is_request ? Sender::client : Sender::broker,
            Bytes(bytes.data() + at, std::min(step, bytes.size() - at))
        );
    conversation.end();
    if (frames != 1)
        return fmt::format("a Conversation told of {} frames", frames);
    const Json seen = Json::parse(text);
    // Such an answer is one of version 0, whatever was asked (KIP-511).
    const bool refused = info.api_key == static_cast<int16_t>(msg::ApiKey::api_versions) && !is_request &&
                         wanted.at("errorCode") == static_cast<int>(Errc::unsupported_version);
    const bool good =
        seen.at("direction") == (is_request ? "request" : "response") && seen.at("api_key") == info.api_key &&
        seen.at("correlation_id") == 7 && seen.at("bytes") == bytes.size() && seen.at("body").is_object() &&
        (refused || (seen.at("version") == version && same_but_records(seen.at("body"), wanted)));
    return good ? "" : fmt::format("a Conversation told\n  {}\ninstead of\n  {}", text, wanted.dump());
}

} // namespace ottla::golden
