// From names and texts to the typed configuration: each value by its row, then what must hold between them.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/property.hpp"

namespace ottla::config {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string_view trim_left(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

std::string_view trim(std::string_view text) {
    text = trim_left(text);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

Error invalid(std::string text) { return {Errc::_invalid_arg, std::move(text)}; }

Error bad_value(const Property& property, std::string_view value, std::string_view wanted) {
    return invalid(fmt::format("{}: \"{}\" is not {}", property.name, value, wanted));
}

std::string words_of(const Property& property) {
    std::vector<std::string_view> words;
    for (const Choice& choice : property.choices)
        words.push_back(choice.word);
    return fmt::format("one of {}", fmt::join(words, ", "));
}

const Choice* find_choice(const Property& property, std::string_view value) {
    const std::string word = lower(trim(value));
    for (const Choice& choice : property.choices)
        if (choice.word == word)
            return &choice;
    return nullptr;
}

Result<bool> parse_bool(const Property& property, std::string_view value) {
    const std::string word = lower(trim(value));
    if (word == "true" || word == "t" || word == "1")
        return true;
    if (word == "false" || word == "f" || word == "0")
        return false;
    return Result<bool>(boost::system::in_place_error, bad_value(property, value, "true or false"));
}

Result<int64_t> parse_int(const Property& property, std::string_view value) {
    if (const Choice* choice = find_choice(property, value))
        return choice->value;
    std::string_view digits = trim(value);
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+'))
        digits.remove_prefix(1);
    int base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
        base = 16;
        digits.remove_prefix(2);
    }
    int64_t number = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
    if (ec == std::errc::invalid_argument || end != digits.data() + digits.size() || digits.starts_with('-'))
        return bad_value(property, value, "a whole number");
    if (negative)
        number = -number;
    if (ec == std::errc::result_out_of_range || number < property.low || number > property.high)
        return invalid(fmt::format("{}: {} is out of range {}..{}", property.name, value, property.low, property.high));
    return number;
}

Result<double> parse_real(const Property& property, std::string_view value) {
    const std::string text(trim(value));
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !std::isfinite(number))
        return bad_value(property, value, "a number");
    if (number < static_cast<double>(property.low) || number > static_cast<double>(property.high))
        return invalid(fmt::format("{}: {} is out of range {}..{}", property.name, value, property.low, property.high));
    return number;
}

// host, host:port, [v6]:port, each perhaps behind protocol://
Result<std::vector<HostPort>> parse_servers(const Property& property, std::string_view value) {
    std::vector<HostPort> servers;
    while (!value.empty()) {
        const size_t comma = value.find(',');
        std::string_view entry = trim(value.substr(0, comma));
        value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
        if (entry.empty())
            continue;
        const std::string_view whole = entry;
        if (const size_t scheme = entry.find("://"); scheme != std::string_view::npos) {
            if (lower(entry.substr(0, scheme)) != "plaintext")
                return invalid(fmt::format("{}: \"{}\" does not go with security.protocol=plaintext", property.name, whole));
            entry.remove_prefix(scheme + 3);
        }
        HostPort server;
        std::string_view port;
        if (entry.starts_with('[')) {
            const size_t close = entry.find(']');
            if (close == std::string_view::npos)
                return bad_value(property, whole, "an address: the ] is missing");
            server.host = entry.substr(1, close - 1);
            port = entry.substr(close + 1);
        } else if (const size_t colon = entry.rfind(':'); colon != std::string_view::npos) {
            server.host = entry.substr(0, colon);
            port = entry.substr(colon);
        } else {
            server.host = entry;
        }
        if (!port.empty()) {
            uint16_t number = 0;
            const auto [end, ec] = std::from_chars(port.data() + 1, port.data() + port.size(), number);
            if (port[0] != ':' || ec != std::errc() || end != port.data() + port.size() || number == 0)
                return bad_value(property, whole, "host:port with a port from 1 to 65535");
            server.port = number;
        }
        if (server.host.empty())
            return bad_value(property, whole, "host:port: the host is missing");
        servers.push_back(std::move(server));
    }
    return servers;
}

Error store(const Property& property, std::string_view value, ClientConfig& config) {
    const auto put = [&](auto&& parsed) -> Error {
        if (!parsed)
            return parsed.error();
        std::visit(
            [&]<class T>(T target) {
                if constexpr (!std::is_same_v<T, std::monostate>) {
                    using Field = std::remove_reference_t<decltype(config.*target)>;
                    using Value = std::remove_cvref_t<decltype(*parsed)>;
                    if constexpr (std::is_same_v<Field, Value>)
                        config.*target = std::move(*parsed);
                    else if constexpr (std::is_same_v<Field, milliseconds> && std::is_integral_v<Value>)
                        config.*target = milliseconds(*parsed);
                    else if constexpr ((std::is_arithmetic_v<Field> || std::is_enum_v<Field>) && std::is_arithmetic_v<Value>)
                        config.*target = static_cast<Field>(*parsed);
                }
            },
            property.target);
        return {};
    };
    switch (property.kind) {
    case Kind::boolean:
        return put(parse_bool(property, value));
    case Kind::integer:
        return put(parse_int(property, value));
    case Kind::real:
        return put(parse_real(property, value));
    case Kind::text:
        return put(Result<std::string>(std::string(trim_left(value))));
    case Kind::choice: {
        const Choice* choice = find_choice(property, value);
        if (!choice)
            return bad_value(property, value, words_of(property));
        return put(Result<int>(choice->value));
    }
    case Kind::servers:
        return put(parse_servers(property, value));
    case Kind::callback:
        return invalid(fmt::format("{} cannot be set by text: it is a member of the client's options", property.name));
    case Kind::refused:
        return invalid(fmt::format("{} is a property of the Java client: use {}", property.name, property.hint));
    }
    return {};
}

// What must hold between properties. `given`: those that the user set; the others may be adjusted.
Error cross_check(ClientConfig& config, const std::set<std::string_view>& given, Role role, std::vector<std::string>& warnings) {
    const auto is_given = [&](std::string_view name) { return given.contains(name); };
    if (role == Role::consumer && !is_given("allow.auto.create.topics"))
        config.allow_auto_create_topics = false;
    if (config.reconnect_backoff > config.reconnect_backoff_max)
        return invalid("reconnect.backoff.ms must not be above reconnect.backoff.max.ms");
    if (config.retry_backoff > config.retry_backoff_max) {
        warnings.push_back("retry.backoff.ms is above retry.backoff.max.ms: the latter is used");
        config.retry_backoff = config.retry_backoff_max;
    }
    if (role == Role::producer && config.enable_idempotence) {
        if (is_given("acks") && config.acks != -1)
            return invalid("acks must be all when enable.idempotence is true");
        if (is_given("max.in.flight.requests.per.connection") && config.max_in_flight > 5)
            return invalid("max.in.flight must be at most 5 when enable.idempotence is true");
        if (is_given("retries") && config.retries < 1)
            return invalid("retries must be at least 1 when enable.idempotence is true");
        config.acks = -1;
        config.max_in_flight = std::min(config.max_in_flight, 5);
    }
    if (role == Role::producer && config.message_timeout.count() > 0) {
        const auto limit = static_cast<double>(config.message_timeout.count());
        if (config.linger_ms >= limit) {
            if (is_given("linger.ms"))
                return invalid("linger.ms must be less than message.timeout.ms");
            config.linger_ms = std::max(0.0, limit - 1);
        }
    }
    if (role == Role::producer && !is_given("sticky.partitioning.linger.ms"))
        config.sticky_linger = milliseconds(static_cast<int64_t>(std::llround(config.linger_ms * 2)));
    if (role == Role::consumer) {
        if (is_given("fetch.max.bytes")) {
            if (config.fetch_max_bytes < config.message_max_bytes)
                return invalid("fetch.max.bytes must not be below message.max.bytes");
        } else {
            config.fetch_max_bytes = static_cast<int32_t>(
                std::max<int64_t>(std::min<int64_t>(config.fetch_max_bytes, config.queued_max_kbytes * 1024), config.message_max_bytes));
        }
        const int64_t needed = std::min<int64_t>(static_cast<int64_t>(config.fetch_max_bytes) + 512, INT32_MAX);
        if (config.receive_message_max_bytes < needed) {
            if (is_given("receive.message.max.bytes"))
                return invalid("receive.message.max.bytes must be at least fetch.max.bytes + 512");
            config.receive_message_max_bytes = static_cast<int32_t>(needed);
        }
        if (config.fetch_wait_max + milliseconds(1000) > config.socket_timeout)
            warnings.push_back("fetch.wait.max.ms + 1000 should not be above socket.timeout.ms");
    }
    return {};
}

} // namespace

