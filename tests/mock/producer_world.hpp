// A producer against the embedded cluster on loopback, and eyes to read what the log holds.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <ottla/consumer.hpp>
#include <ottla/mock_cluster.hpp>
#include <ottla/producer.hpp>

namespace ottla::test {

using namespace std::chrono_literals;

struct ProducerWorld {
    explicit ProducerWorld(MockClusterOptions options = {}) : cluster(options) {}

    Config config(std::initializer_list<std::pair<const std::string, std::string>> more = {}) const {
        Config all{
            {"bootstrap.servers", cluster.bootstrap_servers()},
            {"reconnect.backoff.ms", "20"},
            {"reconnect.backoff.max.ms", "200"},
            {"retry.backoff.ms", "20"},
            {"linger.ms", "1"},
        };
        for (const auto& [name, value] : more)
            all.set(name, value);
        return all;
    }

    /// Values of a partition from its beginning, in order.
    std::vector<std::string> values(const std::string& topic, int32_t partition) {
        std::vector<std::string> all;
        const auto range = cluster.offsets(topic, partition);
        if (!range || range->first == range->second)
            return all;
        Consumer consumer({{"bootstrap.servers", cluster.bootstrap_servers()}, {"auto.offset.reset", "earliest"}});
        consumer.assign({{topic, partition, offset_beginning}});
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (std::chrono::steady_clock::now() < deadline) {
            if (auto message = consumer.poll(100ms); message && !message->error()) {
                all.emplace_back(message->value().text());
                if (message->offset() + 1 == range->second)
                    break;
            }
        }
        return all;
    }

    MockCluster cluster;
};

inline std::vector<std::string> numbered(int count) {
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i)
        all.push_back("m" + std::to_string(i));
    return all;
}

} // namespace ottla::test
