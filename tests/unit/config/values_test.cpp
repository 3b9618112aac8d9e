// Values as texts: what each type takes, and the exact error for each property that is given something else.
#include "config/value.hpp"

#include <fmt/format.h>

#include "catch.hpp"
#include "config/settings.hpp"

using namespace ottla;
using namespace ottla::config;

namespace {

struct Wrong {
    std::string value;
    std::string error;
};

std::string refused(std::string_view name, std::string_view value, std::string_view wanted) {
    return fmt::format("Invalid value \"{}\" for configuration property \"{}\": {}", value, name, wanted);
}

std::string outside(std::string_view name, std::string_view value, const Range& range) {
    return fmt::format(
        "Configuration property \"{}\" value {} is outside allowed range {}..{}", name, value, range.low, range.high);
}

// Whatever is wrong for a property of this kind, and what is said to it.
std::vector<Wrong> wrong_values(const Property& row, std::string_view name) {
    const std::string words = range_of(row);
    switch (row.kind) {
    case Kind::boolean:
        return {{"yes", refused(name, "yes", "expected true or false")}, {"", refused(name, "", "expected true or false")}};
    case Kind::integer: {
        const std::string wanted = row.choices.empty() ? "expected a whole number" : "expected a whole number or all";
        const std::string below = std::to_string(row.range.low - 1);
        const std::string above = std::to_string(row.range.high + 1);
        return {
            {"many", refused(name, "many", wanted)},
            {"", refused(name, "", wanted)},
            {"1.5", refused(name, "1.5", wanted)},
            {"1x", refused(name, "1x", wanted)},
            {below, outside(name, below, row.range)},
            {above, outside(name, above, row.range)},
            {"99999999999999999999", outside(name, "99999999999999999999", row.range)}};
    }
    case Kind::real:
        return {
            {"soon", refused(name, "soon", "expected a number")},
            {"nan", refused(name, "nan", "expected a number")},
            {"-0.5", outside(name, "-0.5", row.range)},
            {"900000.5", outside(name, "900000.5", row.range)}};
    case Kind::choice:
        return {
            {"perhaps", refused(name, "perhaps", "expected one of " + words)}, {"", refused(name, "", "expected one of " + words)}};
    case Kind::flags:
        return {{"some", refused(name, "some", "expected any of " + words)}, {"-some", refused(name, "some", "expected any of " + words)}};
    case Kind::words:
        return {
            {"best", refused(name, "best", "expected any of " + words)},
            {" ", refused(name, " ", "expected at least one of " + words)}};
    case Kind::patterns:
        return {{"fine,br[oken", refused(name, "br[oken", "expected a regular expression")}};
    case Kind::servers:
        return {
            {"a:0", refused(name, "a:0", "expected host:port with a port from 1 to 65535")},
            {"a,b:x", refused(name, "b:x", "expected host:port with a port from 1 to 65535")},
            {"a:65536", refused(name, "a:65536", "expected host:port with a port from 1 to 65535")},
            {":9092", refused(name, ":9092", "expected host:port, the host is missing")},
            {"[::1", refused(name, "[::1", "expected [address]:port, the ] is missing")}};
    case Kind::callback:
        return {
            {"f",
             fmt::format("Configuration property \"{}\" cannot be set by text{}", name,
                 row.hint.empty() ? ", and has no counterpart in this version" : ": use " + std::string(row.hint))}};
    case Kind::foreign:
        return {{"x", fmt::format("Configuration property \"{}\" is one of the Java client: use {}", name, row.hint)}};
    case Kind::text:
        return {};
    }
    return {};
}

Value value_of(const char* name, const char* text) {
    auto value = parse_value(*find_property(name), name, text);
    REQUIRE(value.has_value());
    return *value;
}

} // namespace

TEST_CASE("every property with a wrong value gets its exact error, by either name", "[config]") {
    size_t texts = 0;
    for (const Property* row : all_properties())
        for (const std::string_view name : {row->name, row->alias}) {
            if (name.empty())
                continue;
            const auto wrong = wrong_values(*row, name);
            texts += row->kind == Kind::text;
            CHECK((row->kind == Kind::text) == wrong.empty());
            for (const Wrong& one : wrong) {
                INFO(name << "=" << one.value);
                const auto value = parse_value(*row, name, one.value);
                REQUIRE(!value.has_value());
                CHECK(value.error().errc() == Errc::_invalid_arg);
                CHECK(value.error().message() == one.error);
            }
        }
    CHECK(texts < all_properties().size() / 2);
}

TEST_CASE("a configuration fails with that error, whatever the client", "[config]") {
    for (const Role role : {Role::producer, Role::consumer, Role::admin})
        for (const Property* row : all_properties())
            if (find_property(row->name) == row)
                for (const Wrong& one : wrong_values(*row, row->name)) {
                    INFO(row->name << "=" << one.value);
                    const auto parsed = parse(Config().set(std::string(row->name), one.value), role);
                    REQUIRE(!parsed.has_value());
                    CHECK(parsed.error().message() == one.error);
                }
}

TEST_CASE("an unknown property is named", "[config]") {
    for (const char* name : {"no.such", "Client.id", "", "acks "}) {
        const auto parsed = parse(Config{{name, "1"}}, Role::producer);
        REQUIRE(!parsed.has_value());
        CHECK(parsed.error().errc() == Errc::_invalid_arg);
        CHECK(parsed.error().message() == fmt::format("No such configuration property: \"{}\"", name));
    }
}

