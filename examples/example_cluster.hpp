// What the examples share: where they find brokers (at the address given, else in a cluster that lives in this
// process), and how they check themselves.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <ottla/mock_cluster.hpp>
#include <ottla/producer.hpp>

namespace example {

class Cluster {
public:
    Cluster(int argc, char** argv) {
        if (argc > 1)
            servers_ = argv[1];
        else
            servers_ = embedded_.emplace().bootstrap_servers();
    }

    bool is_embedded() const { return embedded_.has_value(); }

    const std::string& bootstrap_servers() const { return servers_; }

    /// Produces these values to partition 0 of the topic.
    void fill(const std::string& topic, const std::vector<std::string>& values) {
        ottla::Producer producer({{"bootstrap.servers", servers_}});
        for (const auto& value : values)
            producer.produce({.topic = topic, .value = value, .partition = 0});
        producer.flush(std::chrono::seconds(10));
    }

private:
    std::optional<ottla::MockCluster> embedded_;
    std::string servers_;
};

/// Ends the example as failed when something is not as it says.
inline void expect(bool ok, const std::string& what) {
    if (!ok)
        throw std::runtime_error("not as expected: " + what);
}

} // namespace example
