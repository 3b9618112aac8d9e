// ottla config list|describe|dump: the properties, and what a client would have in force.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <ottla/config.hpp>

#include "common.hpp"

namespace ottla::cli {
namespace {

struct ConfigOptions {
    std::vector<std::string> names;
    std::vector<std::string> properties;
    std::string kind = "all";
    bool json = false;
    bool all = false;
    bool changed = false;
};

nlohmann::json to_json(const PropertyInfo& info) {
    nlohmann::json out{
        {"name", info.name},
        {"level", info.topic_level ? "topic" : "global"},
        {"scope", std::string(1, info.scope)},
        {"type", info.type},
        {"range", info.range},
        {"default", info.default_value},
        {"importance", info.importance},
        {"deprecated", info.deprecated},
        {"experimental", info.experimental},
        {"sensitive", info.sensitive},
        {"effective", info.effective},
        {"doc", info.doc}};
    if (!info.alias.empty())
        out["alias"] = info.alias;
    return out;
}

bool concerns(const PropertyInfo& info, const std::string& kind) {
    return info.scope == '*' || kind == "all" || (info.scope == 'P' && kind == "producer") ||
           (info.scope == 'C' && kind == "consumer");
}

void list(const ConfigOptions& options) {
    nlohmann::json out = nlohmann::json::array();
    for (const PropertyInfo& info : config_properties()) {
        if ((info.hidden && !options.all) || !concerns(info, options.kind))
            continue;
        if (options.json)
            out.push_back(to_json(info));
        else
            fmt::print(
                "{:<50} {}  {:<9} {:<20} {}\n", info.name, info.scope, info.type, info.default_value, info.effective ? "" : "no effect yet");
    }
    if (options.json)
        fmt::print("{}\n", out.dump());
}

void print(const PropertyInfo& info) {
    fmt::print("{}{}\n", info.name, info.topic_level ? " (topic)" : "");
    const auto line = [](const char* what, std::string_view value) {
        if (!value.empty())
            fmt::print("  {:<11} {}\n", what, value);
    };
    line("also", info.alias);
    line("for", info.scope == '*' ? "all clients" : info.scope == 'P' ? "producers" : "consumers");
    line("type", info.type);
    line("range", info.range);
    line("default", info.default_value);
    line("importance", info.importance);
    line("deprecated", info.deprecated ? "yes" : "");
    line("secret", info.sensitive ? "yes" : "");
    line("effect", info.effective ? "" : "none in this version");
    fmt::print("  {}\n", info.doc);
}

void describe(const ConfigOptions& options) {
    nlohmann::json out = nlohmann::json::array();
    const auto all = config_properties();
    for (const auto& name : options.names) {
        bool known = false;
        for (const PropertyInfo& info : all) {
            if (info.name != name && info.alias != name)
                continue;
            known = true;
            if (options.json)
                out.push_back(to_json(info));
            else
                print(info);
        }
        if (!known)
            throw UsageError(fmt::format("No such configuration property: \"{}\"", name));
    }
    if (options.json)
        fmt::print("{}\n", out.dump());
}

const char* word_of(ValueSource source) {
    switch (source) {
    case ValueSource::preset:
        return "default";
    case ValueSource::profile:
        return "profile";
    case ValueSource::given:
        return "set";
    case ValueSource::adjusted:
        return "adjusted";
    }
    return "";
}

void dump(const ConfigOptions& options) {
    Config config;
    for (const auto& property : options.properties) {
        const size_t equals = property.find('=');
        if (equals == std::string::npos || equals == 0)
            throw UsageError("-X " + property + ": expected key=value");
        config.set(property.substr(0, equals), property.substr(equals + 1));
    }
    const ClientKind kind = options.kind == "producer"   ? ClientKind::producer
                            : options.kind == "consumer" ? ClientKind::consumer
                                                         : ClientKind::admin;
    nlohmann::json out = nlohmann::json::array();
    for (const PropertyValue& value : config.describe(kind)) {
        if (options.changed && value.source == ValueSource::preset)
            continue;
        if (options.json)
            out.push_back({{"name", value.name}, {"value", value.value}, {"source", word_of(value.source)}});
        else
            fmt::print("{:<50} {:<9} {}\n", value.name, word_of(value.source), value.value);
    }
    if (options.json)
        fmt::print("{}\n", out.dump());
}

} // namespace

void add_config(CLI::App& app) {
    auto* config = app.add_subcommand("config", "Show configuration properties");
    config->require_subcommand(1);
    const auto add = [&](const char* name, const char* what, void (*run)(const ConfigOptions&)) {
        auto* command = config->add_subcommand(name, what);
        auto options = std::make_shared<ConfigOptions>();
        command->add_flag("-J,--json", options->json, "Print JSON");
        command->callback([options, run] { run(*options); });
        return std::pair(command, options);
    };
    auto [list_command, list_options] = add("list", "All properties: for whom, type, default", list);
    list_command->add_option("-k,--kind", list_options->kind, "Only those of a producer, consumer or admin client")
        ->check(CLI::IsMember({"producer", "consumer", "admin"}));
    list_command->add_flag("-a,--all", list_options->all, "Also those that are of use to developers only");
    auto [describe_command, describe_options] = add("describe", "What a property is and does", describe);
    describe_command->add_option("name", describe_options->names, "Property (repeatable)")->required();
    auto [dump_command, dump_options] = add("dump", "What a client would have in force, secrets masked", dump);
    dump_options->kind = "producer";
    dump_command->add_option("-k,--kind", dump_options->kind, "The client: producer, consumer or admin")
        ->check(CLI::IsMember({"producer", "consumer", "admin"}))
        ->capture_default_str();
    dump_command->add_option("-X,--property", dump_options->properties, "Configuration property, key=value (repeatable)");
    dump_command->add_flag("-c,--changed", dump_options->changed, "Only what is not at its default");
}

} // namespace ottla::cli
