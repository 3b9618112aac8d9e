#include "config/settings.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.hpp"

namespace ottla::config {
namespace {

Value preset_of(const Property& property) {
    if (!property.settable() || property.preset.empty())
        return {};
    auto value = parse_value(property, property.name, property.preset);
    OTTLA_ASSERT(value.has_value());
    return std::move(*value);
}

const std::vector<Settings::Entry>& presets() {
    static const std::vector<Settings::Entry> all = [] {
        std::vector<Settings::Entry> out;
        for (const Property* property : all_properties())
            out.push_back({.property = property, .value = preset_of(*property)});
        return out;
    }();
    return all;
}

std::vector<HostPort> addresses(std::string_view text) {
    std::vector<HostPort> out;
    for (Server& server : servers_of(text))
        out.push_back(std::move(server.at));
    return out;
}

} // namespace

Settings::Settings() : entries_(presets()) {}

const Settings::Entry& Settings::find(std::string_view name) const {
    const Property* property = find_property(name);
    OTTLA_ASSERT(property);
    const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.property == property; });
    return *it;
}

std::string_view Settings::spell(std::string_view name) const {
    const Entry& entry = find(name);
    return entry.spelled.empty() ? entry.property->name : std::string_view(entry.spelled);
}

Error Settings::give(const std::string& name, const std::optional<std::string>& text) {
    const Property* property = find_property(name);
    if (!property)
        return invalid(fmt::format("No such configuration property: \"{}\"", name));
    Entry& entry = find(name);
    if (!text) {
        entry = {.property = property, .value = preset_of(*property)};
        return {};
    }
    auto value = parse_value(*property, name, *text);
    if (!value)
        return value.error();
    entry = {.property = property, .value = std::move(*value), .source = ValueSource::given, .spelled = name};
    return {};
}

void Settings::take_profile(const ProfileValue& value) {
    Entry& entry = find(value.name);
    if (entry.source == ValueSource::given)
        return;
    auto parsed = parse_value(*entry.property, value.name, value.value);
    OTTLA_ASSERT(parsed.has_value());
    entry.value = std::move(*parsed);
    entry.source = ValueSource::profile;
}

void Settings::adjust(std::string_view name, int64_t number) {
    Entry& entry = find(name);
    if (entry.value.number == number)
        return;
    entry.value.number = number;
    entry.value.real = static_cast<double>(number);
    entry.value.text = entry.property->kind == Kind::boolean ? (number ? "true" : "false") : std::to_string(number);
    if (entry.source != ValueSource::given)
        entry.source = ValueSource::adjusted;
}

void Settings::fill(ClientConfig& config) const {
    for (const Entry& entry : entries_) {
        const Value& value = entry.value;
        std::visit(
            [&]<class T>(T target) {
                if constexpr (!std::is_same_v<T, std::monostate>) {
                    auto& field = config.*target;
                    using Field = std::remove_reference_t<decltype(field)>;
                    if constexpr (std::is_same_v<Field, std::string>)
                        field = value.text;
                    else if constexpr (std::is_same_v<Field, double>)
                        field = value.real;
                    else if constexpr (std::is_same_v<Field, std::vector<HostPort>>)
                        field = addresses(value.text);
                    else if constexpr (std::is_same_v<Field, LogContexts>)
                        field = LogContexts(static_cast<uint32_t>(value.number));
                    else if constexpr (std::is_same_v<Field, bool>)
                        field = value.number != 0;
                    else
                        field = static_cast<Field>(value.number);
                }
            },
            entry.property->target);
    }
}

} // namespace ottla::config
