// A Kafka cluster without sockets, threads or clocks: brokers, topics, logs and the connections to them.
// Bytes come in with `now`, answers go out through an Outlet; the same core serves the socket server and a
// simulation. Here: connections and their turn-taking, faults, cluster state. What each API does: api/*.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>
#include <ottla/types.hpp>

#include "base/move_only_function.hpp"
#include "base/rng.hpp"
#include "mock/consumer_group_coordinator.hpp"
#include "mock/coordinator_placement.hpp"
#include "mock/faults.hpp"
#include "mock/fetch_sessions.hpp"
#include "mock/group_coordinator.hpp"
#include "mock/group_offsets.hpp"
#include "mock/topic.hpp"
#include "mock/transaction_coordinator.hpp"

namespace ottla::mock {

/// Carries what the core says. Its functions must not call back into the core.
class Outlet {
public:
    virtual ~Outlet() = default;
    /// One whole frame, size prefix included, to be sent in pieces.
    virtual void send(ConnectionId connection, std::vector<Buffer> frame) = 0;
    enum class Closing {
        after_sending, ///< what was given to `send` still leaves
        at_once,       ///< as if the broker had died
    };
    /// No more is to be read. The core has forgotten the connection.
    virtual void close(ConnectionId connection, Closing closing) = 0;
};

struct CoreOptions {
    bool auto_create_topics = true;
    int default_partitions = 4;
    int16_t default_replication_factor = 1;
    TopicConfig topic_defaults;
    std::optional<CannedBatch> canned; ///< set: null brokers, which read this and keep nothing
    ProducerTable::FirstSequence first_sequence = ProducerTable::FirstSequence::any;
    int16_t transaction_version = 2; ///< the finalised feature transaction.version: 0, 1 or 2
    GroupOptions groups;
    FetchSessionLimits fetch_sessions;
    ConsumerGroupOptions consumer_groups;
    uint64_t seed = 1;
    /// What the realtime clock (ms since 1970) says when `now` is `start`: for timestamps the broker makes.
    int64_t start_timestamp_ms = 0;
    TimePoint start{};
};

struct Broker {
    std::string host;
    int32_t port = 0;
    std::string rack; ///< broker.rack; empty: none
    bool up = true;
};

/// One request on its way through a handler.
struct Call {
    ConnectionId connection = 0;
    int32_t broker = 0;
    int16_t version = 0;
    int32_t correlation_id = 0;
    std::string_view client_id; ///< valid while the handler runs, not when it is resumed
    int32_t throttle_ms = 0;
    TimePoint now;
    /// Not no_error: the request is not done, every part of its answer says this (fail_next).
    Errc injected = Errc::no_error;
    /// The same, of a Produce request that is done all the same.
    Errc injected_late = Errc::no_error;
};

/// What a handler decided.
struct Outcome {
    enum class Kind {
        reply,  ///< `frame` is the answer
        silent, ///< done, and there is no answer (acks=0)
        parked, ///< `resume` gives the outcome at `deadline`, or earlier when woken
        close,  ///< the request makes no sense: the connection ends
    };

    Kind kind = Kind::close;
    std::vector<Buffer> frame;
    TimePoint deadline;
    MoveOnlyFunction<Outcome(TimePoint now)> resume;
};

/// A partition of the topic with this id, should both still exist.
struct PartitionRef {
    Uuid topic;
    int32_t partition;
};

class ClusterCore : private TopicsView {
public:
    using Milliseconds = std::chrono::milliseconds;

    ClusterCore(CoreOptions options, Outlet& outlet);

    // --- brokers
    /// A new broker, up, at this address.
    void add_broker(int32_t id, std::string host, int32_t port, std::string rack = {});

    const std::map<int32_t, Broker>& brokers() const { return brokers_; }

    /// The first broker that is up, -1 when none is.
    int32_t controller() const;
    enum class Tail {
        kept,
        lost, ///< what it led and had not acknowledged is gone: no other replica had it yet
    };
    /// Ends its connections and gives its partitions to other replicas that are up; without one they have no
    /// leader.
    void stop(int32_t broker, TimePoint now, Tail tail = Tail::kept);
    /// It takes the lead of partitions which have none and of which it is a replica.
    void start(int32_t broker, TimePoint now);
    /// An unclean election: the leader, or `broker` in its place, leads under the next epoch and lacks what is from
    /// `end_offset` on, also if it had been acknowledged. Errors: unknown_topic_or_part, broker_not_available.
    Error truncate(const std::string& topic, int32_t partition, int64_t end_offset, int32_t broker, TimePoint now);
    /// Bytes that no broker would have taken, at the end of the partition, where they take up so many offsets. Errors:
    /// unknown_topic_or_part, _invalid_arg (no bytes, or no offsets).
    Error append_raw(const std::string& topic, int32_t partition, Buffer bytes, int64_t offsets, TimePoint now);
    void drop_connections(int32_t broker);