Result<ClientConfig> parse(const Config& config, Role role, std::vector<std::string>* warnings) {
    ClientConfig out;
    std::vector<std::string> ignored;
    std::vector<std::string>& notes = warnings ? *warnings : ignored;
    std::set<std::string_view> given;
    for (const auto& [name, value] : config.values()) {
        const Property* property = find_property(name);
        if (!property)
            return invalid(fmt::format("No such configuration property: \"{}\"", name));
        if (!property->alias_of.empty())
            property = find_property(property->alias_of);
        given.insert(property->name);
        if (Error error = store(*property, value, out))
            return error;
        if (property->name == "security.protocol" && lower(trim(value)) != "plaintext")
            return invalid(fmt::format("security.protocol: {} is not available in this version, plaintext is", value));
        if (property->name == "group.id" || property->name == "security.protocol")
            continue;
        if (std::holds_alternative<std::monostate>(property->target))
            notes.push_back(fmt::format("{} has no effect in this version", name));
        else if (property->role != '*' && role != Role::admin && property->role != (role == Role::producer ? 'P' : 'C'))
            notes.push_back(fmt::format("{} is a {} property and has no effect here", name, property->role == 'P' ? "producer" : "consumer"));
    }
    if (Error error = cross_check(out, given, role, notes))
        return error;
    if (out.bootstrap_servers.empty())
        notes.push_back("bootstrap.servers is empty: no broker can be found");
    return out;
}

} // namespace ottla::config
