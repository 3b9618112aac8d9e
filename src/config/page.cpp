#include "config/page.hpp"

#include <fmt/format.h>

#include "config/value.hpp"

namespace ottla::config {
namespace {

constexpr std::string_view intro = R"(# Configuration

Generated from the property table by `config_page`; a test keeps it so. The names, values and defaults are those of
librdkafka; what differs says so. `ottla config list` shows this table, `ottla config describe NAME` a row, and
`ottla config dump -X name=value` what a client would have in force.

## How values are read

- Names are exact. One that is not known is an error that quotes it: `No such configuration property: "x"`.
- Booleans are true, t, 1, false, f or 0, in any case. Integers are written as in C (10, 0xff). Lists are separated by
  commas. A value outside its range is an error that names the property, the value and the range.
- Two names of one property set the same value; what is set later wins. `set(name, nullptr)` goes back to the default.
- Properties are checked against one another when a client is made; an error names both. Where only one of two is set, the
  other gives way.
- A property without effect in this version, one that is deprecated, and one of the other kind of client are accepted with a
  warning on the log.
- Secrets are masked wherever they are shown.

The column C/P says who a property is for: C consumers, P producers, * all clients. A property marked "topic" may differ
between topics in librdkafka; here all topics of a client have the same value.
)";

// A bar would end the cell.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text)
        out += c == '|' ? "\\|" : std::string(1, c);
    return out;
}

std::string code(std::string_view text) { return text.empty() ? "" : "`" + cell(text) + "`"; }

std::string notes(const Property& property) {
    std::string out;
    if (property.is(deprecated))
        out += "Deprecated. ";
    if (property.is(experimental))
        out += "Experimental. ";
    if (property.is(sensitive))
        out += "Secret. ";
    if (property.kind == Kind::callback)
        out += property.hint.empty() ? "" : fmt::format("Here: {}. ", property.hint);
    if (property.kind == Kind::foreign)
        out += fmt::format("Refused: use {}. ", property.hint);
    if (property.effect == Effect::later)
        out += "**No effect in this version.** ";
    if (property.effect == Effect::never && property.kind != Kind::foreign)
        out += "**No effect.** ";
    return out;
}

std::string row_of(const Property& property) {
    const std::string alias = property.alias.empty() ? "" : fmt::format("<br>{}", code(property.alias));
    const char* importance = property.importance == Importance::high     ? "high"
                             : property.importance == Importance::medium ? "medium"
                                                                         : "low";
    return fmt::format(
        "| {}{}{} | {} | {} | {} | {} | {}{} |\n",
        code(property.name),
        alias,
        property.level == Level::topic ? "<br>topic" : "",
        static_cast<char>(property.scope),
        cell(range_of(property)),
        code(property.preset),
        importance,
        notes(property),
        cell(property.doc));
}

std::string section(std::string_view title, std::span<const Property> rows) {
    std::string out = fmt::format(
        "\n## {}\n\n| Property | C/P | Range | Default | Importance | What it does |\n| --- | --- | --- | --- | --- | --- |\n", title);
    for (const Property& row : rows)
        if (!row.is(hidden))
            out += row_of(row);
    return out;
}

std::string profile() {
    std::string out = "\n## ottla.profile=java\n\nDefaults that differ. What is set wins.\n\n"
                      "| Property | C/P | librdkafka | java |\n| --- | --- | --- | --- |\n";
    for (const ProfileValue& value : java_profile())
        out += fmt::format(
            "| {} | {} | {} | {} |\n",
            code(value.name),
            static_cast<char>(value.scope),
            code(find_property(value.name)->preset),
            code(value.value));
    return out + "\nWith it, acks other than all or retries=0 turn off an enable.idempotence that is not set, message.timeout.ms "
                 "must leave room for linger.ms + request.timeout.ms, and heartbeat.interval.ms must be less than "
                 "session.timeout.ms.\n";
}

} // namespace

std::string page() {
    return std::string(intro) + section("Cluster and connections", cluster_properties()) +
           section("Producers", producer_properties()) + section("Consumers", consumer_properties()) +
           section("Logs, statistics, hooks", observation_properties()) + section("Security", security_properties()) + profile();
}

} // namespace ottla::config
