// The property table: one constexpr row per property, with everything that is known of it. Parsing, checks, dumps and
// docs/CONFIGURATION.md are driven by it. The rows are in table_*.cpp, by what they are about.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "config/client_config.hpp"

namespace ottla::config {

/// One of several words, each standing for a number. After a word that ends with a colon comes a duration of ISO 8601.
struct Choice {
    std::string_view word;
    int64_t value;
};

// The field that takes the value. One alternative per type of field.
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
    GroupProtocol ClientConfig::*,
    AddressFamily ClientConfig::*,
    LogContexts ClientConfig::*,
    std::vector<HostPort> ClientConfig::*>;

enum class Kind : uint8_t {
    boolean,
    integer,
    real,
    text,
    choice,   ///< one of `choices`
    flags,    ///< any of `choices`, separated by commas
    words,    ///< a list of `choices` whose order counts
    patterns, ///< regular expressions, separated by commas
    servers,  ///< addresses, separated by commas
    callback, ///< not settable by text
    foreign,  ///< known from another client: refused, pointing at `hint`
};

enum class Level : uint8_t { global, topic };
/// Whom a property is for.
enum class Scope : char { all = '*', producer = 'P', consumer = 'C' };
enum class Importance : uint8_t { low, medium, high };
/// What setting the property does in this version.
enum class Effect : uint8_t {
    acted, ///< what its doc says
    later, ///< nothing yet: it is checked, and setting it warns
    never, ///< nothing: known only so that configurations of other clients are accepted
};

/// Marks, combined as bits.
enum Trait : uint8_t { deprecated = 1, experimental = 2, sensitive = 4, hidden = 8 };

struct Range {
    int64_t low = 0;
    int64_t high = 0;
};

struct Property {
    std::string_view name;
    std::string_view alias{}; ///< a second spelling; empty: none
    Level level = Level::global;
    Scope scope = Scope::all;
    Kind kind = Kind::text;
    Range range{};                     ///< of an integer or real
    std::span<const Choice> choices{}; ///< of an integer: words that stand for numbers
    std::string_view preset{};         ///< the default, in canonical form; a test compares it with ClientConfig's
    Importance importance = Importance::low;
    uint8_t traits = 0;
    Effect effect = Effect::acted;
    Target target{};
    std::string_view hint{}; ///< of a callback or foreign one: what to use instead
    std::string_view doc{};

    bool is(Trait trait) const { return (traits & trait) != 0; }
    bool settable() const { return kind != Kind::callback && kind != Kind::foreign; }
};

std::span<const Property> cluster_properties();
std::span<const Property> security_properties();
std::span<const Property> observation_properties();
std::span<const Property> producer_properties();
std::span<const Property> consumer_properties();

/// Every row, in the order of the pages.
const std::vector<const Property*>& all_properties();
/// By name or alias; null when no property is called so. Where both levels have the name, the global one is meant.
const Property* find_property(std::string_view name);
const Property* find_property(std::string_view name, Level level);

/// A default of the Java client that differs (`ottla.profile=java`).
struct ProfileValue {
    std::string_view name;
    std::string_view value;
    Scope scope = Scope::all; ///< for which clients
};
std::span<const ProfileValue> java_profile();

} // namespace ottla::config
