// Values lent by the caller, many records at once, partitioner functions: through a whole client.
#include "catch.hpp"
#include "producer_world.hpp"

using namespace ottla;
using namespace ottla::test;

TEST_CASE("lent values arrive, and reports show the caller's own memory") {
    const std::string codec = GENERATE("none", "zstd");
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    std::vector<std::string> values;
    for (int i = 0; i < 40; ++i)
        values.push_back(std::string(i % 2 ? 100'000 : 10, static_cast<char>('a' + i % 26)));
    const Header header{"trace", Bytes("1")};
    size_t reported = 0;
    Producer producer(world.config({{"compression.type", codec}}), {.on_delivery = [&](const Delivery& d) {
        REQUIRE_FALSE(d.error());
        const auto i = reinterpret_cast<size_t>(d.opaque());
        CHECK(d.value().data() == reinterpret_cast<const uint8_t*>(values[i].data()));
        CHECK(d.value().size() == values[i].size());
        CHECK(d.key().text() == "k");
        REQUIRE(d.record().headers().size() == 1);
        CHECK(d.record().headers().begin()->key == "trace");
        CHECK(d.timestamp_ms() > 0);
        CHECK(d.record().value() == Bytes(values[i]));
        ++reported;
    }});
    for (size_t i = 0; i < values.size(); ++i)
        producer.produce(
            {.topic = "orders", .value = values[i], .key = "k", .headers = std::span(&header, 1), .lend_value = true},
            reinterpret_cast<void*>(i));
    CHECK(producer.flush(10s) == 0);
    CHECK(reported == values.size());
    CHECK(world.values("orders", 0) == values);
}

TEST_CASE("lent values survive retries, and end with a report when nobody takes them") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    std::vector<std::string> values(5, std::string(900'000, 'x'));
    int delivered = 0;
    int failed = 0;
    Producer producer(
        world.config({{"message.timeout.ms", "1500"}, {"request.timeout.ms", "500"}, {"socket.timeout.ms", "1000"}}),
        {.on_delivery = [&](const Delivery& d) {
            ++(d.error() ? failed : delivered);
            auto& value = values[reinterpret_cast<size_t>(d.opaque())];
            CHECK(d.value().data() == reinterpret_cast<const uint8_t*>(value.data()));
            std::fill(value.begin(), value.end(), 'z'); // it is ours again
        }});
    const auto send_all = [&] {
        for (size_t i = 0; i < values.size(); ++i)
            producer.produce({.topic = "orders", .value = values[i], .lend_value = true}, reinterpret_cast<void*>(i));
    };
    world.cluster.drop_request_next(0, 2);
    send_all();
    CHECK(producer.flush(10s) == 0);
    CHECK(delivered == 5);
    world.cluster.stop(1);
    send_all();
    CHECK(producer.flush(20s) == 0);
    CHECK(failed == 5);
    send_all();
    producer.close(0ms);
    CHECK(failed == 10);
}

TEST_CASE("many records are taken at once, each with its result and opaque") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 2);
    std::vector<void*> opaques_back;
    Producer producer(
        world.config({{"message.max.bytes", "1000"}}), {.on_delivery = [&](const Delivery& d) { opaques_back.push_back(d.opaque()); }});
    const auto values = numbered(300);
    const std::string large(2000, 'x');
    std::vector<ProducerRecord> records;
    std::vector<void*> opaques;
    for (size_t i = 0; i < values.size(); ++i) {
        records.push_back({.topic = "orders", .value = i == 150 ? large : values[i], .partition = 0});
        opaques.push_back(reinterpret_cast<void*>(i + 1));
    }
    std::vector<error_code> results(records.size());
    CHECK(producer.produce_many(records, results, opaques) == 299);
    CHECK(results[150] == Errc::msg_size_too_large);
    CHECK_FALSE(results[151]);
    CHECK(producer.produce_many(std::span(records).first(1)) == 1);
    CHECK_THROWS_AS(producer.produce_many(records, std::span(results).first(2)), KafkaException);
    CHECK(producer.flush(10s) == 0);
    CHECK(opaques_back.size() == 300);
    auto expected = values;
    expected.erase(expected.begin() + 150);
    expected.push_back("m0");
    CHECK(world.values("orders", 0) == expected);
    producer.close(0ms);
    CHECK(producer.produce_many(records, results) == 0);
    CHECK(results[0] == Errc::_state);
}

TEST_CASE("a partitioner function decides, also for records that waited for the first metadata") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 3);
    Producer producer(world.config(), {.partitioner = [](const PartitionQuery& query) {
        return query.key.text() == "nowhere" ? 99 : static_cast<int32_t>(query.value.size() % 3);
    }});
    for (int round = 0; round < 2; ++round) {
        for (const auto* value : {"aaa", "b", "cc"})
            producer.produce({.topic = "orders", .value = value});
        CHECK(producer.flush(10s) == 0);
    }
    for (int32_t p = 0; p < 3; ++p)
        CHECK(world.cluster.offsets("orders", p)->second == 2);
    error_code ec;
    producer.produce({.topic = "orders", .value = "x", .key = "nowhere"}, nullptr, ec);
    CHECK(ec == Errc::_unknown_partition);
}
