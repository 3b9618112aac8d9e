// The configuration in force, as it is shown; and the page about it.
#include <ottla/config.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "catch.hpp"
#include "config/page.hpp"
#include <ottla/error.hpp>

using namespace ottla;

namespace {

PropertyValue value_of(const std::vector<PropertyValue>& all, std::string_view name) {
    const auto it = std::find_if(all.begin(), all.end(), [&](const PropertyValue& v) { return v.name == name; });
    return it == all.end() ? PropertyValue{} : *it;
}

} // namespace

TEST_CASE("a description says what is in force and why", "[config]") {
    const auto all = Config{{"ottla.profile", "java"}, {"client.id", "me"}, {"enable.idempotence", "true"}, {"linger.ms", "50"}}
                         .describe(ClientKind::producer);
    CHECK(value_of(all, "client.id").value == "me");
    CHECK(value_of(all, "client.id").source == ValueSource::given);
    CHECK(value_of(all, "batch.size").value == "16384");
    CHECK(value_of(all, "batch.size").source == ValueSource::profile);
    CHECK(value_of(all, "sticky.partitioning.linger.ms").value == "100");
    CHECK(value_of(all, "sticky.partitioning.linger.ms").source == ValueSource::adjusted);
    CHECK(value_of(all, "retry.backoff.ms").value == "100");
    CHECK(value_of(all, "retry.backoff.ms").source == ValueSource::preset);
}

TEST_CASE("a description has what concerns the client, each once", "[config]") {
    for (const ClientKind kind : {ClientKind::producer, ClientKind::consumer, ClientKind::admin}) {
        const auto all = Config().describe(kind);
        CHECK(value_of(all, "client.id").value == "rdkafka");
        CHECK(value_of(all, "batch.size").name.empty() == (kind != ClientKind::producer));
        CHECK(value_of(all, "fetch.min.bytes").name.empty() == (kind != ClientKind::consumer));
        CHECK(value_of(all, "log_cb").name.empty());
        std::vector<std::string_view> names;
        for (const auto& value : all)
            names.push_back(value.name);
        std::sort(names.begin(), names.end());
        CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
    }
}

TEST_CASE("every secret is masked", "[config]") {
    int secrets = 0;
    for (const PropertyInfo& info : config_properties()) {
        if (!info.sensitive || info.type == "callback")
            continue;
        ++secrets;
        Config config;
        config.set("ssl.keystore.password", "x").set(std::string(info.name), "hush-hush");
        const PropertyValue shown = value_of(config.describe(ClientKind::admin), info.name);
        INFO(info.name);
        CHECK(shown.value == "********");
        CHECK(value_of(Config().describe(ClientKind::admin), info.name).value.empty());
    }
    CHECK(secrets == 12);
}

TEST_CASE("describing what cannot be made throws as making it does", "[config]") {
    CHECK_THROWS_AS(Config({{"acks", "1"}, {"enable.idempotence", "true"}}).describe(ClientKind::producer), KafkaException);
}

TEST_CASE("the page in docs is the one that the table makes", "[config]") {
    std::ifstream file(OTTLA_SOURCE_DIR "/docs/CONFIGURATION.md");
    std::stringstream committed;
    committed << file.rdbuf();
    // Not compared by CHECK, which would print both.
    const bool same = committed.str() == config::page();
    INFO("run config_page > docs/CONFIGURATION.md");
    CHECK(same);
}
