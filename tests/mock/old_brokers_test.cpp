// Clients against a cluster that speaks only what old brokers spoke.
#include <ottla/admin.hpp>

#include "catch.hpp"
#include "mock/producer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

constexpr int16_t metadata_api = 3;
constexpr int16_t create_topics_api = 19;
constexpr int16_t delete_topics_api = 20;
constexpr int16_t init_producer_id_api = 22;

std::string complaint_of(auto&& f) {
    try {
        f();
    } catch (const KafkaException& e) {
        return e.error().name() + ": " + e.error().str();
    }
    return "none";
}

} // namespace

TEST_CASE("topics are listed by brokers of every age, and none is created by asking", "[mock][old]") {
    const int16_t version = GENERATE(int16_t{0}, int16_t{1}, int16_t{2}, int16_t{3}, int16_t{4});
    CAPTURE(version);
    MockCluster cluster;
    cluster.create_topic("a", 1);
    cluster.create_topic("b", 2);
    cluster.limit_versions(metadata_api, 0, version);
    AdminClient admin({{"bootstrap.servers", cluster.bootstrap_servers()}});

    CHECK(admin.list_topics("nope", 10s).topics.at(0).error == Errc::unknown_topic_or_part);
    const auto one = admin.list_topics("b", 10s);
    const auto all = admin.list_topics(std::nullopt, 10s);

    REQUIRE(one.topics.size() == 1);
    CHECK(one.topics[0].name == "b");
    CHECK(one.topics[0].partitions.size() == 2);
    REQUIRE(all.topics.size() == 2);
    CHECK(all.topics[0].name == "a");
    CHECK(all.controller == (version == 0 ? -1 : 1));
    CHECK(all.brokers.size() == 1);
}

TEST_CASE("a consumer reads from brokers of every age, and creates nothing", "[mock][old]") {
    const int16_t version = GENERATE(int16_t{0}, int16_t{1}, int16_t{3});
    CAPTURE(version);
    ProducerWorld world;
    world.cluster.create_topic("a", 1);
    world.cluster.limit_versions(metadata_api, 0, version);
    Producer producer(world.config());
    producer.produce({.topic = "a", .value = "v"});
    CHECK(producer.flush(10s) == 0);

    CHECK(world.values("a", 0) == std::vector<std::string>{"v"});
    Consumer consumer(world.config({{"topic.metadata.propagation.max.ms", "100"}}));
    consumer.assign({{.topic = "nope", .partition = 0, .offset = offset_beginning}});
    const auto told = consumer.poll(10s);
    REQUIRE(told);
    CHECK(told->error().code == Errc::unknown_topic_or_part);
    CHECK_FALSE(world.cluster.offsets("nope", 0));
}

TEST_CASE("what old brokers cannot do is told at once, with the release that can", "[mock][old]") {
    MockCluster cluster;
    const std::string address = cluster.bootstrap_servers();
    const Config config{{"bootstrap.servers", address}};
    AdminClient admin(config);
    const std::vector<NewTopic> with_defaults{{.name = "t"}};
    const std::vector<NewTopic> given{{.name = "t", .partitions = 1, .replication_factor = 1}};
    const auto started = std::chrono::steady_clock::now();

    SECTION("0.8 and 0.9: no topics at all, nor a known controller") {
        cluster.limit_versions(metadata_api, 0, 0);
        cluster.limit_versions(create_topics_api, 0, -1);
        cluster.limit_versions(delete_topics_api, 0, -1);
        CHECK_THAT(complaint_of([&] { admin.create_topics(given, 10s); }), ContainsSubstring("_UNSUPPORTED_FEATURE: " + address));
        CHECK_THAT(complaint_of([&] { admin.delete_topics({"t"}, 10s); }), ContainsSubstring("DeleteTopics (Kafka 0.10.1 or later)"));
    }
    SECTION("before 2.4: not with the broker's defaults") {
        cluster.limit_versions(create_topics_api, 0, 3);
        CHECK_THAT(complaint_of([&] { admin.create_topics(with_defaults, 10s); }), ContainsSubstring("(Kafka 2.4 or later)"));
        CHECK(complaint_of([&] { admin.create_topics(given, 10s); }) == "none");
    }
    SECTION("before 0.11: no idempotence") {
        cluster.limit_versions(init_producer_id_api, 0, -1);
        std::vector<std::string> reports;
        Producer producer(
            Config(config).set("enable.idempotence", true),
            {.on_delivery = [&](const Delivery& d) { reports.push_back(error_name(to_errc(d.error())) + ": " + std::string(d.detail())); }});
        producer.produce({.topic = "t", .value = "v"});
        CHECK(producer.flush(10s) == 0);
        REQUIRE(reports.size() == 1);
        CHECK_THAT(reports[0], ContainsSubstring("_UNSUPPORTED_FEATURE: enable.idempotence: " + address));
        CHECK_THAT(reports[0], ContainsSubstring("does not have InitProducerId (Kafka 0.11 or later)"));
    }
    CHECK(std::chrono::steady_clock::now() - started < 5s);
}
