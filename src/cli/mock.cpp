// ottla mock: an embedded cluster that runs until it is told to stop.
#include <cstdio>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <ottla/mock_cluster.hpp>

#include "common.hpp"

namespace ottla::cli {
namespace {

struct MockOptions {
    int brokers = 1;
    uint16_t port = 9092;
    std::vector<std::string> topics;
    int partitions = 4;
    bool no_auto_create = false;
    size_t retention_mb = 0;
};

void run(const MockOptions& options) {
    catch_signals();
    MockCluster cluster(
        {.brokers = options.brokers,
         .base_port = options.port,
         .auto_create_topics = !options.no_auto_create,
         .default_partitions = options.partitions,
         .retention_bytes_per_partition = options.retention_mb * 1'000'000});
    for (const auto& topic : options.topics) {
        const size_t colon = topic.find(':');
        int partitions = options.partitions;
        if (colon != std::string::npos)
            try {
                partitions = std::stoi(topic.substr(colon + 1));
            } catch (const std::exception&) {
                throw UsageError("--topic " + topic + ": expected NAME or NAME:PARTITIONS");
            }
        if (const error_code ec = cluster.create_topic(topic.substr(0, colon), partitions))
            throw UsageError("--topic " + topic + ": " + ec.message());
    }
    fmt::print("bootstrap.servers={}\n", cluster.bootstrap_servers());
    std::fflush(stdout);
    while (!interrupted())
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
}

} // namespace

void add_mock(CLI::App& app) {
    auto* command = app.add_subcommand("mock", "Run an embedded Kafka cluster on loopback ports until interrupted");
    auto options = std::make_shared<MockOptions>();
    command->add_option("-n,--brokers", options->brokers, "Number of brokers")->check(CLI::Range(1, 100))->capture_default_str();
    command->add_option("-P,--port", options->port, "Port of the first broker, the others follow; 0: any free ones")->capture_default_str();
    command->add_option("-t,--topic", options->topics, "Topic to create: NAME or NAME:PARTITIONS (repeatable)");
    command->add_option("-p,--partitions", options->partitions, "Partitions of topics that are created by use")->check(CLI::Range(1, 100'000))->capture_default_str();
    command->add_flag("--no-auto-create", options->no_auto_create, "Topics are not created by use");
    command->add_option("--retention-mb", options->retention_mb, "Keep at most so much of a partition; 0: everything")->capture_default_str();
    command->callback([options] { run(*options); });
}

} // namespace ottla::cli
