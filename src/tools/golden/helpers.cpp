#include <cstdio>
#include <fmt/format.h>
#include <stdexcept>

#include "tools/golden/golden.hpp"

namespace ottla::golden {
namespace {

int digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    throw std::runtime_error("bad hex digit");
}

} // namespace

void Report::fail(std::string_view detail) {
    ++tally_.failed;
    constexpr int most = 50;
    constexpr size_t longest = 1500;
    if (tally_.failed <= most)
        fmt::print("FAILED {}:{}: {}\n", file_, line_, detail.substr(0, longest));
    if (tally_.failed == most)
        fmt::print("further failures are only counted\n");
}

std::vector<uint8_t> from_hex(std::string_view hex) {
    if (hex.size() % 2)
        throw std::runtime_error("odd number of hex digits");
    std::vector<uint8_t> bytes;
    bytes.reserve(hex.size() / 2);
    for (size_t i = 0; i < hex.size(); i += 2)
        bytes.push_back(static_cast<uint8_t>(digit(hex[i]) * 16 + digit(hex[i + 1])));
    return bytes;
}

std::string to_hex(Bytes bytes) {
    std::string text;
    text.reserve(2 * bytes.size());
    for (const uint8_t byte : bytes) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

Buffer buffer_from_hex(std::string_view hex) {
    return Buffer::copy_of(from_hex(hex));
}

const wire::MessageInfo* message_of(const Json& line) {
    if (!line.contains("apiKey"))
        return msg::find_message(line.at("api").get<std::string>());
    const bool is_response = line.value("kind", "response") == "response";
    return msg::find_message(
        static_cast<msg::ApiKey>(line.at("apiKey").get<int16_t>()),
        is_response ? wire::Direction::response : wire::Direction::request
    );
}

} // namespace ottla::golden
