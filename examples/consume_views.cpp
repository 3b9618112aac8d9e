// The fast way to read: whole batches as views into the received bytes, nothing copied or allocated per
// message.
//   consume_views [bootstrap-servers [topic]]
#include <cstdio>

#include <ottla/consumer.hpp>

#include "example_cluster.hpp"

int main(int argc, char** argv) {
    using namespace std::chrono_literals;
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "numbers";
    if (cluster.is_embedded())
        cluster.fill(topic, std::vector<std::string>(10'000, "a message of some length, repeated"));
    try {
        ottla::Consumer consumer({{"bootstrap.servers", cluster.bootstrap_servers()}});
        consumer.assign({{.topic = topic, .partition = 0, .offset = ottla::offset_beginning}});
        size_t messages = 0;
        size_t bytes = 0;
        ottla::Records records; // used again and again: its memory is kept
        do {
            consumer.poll_records(records, 1s);
            for (const auto& batch : records.batches())
                for (const ottla::RecordView& record : batch)
                    bytes += record.value().size();
            messages += records.count();
        } while (!records.empty());
        std::printf("%zu messages, %zu bytes\n", messages, bytes);
    } catch (const ottla::KafkaException& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
