// The public face: texts as they are set, and what is known of the properties.
#include <ottla/config.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "config/settings.hpp"

namespace ottla {
namespace {

std::string_view word_of(config::Kind kind) {
    using enum config::Kind;
    switch (kind) {
    case boolean:
        return "boolean";
    case integer:
        return "integer";
    case real:
        return "float";
    case text:
    case foreign:
        return "string";
    case choice:
        return "enum";
    case flags:
        return "flags";
    case words:
        return "list";
    case patterns:
        return "patterns";
    case servers:
        return "addresses";
    case callback:
        return "callback";
    }
    return "";
}

std::string_view word_of(config::Importance importance) {
    using enum config::Importance;
    return importance == high ? "high" : importance == medium ? "medium" : "low";
}

} // namespace

Config::Config(std::initializer_list<std::pair<const std::string, std::string>> values) {
    for (const auto& [name, value] : values)
        put(name, value);
}

Config& Config::set(std::string name, std::string value) { return put(std::move(name), std::move(value)); }

Config& Config::set(std::string name, std::nullptr_t) { return put(std::move(name), std::nullopt); }

Config& Config::set_real(std::string name, double value) { return put(std::move(name), fmt::format("{}", value)); }

Config& Config::put(std::string name, std::optional<std::string> value) {
    std::erase_if(values_, [&](const Entry& entry) { return entry.first == name; });
    values_.emplace_back(std::move(name), std::move(value));
    return *this;
}

std::vector<PropertyValue> Config::describe(ClientKind kind) const {
    auto judged = config::judge(*this, kind);
    if (!judged)
        throw KafkaException(judged.error());
    return config::describe(judged->settings, kind);
}

std::vector<PropertyInfo> config_properties() {
    std::vector<PropertyInfo> out;
    for (const config::Property* row : config::all_properties())
        out.push_back(
            {.name = row->name,
             .alias = row->alias,
             .topic_level = row->level == config::Level::topic,
             .scope = static_cast<char>(row->scope),
             .type = word_of(row->kind),
             .range = config::range_of(*row),
             .default_value = row->preset,
             .importance = word_of(row->importance),
             .deprecated = row->is(config::deprecated),
             .experimental = row->is(config::experimental),
             .sensitive = row->is(config::sensitive),
             .hidden = row->is(config::hidden),
             .effective = row->effect == config::Effect::acted,
             .doc = row->doc});
    return out;
}

} // namespace ottla
