// Takes messages by the hundred and keeps a few of them. A message refers to the fetched bytes around it, often a
// megabyte: detach those that live long.
//   consume_many [bootstrap-servers [topic]]
#include <cstdio>

#include <ottla/consumer.hpp>

#include "example_cluster.hpp"

int main(int argc, char** argv) {
    using namespace std::chrono_literals;
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "readings";
    if (cluster.is_embedded())
        cluster.fill(topic, std::vector<std::string>(1000, "21.5"));
    try {
        ottla::Consumer consumer({{"bootstrap.servers", cluster.bootstrap_servers()}});
        consumer.assign({{.topic = topic, .partition = 0, .offset = ottla::offset_beginning}});
        std::vector<ottla::Message> kept;
        size_t count = 0;
        for (;;) {
            // 100 messages, or as many as come within half a second.
            std::vector<ottla::Message> messages = consumer.consume(100, 500ms);
            if (messages.empty())
                break;
            for (ottla::Message& message : messages) {
                if (message.error())
                    throw ottla::KafkaException(message.error());
                if (++count % 250 == 0) {
                    message.detach(); // its own copy; the rest of the fetch may go
                    kept.push_back(std::move(message));
                }
            }
        }
        std::printf("%zu messages, %zu kept\n", count, kept.size());
        for (const auto& message : kept)
            std::printf("offset %ld: %s\n", long{message.offset()}, std::string(message.value().text()).c_str());
        return cluster.is_embedded() && (count != 1000 || kept.size() != 4) ? 1 : 0;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
