#include "wire/frame.hpp"

#include <cstring>
#include <fmt/format.h>
#include <ottla/msg/request_header.hpp>
#include <ottla/msg/response_header.hpp>

#include "base/endian.hpp"
#include "wire/table.hpp"

namespace ottla::wire {
namespace {

constexpr size_t size_prefix = 4;

Result<Pieces> framed(const Result<Pieces>& header, const Result<Pieces>& body) {
    if (!header)
        return header.error();
    if (!body)
        return body.error();
    const size_t size = header->size() + body->size();
    if (size > 0x7fffffff)
        return Error(Errc::msg_size_too_large, fmt::format("a frame of {} bytes", size));
    // Size, header and the first glue of the body become one buffer, so that a plain request is one piece.
    const std::vector<Buffer>& rest = body->buffers();
    const size_t joined = rest.empty() ? 0 : rest.front().size();
    Buffer first = Buffer::allocate(size_prefix + header->size() + joined);
    uint8_t* out = first.mutable_data();
    store_be(out, static_cast<int32_t>(size));
    out += size_prefix;
    for (const Buffer& piece : header->buffers()) {
        std::memcpy(out, piece.data(), piece.size());
        out += piece.size();
    }
    if (joined)
        std::memcpy(out, rest.front().data(), joined);
    std::vector<Buffer> buffers{std::move(first)};
    for (size_t i = 1; i < rest.size(); ++i)
        buffers.push_back(rest[i]);
    return Pieces(std::move(buffers));
}

} // namespace

Result<Pieces> encode_request(
    const MessageInfo& info,
    const void* request,
    int16_t version,
    int32_t correlation_id,
    std::optional<std::string_view> client_id
) {
    const int16_t header_version =
        msg::request_header_version(static_cast<msg::ApiKey>(info.api_key), version);
    msg::RequestHeader header;
    header.request_api_key = info.api_key;
    header.request_api_version = version;
    header.correlation_id = correlation_id;
    if (header_version >= 1)
        header.client_id = client_id;
    return framed(encode(header, header_version), encode(info, request, version));
}

Result<Pieces>
encode_response(const MessageInfo& info, const void* response, int16_t version, int32_t correlation_id) {
    const int16_t header_version =
        msg::response_header_version(static_cast<msg::ApiKey>(info.api_key), version);
    msg::ResponseHeader header;
    header.correlation_id = correlation_id;
    return framed(encode(header, header_version), encode(info, response, version));
}

Error decode_response(
    const MessageInfo& info, void* response, int16_t version, const Buffer& frame, int32_t* correlation_id
) {
    const int16_t header_version =
        msg::response_header_version(static_cast<msg::ApiKey>(info.api_key), version);
    msg::ResponseHeader header;
    const auto used = decode_prefix(msg::ResponseHeader::info(), &header, header_version, frame);
    if (!used)
        return {used.error().code, fmt::format("{} v{}: {}", info.name, version, used.error().detail)};
    if (correlation_id)
        *correlation_id = header.correlation_id;
    return decode(info, response, version, frame.slice(*used, frame.size() - *used));
}

Error decode_request_head(RequestHead& out, const Buffer& frame) {
    constexpr size_t fixed = 8; // key, version, correlation id: the same in every header version
    if (frame.size() < fixed)
        return {Errc::_bad_msg, fmt::format("RequestHeader: {} bytes", frame.size())};
    out = RequestHead{
        .api_key = load_be<int16_t>(frame.data()),
        .version = load_be<int16_t>(frame.data() + 2),
        .correlation_id = load_be<int32_t>(frame.data() + 4),
        .client_id = std::nullopt,
        .body = {},
    };
    const msg::ApiInfo* api = msg::find_api(out.api_key);
    if (!api || out.version < api->min_version || out.version > api->max_version)
        return {};
    const int16_t header_version =
        msg::request_header_version(static_cast<msg::ApiKey>(out.api_key), out.version);
    msg::RequestHeader header;
    const auto used = decode_prefix(msg::RequestHeader::info(), &header, header_version, frame);
    if (!used)
        return used.error();
    if (header_version >= 1)
        out.client_id = std::move(header.client_id);
    out.body = frame.slice(*used, frame.size() - *used);
    return {};
}

Result<int32_t> peek_correlation_id(const Buffer& frame) {
    if (frame.size() < sizeof(int32_t))
        return Error(Errc::_bad_msg, fmt::format("a response of {} bytes", frame.size()));
    return load_be<int32_t>(frame.data());
}

} // namespace ottla::wire
