// Configuration as text: the property names of librdkafka, parsed when a client is made. docs/CONFIGURATION.md has them all.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ottla/export.hpp>

namespace ottla {

enum class ClientKind : uint8_t { producer, consumer, admin };

/// Where the value of a property comes from.
enum class ValueSource : uint8_t {
    preset,   ///< its default
    profile,  ///< the default of `ottla.profile`
    given,    ///< set by the application
    adjusted, ///< not set, and changed to go with what is set
};

/// A property as it is in force. Secrets are masked.
struct PropertyValue {
    std::string_view name;
    std::string value;
    ValueSource source = ValueSource::preset;
};

/// Property names and values. Nothing is judged here: making a client does that, and says which property is wrong.
class OTTLA_EXPORT Config {
public:
    /// Nothing instead of a value: back to the default.
    using Entry = std::pair<std::string, std::optional<std::string>>;

    Config() = default;
    Config(std::initializer_list<std::pair<const std::string, std::string>> values);

    /// Later values replace earlier ones, also under another name of the property. Chainable.
    Config& set(std::string name, std::string value);
    /// Back to the default, whatever was set before.
    Config& set(std::string name, std::nullptr_t);
    /// true, false and numbers, as their text.
    template <class T>
        requires std::is_arithmetic_v<T>
    Config& set(std::string name, T value) {
        if constexpr (std::same_as<T, bool>)
            return set(std::move(name), std::string(value ? "true" : "false"));
        else if constexpr (std::integral<T>)
            return set(std::move(name), std::to_string(value));
        else
            return set_real(std::move(name), static_cast<double>(value));
    }

    /// In the order in which they were set.
    const std::vector<Entry>& values() const { return values_; }

    /// The configuration that a client of this kind would have, as far as it concerns it, in the order of the page.
    /// Throws KafkaException(_INVALID_ARG) where making the client would.
    std::vector<PropertyValue> describe(ClientKind kind) const;

private:
    Config& put(std::string name, std::optional<std::string> value);
    Config& set_real(std::string name, double value);

    std::vector<Entry> values_;
};

/// What is known of a property.
struct PropertyInfo {
    std::string_view name;
    std::string_view alias;         ///< a second name; empty: none
    bool topic_level = false;       ///< may differ between topics (all topics of a client have the same so far)
    char scope = '*';               ///< P producers, C consumers, * all
    std::string_view type;          ///< boolean, integer, float, string, enum, flags, list, patterns, addresses, callback
    std::string range;              ///< what is allowed, in words; empty: anything
    std::string_view default_value; ///< in canonical form
    std::string_view importance;    ///< high, medium, low
    bool deprecated = false;
    bool experimental = false;
    bool sensitive = false; ///< masked wherever it is shown
    bool hidden = false;    ///< of use to developers only
    bool effective = false; ///< acted on in this version
    std::string_view doc;
};

/// Every property that a configuration may name.
OTTLA_EXPORT std::vector<PropertyInfo> config_properties();

} // namespace ottla
