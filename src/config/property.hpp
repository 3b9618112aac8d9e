// The property table: one row per name. Parsing, range checks and warnings are driven by it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "config/client_config.hpp"

namespace ottla::config {

/// One of several words, each standing for a number.
struct Choice {
    std::string_view word;
    int value;
};

// How a value is stored once it has been parsed. One alternative per type of field.
using Target = std::variant<
    std::monostate,
    bool ClientConfig::*,
    int ClientConfig::*,
    int16_t ClientConfig::*,
    int64_t ClientConfig::*,
    double ClientConfig::*,
    milliseconds ClientConfig::*,
    std::string ClientConfig::*,
    Compression ClientConfig::*,
    Partitioner ClientConfig::*,
    OffsetReset ClientConfig::*,
    Isolation ClientConfig::*,
    AddressFamily ClientConfig::*,
    std::vector<HostPort> ClientConfig::*>;

enum class Kind : uint8_t { boolean, integer, real, text, choice, servers, callback, refused };

struct Property {
    std::string_view name;
    std::string_view alias_of{}; ///< empty: a name of its own
    Kind kind = Kind::text;
    Target target{};             ///< monostate: known, but without effect in this version
    int64_t low = 0;
    int64_t high = 0;
    std::span<const Choice> choices{};
    char role = '*';             ///< P producer, C consumer, * all
    std::string_view hint{};     ///< of a refused one: what to use instead
};

/// Those that are acted on.
std::span<const Property> active_properties();
/// Those that are known and checked, but have no effect yet.
std::span<const Property> inert_properties();
/// By exact name; null when no property is called so.
const Property* find_property(std::string_view name);

} // namespace ottla::config
