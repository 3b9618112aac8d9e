// Produces lines and waits for them: the shortest correct producer.
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
        ottla::Producer producer({{"bootstrap.servers", cluster.bootstrap_servers()}, {"enable.idempotence", "true"}});
        for (const char* value : {"hello", "hallo", "hei"})
            producer.produce({.topic = topic, .value = value}); // copied into the local queue
        const size_t left = producer.flush(10s);                // sends, and waits for the acknowledgements
        std::printf("%zu messages were not acknowledged in time\n", left);
        producer.close();
        return left == 0 ? 0 : 1;
    } catch (const ottla::KafkaException& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
