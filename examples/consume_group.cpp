// Two consumers of one group share a topic; when one leaves, the other takes over all.
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>

#include <ottla/admin.hpp>
#include <ottla/consumer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;
using example::expect;

constexpr int orders = 100;

void fill(const std::string& servers, int from) {
    ottla::Producer producer({{"bootstrap.servers", servers}});
    for (int i = from; i < from + orders; ++i)
        producer.produce({.topic = "orders", .value = std::to_string(i), .partition = i % 4});
    expect(producer.flush(10s) == 0, "all are acknowledged");
}

/// One member, on a thread of its own.
class Worker {
public:
    explicit Worker(const std::string& servers)
        : consumer_({{"bootstrap.servers", servers}, {"group.id", "shipping"}, {"auto.offset.reset", "earliest"},
                     {"partition.assignment.strategy", "cooperative-sticky"}, {"heartbeat.interval.ms", "100"}}) {
        ottla::RebalanceHandlers handlers;
        handlers.on_assign = [this](const auto& partitions) { held += static_cast<int>(partitions.size()); };
        handlers.on_revoke = [this](const auto& partitions) { held -= static_cast<int>(partitions.size()); };
        consumer_.subscribe({"orders"}, handlers);
        thread_ = std::thread([this] {
            while (!ending_)
                if (const auto message = consumer_.poll(50ms); message && !message->error())
                    ++seen;
            consumer_.close(); // commits, and leaves
        });
    }
    ~Worker() { leave(); }

    void leave() {
        ending_ = true;
        if (thread_.joinable())
            thread_.join();
    }

    std::atomic<int> held{0}; ///< partitions
    std::atomic<int> seen{0}; ///< messages

private:
    std::atomic<bool> ending_{false};
    ottla::Consumer consumer_;
    std::thread thread_;
};

template <class F>
void wait_until(F condition, const char* what) {
    for (int i = 0; i < 2000 && !condition(); ++i)
        std::this_thread::sleep_for(10ms);
    expect(condition(), what);
}

void run(const std::string& servers) {
    ottla::AdminClient admin({{"bootstrap.servers", servers}});
    admin.create_topics({{.name = "orders", .partitions = 4}}, 10s);
    fill(servers, 0);
    Worker first(servers);
    wait_until([&] { return first.seen == orders; }, "one member reads all");
    Worker second(servers);
    wait_until([&] { return first.held == 2 && second.held == 2; }, "two members share");
    fill(servers, orders);
    wait_until([&] { return first.seen + second.seen == 2 * orders; }, "each message is read once");
    std::printf("the first has read %d, the second %d\n", first.seen.load(), second.seen.load());
    first.leave();
    wait_until([&] { return second.held == 4; }, "who stays gets all");
}

} // namespace

int main(int argc, char** argv) {
    try {
        const example::Cluster cluster(argc, argv);
        run(cluster.bootstrap_servers());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
