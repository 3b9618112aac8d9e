#include "config/value.hpp"

#include "config/duration.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <regex>

#include <fmt/format.h>

namespace ottla::config {
namespace {

std::string_view trim_left(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

Error refuse(const Property& property, std::string_view name, std::string_view value, std::string_view wanted) {
    return invalid(fmt::format(
        "Invalid value \"{}\" for configuration property \"{}\": {}",
        property.is(sensitive) ? "********" : value,
        name,
        wanted));
}

Error out_of_range(const Property& property, std::string_view name, std::string_view value) {
    return invalid(fmt::format(
        "Configuration property \"{}\" value {} is outside allowed range {}..{}",
        name,
        value,
        property.range.low,
        property.range.high));
}

std::string list_of(std::span<const Choice> choices) {
    std::string out;
    for (const Choice& choice : choices)
        out += (out.empty() ? "" : ", ") + std::string(choice.word);
    return out;
}

const Choice* find_choice(const Property& property, std::string_view value) {
    const std::string word = lower(trim(value));
    for (const Choice& choice : property.choices)
        if (lower(choice.word) == word && !word.ends_with(':'))
            return &choice;
    return nullptr;
}

Result<Value> parse_boolean(const Property& property, std::string_view name, std::string_view value) {
    const std::string word = lower(trim(value));
    if (word == "true" || word == "t" || word == "1")
        return Value{.text = "true", .number = 1};
    if (word == "false" || word == "f" || word == "0")
        return Value{.text = "false", .number = 0};
    return refuse(property, name, value, "expected true or false");
}

// As C reads them: decimal, 0x hexadecimal, 0 octal.
Result<Value> parse_integer(const Property& property, std::string_view name, std::string_view value) {
    if (const Choice* choice = find_choice(property, value))
        return Value{.text = std::to_string(choice->value), .number = choice->value};
    std::string_view digits = trim(value);
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+'))
        digits.remove_prefix(1);
    int base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
        base = 16;
        digits.remove_prefix(2);
    } else if (digits.size() > 1 && digits.starts_with('0')) {
        base = 8;
    }
    uint64_t size = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), size, base);
    if (ec == std::errc::invalid_argument || end != digits.data() + digits.size())
        return refuse(
            property,
            name,
            value,
            property.choices.empty() ? "expected a whole number"
                                     : fmt::format("expected a whole number or {}", list_of(property.choices)));
    if (ec == std::errc::result_out_of_range || size > INT64_MAX)
        return out_of_range(property, name, trim(value));
    const int64_t number = negative ? -static_cast<int64_t>(size) : static_cast<int64_t>(size);
    if (number < property.range.low || number > property.range.high)
        return out_of_range(property, name, trim(value));
    return Value{.text = std::to_string(number), .number = number};
}

Result<Value> parse_real(const Property& property, std::string_view name, std::string_view value) {
    const std::string text(trim(value));
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !std::isfinite(number))
        return refuse(property, name, value, "expected a number");
    if (number < static_cast<double>(property.range.low) || number > static_cast<double>(property.range.high))
        return out_of_range(property, name, text);
    return Value{.text = fmt::format("{}", number), .number = std::llround(number), .real = number};
}

Result<Value> parse_choice(const Property& property, std::string_view name, std::string_view value) {
    for (const Choice& choice : property.choices) {
        const std::string_view trimmed = trim(value);
        if (!choice.word.ends_with(':') || lower(trimmed.substr(0, choice.word.size())) != choice.word)
            continue;
        const std::string_view duration = trimmed.substr(choice.word.size());
        if (!parse_duration(duration))
            return refuse(property, name, value, "expected a duration such as P1DT2H30M after " + std::string(choice.word));
        return Value{.text = std::string(choice.word) + std::string(duration), .number = choice.value};
    }
    if (const Choice* choice = find_choice(property, value))
        return Value{.text = std::string(choice->word), .number = choice->value};
    return refuse(property, name, value, "expected one of " + list_of(property.choices));
}

// Words add up; +word adds and -word takes away. What comes out is in the order of the table.
Result<Value> parse_flags(const Property& property, std::string_view name, std::string_view value) {
    int64_t bits = 0;
    for (const std::string_view entry : split(value)) {
        const bool away = entry.starts_with('-');
        const std::string_view word = away || entry.starts_with('+') ? entry.substr(1) : entry;
        const Choice* choice = find_choice(property, word);
        if (!choice)
            return refuse(property, name, word, "expected any of " + list_of(property.choices));
        bits = away ? bits & ~choice->value : bits | choice->value;
    }
    Value out{.text = {}, .number = bits};
    for (const Choice& choice : property.choices) {
        const bool several = (choice.value & (choice.value - 1)) != 0;
        if (several && (bits & choice.value) == choice.value)
            return Value{.text = std::string(choice.word), .number = bits};
        if (!several && (bits & choice.value) != 0)
            out.text += (out.text.empty() ? "" : ",") + std::string(choice.word);
    }
    return out;
}

