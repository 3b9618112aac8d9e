// Large values are lent instead of copied, small ones go in many at a time, and the application places them itself.
//   produce_large [bootstrap-servers [topic]]
// Without arguments a cluster is started in this process.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <ottla/producer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;

/// Pictures go to partition 0, everything else where its key belongs.
int32_t place(const ottla::PartitionQuery& query) {
    if (query.key.text() == "picture")
        return 0;
    return query.key.is_null() ? query.keyless() : ottla::partition_by_murmur2(query.key, query.partition_count);
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "pictures";
    int delivered = 0;
    const auto on_delivery = [&delivered](const ottla::Delivery& d) {
        delivered += !d.error().failed();
        delete static_cast<std::string*>(d.opaque()); // nobody reads the picture any more; null for the others
    };
    try {
        ottla::Producer producer(
            {{"bootstrap.servers", cluster.bootstrap_servers()}, {"message.max.bytes", "2000000"}},
            {.on_delivery = on_delivery, .partitioner = place});

        auto picture = std::make_unique<std::string>(1'000'000, 'p');
        producer.produce({.topic = topic, .value = *picture, .key = "picture", .lend_value = true}, picture.get());
        picture.release(); // on_delivery has it from here on

        std::vector<std::string> names;
        for (int i = 0; i < 500; ++i)
            names.push_back("name " + std::to_string(i));
        std::vector<ottla::ProducerRecord> records;
        for (const auto& name : names)
            records.push_back({.topic = topic, .value = name, .key = name});
        std::vector<ottla::error_code> results(records.size());
        const size_t accepted = producer.produce_many(records, results); // one lock a partition, not one a record

        producer.flush(10s);
        std::printf("%zu names accepted, %d messages delivered\n", accepted, delivered);
        return delivered == 501 ? 0 : 1;
    } catch (const ottla::KafkaException& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
