// Numbers of a client: a typed snapshot, the JSON that is known from librdkafka, and a listener for exporters.
//   statistics [bootstrap-servers [topic]]
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include <ottla/metrics.hpp>
#include <ottla/producer.hpp>

#include "example_cluster.hpp"

namespace {

// Feeds an exporter: counters here. Called on the engine's thread, so it is quick and takes no locks.
class Exporter final : public ottla::MetricsListener {
public:
    void on_request(const Request& request) override {
        ++requests;
        if (request.error)
            ++failed;
    }
    void on_batch(const Batch& batch) override { messages += batch.messages; }
    void on_metrics(const ottla::Metrics& snapshot) override { queued = snapshot.messages; }

    std::atomic<int> requests{0};
    std::atomic<int> failed{0};
    std::atomic<int> messages{0};
    std::atomic<int64_t> queued{0};
};

} // namespace

int main(int argc, char** argv) {
    using namespace std::chrono_literals;
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "readings";

    const auto exporter = std::make_shared<Exporter>();
    std::string last;
    ottla::ProducerOptions options;
    options.on_statistics = [&](std::string_view json) { last = json; };
    options.on_throttle = [](const ottla::ThrottleEvent& event) {
        std::printf("%s slows us down by %lld ms\n", event.broker.c_str(), static_cast<long long>(event.time.count()));
    };
    options.metrics_listener = exporter;
    ottla::Producer producer({{"bootstrap.servers", cluster.bootstrap_servers()}, {"statistics.interval.ms", "100"}}, options);
    for (int i = 0; i < 1000; ++i)
        producer.produce({.topic = topic, .value = "reading " + std::to_string(i)});
    producer.flush(30s);

    // A snapshot, at any time and from any thread.
    const ottla::Metrics now = producer.metrics();
    std::printf("%s: %lld messages sent\n", now.name.c_str(), static_cast<long long>(now.messages_sent));
    for (const auto& [node, broker] : now.brokers)
        std::printf("  %s: %lld requests, 99 of 100 answers within %lld us\n", broker.name.c_str(),
                    static_cast<long long>(broker.requests_sent), static_cast<long long>(broker.rtt.p99));

    while (last.empty()) // served by poll, every 100 ms here
        producer.poll(1s);
    std::printf("as JSON: %.50s...\n", last.c_str());
    std::printf("the exporter heard of %d requests and %d messages\n", exporter->requests.load(), exporter->messages.load());
    producer.close(10s);

    example::expect(now.messages_sent >= 1000, "all messages are counted");
    example::expect(exporter->messages >= 1000 && exporter->failed == 0, "the exporter hears of them");
    example::expect(last.starts_with('{'), "statistics are JSON");
}