    // --- connections
    ConnectionId connect(int32_t broker);
    /// One request, without its size prefix. Requests of a connection are done one after the other.
    void on_frame(ConnectionId connection, Buffer frame, TimePoint now);
    /// The peer is gone. Unknown connections are ignored.
    void on_closed(ConnectionId connection);
    /// Does what is due, and says when it wants to be called again (TimePoint::max(): never).
    TimePoint poll(TimePoint now);
    /// Bytes of requests that wait for the one before them: a driver stops reading when this grows.
    size_t backlog_bytes(ConnectionId connection) const;

    size_t open_connections() const { return connections_.size(); }

    /// How many batches went with the tails of stopped brokers.
    size_t lost_batches() const { return lost_batches_; }

    /// How many connections there have been.
    uint64_t connection_count(int32_t broker) const;

    // --- topics
    struct NewTopic {
        std::string name;
        int32_t partitions = -1;         ///< -1: the default, or as `assignment` says
        int16_t replication_factor = -1; ///< likewise
        std::vector<std::vector<int32_t>> assignment;
        TopicConfig config;
    };

    /// Errors: topic_exception (the name), topic_already_exists, invalid_partitions,
    /// invalid_replication_factor, invalid_replica_assignment.
    Error check(const NewTopic& topic) const;
    /// As `check`; the topic exists when it returns.
    Error create_topic(const NewTopic& topic);
    /// Errors: unknown_topic_or_part. Fetches that wait for the topic are answered at the next frame or poll.
    Error delete_topic(const std::string& name);
    /// Null when there is none.
    Topic* find_topic(const std::string& name);
    Topic* find_topic(const Uuid& id);

    std::map<std::string, Topic>& topics() { return topics_; }

    /// Empty: there is none.
    std::string name_of_topic(const Uuid& id) const override;

    /// Errors: unknown_topic_or_part, broker_not_available.
    Error move_leader(const std::string& topic, int32_t partition, int32_t broker, TimePoint now);

    // --- coordinators and transactions
    enum class CoordinatorOf { group, transaction };
    /// The broker that coordinates the group or transactional id; -1: nobody at present.
    int32_t find_coordinator(CoordinatorOf kind, const std::string& key, TimePoint now);
    /// Errors: broker_not_available.
    Error move_coordinator(CoordinatorOf kind, const std::string& key, int32_t broker, TimePoint now);
    /// What it costs that a coordinator moves, from now on. At first nothing.
    void set_failover(CoordinatorPlacement::Failover failover);
    /// transaction.version becomes 0, 1 or 2.
    void set_transaction_version(int16_t version);

    int16_t transaction_version() const { return transaction_version_; }

    /// Goes up whenever a feature changes.
    int64_t features_epoch() const { return features_epoch_; }

    const TransactionCoordinator& transactions() const { return transactions_; }

    const GroupCoordinator& groups() const { return groups_; }

    /// Those of the new protocol; a name is in one of the two.
    const ConsumerGroupCoordinator& consumer_groups() const { return consumer_groups_; }

    // --- faults and counters
    Faults& faults() { return faults_; }

    /// max < 0: the API is gone. Ranges are cut to what the core implements.
    void limit_versions(int16_t api_key, int16_t min, int16_t max) { limits_[api_key] = {min, max}; }

    /// Accepted versions of an API the core has.
    std::pair<int16_t, int16_t> versions(int16_t api_key, int16_t min, int16_t max) const;
    uint64_t request_count(int16_t api_key, int32_t broker) const;

    // --- for handlers
    const CoreOptions& options() const { return options_; }

    const std::string& cluster_id() const { return cluster_id_; }

    int64_t timestamp_ms(TimePoint now) const;

    int64_t next_producer_id() { return next_producer_id_++; }

    TransactionCoordinator& transactions() { return transactions_; }

    GroupCoordinator& groups() { return groups_; }

    ConsumerGroupCoordinator& consumer_groups() { return consumer_groups_; }

    GroupOffsets& offsets() { return offsets_; }

    /// Those of the broker; they end when it stops.
    FetchSessions& fetch_sessions(int32_t broker);

    /// What the broker that was asked says as a coordinator: the injected error, not_coordinator,
    /// coordinator_load_in_progress or no_error.
    Errc check_coordinator(CoordinatorOf kind, const std::string& key, const Call& call);
    /// What a broker finds when it turns to the coordinator for a client: coordinator_not_available,
    /// coordinator_load_in_progress or no_error.
    Errc coordinator_state(const std::string& transactional_id, TimePoint now);
    /// Aborts transactions that are too old and writes the markers that are due. Returns when to come again.
    TimePoint end_transactions(TimePoint now);

