// What goes wrong on the way and what the producer makes of it.
#include "catch.hpp"
#include "producer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

constexpr int16_t produce_api = 0;

void produce_all(Producer& producer, const std::vector<std::string>& values) {
    for (const auto& value : values)
        producer.produce({.topic = "orders", .value = value, .partition = 0});
}

} // namespace

TEST_CASE("an idempotent producer whose answers are lost leaves no duplicates") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    int failed = 0;
    int delivered = 0;
    Producer producer(
        world.config({{"enable.idempotence", "true"}, {"batch.num.messages", "10"}}),
        {.on_delivery = [&](const Delivery& d) { ++(d.error() ? failed : delivered); }});
    produce_all(producer, {"m0"});
    REQUIRE(producer.flush(10s) == 0);

    world.cluster.drop_reply_next(produce_api, 3);
    for (int i = 1; i < 300; ++i) {
        producer.produce({.topic = "orders", .value = "m" + std::to_string(i), .partition = 0});
        if (i % 30 == 0)
            producer.poll(5ms);
    }
    REQUIRE(producer.flush(20s) == 0);

    CHECK(failed == 0);
    CHECK(delivered == 300);
    CHECK(world.values("orders", 0) == numbered(300));
}

TEST_CASE("a retriable error of the broker is retried until it goes away") {
    const Errc error = GENERATE(
        Errc::not_leader_for_partition, Errc::not_enough_replicas, Errc::leader_not_available, Errc::request_timed_out,
        Errc::unknown_topic_or_part);
    const std::string idempotent = GENERATE("false", "true");
    CAPTURE(error_name(error), idempotent);
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    world.cluster.fail_next(produce_api, 2, error);
    int delivered = 0;
    Producer producer(
        world.config({{"enable.idempotence", idempotent}}),
        {.on_delivery = [&](const Delivery& d) { delivered += !d.error(); }});

    produce_all(producer, numbered(10));

    CHECK(producer.flush(10s) == 0);
    CHECK(delivered == 10);
    CHECK(world.values("orders", 0) == numbered(10));
}

TEST_CASE("an error that cannot go away fails the batch and the next one goes on") {
    const std::string idempotent = GENERATE("false", "true");
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    std::vector<std::string> reports;
    Producer producer(world.config({{"enable.idempotence", idempotent}}), {.on_delivery = [&](const Delivery& d) {
        reports.push_back(std::string(d.value().text()) + " " + error_name(to_errc(d.error())));
    }});

    world.cluster.fail_next(produce_api, 1, Errc::msg_size_too_large);
    produce_all(producer, {"m0"});
    REQUIRE(producer.flush(10s) == 0);
    produce_all(producer, {"m1"});
    REQUIRE(producer.flush(10s) == 0);

    CHECK(reports == std::vector<std::string>{"m0 MSG_SIZE_TOO_LARGE", "m1 NO_ERROR"});
    CHECK(world.values("orders", 0) == std::vector<std::string>{"m1"});
}

TEST_CASE("a fatal error is raised once and refuses all further records") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    int fatal = 0;
    std::vector<error_code> reports;
    Producer producer(
        world.config({{"enable.idempotence", "true"}}),
        {.on_delivery = [&](const Delivery& d) { reports.push_back(d.error()); },
         .on_error = [&](const KafkaError& e) { fatal += e.fatal(); }});

    world.cluster.fail_next(produce_api, 1, Errc::invalid_producer_epoch);
    produce_all(producer, numbered(3));
    CHECK(producer.flush(10s) == 0);
    producer.poll(0ms);

    CHECK(fatal == 1);
    REQUIRE(reports.size() == 3);
    CHECK(reports[0].failed());
    error_code ec;
    producer.produce({.topic = "orders", .value = "late"}, nullptr, ec);
    CHECK(to_errc(ec) == Errc::_fatal);
}

