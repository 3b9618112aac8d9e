// What bytes look like: the beginning of a request or of a response, or something that is not Kafka's at all.
#pragma once

#include <cstdint>
#include <string>

#include <ottla/inspect.hpp>
#include <ottla/types.hpp>

namespace ottla::inspect {

inline constexpr size_t prefix_size = 4;
/// After the prefix: key, version and correlation id of a request; correlation id of a response.
inline constexpr size_t smallest_request = 8;
inline constexpr size_t smallest_response = 4;

/// Whether a frame of `size` bytes that begins with `bytes` (behind its size prefix) has the head of a
/// request.
Likeness like_request(size_t size, Bytes bytes);

/// What bytes look like of which the first four can be no size of a frame: "it looks like TLS", ...
std::string likeness_of(Bytes bytes);

/// Lower-case digits of at most `most` bytes.
std::string hex_of(Bytes bytes, size_t most);

} // namespace ottla::inspect