    /// The connection's fetch, which is about to be parked, waits for so many bytes in these partitions.
    void wait_for(
        ConnectionId connection, std::vector<PartitionRef> partitions, int64_t missing_bytes, ReadLevel level
    );
    /// The connection's answer will acknowledge what is below `end_offset`.
    void will_acknowledge(ConnectionId connection, PartitionRef where, int64_t end_offset);
    /// Records came: wakes fetches that have enough. `stable_before`: the last stable offset without them.
    void on_appended(Partition& partition, size_t bytes, int64_t stable_before);

private:
    struct Connection {
        enum class State {
            idle,    ///< the next request may be done
            parked,  ///< a request waits: `resume`
            delayed, ///< an answer waits: `reply`
            muted,   ///< answered, throttled until `due`
        };
        int32_t broker = 0;
        State state = State::idle;
        std::deque<Buffer> requests;
        size_t backlog_bytes = 0;
        TimePoint due;
        int16_t api_key = 0; // of the request at work
        MoveOnlyFunction<Outcome(TimePoint)> resume;
        std::vector<Buffer> reply;
        bool drop_reply = false;
        int32_t throttle_ms = 0;
        std::vector<std::pair<PartitionRef, int64_t>> acknowledges; ///< ends, when the answer leaves
        std::vector<PartitionRef> waits_in;
        int64_t missing_bytes = 0;
        ReadLevel level = ReadLevel::uncommitted;
    };

    using Connections = std::map<ConnectionId, Connection>;

    std::optional<SubscribedTopic> find_by_name(const std::string& topic) const override;
    std::vector<std::string> topic_names() const override;

    uint64_t topics_epoch() const override { return topics_epoch_; }

    void pump(ConnectionId id, TimePoint now);
    Outcome handle(ConnectionId id, Connection& connection, const Buffer& frame, TimePoint now);
    void take(ConnectionId id, Connection& connection, Outcome outcome, TimePoint now);
    void deliver(ConnectionId id, Connection& connection, std::vector<Buffer> frame, TimePoint now);
    void set_due(ConnectionId id, Connection& connection, Connection::State state, TimePoint due);
    void go_on(ConnectionId id, TimePoint now);
    void stop_waiting(ConnectionId id, Connection& connection);
    void wake_all(Partition& partition);
    void settle(TimePoint now);
    void forget(Connections::iterator connection);
    void lead(Partition& partition, int32_t broker);
    CoordinatorPlacement& placement(CoordinatorOf kind);
    void move_groups(const std::function<void(CoordinatorPlacement&)>& change);
    void run_groups(TimePoint now);
    TimePoint next_of_groups(TimePoint now) const;
    void wake_members();
    TimePoint write_markers(const std::string& id, TimePoint now);
    void append_marker(
        Topic& topic,
        Partition& partition,
        ProducerIdentity producer,
        BatchRole role,
        int32_t coordinator_epoch,
        TimePoint now
    );
    static size_t lose_tail(Partition& partition, int64_t end_offset);
    std::vector<int32_t> brokers_up() const;
    Uuid new_id();

    const CoreOptions options_;
    Outlet& outlet_;
    Rng rng_;
    std::string cluster_id_;
    std::map<int32_t, Broker> brokers_;
    std::map<std::string, Topic> topics_;
    std::map<Uuid, std::string> topic_names_;
    uint64_t topics_epoch_ = 1;
    Connections connections_;
    std::set<std::pair<TimePoint, ConnectionId>> deadlines_;
    std::vector<ConnectionId> woken_;
    ConnectionId next_connection_ = 1;
    int64_t next_producer_id_ = 1000;
    size_t next_leader_ = 0;
    size_t lost_batches_ = 0;
    CoordinatorPlacement group_coordinators_;
    CoordinatorPlacement transaction_coordinators_;
    TransactionCoordinator transactions_;
    GroupCoordinator groups_;
    ConsumerGroupCoordinator consumer_groups_;
    GroupOffsets offsets_;
    int16_t transaction_version_;
    int64_t features_epoch_ = 1;
    std::map<int32_t, FetchSessions> fetch_sessions_;
    Faults faults_;
    std::map<int16_t, std::pair<int16_t, int16_t>> limits_;
    std::map<std::pair<int16_t, int32_t>, uint64_t> request_counts_;
    std::map<int32_t, uint64_t> connection_counts_;
};

} // namespace ottla::mock
