// Strings of JSON: what the printer of messages, and those who print around it, write between quotes.
#pragma once

#include <string>
#include <string_view>

#include <ottla/types.hpp>

namespace ottla::wire {

/// Appends `text`, which must be UTF-8, in quotes and escaped.
void append_json_text(std::string& out, std::string_view text);

/// Appends `bytes` in Base64, in quotes.
void append_json_base64(std::string& out, Bytes bytes);

} // namespace ottla::wire
