// What a client does, in numbers: a typed snapshot (`Producer::metrics`, `Consumer::metrics`), the same at each
// statistics.interval.ms, and hooks for exporters. The JSON of `on_statistics` is a rendering of the same snapshot.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/types.hpp>

namespace ottla {

/// Samples of one interval. All zero while nothing was sampled, and always with statistics.interval.ms=0. Percentiles are off
/// by at most 0.8 %; count, min, max and sum are exact.
struct Distribution {
    int64_t count = 0;
    int64_t min = 0;
    int64_t max = 0;
    int64_t mean = 0;
    int64_t sum = 0;
    int64_t stddev = 0;
    int64_t p50 = 0;
    int64_t p75 = 0;
    int64_t p90 = 0;
    int64_t p95 = 0;
    int64_t p99 = 0;
    int64_t p99_99 = 0;
    int64_t out_of_range = 0;   ///< samples beyond 2^40, which count as that
    size_t histogram_bytes = 0; ///< memory of the histogram
};

/// One broker, over all connections to it since the client was made.
struct BrokerMetrics {
    std::string name;       ///< "host:port/id"; "host:port/bootstrap" of an address of bootstrap.servers
    std::string address;    ///< "host:port" in use now
    int32_t node = -1;      ///< broker id; below zero: a bootstrap address
    std::string_view state; ///< INIT, DOWN, TRY_CONNECT, CONNECT, APIVERSION_QUERY or UP: the best of its connections
    std::chrono::microseconds state_age{};
    int64_t requests_waiting = 0; ///< to be sent
    int64_t messages_waiting = 0; ///< in them
    int64_t requests_in_flight = 0;
    int64_t messages_in_flight = 0;
    int64_t requests_sent = 0;
    int64_t bytes_sent = 0;
    int64_t send_errors = 0; ///< requests that a lost connection took along
    int64_t retries = 0;     ///< requests sent again
    int64_t timeouts = 0;    ///< requests without an answer in time
    int64_t responses = 0;
    int64_t bytes_received = 0;
    int64_t receive_errors = 0;     ///< responses that could not be taken
    int64_t correlation_errors = 0; ///< responses that nothing was waiting for
    int64_t wakeups = 0;            ///< reads of its sockets
    int64_t connects = 0;           ///< attempts
    int64_t disconnects = 0;        ///< connections that ended, failed attempts included
    std::optional<std::chrono::microseconds> since_sent{};     ///< nullopt: not on a connection that is up
    std::optional<std::chrono::microseconds> since_received{}; ///< likewise
    std::map<std::string, int64_t, std::less<>> requests; ///< sent, by API ("Produce")
    // The stages of what goes to it. Samples are requests or batches, not messages.
    Distribution queue_time;    ///< us: of a batch's oldest message from produce() to its first request
    Distribution send_wait;     ///< us: of a request until a connection took it
    Distribution rtt;           ///< us: from there to its answer
    Distribution throttle_time; ///< ms: as the broker told; only where it did
};

struct PartitionMetrics {
    int32_t broker = -1; ///< that is asked now, -1: none
    int32_t leader = -1; ///< -1: none
    int32_t leader_epoch = -1;
    bool desired = false; ///< the application named it
    bool unknown = false; ///< not in the cluster's metadata

    // --- of a producer
    int64_t messages_queued = 0; ///< not in a request now
    int64_t bytes_queued = 0;    ///< with framing, uncompressed
    int64_t messages_in_flight = 0;
    int64_t messages_accepted = 0;  ///< so far
    int64_t messages_sent = 0;      ///< so far, each time anew that they are sent
    int64_t bytes_sent = 0;         ///< as sent: framed, compressed
    int64_t messages_delivered = 0; ///< acknowledged
    int64_t messages_failed = 0;
    int32_t next_sequence = -1;   ///< to be given to a batch; idempotent only
    int32_t oldest_sequence = -1; ///< that is not acknowledged; next_sequence: all are

    // --- of a consumer
    int64_t messages_received = 0;     ///< so far, as batch headers count them
    int64_t bytes_received = 0;        ///< of their batches
    int64_t messages_fetched_ahead = 0; ///< received and not used up
    int64_t bytes_fetched_ahead = 0;
    std::string_view fetch_state = "none"; ///< none, stopped, offset-query, offset-wait or active
    int64_t query_offset = offset_invalid; ///< where reading was told to begin: absolute or logical
    int64_t next_offset = offset_invalid;  ///< to be fetched
    int64_t position = offset_invalid;     ///< last offset handed to the application + 1
    int64_t end_offset_told = offset_invalid; ///< of the last end-of-partition event
    int64_t low = offset_invalid;          ///< watermarks as of the last answer
    int64_t high = offset_invalid;
    int64_t last_stable = offset_invalid;
    int64_t stale_drops = 0; ///< messages of an older assignment or seek

    int64_t stored_offset = offset_invalid; ///< to be committed
    int32_t stored_leader_epoch = -1;       ///< of the record before it; -1: not known
    int64_t committed_offset = offset_invalid; ///< that the group's coordinator has told or taken
    int32_t committed_leader_epoch = -1;

