// SerializingProducer against the embedded cluster.
#include <ottla/serdes/serializers.hpp>
#include <ottla/serdes/serializing_producer.hpp>

#include <array>
#include <thread>

#include <boost/asio/use_future.hpp>

#include "allocation_count.hpp"
#include "catch.hpp"
#include "producer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

struct Reading {
    int32_t celsius = 0;
};

void write_reading(const Reading& reading, const SerializationContext& context, SerializerOutput& out) {
    if (reading.celsius < -273)
        throw std::invalid_argument("colder than can be");
    if (context.headers)
        context.headers->add(std::string(to_string(context.field)) + "-schema", "17");
    IntegerSerializer()(reading.celsius, context, out);
}

std::vector<Message> all_of(ProducerWorld& world, const std::string& topic, size_t count) {
    Consumer consumer({{"bootstrap.servers", world.cluster.bootstrap_servers()}});
    consumer.assign({{topic, 0, offset_beginning}});
    return consumer.consume(count, 10s);
}

} // namespace

TEST_CASE("key and value arrive as their serializers made them, and null as null") {
    ProducerWorld world;
    world.cluster.create_topic("readings", 1);
    SerializingProducer<std::string, Reading> producer(world.config(), StringSerializer("utf_16_be"), write_reading);
    const std::array<Header, 1> headers{{{.key = "trace", .value = "4711"}}};
    producer.produce("readings", "k", Reading{21}, {.timestamp_ms = 1'700'000'000'000, .headers = headers});
    producer.produce("readings", nullptr, Reading{-1});
    producer.produce("readings", std::string("gone"), nullptr);
    REQUIRE(producer.flush(10s) == 0);

    const auto messages = all_of(world, "readings", 3);
    REQUIRE(messages.size() == 3);
    CHECK(StringDeserializer("utf_16_be")(messages[0].key()) == "k");
    CHECK(IntegerDeserializer()(messages[0].value()) == 21);
    CHECK(messages[0].timestamp_ms() == 1'700'000'000'000);
    std::vector<std::pair<std::string, std::string>> found;
    for (const Header& header : messages[0].record().headers())
        found.emplace_back(header.key, header.value.text());
    CHECK(found == std::vector<std::pair<std::string, std::string>>{{"trace", "4711"}, {"value-schema", "17"}});
    CHECK(messages[1].key().is_null());
    CHECK(IntegerDeserializer()(messages[1].value()) == -1);
    CHECK(messages[1].record().header_count() == 1);
    CHECK(messages[2].value().is_null());
    CHECK(messages[2].record().header_count() == 0); // null is not serialized
}

TEST_CASE("the key is serialized before the value, and sees topic, field and headers") {
    ProducerWorld world;
    std::vector<std::string> calls;
    const auto note = [&calls](int32_t number, const SerializationContext& context, SerializerOutput& out) {
        calls.push_back(std::string(context.topic) + " " + std::string(to_string(context.field)) + " " +
                        std::to_string(context.headers->size()));
        context.headers->add("seen", nullptr);
        IntegerSerializer()(number, context, out);
    };
    SerializingProducer<int32_t, int32_t> producer(world.config(), note, note);
    producer.produce("readings", 1, 2);
    CHECK(calls == std::vector<std::string>{"readings key 0", "readings value 1"});
    CHECK(producer.flush(10s) == 0);
}

TEST_CASE("a serializer that fails is told by its field, and nothing is produced") {
    ProducerWorld world;
    world.cluster.create_topic("readings", 1);
    int value_calls = 0;
    const auto counting = [&](const Reading& reading, const SerializationContext& context, SerializerOutput& out) {
        ++value_calls;
        write_reading(reading, context, out);
    };
    SerializingProducer<Reading, Reading> producer(world.config(), write_reading, counting);

    try {
        producer.produce("readings", Reading{-300}, Reading{-300});
        FAIL("an exception");
    } catch (const KeySerializationError& e) {
        CHECK(e.code() == Errc::_key_serialization);
        CHECK(e.error().str() == "key of readings: colder than can be");
        CHECK_THROWS_AS(std::rethrow_exception(e.cause()), std::invalid_argument);
    }
    CHECK(value_calls == 0);
    try {
        producer.produce("readings", Reading{1}, Reading{-300});
        FAIL("an exception");
    } catch (const ValueSerializationError& e) {
        CHECK(e.code() == Errc::_value_serialization);
        CHECK(e.error().str() == "value of readings: colder than can be");
    }
    error_code ec;
    producer.produce("readings", Reading{-300}, Reading{1}, {}, nullptr, ec);
    CHECK(ec == Errc::_key_serialization);
    CHECK_THROWS_AS(producer.produce("readings", Reading{-300}, nullptr, {}, 1s), KeySerializationError);
    CHECK_THROWS_AS(producer.produce("readings", Reading{-300}, nullptr, {}, [](const Delivery&) {}), KeySerializationError);

    producer.produce("readings", Reading{1}, Reading{2}, {}, nullptr, ec);
    CHECK(!ec);
    CHECK(producer.flush(10s) == 0);
    CHECK(world.cluster.offsets("readings", 0)->second == 1);
    CHECK(all_of(world, "readings", 1).at(0).record().header_count() == 2); // those of failed calls are gone
}

