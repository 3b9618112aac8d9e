// Produces messages and waits for them: the shortest producer that knows what became of each.
//   produce_blocking [bootstrap-servers [topic]]
// Without arguments a cluster is started in this process.
#include <cstdio>

#include <ottla/producer.hpp>

#include "example_cluster.hpp"

int main(int argc, char** argv) {
    using namespace std::chrono_literals;
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "greetings";
    try {
        int lost = 0;
        const auto on_delivery = [&lost](const ottla::Delivery& d) { lost += d.error().failed(); };
        ottla::Producer producer(
            {{"bootstrap.servers", cluster.bootstrap_servers()}, {"enable.idempotence", "true"}},
            {.on_delivery = on_delivery});
        for (const char* value : {"hello", "hallo", "hei"})
            producer.produce({.topic = topic, .value = value}); // copied into the local queue
        const size_t left = producer.flush(10s);                // sends, waits, calls on_delivery
        std::printf("%d messages failed, %zu are not acknowledged yet\n", lost, left);
        producer.close(0ms);
        return lost == 0 && left == 0 ? 0 : 1;
    } catch (const ottla::KafkaException& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
