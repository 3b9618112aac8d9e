// DeserializingConsumer against the embedded cluster.
#include <ottla/serdes/deserializing_consumer.hpp>
#include <ottla/serdes/serializers.hpp>
#include <ottla/serdes/serializing_producer.hpp>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

using Numbers = DeserializingConsumer<std::string, int32_t>;

void produce(ConsumerWorld& world) {
    SerializingProducer<std::string, int32_t> producer(
        {{"bootstrap.servers", world.cluster.bootstrap_servers()}}, StringSerializer(), IntegerSerializer());
    const std::array<Header, 1> headers{{{.key = "unit", .value = "m"}}};
    producer.produce("t", "a", 17, {.headers = headers});
    producer.produce("t", nullptr, nullptr);
    producer.producer().produce({.topic = "t", .value = "three", .key = "bad value"});
    producer.producer().produce({.topic = "t", .value = "four", .key = "\xff"});
    producer.producer().produce({.topic = "t", .value = Bytes(), .key = "\xff"});
    REQUIRE(producer.flush(10s) == 0);
}

} // namespace

TEST_CASE("objects come out, null stays null, and what is no object is an error that holds the message", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    produce(world);
    std::string unit;
    const auto value_of = [&](Bytes bytes, const SerializationContext& context) {
        if (const Header* header = context.headers->find("unit"))
            unit = header->value.text();
        CHECK(context.topic == "t");
        CHECK(context.field == MessageField::value);
        return IntegerDeserializer()(bytes, context);
    };
    Numbers consumer(world.config({{"enable.partition.eof", "true"}}), StringDeserializer(), value_of);
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    auto object = consumer.poll(10s);
    REQUIRE(object);
    CHECK(object->key == "a");
    CHECK(object->value == 17);
    CHECK(object->message.offset() == 0);
    CHECK(unit == "m");
    object = consumer.poll(10s);
    REQUIRE(object);
    CHECK_FALSE(object->key);
    CHECK_FALSE(object->value);

    const auto failure = [&](auto check) {
        try {
            consumer.poll(10s);
            FAIL("no exception");
        } catch (const ConsumeError& e) {
            check(e);
        }
    };
    failure([](const ConsumeError& e) {
        CHECK(e.code() == Errc::_value_deserialization);
        CHECK(dynamic_cast<const ValueDeserializationError*>(&e));
        CHECK(e.message().key().text() == "bad value");
        CHECK(std::string(e.what()).find("value of t: integer: 4 bytes expected, 5 found") != std::string::npos);
        CHECK(e.cause());
    });
    failure([](const ConsumeError& e) { // "four" is an integer, so the key is looked at
        CHECK(e.code() == Errc::_key_deserialization);
        CHECK(dynamic_cast<const SerializationError*>(&e));
    });
    failure([](const ConsumeError& e) {
        CHECK(dynamic_cast<const KeyDeserializationError*>(&e));
        CHECK(e.message().offset() == 4);
    });
    failure([](const ConsumeError& e) {
        CHECK(e.code() == Errc::_partition_eof);
        CHECK_FALSE(dynamic_cast<const SerializationError*>(&e));
    });
    CHECK_FALSE(consumer.poll(0ms));
}

TEST_CASE("a deserializer of one's own may throw anything", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 2);
    const auto refuse = [](Bytes bytes, const SerializationContext&) -> std::optional<int32_t> {
        if (bytes.text() == "v0")
            throw std::runtime_error("not this one");
        throw 5;
    };
    Numbers consumer(Consumer(world.config()), StringDeserializer(), refuse);
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    std::vector<std::string> texts;
    for (int i = 0; i < 2; ++i)
        try {
            consumer.poll(10s);
        } catch (const ValueDeserializationError& e) {
            texts.emplace_back(e.error().str());
        }
    CHECK(texts == std::vector<std::string>{"value of t: not this one", "value of t: what was thrown is no std::exception"});
}