TEST_CASE("an error that a serializer returns keeps its flag, and that of a text tells the place once") {
    ProducerWorld world;
    const auto busy = [](const std::string&, const SerializationContext&, SerializerOutput&) {
        return Error(make_error_code(Errc::_timed_out, ErrorFlag::retriable), "the registry does not answer");
    };
    SerializingProducer<std::string, std::string> producer(world.config(), StringSerializer("ascii"), busy);
    try {
        producer.produce("t", "k", "v");
        FAIL("an exception");
    } catch (const ValueSerializationError& e) {
        CHECK(e.error().retriable());
        CHECK(e.error().str() == "value of t: the registry does not answer");
        CHECK(!e.cause());
    }
    try {
        producer.produce("t", "ü", "v");
        FAIL("an exception");
    } catch (const KeySerializationError& e) {
        CHECK(e.error().str() == "key of t: the character at byte 0 of the text is not in ascii");
        CHECK(e.cause());
    }
}

TEST_CASE("other errors are those of the producer, and other calls its own") {
    ProducerWorld world;
    int reports = 0;
    SerializingProducer<std::string, double> producer(
        Producer(world.config({{"message.max.bytes", "1000"}}), {.on_delivery = [&](const Delivery&) { ++reports; }}),
        {}, // text passes as it is
        DoubleSerializer());
    try {
        producer.produce("t", std::string(2000, 'x'), 1.0);
        FAIL("an exception");
    } catch (const SerializationError&) {
        FAIL("not this one");
    } catch (const KafkaException& e) {
        CHECK(e.error().code() == Errc::msg_size_too_large);
    }
    int own = 0;
    producer.produce("t", "k", 1.0, {.partition = 0}, [&](const Delivery& d) { own += d.value().size() == 8; });
    producer.produce("t", "k", 1.0, {.partition = 0}, 1s);
    int mark = 0;
    producer.produce("t", "k", 1.0, {.partition = 0}, &mark);
    producer.producer().produce({.topic = "t", .value = "raw", .partition = 0});
    CHECK(producer.outstanding() == 4);
    CHECK(producer.flush(10s) == 0);
    CHECK(own == 1);
    CHECK(reports == 3);
    CHECK(world.cluster.offsets("t", 0)->second == 4);
    producer.close();
    CHECK_THROWS_AS(producer.produce("t", "k", 1.0), KafkaException);
}

TEST_CASE("asynchronous sends complete with the report, or with the serializer's code") {
    ProducerWorld world;
    SerializingProducer<int32_t, Reading> producer(world.config(), IntegerSerializer(), write_reading);
    const auto outcome = [](error_code ec, const DeliveryReport& report) { return std::pair(ec, report.offset); };
    auto good = producer.async_send("t", 1, Reading{20}, {.partition = 0}, boost::asio::use_future(outcome));
    auto bad = producer.async_send("t", 1, Reading{-300}, {.partition = 0}, boost::asio::use_future(outcome));
    CHECK(good.get() == std::pair(error_code(), int64_t{0}));
    CHECK(bad.get().first == Errc::_value_serialization);
    auto flushed = producer.async_flush(boost::asio::use_future([](error_code ec) { return ec; }));
    CHECK(!flushed.get());
    CHECK(world.cluster.offsets("t", 0)->second == 1);
}

TEST_CASE("a serializer may produce by its turn, and has other memory then") {
    ProducerWorld world;
    world.cluster.create_topic("t", 1);
    world.cluster.create_topic("audit", 1);
    SerializingProducer<int32_t, int32_t> audit(world.config(), IntegerSerializer(), IntegerSerializer());
    const auto noting = [&](int32_t number, const SerializationContext& context, SerializerOutput& out) {
        IntegerSerializer()(number, context, out);
        audit.produce("audit", nullptr, -number);
    };
    SerializingProducer<int32_t, int32_t> producer(world.config(), noting, noting);
    producer.produce("t", 3, 4);
    REQUIRE(producer.flush(10s) == 0);
    REQUIRE(audit.flush(10s) == 0);
    const auto messages = all_of(world, "t", 1);
    CHECK(IntegerDeserializer()(messages.at(0).key()) == 3);
    CHECK(IntegerDeserializer()(messages.at(0).value()) == 4);
    CHECK(IntegerDeserializer()(all_of(world, "audit", 2).at(1).value()) == -4);
}

TEST_CASE("a message that is serialized costs no allocation") {
    ProducerWorld world({.retention_bytes_per_partition = 1 << 20});
    world.cluster.create_topic("numbers", 4);
    static const StringSerializer latin_1("latin_1");
    const auto with_header = [](const std::string& text, const SerializationContext& context, SerializerOutput& out) {
        context.headers->add("__value_schema_id", "0123456789abcdef0");
        latin_1(text, context, out);
    };
    SerializingProducer<int64_t, std::string> producer(world.config({{"linger.ms", "1000"}}), LongSerializer(), with_header);
    const std::string value(100, 'x');
    const auto round = [&](int count) {
        for (int i = 0; i < count; ++i) {
            error_code ec;
            do {
                producer.produce("numbers", i, value, {}, nullptr, ec);
                if (ec)
                    std::this_thread::sleep_for(1ms);
            } while (ec);
        }
        REQUIRE(producer.flush(20s) == 0);
    };
    round(50'000);

    const int64_t before = allocation_count();
    round(100'000);
    const int64_t during = allocation_count() - before;

    INFO(during << " allocations");
    CHECK(during < 100'000 / 20); // those of batches and requests, on both sides
}