Result<Value> parse_words(const Property& property, std::string_view name, std::string_view value) {
    Value out;
    for (const std::string_view word : split(value)) {
        const Choice* choice = find_choice(property, word);
        if (!choice)
            return refuse(property, name, word, "expected any of " + list_of(property.choices));
        out.text += (out.text.empty() ? "" : ",") + std::string(choice->word);
        out.number |= choice->value;
    }
    if (out.number == 0)
        return refuse(property, name, value, "expected at least one of " + list_of(property.choices));
    return out;
}

Result<Value> parse_patterns(const Property& property, std::string_view name, std::string_view value) {
    for (const std::string_view pattern : split(value)) {
        try {
            const std::regex check(pattern.begin(), pattern.end(), std::regex::extended);
        } catch (const std::regex_error&) {
            return refuse(property, name, pattern, "expected a regular expression");
        }
    }
    return Value{.text = std::string(trim(value))};
}

// host, host:port, [v6]:port, each perhaps behind protocol://
Result<Server> parse_server(const Property& property, std::string_view name, std::string_view entry) {
    Server server;
    const std::string_view whole = entry;
    if (const size_t scheme = entry.find("://"); scheme != std::string_view::npos) {
        server.protocol = lower(entry.substr(0, scheme));
        entry.remove_prefix(scheme + 3);
    }
    std::string_view port;
    if (entry.starts_with('[')) {
        const size_t close = entry.find(']');
        if (close == std::string_view::npos)
            return refuse(property, name, whole, "expected [address]:port, the ] is missing");
        server.at.host = entry.substr(1, close - 1);
        port = entry.substr(close + 1);
    } else if (const size_t colon = entry.rfind(':'); colon != std::string_view::npos) {
        server.at.host = entry.substr(0, colon);
        port = entry.substr(colon);
    } else {
        server.at.host = entry;
    }
    if (!port.empty()) {
        const auto [end, ec] = std::from_chars(port.data() + 1, port.data() + port.size(), server.at.port);
        if (port[0] != ':' || ec != std::errc() || end != port.data() + port.size() || server.at.port == 0)
            return refuse(property, name, whole, "expected host:port with a port from 1 to 65535");
    }
    if (server.at.host.empty())
        return refuse(property, name, whole, "expected host:port, the host is missing");
    return server;
}

} // namespace

Error invalid(std::string text) { return {Errc::_invalid_arg, std::move(text)}; }

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string_view trim(std::string_view text) {
    text = trim_left(text);
    return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const size_t comma = text.find(',');
        if (const std::string_view part = trim(text.substr(0, comma)); !part.empty())
            parts.push_back(part);
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    }
    return parts;
}

std::vector<Server> servers_of(std::string_view text) {
    std::vector<Server> servers;
    for (const std::string_view entry : split(text))
        if (auto server = parse_server({}, {}, entry))
            servers.push_back(std::move(*server));
    return servers;
}

std::string range_of(const Property& property) {
    switch (property.kind) {
    case Kind::boolean:
        return "true, false";
    case Kind::integer:
    case Kind::real: {
        const std::string words = list_of(property.choices);
        return fmt::format("{} .. {}{}{}", property.range.low, property.range.high, words.empty() ? "" : ", ", words);
    }
    case Kind::choice:
    case Kind::flags:
    case Kind::words:
        return list_of(property.choices);
    default:
        return {};
    }
}

Result<Value> parse_value(const Property& property, std::string_view name, std::string_view text) {
    switch (property.kind) {
    case Kind::boolean:
        return parse_boolean(property, name, text);
    case Kind::integer:
        return parse_integer(property, name, text);
    case Kind::real:
        return parse_real(property, name, text);
    case Kind::text:
        return Value{.text = std::string(trim_left(text))};
    case Kind::choice:
        return parse_choice(property, name, text);
    case Kind::flags:
        return parse_flags(property, name, text);
    case Kind::words:
        return parse_words(property, name, text);
    case Kind::patterns:
        return parse_patterns(property, name, text);
    case Kind::servers:
        for (const std::string_view entry : split(text))
            if (auto server = parse_server(property, name, entry); !server)
                return server.error();
        return Value{.text = std::string(trim(text))};
    case Kind::callback:
        return invalid(fmt::format(
            "Configuration property \"{}\" cannot be set by text{}",
            name,
            property.hint.empty() ? ", and has no counterpart in this version" : fmt::format(": use {}", property.hint)));
    case Kind::foreign:
        return invalid(
            fmt::format("Configuration property \"{}\" is one of the Java client: use {}", name, property.hint));
    }
    return Value{};
}

} // namespace ottla::config
