// From names and texts to the typed configuration: each value by its row, then the profile, then what must hold between
// them.
#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "config/duration.hpp"
#include "config/settings.hpp"

namespace ottla::config {
namespace {

bool concerns(const Property& property, Role role) {
    switch (property.scope) {
    case Scope::all:
        return true;
    case Scope::producer:
        return role == Role::producer;
    case Scope::consumer:
        return role == Role::consumer;
    }
    return true;
}

// Configurations of a whole application are handed to admin clients as they are, so those are not told.
void warn_of(const Settings::Entry& entry, Role role, std::vector<std::string>& warnings) {
    const Property& property = *entry.property;
    if (!concerns(property, role)) {
        if (role != Role::admin)
            warnings.push_back(fmt::format(
                "{} is a {} property and has no effect here",
                entry.spelled,
                property.scope == Scope::producer ? "producer" : "consumer"));
        return;
    }
    const char* mark = property.is(deprecated) ? " is deprecated" : property.is(experimental) ? " is experimental" : "";
    const bool idle = property.effect != Effect::acted;
    if (idle)
        warnings.push_back(fmt::format("{}{}{} has no effect in this version", entry.spelled, mark, *mark ? " and" : ""));
    else if (*mark)
        warnings.push_back(entry.spelled + mark);
}

// Brokers accept [A-Za-z0-9.-] that begins and ends with a letter or digit (KIP-511).
std::string software_word(std::string text) {
    const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
    std::replace_if(text.begin(), text.end(), [&](char c) { return !plain(c) && c != '.' && c != '-'; }, '-');
    text.erase(text.begin(), std::find_if(text.begin(), text.end(), plain));
    text.erase(std::find_if(text.rbegin(), text.rend(), plain).base(), text.end());
    return text;
}

// An address of another security protocol ends the list; a list that has no other is a mistake.
Error drop_foreign_servers(const Settings& settings, ClientConfig& config, std::vector<std::string>& warnings) {
    const std::string& protocol = settings.text("security.protocol");
    const auto servers = servers_of(settings.text("bootstrap.servers"));
    const auto foreign = std::find_if(servers.begin(), servers.end(), [&](const Server& server) {
        return !server.protocol.empty() && server.protocol != protocol;
    });
    if (foreign == servers.end())
        return {};
    const std::string shown = fmt::format("{}://{}:{}", foreign->protocol, foreign->at.host, foreign->at.port);
    if (foreign == servers.begin())
        return invalid(fmt::format(
            "Invalid value \"{}\" for configuration property \"{}\": security.protocol is {}",
            shown,
            settings.spell("bootstrap.servers"),
            protocol));
    config.bootstrap_servers.resize(static_cast<size_t>(foreign - servers.begin()));
    warnings.push_back(fmt::format(
        "{}: {} does not go with security.protocol={}: it and what follows is left out",
        settings.spell("bootstrap.servers"),
        shown,
        protocol));
    return {};
}

} // namespace

Result<Judged> judge(const Config& config, Role role) {
    Judged out;
    for (const auto& [name, value] : config.values())
        if (Error error = out.settings.give(name, value))
            return error;
    if (out.settings.text("ottla.profile") == "java")
        for (const ProfileValue& value : java_profile())
            if (value.scope == Scope::all || value.scope == (role == Role::producer ? Scope::producer : Scope::consumer))
                if (role != Role::admin || value.scope == Scope::all)
                    out.settings.take_profile(value);
    for (const auto& entry : out.settings.entries())
        if (entry.source == ValueSource::given)
            warn_of(entry, role, out.warnings);
    if (Error error = cross_check(out.settings, role, out.warnings))
        return error;
    return out;
}

Result<ClientConfig> parse(const Config& config, Role role, std::vector<std::string>* warnings) {
    auto judged = judge(config, role);
    if (!judged)
        return judged.error();
    ClientConfig out;
    judged->settings.fill(out);
    if (out.auto_offset_reset == OffsetReset::by_duration) {
        const std::string& text = judged->settings.text("auto.offset.reset");
        out.auto_offset_reset_age = parse_duration(std::string_view(text).substr(text.find(':') + 1)).value_or(milliseconds(0));
    }
    out.client_software_name = software_word(out.client_software_name);
    out.client_software_version = software_word(out.client_software_version);
    if (Error error = drop_foreign_servers(judged->settings, out, judged->warnings))
        return error;
    if (out.bootstrap_servers.empty())
        judged->warnings.push_back("bootstrap.servers is empty: no broker can be found");
    if (warnings)
        *warnings = std::move(judged->warnings);
    return out;
}

std::vector<PropertyValue> describe(const Settings& settings, Role role) {
    std::vector<PropertyValue> out;
    for (const auto& entry : settings.entries()) {
        const Property& property = *entry.property;
        // Of two levels the global one rules.
        if (!property.settable() || !concerns(property, role) || find_property(property.name) != &property)
            continue;
        const bool secret = property.is(sensitive) && !entry.value.text.empty();
        out.push_back({property.name, secret ? "********" : entry.value.text, entry.source});
    }
    return out;
}

} // namespace ottla::config
