// The typed form of the configuration: what the cores see. Defaults are those of the property table (a test compares
// them); names in comments where they differ.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <ottla/config.hpp>
#include <ottla/error.hpp>
#include <ottla/log.hpp>
#include <ottla/types.hpp>

namespace ottla::config {

using std::chrono::milliseconds;

enum class Partitioner : uint8_t { random, consistent, consistent_random, murmur2, murmur2_random, fnv1a, fnv1a_random };
enum class OffsetReset : uint8_t { earliest, latest, error, by_duration };
enum class Isolation : uint8_t { read_uncommitted, read_committed };
enum class GroupProtocol : uint8_t { classic, consumer };
enum class AddressFamily : uint8_t { any, v4, v6 };

struct HostPort {
    std::string host;
    uint16_t port = 9092;
    bool operator==(const HostPort&) const = default;
};

struct ClientConfig {
    // --- all clients
    std::string client_id = "rdkafka";
    std::vector<HostPort> bootstrap_servers;
    int32_t message_max_bytes = 1'000'000;
    int32_t receive_message_max_bytes = 100'000'000;
    int32_t max_in_flight = 1'000'000;
    milliseconds metadata_refresh_interval{300'000}; // topic.metadata.refresh.interval.ms; negative: off
    milliseconds metadata_max_age{900'000};
    milliseconds topic_propagation_max{30'000};
    std::string topic_blacklist; ///< regular expressions, separated by commas
    milliseconds socket_timeout{60'000};
    milliseconds socket_setup_timeout{30'000};
    int32_t socket_send_buffer = 0;
    int32_t socket_receive_buffer = 0;
    bool socket_keepalive = false;
    bool socket_nodelay = true; // socket.nagle.disable
    AddressFamily address_family = AddressFamily::any;
    milliseconds connections_max_idle{0};
    milliseconds reconnect_backoff{100};
    milliseconds reconnect_backoff_max{10'000};
    milliseconds retry_backoff{100};
    milliseconds retry_backoff_max{1'000};
    bool api_version_request = true;
    milliseconds api_version_request_timeout{10'000};
    milliseconds api_version_fallback{0};
    std::string broker_version_fallback = "0.10.0";
    std::string client_software_name = "ottla";
    std::string client_software_version; // empty: the library's
    bool allow_auto_create_topics = true; // consumers: false
    int log_level = 6;
    milliseconds statistics_interval{0}; // statistics.interval.ms; zero: off
    LogContexts debug; // set: log_level is 7
    bool log_queue = false;            // log.queue
    bool log_connection_close = true; // log.connection.close

    // --- producer
    int16_t acks = -1;
    bool enable_idempotence = false;
    bool gapless = false; // enable.gapless.guarantee
    std::string transactional_id;
    milliseconds transaction_timeout{60'000};
    double linger_ms = 5;
    int32_t batch_size = 1'000'000;
    int32_t batch_num_messages = 10'000;
    int64_t queue_max_messages = 100'000;
    int64_t queue_max_kbytes = 1'048'576;
    int32_t backpressure_threshold = 1; // queue.buffering.backpressure.threshold
    milliseconds message_timeout{300'000}; // zero: never
    milliseconds request_timeout{30'000};  // inside ProduceRequest
    int32_t retries = 2'147'483'647;
    Compression compression = Compression::none;
    int32_t compression_level = -1;
    Partitioner partitioner = Partitioner::consistent_random;
    milliseconds sticky_linger{10}; // sticky.partitioning.linger.ms
    bool adaptive_partitioning = false; // ottla.partitioner.adaptive
    milliseconds partition_availability{0}; // ottla.partitioner.availability.timeout.ms
    int32_t message_copy_max_bytes = 65'535;
    bool report_only_error = false;

    // --- consumer
    OffsetReset auto_offset_reset = OffsetReset::latest;
    milliseconds auto_offset_reset_age{0}; // of by_duration
    int32_t fetch_min_bytes = 1;
    milliseconds fetch_wait_max{500};
    int32_t fetch_max_bytes = 52'428'800;
    int32_t fetch_partition_max_bytes = 1'048'576; // fetch.message.max.bytes
    int32_t queued_min_messages = 100'000;
    int64_t queued_max_kbytes = 65'536;
    int64_t fetch_ahead_kbytes = 4096; // ottla.fetch.ahead.kbytes
    int64_t memory_budget = 0; ///< 0: none
    milliseconds fetch_error_backoff{500};
    bool check_crcs = true;
    Isolation isolation = Isolation::read_committed;
    std::string client_rack;
    std::string group_id;
    std::string group_instance_id;
    GroupProtocol group_protocol = GroupProtocol::classic;
    std::string group_remote_assignor; ///< empty: the broker's choice
    milliseconds session_timeout{45'000};
    milliseconds heartbeat_interval{3000};
    milliseconds max_poll_interval{300'000};
    std::string assignors = "range,roundrobin"; // partition.assignment.strategy
    bool enable_auto_commit = true;
    milliseconds auto_commit_interval{5000};
    bool enable_auto_offset_store = true;
    bool enable_partition_eof = false;

    bool operator==(const ClientConfig&) const = default;
};

/// What kind of client a configuration is for.
using Role = ClientKind;

/// Parses and cross-checks. Error: _invalid_arg, the text naming the property, the value and what is allowed.
/// `warnings` gets one line for each property that is accepted without effect here.
Result<ClientConfig> parse(const Config& config, Role role, std::vector<std::string>* warnings = nullptr);

} // namespace ottla::config
