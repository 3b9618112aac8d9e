// Reads a topic message by message, as confluent_kafka's Consumer.poll does, until nothing new has come for a
// second.
//   consume_blocking [bootstrap-servers [topic]]
// Without arguments a cluster is started in this process and gets a few messages first.
#include <cstdio>

#include <ottla/consumer.hpp>

#include "example_cluster.hpp"

int main(int argc, char** argv) {
    using namespace std::chrono_literals;
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "greetings";
    if (cluster.is_embedded())
        cluster.fill(topic, {"hello", "hallo", "hei"});
    try {
        ottla::Consumer consumer(
            {{"bootstrap.servers", cluster.bootstrap_servers()}, {"enable.partition.eof", "true"}},
            {.on_error = [](const ottla::KafkaError& e
                         ) { std::fprintf(stderr, "%s\n", e.to_string().c_str()); }}
        );
        consumer.assign({{.topic = topic, .partition = 0, .offset = ottla::offset_beginning}});
        while (const auto message = consumer.poll(1s)) {
            if (message->error().errc() == ottla::Errc::_partition_eof)
                std::printf(
                    "end of %s[%d] at %ld\n", topic.c_str(), message->partition(), long{message->offset()}
                );
            else if (message->error())
                std::printf("error: %s\n", message->error().message().c_str());
            else
                std::printf(
                    "%s[%d] offset %ld: %.*s\n",
                    message->topic().c_str(),
                    message->partition(),
                    long{message->offset()},
                    static_cast<int>(message->value().size()),
                    message->value().text().data()
                );
        }
        consumer.close();
    } catch (const ottla::KafkaException& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
