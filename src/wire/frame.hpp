// Whole frames: an int32 size, a header, a body. Header versions follow from API and version
// (ottla/msg/api_key.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <ottla/error.hpp>
#include <ottla/msg/api_key.hpp>

#include "wire/codec.hpp"

namespace ottla::wire {

/// A frame with its size prefix. Errors: as of encode; msg_size_too_large beyond 2^31-1 bytes.
Result<Pieces> encode_request(
    const MessageInfo& info,
    const void* request,
    int16_t version,
    int32_t correlation_id,
    std::optional<std::string_view> client_id
);
Result<Pieces>
encode_response(const MessageInfo& info, const void* response, int16_t version, int32_t correlation_id);

/// Reads a response from the bytes after the size prefix. Errors: as of decode.
Error decode_response(
    const MessageInfo& info,
    void* response,
    int16_t version,
    const Buffer& frame,
    int32_t* correlation_id = nullptr
);

/// What stands before the body of a request.
struct RequestHead {
    int16_t api_key = -1; ///< may be one that msg::find_api does not know
    int16_t version = 0;  ///< may be one that the specs do not know
    int32_t correlation_id = 0;
    std::optional<std::string> client_id;
    Buffer body; ///< empty when the API or version is unknown: where it starts cannot be told
};

/// Reads the head of a request from the bytes after the size prefix. For an unknown API or version only key,
/// version and correlation id are read; that is no error. Errors: _bad_msg.
Error decode_request_head(RequestHead& out, const Buffer& frame);

/// Correlation id of a response frame (after the size prefix). Errors: _bad_msg for less than four bytes.
Result<int32_t> peek_correlation_id(const Buffer& frame);

template <class Request>
Result<Pieces> encode_request(
    const Request& request, int16_t version, int32_t correlation_id, std::optional<std::string_view> client_id
) {
    return encode_request(Request::info(), &request, version, correlation_id, client_id);
}

template <class Response>
Result<Pieces> encode_response(const Response& response, int16_t version, int32_t correlation_id) {
    return encode_response(Response::info(), &response, version, correlation_id);
}

template <class Response>
Error decode_response(
    Response& out, int16_t version, const Buffer& frame, int32_t* correlation_id = nullptr
) {
    out = Response{};
    return decode_response(Response::info(), &out, version, frame, correlation_id);
}

} // namespace ottla::wire