    // The end (last stable offset when reading committed) minus an offset; -1: not known.
    int64_t lag = -1;           ///< minus `position`: what the application has not seen yet
    int64_t lag_stored = -1;    ///< minus `stored_offset`
    int64_t lag_committed = -1; ///< minus `committed_offset`: what others see of the group
};

struct TopicMetrics {
    std::chrono::milliseconds age{};
    std::chrono::milliseconds metadata_age{}; ///< zero: there are none
    Distribution batch_bytes;    ///< of produced batches, as sent
    Distribution batch_messages; ///< in each of them
    std::map<int32_t, PartitionMetrics> partitions; ///< partition_any: messages whose topic's partitions are not known yet
};

/// The idempotent or transactional producer's standing.
struct IdempotenceMetrics {
    std::string_view id_state; ///< RequestPID, WaitPID, Assigned, DrainBump or FatalError
    std::chrono::milliseconds id_state_age{};
    std::string_view transaction_state = "Init"; ///< see docs/STATISTICS.md
    std::chrono::milliseconds transaction_state_age{};
    bool takes_messages = true;
    int64_t producer_id = -1;
    int16_t producer_epoch = -1;
    int64_t identities = 0; ///< producer ids and epochs obtained so far
};

/// A consumer as a member of its group.
struct GroupMetrics {
    std::string_view state;      ///< init, term, query-coord or up: see docs/STATISTICS.md
    std::chrono::milliseconds state_age{};
    std::string_view join_state; ///< init, wait-join, wait-metadata, wait-sync, wait-assign-call, wait-unassign-call or steady
    std::chrono::milliseconds rebalance_age{}; ///< since partitions were last assigned or taken away; zero: never
    int64_t rebalances = 0;                    ///< assignments and revocations so far
    std::string rebalance_reason{};            ///< of the last one; may be empty
    int64_t assigned = 0;                      ///< partitions
    std::string member_id{};                   ///< empty before joining
    int32_t generation = -1;                   ///< or member epoch; -1: no member now
};

/// A client at one moment. Counters run since it was made; distributions cover the last whole statistics.interval.ms, or, until
/// the first is over, what there is of it.
struct Metrics {
    std::string name;      ///< "<client.id>#producer-1", the number counting clients of the process
    std::string client_id; ///< client.id
    std::string_view type; ///< producer or consumer
    std::chrono::steady_clock::time_point taken{};
    std::chrono::system_clock::time_point wall_time{};
    std::chrono::microseconds age{};
    int64_t events_waiting = 0; ///< for a poll call: reports count by the batch
    int64_t messages = 0;       ///< held by a producer: accepted and not yet reported
    int64_t bytes = 0;          ///< of their keys and values
    int64_t messages_max = 0;   ///< queue.buffering.max.messages
    int64_t bytes_max = 0;      ///< queue.buffering.max.kbytes, in bytes
    int64_t topics_known = 0;   ///< by their metadata
    std::map<int32_t, BrokerMetrics> brokers; ///< by node
    std::map<std::string, TopicMetrics, std::less<>> topics;
    std::optional<IdempotenceMetrics> idempotence{}; ///< of an idempotent producer
    std::optional<GroupMetrics> group{};             ///< of a consumer with group.id
    std::optional<Error> fatal{};                    ///< the error that ended a producer or consumer

    // Sums over the brokers and partitions.
    int64_t requests_sent = 0;
    int64_t bytes_sent = 0;
    int64_t responses = 0;
    int64_t bytes_received = 0;
    int64_t messages_sent = 0;
    int64_t message_bytes_sent = 0;
    int64_t messages_received = 0;
    int64_t message_bytes_received = 0;
};

/// Snapshot as JSON, as `on_statistics` gets it: docs/statistics.schema.json.
OTTLA_EXPORT std::string to_json(const Metrics& metrics);

/// A broker slows this client down (KIP-219).
struct ThrottleEvent {
    std::string broker; ///< "host:port/id"
    int32_t node = -1;
    std::chrono::milliseconds time{}; ///< that requests were or are to be delayed
};

/// Hears of a client's doings as they happen: for exporters. Called on the engine's thread, between its I/O (of batches that were
/// never sent: also on the thread that closes the producer), so be quick, do not block, and do not call the client but for
/// `metrics()`. Exceptions are logged and end there. Views end with the call.
class MetricsListener {
public:
    struct Request {
        std::string_view broker; ///< "host:port/id"
        int32_t node = -1;
        std::string_view api; ///< "Produce", "Fetch", ...
        std::chrono::microseconds rtt{}; ///< until the answer, or until it was given up
        size_t response_bytes = 0;
        error_code error{}; ///< no answer came
    };
    /// A batch of a producer whose outcome is known.
    struct Batch {
        std::string_view topic;
        int32_t partition = -1;
        int32_t messages = 0;
        size_t bytes = 0; ///< with framing, uncompressed
        std::chrono::microseconds latency{}; ///< from the first produce() of it
        error_code error{};
    };

    virtual ~MetricsListener() = default;
    /// At each statistics.interval.ms, if that is not 0.
    virtual void on_metrics(const Metrics& /*snapshot*/) {}
    /// Not of the ApiVersions that begin a connection.
    virtual void on_request(const Request& /*request*/) {}
    virtual void on_throttle(const ThrottleEvent& /*event*/) {}
    virtual void on_batch(const Batch& /*batch*/) {}
};

} // namespace ottla
