#include "inspect/likeness.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <ottla/msg/api_key.hpp>

#include "base/endian.hpp"
#include "wire/utf8.hpp"

namespace ottla::inspect {
namespace {

struct Signature {
    std::string_view bytes;
    std::string_view name;
};

using namespace std::string_view_literals;

constexpr Signature signatures[] = {
    {"\x16\x03"sv, "TLS"},
    {"\x15\x03"sv, "TLS"},
    {"\x17\x03\x03"sv, "TLS"},
    {"HTTP"sv, "HTTP"},
    {"GET "sv, "HTTP"},
    {"POST"sv, "HTTP"},
    {"PUT "sv, "HTTP"},
    {"HEAD"sv, "HTTP"},
    {"CONN"sv, "HTTP"},
    {"PRI "sv, "HTTP/2"},
    {"SSH-"sv, "SSH"},
    {"\xff\xd8\xff"sv, "a JPEG image"},
    {"\x89PNG"sv, "a PNG image"},
    {"%PDF"sv, "a PDF document"},
    {"\x7f"
     "ELF"sv,
     "a program"},
    {"PK\x03\x04"sv, "a ZIP archive"},
    {"\x1f\x8b"sv, "gzip: decompress it first"},
    {"\x28\xb5\x2f\xfd"sv, "zstd: decompress it first"},
    {"\xfd"
     "7zX"sv,
     "xz: decompress it first"},
};

bool is_printable(uint8_t byte) {
    return (byte >= 0x20 && byte < 0x7f) || byte == '\t' || byte == '\n' || byte == '\r';
}

} // namespace

Likeness like_request(size_t size, Bytes bytes) {
    // A client id has no fixed bound, but nobody has seen longer ones.
    constexpr int16_t longest_client_id = 1000;
    if (size < smallest_request)
        return Likeness::no;
    if (bytes.size() < smallest_request)
        return Likeness::too_short;
    const auto key = load_be<int16_t>(bytes.data());
    const auto version = load_be<int16_t>(bytes.data() + 2);
    const msg::ApiInfo* const api = msg::find_api(key);
    if (!api || version < api->min_version || version > api->max_version)
        return Likeness::no;
    if (msg::request_header_version(static_cast<msg::ApiKey>(key), version) == 0)
        return Likeness::yes;
    constexpr size_t to_client_id = smallest_request + 2;
    if (size < to_client_id)
        return Likeness::no;
    if (bytes.size() < to_client_id)
        return Likeness::too_short;
    const auto length = load_be<int16_t>(bytes.data() + smallest_request);
    if (length < -1 || length > longest_client_id)
        return Likeness::no;
    const auto id_size = static_cast<size_t>(std::max<int16_t>(length, 0));
    if (size < to_client_id + id_size)
        return Likeness::no;
    if (bytes.size() < to_client_id + id_size)
        return Likeness::too_short;
    const std::string_view id = bytes.text().substr(to_client_id, id_size);
    const bool is_text = wire::is_utf8(id) && std::none_of(id.begin(), id.end(), [](char c) {
                             return static_cast<unsigned char>(c) < 0x20;
                         });
    return is_text ? Likeness::yes : Likeness::no;
}

std::string hex_of(Bytes bytes, size_t most) {
    std::string out;
    for (size_t i = 0; i < std::min(bytes.size(), most); ++i)
        fmt::format_to(std::back_inserter(out), "{:02x}", bytes[i]);
    return out;
}

std::string likeness_of(Bytes bytes) {
    const Bytes first(
        bytes.data(), std::min(bytes.size(), prefix_size)
    ); // more would depend on how they were cut
    for (const Signature& signature : signatures)
        if (first.text().starts_with(signature.bytes))
            return fmt::format("it looks like {}", signature.name);
    if (std::all_of(first.begin(), first.end(), is_printable))
        return "it looks like text";
    return fmt::format("no frame begins with {}", hex_of(first, prefix_size));
}

} // namespace ottla::inspect

namespace ottla {

Likeness looks_like_request(Bytes bytes) {
    if (bytes.size() < inspect::prefix_size)
        return Likeness::too_short;
    const auto size = load_be<int32_t>(bytes.data());
    if (size < 0 || static_cast<size_t>(size) > ConversationOptions{}.max_frame)
        return Likeness::no;
    return inspect::like_request(
        static_cast<size_t>(size),
        Bytes(bytes.data() + inspect::prefix_size, bytes.size() - inspect::prefix_size)
    );
}

std::optional<int16_t> find_api_key(std::string_view name) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    for (int16_t key = 0; msg::find_api(key); ++key) {
        const std::string_view known = msg::find_api(key)->name;
        if (std::to_string(key) == name ||
            std::equal(known.begin(), known.end(), name.begin(), name.end(), [&](char a, char b) {
                return lower(a) == lower(b);
            }))
            return key;
    }
    return std::nullopt;
}

std::string_view api_name(int16_t key) {
    const msg::ApiInfo* const api = msg::find_api(key);
    return api ? api->name : std::string_view();
}

} // namespace ottla
