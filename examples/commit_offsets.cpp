// Offsets committed in the name of a group: by itself at the end, by hand, and stored by hand. Who comes after goes on there.
#include <cstdio>

#include <ottla/consumer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;
using example::expect;

void fill(const std::string& servers) {
    ottla::Producer producer({{"bootstrap.servers", servers}});
    for (int i = 0; i < 10; ++i)
        producer.produce({.topic = "orders", .value = "order " + std::to_string(i)});
    expect(producer.flush(10s) == 0, "all are acknowledged");
}

ottla::Consumer join(const std::string& servers, bool store = true) {
    ottla::Consumer consumer(
        {{"bootstrap.servers", servers},
         {"group.id", "audit"},
         {"auto.offset.reset", "earliest"}, // for the first time
         {"enable.auto.offset.store", store ? "true" : "false"}});
    consumer.assign({{.topic = "orders", .partition = 0}}); // where the group has got to
    return consumer;
}

std::string next(ottla::Consumer& consumer) {
    const auto message = consumer.poll(10s);
    expect(message && !message->error(), "a message");
    return std::string(message->value().text());
}

void run(const std::string& servers) {
    {
        auto consumer = join(servers);
        expect(next(consumer) == "order 0" && next(consumer) == "order 1", "the oldest");
        consumer.close(); // commits what was handed out (enable.auto.commit)
    }
    {
        auto consumer = join(servers);
        const auto message = consumer.poll(10s);
        expect(message && message->value().text() == "order 2", "the next one");
        consumer.commit(*message); // now, and waits for it
    }
    {
        auto consumer = join(servers, false);
        expect(next(consumer) == "order 3" && next(consumer) == "order 4", "after the committed one");
        consumer.store_offsets({{.topic = "orders", .partition = 0, .offset = 4}}); // order 4 is not done yet
        consumer.close();
    }
    auto consumer = join(servers);
    expect(next(consumer) == "order 4", "it comes again");
    const auto committed = consumer.committed({{.topic = "orders", .partition = 0}}, 10s);
    std::printf("committed: %ld\n", long{committed[0].offset});
    expect(committed[0].offset == 4, "what was stored was committed");
}

} // namespace

int main() {
    try {
        ottla::MockCluster kafka({.default_partitions = 1});
        fill(kafka.bootstrap_servers());
        run(kafka.bootstrap_servers());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
