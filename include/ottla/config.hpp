// Configuration as text: the property names of librdkafka's CONFIGURATION.md, parsed when a client is made.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

namespace ottla {

/// Property names and values. Nothing is judged here: making a client does that, and says which property is wrong.
class Config {
public:
    Config() = default;
    Config(std::initializer_list<std::pair<const std::string, std::string>> values) : values_(values) {}

    /// Later values replace earlier ones. Chainable.
    Config& set(std::string name, std::string value) {
        values_.insert_or_assign(std::move(name), std::move(value));
        return *this;
    }
    const std::map<std::string, std::string>& values() const { return values_; }

private:
    std::map<std::string, std::string> values_;
};

} // namespace ottla
