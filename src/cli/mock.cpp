// ottla mock: an embedded cluster that runs until it is told to stop.
#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
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
    int transaction_version = 2;
    size_t retention_mb = 0;
    int group_initial_rebalance_delay_ms = 0;
    int group_min_session_timeout_ms = 6'000;
    int group_max_session_timeout_ms = 1'800'000;
    int group_max_size = INT32_MAX;
    bool null = false;
    NullOptions canned;
    std::string text_file;
};

/// NAME or NAME:PARTITIONS
std::pair<std::string, int> parse_topic(const std::string& text, int partitions) {
    const size_t colon = text.find(':');
    if (colon != std::string::npos) {
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, partitions);
        if (error != std::errc() || stop != end)
            throw UsageError("--topic " + text + ": expected NAME or NAME:PARTITIONS");
    }
    return {text.substr(0, colon), partitions};
}

const std::map<std::string, Compression> codecs{
    {"none", Compression::none},
    {"gzip", Compression::gzip},
    {"snappy", Compression::snappy},
    {"lz4", Compression::lz4},
    {"zstd", Compression::zstd},
};

std::optional<NullOptions> null_options(const MockOptions& options) {
    if (!options.null)
        return std::nullopt;
    NullOptions canned = options.canned;
    if (!options.text_file.empty()) {
        std::ifstream file(options.text_file, std::ios::binary);
        canned.text.assign(std::istreambuf_iterator<char>(file), {});
        if (!file || canned.text.size() < std::max<size_t>(canned.value_size, 1))
            throw UsageError("--text " + options.text_file + ": cannot be read, or is shorter than one value");
    }
    return canned;
}

void run(const MockOptions& options) {
    if (options.port != 0 && options.port + options.brokers - 1 > UINT16_MAX)
        throw UsageError(fmt::format("--port {}: {} brokers need ports up to {}", options.port, options.brokers, options.port + options.brokers - 1));
    catch_signals();
    MockCluster cluster(
        {.brokers = options.brokers,
         .base_port = options.port,
         .auto_create_topics = !options.no_auto_create,
         .default_partitions = options.partitions,
         .retention_bytes_per_partition = options.retention_mb * 1'000'000,
         .transaction_version = options.transaction_version,
         .group_initial_rebalance_delay = std::chrono::milliseconds(options.group_initial_rebalance_delay_ms),
         .group_min_session_timeout = std::chrono::milliseconds(options.group_min_session_timeout_ms),
         .group_max_session_timeout = std::chrono::milliseconds(options.group_max_session_timeout_ms),
         .group_max_size = options.group_max_size,
         .null = null_options(options)});
    for (const auto& topic : options.topics) {
        const auto [name, partitions] = parse_topic(topic, options.partitions);
        if (const error_code ec = cluster.create_topic(name, partitions))
            throw UsageError("--topic " + topic + ": " + ec.message());
    }
    say("bootstrap.servers={}\n", cluster.bootstrap_servers());
    flush_stdout();
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
    command->add_option("--transaction-version", options->transaction_version, "What clients are told of transactions: 2 (KIP-890), 0 or 1: classic")->check(CLI::Range(0, 2))->capture_default_str();
    command->add_option("--group-initial-rebalance-delay", options->group_initial_rebalance_delay_ms, "Milliseconds that a new group waits for more members")->check(CLI::Range(0, INT32_MAX))->capture_default_str();
    command->add_option("--group-min-session-timeout", options->group_min_session_timeout_ms, "Shortest session.timeout.ms that members may have")->check(CLI::Range(1, INT32_MAX))->capture_default_str();
    command->add_option("--group-max-session-timeout", options->group_max_session_timeout_ms, "Longest session.timeout.ms that members may have")->check(CLI::Range(1, INT32_MAX))->capture_default_str();
    command->add_option("--group-max-size", options->group_max_size, "Most members of a group")->check(CLI::Range(1, INT32_MAX))->default_str("no limit");
    auto* null = command->add_flag("--null", options->null, "Null brokers: acknowledge and drop what is produced, serve one batch for ever");
    command->add_option("--size", options->canned.value_size, "With --null: bytes of a value to be read")->check(CLI::Range(0, 100'000'000))->needs(null)->capture_default_str();
    command->add_option("--codec", options->canned.compression, "With --null: none, gzip, snappy, lz4, zstd")->transform(CLI::CheckedTransformer(codecs))->needs(null)->default_str("none");
    command->add_option("--records-per-batch", options->canned.records_per_batch, "With --null; 0: about 64 KiB of them")->check(CLI::Range(0, 10'000'000))->needs(null)->capture_default_str();
    command->add_option("--text", options->text_file, "With --null: a file out of which values are cut")->needs(null);
    command->callback([options] { run(*options); });
}

} // namespace ottla::cli
