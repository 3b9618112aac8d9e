// A cluster that misbehaves on request, to test what a program makes of it: refused requests, lost answers, slow
// answers, a leader that moves, a broker that goes and comes back.
#include <cstdio>

#include <ottla/consumer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;
using example::expect;

constexpr int16_t produce_api = 0; // Kafka's numbers of its APIs
constexpr int16_t fetch_api = 1;

void run() {
    ottla::MockCluster kafka({.brokers = 3, .auto_create_topics = false});
    expect(!kafka.create_topic("orders", 1, 3), "created");

    int delivered = 0;
    ottla::Producer producer(
        {{"bootstrap.servers", kafka.bootstrap_servers()}, {"enable.idempotence", "true"}},
        {.on_delivery = [&](const ottla::Delivery& d) { delivered += !d.error(); },
         .on_log = [](auto&&...) {}}); // the trouble is ours: no log
    const auto send = [&](const char* value) {
        producer.produce({.topic = "orders", .value = value, .partition = 0});
        return producer.flush(20s) == 0;
    };

    kafka.fail_next(produce_api, 2, ottla::Errc::not_enough_replicas);
    expect(send("retried twice"), "an error that passes is retried");

    kafka.drop_reply_next(produce_api, 1);
    expect(send("stored once"), "an idempotent producer repeats a request safely when its answer is lost");

    kafka.drop_request_next(produce_api, 1);
    expect(send("sent again"), "and when it never arrived");

    const int32_t next = *kafka.leader("orders", 0) % 3 + 1;
    expect(!kafka.move_leader("orders", 0, next), "moved");
    expect(send("to the new leader"), "the producer follows");

    kafka.stop(next);
    expect(*kafka.leader("orders", 0) != next, "another replica leads");
    expect(send("to another broker"), "the producer goes there");
    kafka.start(next);

    kafka.delay(produce_api, 300ms);
    const auto before = std::chrono::steady_clock::now();
    expect(send("slowly"), "delivered");
    expect(std::chrono::steady_clock::now() - before >= 300ms, "after a while");
    kafka.delay(produce_api, 0ms);

    // What is stored can be asked for directly: nothing is missing, nothing twice.
    expect(delivered == 6, "six are acknowledged");
    expect(kafka.offsets("orders", 0) == std::pair<int64_t, int64_t>(0, 6), "and six are there");
    std::printf(
        "%lu produce requests on %lu connections\n",
        static_cast<unsigned long>(kafka.request_count(produce_api)),
        static_cast<unsigned long>(kafka.connection_count()));

    // An older broker: consumers take the newest version of each API that both sides know.
    kafka.limit_versions(fetch_api, 4, 11);
    ottla::Consumer consumer({{"bootstrap.servers", kafka.bootstrap_servers()}});
    consumer.assign({{.topic = "orders", .partition = 0, .offset = ottla::offset_beginning}});
    for (const auto& message : consumer.consume(6, 10s))
        std::printf("%ld: %s\n", long{message.offset()}, std::string(message.value().text()).c_str());
    expect(consumer.position({{"orders", 0}})[0].offset == 6, "all are read");
}

} // namespace

int main() {
    try {
        run();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
