// Whole frames, as they stand in a socket, and the header versions in them.
#include <cstring>
#include <fmt/format.h>

#include "core/net/frame_reader.hpp"
#include "tools/golden/golden.hpp"
#include "wire/frame.hpp"

namespace ottla::golden {
namespace {

constexpr size_t max_frame = 100'000'000;

/// Feeds bytes to a frame reader, `step` at a time. Errors as of the reader; _transport when a frame stays
/// incomplete.
Result<std::vector<Buffer>> cut(Bytes bytes, size_t step) {
    core::FrameReader reader(max_frame, size_t{64} << 10);
    std::vector<Buffer> frames;
    for (size_t at = 0; at < bytes.size();) {
        const auto space = reader.space();
        const size_t n = std::min({step, space.size(), bytes.size() - at});
        std::memcpy(space.data(), bytes.data() + at, n);
        at += n;
        if (Error error = reader.commit(n, [&](Buffer frame) {
                frames.push_back(std::move(frame));
                return true;
            }))
            return error;
    }
    if (reader.in_mid_frame())
        return Error(Errc::_transport, "the stream ends within a frame");
    return frames;
}

} // namespace

void check_frame(const Json& line, Report& report) {
    const wire::MessageInfo* info = message_of(line);
    const auto version = line.at("version").get<int16_t>();
    const auto correlation_id = line.at("correlationId").get<int32_t>();
    const std::string& hex = line.at("hex").get_ref<const std::string&>();
    const std::string what =
        fmt::format("frame {} {} v{}", line.value("api", ""), line.value("kind", ""), version);
    if (!info)
        return report.fail(what + ": no such message");
    const auto frames = cut(from_hex(hex), std::string::npos);
    if (!frames || frames->size() != 1)
        return report.fail(what + ": not one frame");

    AnyMessage message(*info);
    Result<wire::Pieces> again = wire::Pieces();
    if (info->direction == wire::Direction::request) {
        wire::RequestHead head;
        if (const Error error = decode_request_head(head, frames->front()))
            return report.fail(fmt::format("{}: {}", what, error.message()));
        std::optional<std::string> client_id;
        if (line.contains("clientId") && !line.at("clientId").is_null())
            client_id = line.at("clientId").get<std::string>();
        if (head.api_key != info->api_key || head.version != version ||
            head.correlation_id != correlation_id || head.client_id != client_id)
            return report.fail(what + ": the header differs");
        const size_t body_offset = from_hex(hex).size() - head.body.size();
        if (body_offset != line.at("bodyOffset").get<size_t>())
            return report.fail(fmt::format("{}: the body starts at {}", what, body_offset));
        if (const Error error = wire::decode(*info, message.get(), version, head.body))
            return report.fail(fmt::format("{}: {}", what, error.message()));
        again = wire::encode_request(*info, message.get(), version, correlation_id, client_id);
    } else {
        int32_t read_id = 0;
        if (const Error error =
                wire::decode_response(*info, message.get(), version, frames->front(), &read_id))
            return report.fail(fmt::format("{}: {}", what, error.message()));
        if (read_id != correlation_id)
            return report.fail(what + ": the correlation id differs");
        again = wire::encode_response(*info, message.get(), version, correlation_id);
    }
    report.check(again && to_hex(again->flatten()) == hex, what + ": written again, the bytes differ");
}

void check_hostile_frame(const Json& line, Report& report) {
    const wire::MessageInfo* info = message_of(line);
    const auto version = line.at("version").get<int16_t>();
    const std::string mutation = line.value("mutation", "");
    const std::string what = fmt::format("hostile frame {} v{} {}", line.value("api", ""), version, mutation);
    if (!info)
        return report.fail(what + ": no such message");
    const bool wants_error = line.at("expect") == "error";

    Error error;
    const auto frames =
        cut(from_hex(line.at("hex").get<std::string>()), mutation == "byte-by-byte" ? 1 : std::string::npos);
    if (!frames) {
        error = frames.error();
    } else if (frames->size() != 1) {
        error = {Errc::_bad_msg, "not one frame"};
    } else {
        AnyMessage message(*info);
        int32_t correlation_id = 0;
        error = wire::decode_response(*info, message.get(), version, frames->front(), &correlation_id);
        if (!error && correlation_id != line.at("correlationId").get<int32_t>())
            error = {Errc::_bad_msg, "another correlation id"};
        else if (error && !error.detail.starts_with(info->name))
            return report.fail(fmt::format("{}: the error does not name the message: {}", what, error.detail)
            );
    }
    report.check(
        static_cast<bool>(error) == wants_error,
        fmt::format("{}: {}", what, error ? error.message() : "was accepted")
    );
}

void check_header_versions(const Json& line, Report& report) {
    const auto key = static_cast<msg::ApiKey>(line.at("apiKey").get<int16_t>());
    const auto version = line.at("version").get<int16_t>();
    const bool good = msg::to_string(key) == line.at("api").get<std::string>() &&
                      msg::request_header_version(key, version) == line.at("requestHeader").get<int16_t>() &&
                      msg::response_header_version(key, version) == line.at("responseHeader").get<int16_t>();
    report.check(good, fmt::format("header versions of {} v{}", msg::to_string(key), version));
}

} // namespace ottla::golden
