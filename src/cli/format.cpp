#include "format.hpp"

#include <iterator>

#include <boost/locale/utf.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "common.hpp"

namespace ottla::cli {
namespace {

void append_bytes(std::string& out, Bytes bytes, std::string_view null_text) {
    out += bytes.is_null() ? null_text : bytes.text();
}

int64_t size_of(Bytes bytes) { return bytes.is_null() ? -1 : static_cast<int64_t>(bytes.size()); }

bool is_utf8(std::string_view text) {
    using Utf = boost::locale::utf::utf_traits<char>;
    for (auto at = text.begin(); at != text.end();) {
        const auto point = Utf::decode(at, text.end());
        if (point == boost::locale::utf::illegal || point == boost::locale::utf::incomplete)
            return false;
    }
    return true;
}

std::string base64(std::string_view bytes) {
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0'); // with the zero that is put at the end
    const int size = EVP_EncodeBlock(
        reinterpret_cast<unsigned char*>(out.data()),
        reinterpret_cast<const unsigned char*>(bytes.data()),
        static_cast<int>(bytes.size()));
    out.resize(static_cast<size_t>(size));
    return out;
}

nlohmann::ordered_json text_or_null(Bytes bytes) {
    return bytes.is_null() ? nlohmann::ordered_json() : nlohmann::ordered_json(std::string(bytes.text()));
}

/// JSON is UTF-8. Other bytes are replaced where text is wanted, and stand beside it exactly, as name_base64.
void add_bytes(nlohmann::ordered_json& json, const std::string& name, Bytes bytes) {
    json[name] = text_or_null(bytes);
    if (!is_utf8(bytes.text()))
        json[name + "_base64"] = base64(bytes.text());
}

} // namespace

Format::Format(std::string_view text) {
    std::string literal;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            literal += text[i];
            continue;
        }
        const char token = i + 1 < text.size() ? text[++i] : '\0';
        if (token == '%') {
            literal += '%';
            continue;
        }
        if (token == '\0' || std::string_view("tpoksKSRTh").find(token) == std::string_view::npos)
            throw UsageError(fmt::format("-f: %{} is not a token; there are %t %p %o %k %s %K %S %R %T %h %%", token ? std::string(1, token) : ""));
        pieces_.push_back({0, unescape(std::exchange(literal, {}))});
        pieces_.push_back({token, {}});
    }
    pieces_.push_back({0, unescape(literal)});
}

void Format::append(std::string& out, const MessagePlace& place, const RecordView& record, std::string_view null_text) const {
    const auto number = [&](int64_t value) { fmt::format_to(std::back_inserter(out), "{}", value); };
    for (const Piece& piece : pieces_) {
        switch (piece.token) {
        case 0:
            out += piece.literal;
            break;
        case 't':
            out += place.topic;
            break;
        case 'p':
            number(place.partition);
            break;
        case 'o':
            number(record.offset());
            break;
        case 'k':
            append_bytes(out, record.key(), null_text);
            break;
        case 's':
            append_bytes(out, record.value(), null_text);
            break;
        case 'K':
            number(size_of(record.key()));
            break;
        case 'S':
            number(size_of(record.value()));
            break;
        case 'R': {
            const auto size = static_cast<uint32_t>(size_of(record.value()));
            for (const int shift : {24, 16, 8, 0})
                out += static_cast<char>(size >> shift & 0xff);
            break;
        }
        case 'T':
            number(record.timestamp_ms());
            break;
        case 'h': {
            bool first = true;
            for (const Header& header : record.headers()) {
                if (!std::exchange(first, false))
                    out += ',';
                out += header.key;
                out += '=';
                append_bytes(out, header.value, "NULL");
            }
            break;
        }
        default:
            break;
        }
    }
}

void append_json(std::string& out, const MessagePlace& place, const RecordView& record) {
    static constexpr std::string_view kinds[] = {"unknown", "create", "logappend"};
    nlohmann::ordered_json json{
        {"topic", place.topic},
        {"partition", place.partition},
        {"offset", record.offset()},
        {"tstype", kinds[static_cast<size_t>(record.timestamp_type())]},
        {"ts", record.timestamp_ms()}};
    if (record.header_count()) {
        auto& headers = json["headers"] = nlohmann::ordered_json::array();
        for (const Header& header : record.headers()) {
            headers.push_back(header.key);
            headers.push_back(text_or_null(header.value));
        }
    }
    add_bytes(json, "key", record.key());
    add_bytes(json, "payload", record.value());
    out += json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace ottla::cli
