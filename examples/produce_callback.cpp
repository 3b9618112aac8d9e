// Hears of every message: delivery reports are served by poll and flush, on the calling thread.
//   produce_callback [bootstrap-servers [topic]]
// Without arguments a cluster is started in this process.
#include <cstdio>
#include <string>

#include <ottla/producer.hpp>

#include "example_cluster.hpp"

int main(int argc, char** argv) {
    using namespace std::chrono_literals;
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "greetings";
    int failed = 0;
    const auto on_delivery = [&failed](const ottla::Delivery& d) {
        if (d.error()) {
            ++failed;
            std::fprintf(stderr, "not delivered: %s\n", d.error().message().c_str());
            return;
        }
        std::printf(
            "%.*s[%d] offset %ld after %ld us\n",
            static_cast<int>(d.topic().size()),
            d.topic().data(),
            d.partition(),
            long{d.offset()},
            long{d.latency().count()});
    };
    try {
        ottla::Producer producer(
            {{"bootstrap.servers", cluster.bootstrap_servers()}, {"compression.codec", "lz4"}},
            {.on_delivery = on_delivery});
        for (int i = 0; i < 20; ++i) {
            const std::string key = "customer-" + std::to_string(i % 3); // equal keys go to one partition, in order
            const std::string value = "order " + std::to_string(i);
            for (;;) {
                ottla::error_code ec;
                producer.produce({.topic = topic, .value = value, .key = key}, nullptr, ec);
                if (!ec)
                    break;
                if (ottla::to_errc(ec) != ottla::Errc::_queue_full)
                    throw ottla::KafkaException(ottla::Error(ec));
                producer.poll(100ms); // makes room
            }
            producer.poll(0ms); // serves what has come, without waiting
        }
        producer.flush(10s);
        return failed || producer.outstanding() ? 1 : 0;
    } catch (const ottla::KafkaException& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
