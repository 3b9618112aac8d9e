// Kafka's text form of ids: URL-safe base64 without padding.
#include <ottla/types.hpp>

namespace ottla {
namespace {
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t text_size = 22;
} // namespace

std::string Uuid::to_string() const {
    std::string text;
    text.reserve(text_size);
    uint32_t bits = 0;
    int count = 0;
    for (uint8_t byte : bytes) {
        bits = (bits << 8) | byte;
        for (count += 8; count >= 6; count -= 6)
            text += alphabet[(bits >> (count - 6)) & 63];
    }
    text += alphabet[(bits << (6 - count)) & 63];
    return text;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
    if (text.size() != text_size)
        return std::nullopt;
    Uuid id;
    uint32_t bits = 0;
    int count = 0;
    size_t at = 0;
    for (char c : text) {
        const size_t value = alphabet.find(c);
        if (value == std::string_view::npos)
            return std::nullopt;
        bits = (bits << 6) | static_cast<uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            id.bytes[at++] = static_cast<uint8_t>(bits >> count);
        }
    }
    if (bits & ((1u << count) - 1))
        return std::nullopt;
    return id;
}

} // namespace ottla
