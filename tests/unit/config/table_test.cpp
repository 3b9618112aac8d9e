// The property table against the facts of librdkafka's in properties.csv, and against itself.
#include "config/property.hpp"

#include <set>

#include "catch.hpp"
#include "config/settings.hpp"
#include "unit/csv.hpp"

using namespace ottla;
using namespace ottla::config;

namespace {

// Where this client differs, and why.
struct Departure {
    const char* name;
    const char* column;
    const char* ours;
};
constexpr Departure departures[] = {
    {"builtin.features", "default", "gzip,snappy,lz4,zstd"}, // of this build
    {"builtin.features", "range",
     "gzip, snappy, ssl, sasl, regex, lz4, sasl_gssapi, sasl_plain, sasl_scram, plugins, zstd, sasl_oauthbearer, http, oidc"},
    {"check.crcs", "default", "true"},                       // costs next to nothing in hardware
    {"compression.level", "range", "-1 .. 22"},              // zstd goes up to 22
    {"fetch.min.bytes", "range", "1 .. 100000000"},          // of consumers; the wider one is of share groups
    {"client.software.name", "default", "ottla"},
    {"client.software.version", "default", ""}, // of the library
    {"allow.auto.create.topics", "default", "true"}, // of producers; a consumer has false
    {"acks", "range", "-1 .. 1000, all"},
    // Words that are not in the range of the reference, which takes any text until a client is made.
    {"partitioner", "range", "random, consistent, consistent_random, murmur2, murmur2_random, fnv1a, fnv1a_random"},
    {"partitioner", "type", "enum"},
    // KIP-1106, and Java's word for error.
    {"auto.offset.reset", "range", "smallest, earliest, beginning, largest, latest, end, error, none, by_duration:"},
    {"partition.assignment.strategy", "range", "range, roundrobin, cooperative-sticky"},
    {"partition.assignment.strategy", "type", "list"},
    {"share.acknowledgement.mode", "range", "implicit, explicit"},
    {"share.acknowledgement.mode", "type", "enum"},
    {"sasl.mechanisms", "range", "GSSAPI, PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER"},
    {"sasl.mechanisms", "type", "enum"},
    {"bootstrap.servers", "type", "addresses"},
    // Brokers before 0.10 are reached by these alone, so there is nothing to warn of.
    {"api.version.request", "deprecated", "no"},
    {"api.version.fallback.ms", "deprecated", "no"},
    {"broker.version.fallback", "deprecated", "no"},
};

std::string type_of(const std::string& fact) {
    if (fact == "enum value")
        return "enum";
    if (fact == "CSV flags")
        return "flags";
    if (fact == "pattern list")
        return "patterns";
    if (fact == "see dedicated API")
        return "callback";
    return fact == "invalid" ? "string" : fact;
}

std::string expected(const PropertyInfo& ours, const char* column, std::string fact) {
    for (const Departure& departure : departures)
        if (ours.name == departure.name && std::string_view(column) == departure.column)
            return departure.ours;
    return fact;
}

std::vector<test::CsvRow> facts() { return test::read_csv(OTTLA_SOURCE_DIR "/tests/unit/config/properties.csv"); }

const PropertyInfo* find(const std::vector<PropertyInfo>& all, const std::string& name, bool topic) {
    for (const PropertyInfo& info : all)
        if (info.topic_level == topic && (info.name == name || info.alias == name))
            return &info;
    return nullptr;
}

} // namespace

TEST_CASE("every property of librdkafka is known, with its type, range and default", "[config]") {
    const auto all = config_properties();
    for (const test::CsvRow& fact : facts()) {
        const std::string& name = fact.at("name");
        INFO(name << " (" << fact.at("level") << ")");
        const PropertyInfo* ours = find(all, name, fact.at("level") == "topic");
        REQUIRE(ours);
        CHECK(std::string(1, ours->scope) == fact.at("scope"));
        CHECK(std::string(ours->type) == expected(*ours, "type", type_of(fact.at("type"))));
        CHECK(ours->range == expected(*ours, "range", fact.at("range")));
        CHECK(std::string(ours->default_value) == expected(*ours, "default", fact.at("default")));
        CHECK(ours->deprecated == (expected(*ours, "deprecated", fact.at("deprecated")) == "yes"));
        CHECK(ours->experimental == (fact.at("experimental") == "yes"));
        CHECK(ours->hidden == (fact.at("hidden") == "yes"));
        CHECK(ours->sensitive == (fact.at("sensitive") == "yes"));
        if (const std::string& other = fact.at("alias_of"); !other.empty())
            CHECK(find(all, other, fact.at("level") == "topic") == ours);
        else if (ours->name != "compression.type") // of whose two names the reference says different things
            CHECK(std::string(ours->importance) == fact.at("importance"));
    }
}

TEST_CASE("what librdkafka does not have is our own, and says so in its name", "[config]") {
    std::set<std::pair<std::string, bool>> known;
    for (const test::CsvRow& fact : facts())
        known.emplace(fact.at("name"), fact.at("level") == "topic");
    for (const PropertyInfo& info : config_properties()) {
        INFO(info.name);
        CHECK((known.contains({std::string(info.name), info.topic_level}) || info.name.starts_with("ottla.")));
        CHECK((info.alias.empty() || known.contains({std::string(info.alias), info.topic_level})));
    }
}

TEST_CASE("defaults of the table are those that the cores begin with", "[config]") {
    ClientConfig filled;
    Settings().fill(filled);
    CHECK(filled == ClientConfig());
}

TEST_CASE("a row says whether it is acted on, and what it does", "[config]") {
    // Acted on while parsing, without a field of their own.
    const std::set<std::string_view> judged = {"ottla.profile", "builtin.features", "security.protocol"};
    std::set<std::pair<std::string_view, Level>> names;
    for (const Property* row : all_properties()) {
        INFO(row->name);
        const bool stored = !std::holds_alternative<std::monostate>(row->target);
        if (row->settable())
            CHECK((row->effect == Effect::acted) == (stored || judged.contains(row->name)));
        CHECK(row->doc.size() > 10);
        CHECK(row->doc.ends_with(row->name == "fetch.min.bytes" || row->name == "queued.min.messages" ? ',' : '.'));
        CHECK(names.emplace(row->name, row->level).second);
        CHECK((row->alias.empty() || names.emplace(row->alias, row->level).second));
        CHECK((row->kind == Kind::foreign) == (row->effect == Effect::never && !row->hint.empty()));
    }
}