TEST_CASE("texts that only one property takes are judged with the client", "[config]") {
    struct {
        Role role;
        const char* name;
        const char* value;
        const char* wanted;
    } const rows[] = {
        {Role::admin, "security.protocol", "SASL_SSL", "this version has plaintext only"},
        {Role::admin, "builtin.features", "lz4,oidc", "this build has gzip,snappy,lz4,zstd"},
        {Role::admin, "broker.version.fallback", "0.7.2", "expected a release from 0.8.0 on"},
        {Role::admin, "broker.version.fallback", "new", "expected a release from 0.8.0 on"},
        {Role::admin, "broker.version.fallback", "", "expected a release from 0.8.0 on"},
        {Role::producer, "queuing.strategy", "lifo", "this version has fifo only"},
        {Role::consumer, "offset.store.method", "file", "offsets are not kept in files"},
        {Role::consumer, "group.protocol.type", "connect", "expected consumer"},
        {Role::consumer, "partition.assignment.strategy", "range,cooperative-sticky",
         "cooperative-sticky does not mix with range and roundrobin"},
    };
    for (const auto& row : rows) {
        const auto parsed = parse(Config{{row.name, row.value}}, row.role);
        REQUIRE(!parsed.has_value());
        const std::string shown = std::string(row.name) == "security.protocol"  ? "sasl_ssl"
                                  : std::string(row.name) == "builtin.features" ? "oidc"
                                                                                : row.value;
        CHECK(parsed.error().message() == refused(row.name, shown, row.wanted));
    }
}

TEST_CASE("booleans", "[config]") {
    for (const char* text : {"true", "TRUE", "t", "1", " T "})
        CHECK(value_of("enable.idempotence", text).text == "true");
    for (const char* text : {"false", "False", "f", "0"})
        CHECK(value_of("enable.idempotence", text).number == 0);
}

TEST_CASE("integers are read as in C, and may have words", "[config]") {
    CHECK(value_of("batch.size", "4096").number == 4096);
    CHECK(value_of("batch.size", "0x1000").number == 4096);
    CHECK(value_of("batch.size", "010000").number == 4096);
    CHECK(value_of("batch.size", "+7").text == "7");
    CHECK(value_of("acks", "All").text == "-1");
    CHECK(value_of("acks", "-1").number == -1);
    CHECK(value_of("queue.buffering.max.messages", "0").number == 0);
}

TEST_CASE("a float may be a fraction", "[config]") {
    CHECK(value_of("linger.ms", "0.5").real == 0.5);
    CHECK(value_of("linger.ms", "0.5").text == "0.5");
    CHECK(value_of("linger.ms", "5").text == "5");
}

TEST_CASE("an enum is stored as the table spells it", "[config]") {
    CHECK(value_of("compression.type", "LZ4").text == "lz4");
    CHECK(value_of("auto.offset.reset", "Earliest").text == "earliest");
    CHECK(value_of("auto.offset.reset", "beginning").number == value_of("auto.offset.reset", "smallest").number);
    CHECK(value_of("sasl.mechanism", "scram-sha-256").text == "SCRAM-SHA-256");
}

TEST_CASE("flags add up and are taken away", "[config]") {
    CHECK(value_of("debug", "broker, topic ,msg").text == "broker,topic,msg");
    CHECK(value_of("debug", "msg,broker").text == "broker,msg");
    CHECK(value_of("debug", "+broker,topic,-broker").text == "topic");
    CHECK(value_of("debug", "all").text == "all");
    CHECK(value_of("debug", "").text.empty());
    const LogContexts most(static_cast<uint32_t>(value_of("debug", "all,-msg,-fetch").number));
    CHECK(most.has(LogContext::broker));
    CHECK(!most.has(LogContext::msg));
    CHECK(!most.has(LogContext::fetch));
}

TEST_CASE("text keeps what is in it, but not blanks in front", "[config]") {
    CHECK(value_of("client.id", "  a b ").text == "a b ");
    CHECK(value_of("client.id", "").text.empty());
}

TEST_CASE("addresses", "[config]") {
    const auto parsed = parse(Config{{"bootstrap.servers", "a, b:1 ,[::1]:2,plaintext://c:3,,[fe80::1]"}}, Role::admin);
    REQUIRE(parsed.has_value());
    const std::vector<HostPort> expected = {{"a", 9092}, {"b", 1}, {"::1", 2}, {"c", 3}, {"fe80::1", 9092}};
    CHECK(parsed->bootstrap_servers == expected);
}

TEST_CASE("a list that begins with an address of another protocol is refused", "[config]") {
    const auto parsed = parse(Config{{"metadata.broker.list", "ssl://b:1,a"}}, Role::admin);
    REQUIRE(!parsed.has_value());
    CHECK(parsed.error().message() == refused("metadata.broker.list", "ssl://b:1", "security.protocol is plaintext"));
}

TEST_CASE("an address of another protocol ends the list", "[config]") {
    std::vector<std::string> warnings;
    const auto parsed = parse(Config{{"bootstrap.servers", "a,ssl://b:9093,c"}}, Role::admin, &warnings);
    REQUIRE(parsed.has_value());
    CHECK(parsed->bootstrap_servers == std::vector<HostPort>{{"a", 9092}});
    CHECK(warnings == std::vector<std::string>{"bootstrap.servers: ssl://b:9093 does not go with security.protocol=plaintext: it "
                                               "and what follows is left out"});
}
