// The embedded cluster: Kafka brokers in this process, on loopback ports, for tests, examples and first
// steps. Any Kafka client can talk to it. What it stores lives in memory only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/types.hpp>

namespace ottla {

namespace mock {
class Server;
}

/// A null broker: acknowledges what is produced, however large, drops it, and has one batch, built once, to be read for ever at any
/// offset. So cheap that what is measured against it is the client.
struct NullOptions {
    size_t value_size = 100;
    Compression compression = Compression::none;
    int records_per_batch = 0; ///< 0: as many as make about 64 KiB before compression
    /// Value i of the batch is text[(i mod floor(text.size() / value_size)) * value_size :][:value_size]; empty: words.
    std::string text{};
};

struct MockClusterOptions {
    int brokers = 1;
    /// Ports are base_port, base_port + 1, ...; 0: whatever is free.
    uint16_t base_port = 0;
    /// What brokers announce and bind to.
    std::string host = "127.0.0.1";
    /// broker.rack of brokers 1, 2, ...; empty: none. Readers that name their rack (client.rack) are sent to a replica in it
    /// (KIP-392), as by Kafka's RackAwareReplicaSelector.
    std::vector<std::string> racks{};
    bool auto_create_topics = true;
    int default_partitions = 4; ///< of topics made by a produce or metadata request, or with -1
    int16_t default_replication_factor = 1;
    /// Oldest data of a partition is dropped beyond this many bytes; 0: never.
    size_t retention_bytes_per_partition = 0;
    /// The finalised feature transaction.version: 2 (as Kafka 4), or 0 or 1, which clients cannot tell apart.
    int transaction_version = 2;
    /// group.initial.rebalance.delay.ms: how long a group that was empty waits for more members. Without, the first one
    /// is answered at once; Kafka waits three seconds unless told otherwise.
    std::chrono::milliseconds group_initial_rebalance_delay{0};
    /// group.min.session.timeout.ms, group.max.session.timeout.ms: others are INVALID_SESSION_TIMEOUT.
    std::chrono::milliseconds group_min_session_timeout{6'000};
    std::chrono::milliseconds group_max_session_timeout{1'800'000};
    /// max.incremental.fetch.session.cache.slots of each broker: how many readers need not say all they read with every
    /// request (KIP-227); 0: none.
    int fetch_session_slots = 1000;
    int group_max_size = INT32_MAX; ///< group.max.size: more members are GROUP_MAX_SIZE_REACHED
    /// group.consumer.session.timeout.ms, group.consumer.heartbeat.interval.ms: of members of the new protocol (KIP-848),
    /// which are told the second.
    std::chrono::milliseconds group_consumer_session_timeout{45'000};
    std::chrono::milliseconds group_consumer_heartbeat_interval{5'000};
    int group_consumer_max_size = INT32_MAX; ///< group.consumer.max.size
    uint64_t seed = 1; ///< of ids and leader choice
    /// Set: the brokers are null brokers.
    std::optional<NullOptions> null{};
};

/// A consumer group at this moment.
struct MockGroup {
    /// "Empty", "Stable"; classic: "PreparingRebalance", "CompletingRebalance"; consumer: "Assigning", "Reconciling".
    std::string state;
    int32_t generation = 0; ///< or the epoch of the group
    std::string protocol; ///< how members agreed to assign, for example "range"; empty when there are none; or the assignor
    std::string leader;   ///< a member id, or empty
    std::vector<std::string> members; ///< their ids, in the order in which they joined, or sorted
    std::string type{"classic"};      ///< "consumer": it is one of the new protocol (KIP-848)
};

/// Brokers run on a thread of their own from construction to destruction. All calls are thread-safe.
class OTTLA_EXPORT MockCluster {
public:
    explicit MockCluster(MockClusterOptions options = {});
    MockCluster(MockCluster&&) noexcept;
    MockCluster& operator=(MockCluster&&) noexcept;
    ~MockCluster();

    /// "host:port,host:port,..."
    std::string bootstrap_servers() const;
    uint16_t port(int32_t broker) const;
    /// Ids are 1..brokers.
    std::vector<int32_t> brokers() const;

    /// Errors: topic_already_exists, invalid_partitions.
    error_code create_topic(const std::string& topic, int partitions, int16_t replication_factor = 1);
    /// What it holds is gone, and so are the offsets that groups have committed. Errors: unknown_topic_or_part.
    error_code delete_topic(const std::string& topic);
    /// Low and next offset of a partition; nullopt when there is none.
    std::optional<std::pair<int64_t, int64_t>> offsets(const std::string& topic, int32_t partition) const;
    std::optional<int32_t> leader(const std::string& topic, int32_t partition) const;
    /// Where readers of committed records stop; nullopt when there is no such partition.
    std::optional<int64_t> last_stable_offset(const std::string& topic, int32_t partition) const;
    /// Transactional ids whose transactions are ongoing, or wait for their markers.
    std::vector<std::string> open_transactions() const;
    /// What a group has committed, by topic and partition.
    std::vector<TopicPartitionOffset> committed(const std::string& group) const;
    /// nullopt: it was never heard of, or deleted.
    std::optional<MockGroup> group(const std::string& id) const;
    enum class Coordinator { group, transaction };
    /// The broker that coordinates the group or the transactional id; nullopt: none at present.
    std::optional<int32_t> coordinator(Coordinator kind, const std::string& key) const;
    /// How many fetch sessions the broker keeps.
    size_t fetch_sessions(int32_t broker) const;

    // --- faults: `api_key` is Kafka's number (0 Produce, 1 Fetch, 3 Metadata, ...), broker -1 means every
    // broker
    /// The next `count` requests of this kind get `error` instead of being done.
    void fail_next(int16_t api_key, int count, Errc error, int32_t broker = -1);
    /// The next `count` requests of this kind are done, but the connection closes instead of an answer.
    void drop_reply_next(int16_t api_key, int count, int32_t broker = -1);
    /// The next `count` requests of this kind close the connection and are not done.
    void drop_request_next(int16_t api_key, int count, int32_t broker = -1);
    /// Answers of this kind wait so long, until set to zero again.
    void delay(int16_t api_key, std::chrono::milliseconds wait, int32_t broker = -1);
    /// Answers of every kind tell the client it is throttled so long (KIP-219).
    void throttle(std::chrono::milliseconds time, int32_t broker = -1);
    /// Limits the versions that ApiVersions announces and the broker accepts; max < 0: the API is gone.
    void limit_versions(int16_t api_key, int16_t min, int16_t max);
    /// Makes `broker` leader of the partition, under the next leader epoch.
    error_code move_leader(const std::string& topic, int32_t partition, int32_t broker);
    /// An unclean election: the leader leads under the next epoch and lacks what is from `end_offset` (where a batch begins)
    /// on. Errors: unknown_topic_or_part, broker_not_available.
    error_code truncate(const std::string& topic, int32_t partition, int64_t end_offset);
    /// Stores `bytes` as they are at the end of a partition, as if its log had been damaged: a batch of which something is wrong,
    /// or anything else. They take up `offsets` offsets and are what readers of these get; nothing is checked or filled in, the
    /// base offset in them neither. Errors: unknown_topic_or_part, _invalid_arg (no bytes, or no offsets).
    error_code append_raw(const std::string& topic, int32_t partition, Bytes bytes, int64_t offsets);
    /// Makes `broker` coordinator of the key, and of others that happen to live with it.
    error_code move_coordinator(Coordinator kind, const std::string& key, int32_t broker);
    /// From now on, when a coordinator moves, none is known for `election`, and then the new one loads for `load`
    /// (COORDINATOR_LOAD_IN_PROGRESS). At first both are zero. How long a transaction takes to complete after EndTxn
    /// is delay(27): of WriteTxnMarkers, at the leaders of its partitions.
    void coordinator_failover(std::chrono::milliseconds election, std::chrono::milliseconds load);
    /// 0, 1 or 2, as with MockClusterOptions; clients learn it by ApiVersions.
    void set_transaction_version(int version);
    /// Closes the broker's connections and stops listening; start() listens again on the same port, data
    /// kept.
    void stop(int32_t broker);
    void start(int32_t broker);
    /// Closes the broker's connections at once.
    void drop_connections(int32_t broker);

    /// How many requests of this kind came in.
    uint64_t request_count(int16_t api_key, int32_t broker = -1) const;
    /// How many connections were accepted.
    uint64_t connection_count(int32_t broker = -1) const;

private:
    std::unique_ptr<mock::Server> server_;
};

} // namespace ottla