TEST_CASE("moving the leader while producing loses and repeats nothing") {
    const std::string idempotent = GENERATE("false", "true");
    CAPTURE(idempotent);
    ProducerWorld world({.brokers = 3});
    world.cluster.create_topic("orders", 1, 3);
    int delivered = 0;
    Producer producer(
        world.config({{"enable.idempotence", idempotent}, {"batch.num.messages", "20"}}),
        {.on_delivery = [&](const Delivery& d) { delivered += !d.error(); }});

    for (int i = 0; i < 600; ++i) {
        producer.produce({.topic = "orders", .value = "m" + std::to_string(i), .partition = 0});
        if (i % 100 == 50) {
            const int32_t to = *world.cluster.leader("orders", 0) % 3 + 1;
            REQUIRE_FALSE(world.cluster.move_leader("orders", 0, to));
            producer.poll(2ms);
        }
    }

    CHECK(producer.flush(20s) == 0);
    CHECK(delivered == 600);
    if (idempotent == "true")
        CHECK(world.values("orders", 0) == numbered(600));
    else
        CHECK(world.values("orders", 0).size() == 600);
}

TEST_CASE("a broker that goes and comes back gets everything") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    int delivered = 0;
    Producer producer(
        world.config({{"enable.idempotence", "true"}, {"batch.num.messages", "10"}}),
        {.on_delivery = [&](const Delivery& d) { delivered += !d.error(); }});
    produce_all(producer, {"m0"});
    REQUIRE(producer.flush(10s) == 0);

    world.cluster.stop(1);
    for (int i = 1; i < 100; ++i)
        producer.produce({.topic = "orders", .value = "m" + std::to_string(i), .partition = 0});
    CHECK(producer.flush(200ms) == 99);
    world.cluster.start(1);

    CHECK(producer.flush(20s) == 0);
    CHECK(delivered == 100);
    CHECK(world.values("orders", 0) == numbered(100));
}

TEST_CASE("when the leader's broker stops, the next leader gets what follows") {
    ProducerWorld world({.brokers = 3});
    world.cluster.create_topic("orders", 1, 3);
    Producer producer(world.config({{"enable.idempotence", "true"}}));
    produce_all(producer, {"m0"});
    REQUIRE(producer.flush(10s) == 0);

    world.cluster.stop(*world.cluster.leader("orders", 0));
    produce_all(producer, {"m1"});

    CHECK(producer.flush(5s) == 0);
    CHECK(world.values("orders", 0) == numbered(2));
}

TEST_CASE("messages time out in order while no broker answers") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    std::vector<std::string> reports;
    Producer producer(world.config({{"message.timeout.ms", "300"}}), {.on_delivery = [&](const Delivery& d) {
        CHECK(d.error() == Errc::_msg_timed_out);
        reports.emplace_back(d.value().text());
    }});
    world.cluster.stop(1);

    produce_all(producer, numbered(20));

    CHECK(producer.flush(5s) == 0);
    CHECK(reports == numbered(20));
}

TEST_CASE("a topic that does not come fails its records with _UNKNOWN_TOPIC") {
    ProducerWorld world({.auto_create_topics = false});
    std::vector<error_code> reports;
    Producer producer(
        world.config({{"topic.metadata.propagation.max.ms", "200"}}),
        {.on_delivery = [&](const Delivery& d) { reports.push_back(d.error()); }});

    producer.produce({.topic = "nowhere", .value = "v"});

    CHECK(producer.flush(5s) == 0);
    REQUIRE(reports.size() == 1);
    CHECK(reports[0] == Errc::_unknown_topic);
}

TEST_CASE("old brokers get what they understand") {
    const int16_t version = GENERATE(int16_t{3}, int16_t{7}, int16_t{8}, int16_t{9}, int16_t{12}, int16_t{13});
    CAPTURE(version);
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    world.cluster.limit_versions(produce_api, 0, version);
    Producer producer(world.config());

    produce_all(producer, numbered(10));

    CHECK(producer.flush(10s) == 0);
    CHECK(world.values("orders", 0) == numbered(10));
}

TEST_CASE("brokers before 2.1 are not sent zstd") {
    const bool idempotent = GENERATE(false, true);
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    world.cluster.limit_versions(produce_api, 0, 6);
    Producer producer(world.config({{"compression.type", "zstd"}, {"enable.idempotence", idempotent ? "true" : "false"}}));
    const std::vector<std::string> values(3, std::string(1000, 'a'));

    produce_all(producer, values);

    CHECK(producer.flush(10s) == 0);
    CHECK(world.values("orders", 0) == values);
}
