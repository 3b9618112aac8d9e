// Objects instead of bytes: serializers of the library and of one's own, errors by field, and the way back.
//   serializers [bootstrap-servers [topic]]
#include <cstdio>
#include <stdexcept>

#include <boost/asio/use_future.hpp>
#include <ottla/consumer.hpp>
#include <ottla/serdes/deserializing_consumer.hpp>
#include <ottla/serdes/serializers.hpp>
#include <ottla/serdes/serializing_producer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;
using example::expect;

struct Reading {
    double celsius = 0;
};

void serialize_reading(const Reading& reading, const ottla::SerializationContext& context, ottla::SerializerOutput& out) {
    if (reading.celsius < -273.15)
        throw std::invalid_argument("colder than can be");
    ottla::DoubleSerializer()(reading.celsius, context, out);
    context.headers->add("unit", "celsius");
}

void produce(const std::string& servers, const std::string& topic) {
    ottla::SerializingProducer<std::string, Reading> producer(
        {{"bootstrap.servers", servers}}, ottla::StringSerializer("latin_1"), serialize_reading);
    producer.produce(topic, "Zürich", Reading{21.5}, {.partition = 0}); // the key comes first
    producer.produce(topic, nullptr, Reading{-40}, {.partition = 0});
    auto report = producer.async_send(topic, "Zürich", nullptr, {.partition = 0}, boost::asio::use_future);
    expect(producer.flush(10s) == 0, "all is reported");
    expect(report.get().offset >= 0, "an offset");

    try {
        producer.produce(topic, "Zürich", Reading{-300});
        expect(false, "an exception");
    } catch (const ottla::ValueSerializationError& e) { // a KeySerializationError if it were the key
        std::printf("%s\n", e.what());
        expect(e.code() == ottla::Errc::_value_serialization, "the code says which");
    }
    ottla::error_code ec;
    producer.produce(topic, "東京", Reading{25}, {}, nullptr, ec);
    expect(ec == ottla::Errc::_key_serialization, "latin_1 does not have these");
}

void read_back(const std::string& servers, const std::string& topic) {
    ottla::Consumer consumer({{"bootstrap.servers", servers}});
    consumer.assign({{topic, 0, ottla::offset_tail(3)}});
    const auto messages = consumer.consume(3, 10s);
    expect(messages.size() == 3, "three messages come back");
    const ottla::StringDeserializer key("latin_1");
    const ottla::DoubleDeserializer value;
    expect(key(messages[0].key()) == "Zürich" && messages[0].key().size() == 6, "a byte for each character");
    expect(value(messages[0].value()) == 21.5, "the value");
    expect(!key(messages[1].key()) && !value(messages[2].value()), "null stays null");
    try {
        value(messages[0].key());
        expect(false, "an exception");
    } catch (const ottla::SerializationError& e) {
        std::printf("%s\n", e.what()); // floating-point number: 8 bytes expected, 6 found
    }
}

void read_objects(const std::string& servers, const std::string& topic) {
    ottla::DeserializingConsumer<std::string, Reading> consumer(
        {{"bootstrap.servers", servers}}, ottla::StringDeserializer("latin_1"),
        [](ottla::Bytes bytes, const ottla::SerializationContext& context) -> std::optional<Reading> {
            const auto celsius = ottla::DoubleDeserializer()(bytes, context);
            return celsius ? std::optional(Reading{*celsius}) : std::nullopt;
        });
    consumer.assign({{topic, 0, ottla::offset_tail(3)}});
    for (int left = 3; left > 0; --left)
        try {
            const auto message = consumer.poll(10s);
            expect(message.has_value(), "a message");
            std::printf("%s: %g\n", message->key.value_or("nowhere").c_str(), message->value.value_or(Reading{}).celsius);
        } catch (const ottla::ConsumeError& e) { // an event, or a ValueDeserializationError or KeyDeserializationError
            std::printf("offset %ld: %s\n", long{e.message().offset()}, e.what());
        }
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "readings";
    try {
        produce(cluster.bootstrap_servers(), topic);
        read_back(cluster.bootstrap_servers(), topic);
        read_objects(cluster.bootstrap_servers(), topic);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
