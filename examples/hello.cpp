// The smallest whole program: a Kafka cluster in this process, three messages in, three messages out.
#include <iostream>

#include <ottla/consumer.hpp>
#include <ottla/mock_cluster.hpp>
#include <ottla/producer.hpp>

int main() {
    using namespace std::chrono_literals;
    ottla::MockCluster kafka; // of a real cluster only the address is needed
    const ottla::Config config{{"bootstrap.servers", kafka.bootstrap_servers()}};

    ottla::Producer producer(config);
    for (const char* text : {"hello", "hallo", "hei"})
        producer.produce({.topic = "greetings", .value = text, .partition = 0});
    producer.flush(10s);

    ottla::Consumer consumer(config);
    consumer.assign({{.topic = "greetings", .partition = 0, .offset = ottla::offset_beginning}});
    const auto messages = consumer.consume(3, 10s);
    for (const auto& message : messages)
        std::cout << message.offset() << ": " << message.value().text() << '\n';
    return messages.size() == 3 ? 0 : 1;
}
