// One value: from a text to what it means, by the row of its property; and errors that say what would have been right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <ottla/error.hpp>

#include "config/property.hpp"

namespace ottla::config {

/// In canonical form: words as the table spells them, numbers in decimal.
struct Value {
    std::string text;
    int64_t number = 0; ///< of integers, booleans, choices, flags
    double real = 0;
};

/// `name`: how the application spelled the property, for messages.
Result<Value> parse_value(const Property& property, std::string_view name, std::string_view text);

/// What is allowed, in words; empty: anything.
std::string range_of(const Property& property);

/// An address as configured.
struct Server {
    HostPort at;
    std::string protocol; ///< in front of ://; empty: none
};
/// Of a text that `parse_value` has accepted.
std::vector<Server> servers_of(std::string_view text);

Error invalid(std::string text);
std::string lower(std::string_view text);
std::string_view trim(std::string_view text);
/// Parts between commas, trimmed, without empty ones.
std::vector<std::string_view> split(std::string_view text);

} // namespace ottla::config
