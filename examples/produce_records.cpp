// All that a record can carry: key, null value, bytes, headers, a timestamp. Reads the records back and compares.
//   produce_records [bootstrap-servers [topic]]
#include <array>
#include <cstdio>

#include <ottla/consumer.hpp>
#include <ottla/producer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;

void run(const std::string& servers, const std::string& topic) {
    // Where did the records go? A handler of its own for each message tells.
    std::vector<ottla::TopicPartitionOffset> places;
    const auto note = [&places](const ottla::Delivery& d) {
        example::expect(!d.error(), d.error().message());
        places.push_back({.topic = std::string(d.topic()), .partition = d.partition(), .offset = d.offset()});
    };

    // murmur2_random puts keys where the Java client puts them.
    ottla::Producer producer({{"bootstrap.servers", servers}, {"partitioner", "murmur2_random"}});
    const std::array<uint8_t, 3> raw{0x00, 0x01, 0xff};
    const std::array<ottla::Header, 2> headers{{{.key = "trace", .value = "4711"}, {.key = "note"}}};
    producer.produce(
        {.topic = topic,
         .value = std::span<const uint8_t>(raw),
         .key = "order-17",
         .timestamp_ms = 1'700'000'000'000,
         .headers = headers},
        note);
    producer.produce({.topic = topic, .value = "", .key = "order-17"}, note);      // empty
    producer.produce({.topic = topic, .value = nullptr, .key = "order-17"}, note); // null: a tombstone
    example::expect(producer.flush(10s) == 0, "all are acknowledged");

    // Equal keys are in one partition, in the order in which they were produced.
    example::expect(places.size() == 3, "a report for each");
    for (const auto& place : places)
        example::expect(place.partition == places[0].partition, "one partition");

    ottla::Consumer consumer({{"bootstrap.servers", servers}});
    consumer.assign({places[0]});
    const auto messages = consumer.consume(3, 10s);
    example::expect(messages.size() == 3, "three messages come back");
    const ottla::Message& first = messages[0];
    example::expect(first.key().text() == "order-17" && first.value().size() == 3, "key and bytes");
    example::expect(first.timestamp_ms() == 1'700'000'000'000, "timestamp");
    for (const ottla::Header& header : first.record().headers())
        std::printf(
            "header %s = %s\n",
            std::string(header.key).c_str(),
            header.value.is_null() ? "(null)" : std::string(header.value.text()).c_str());
    example::expect(first.record().header_count() == 2, "headers");
    example::expect(!messages[1].value().is_null() && messages[1].value().size() == 0, "an empty value");
    example::expect(messages[2].value().is_null(), "a null value");
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    try {
        run(cluster.bootstrap_servers(), argc > 2 ? argv[2] : "orders");
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
