#include "wire/json.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace ottla::wire {

void append_json_text(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<int>(c));
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_json_base64(std::string& out, Bytes bytes) {
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out += '"';
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const size_t n = std::min<size_t>(3, bytes.size() - i);
        uint32_t group = 0;
        for (size_t j = 0; j < 3; ++j)
            group = group << 8 | (j < n ? bytes[i + j] : 0u);
        for (size_t j = 0; j < 4; ++j)
            out += j <= n ? digits[group >> (18 - 6 * j) & 63] : '=';
    }
    out += '"';
}

} // namespace ottla::wire
