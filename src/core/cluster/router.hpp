// Takes every call of every API to the broker that should answer it: finds the leader, coordinator or controller, opens
// connections by lane, chooses the version, tries again where that is safe. Written once; nothing else retries a route.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ottla/msg/find_coordinator.hpp>

#include "base/backoff.hpp"
#include "config/client_config.hpp"
#include "core/call.hpp"
#include "core/cluster/cluster.hpp"
#include "core/cluster/metadata.hpp"
#include "core/net/connection.hpp"
#include "stats/broker_numbers.hpp"

namespace ottla::core {

class Router final : public Core, public Caller, public Connection::Owner {
public:
    Router(LinkFactory& links, const config::ClientConfig& config, ClusterEvents& events, uint64_t seed);
    ~Router() override;

    /// Router and metadata need each other: set once, before the first poll.
    void set_metadata(Metadata& metadata);

    void submit(PendingCall call) override;
    void on_throttle(
        int32_t node, const CallOptions& options, msg::ApiKey api, int16_t version, int32_t time_ms, TimePoint now) override;
    TimePoint poll(TimePoint now) override;
    int16_t usable_version(int32_t node, msg::ApiKey api) const;
    void prepare(int32_t node, Lane lane, uint32_t client);
    size_t unsent(int32_t node, Lane lane, uint32_t client) const;
    int16_t transaction_version() const { return transaction_version_; }
    std::optional<TimePoint> coordinator_known_since(const Coordinator& route) const;
    void close(TimePoint now);
    /// Brokers and sums over them, into `all`.
    void gather(Metrics& all, TimePoint now);
    /// The interval of statistics is over.
    void roll();

    void on_ready(Connection& connection, TimePoint now) override;
    void on_down(Connection& connection, const Error& error, TimePoint now) override;

private:
    struct Queued {
        PendingCall call;
        TimePoint deadline{}; ///< over all tries
        TimePoint sent{};     ///< the last try
        TimePoint waiting{};  ///< for its broker's connection, since then
        TimePoint not_before{};
        int tries = 0;
        bool maybe_sent = false; ///< a try went unanswered
        Error last_error{};     ///< of the last try, for the message at the deadline
        uint64_t metadata_version = 0;
        bool await_metadata = false; ///< the last try proved it stale: wait for a newer answer
        std::string wanted_topic{}; ///< kept known for this call
    };
    struct PeerKey {
        int32_t node; ///< below zero: the bootstrap address number -1 - node
        Lane lane;
        uint32_t client;
        auto operator<=>(const PeerKey&) const = default;
    };
    /// One (broker, lane): its connection if there is one, the calls that wait for it, when it may be opened again.
    struct Peer {
        std::unique_ptr<Connection> connection;
        std::deque<Queued> waiting;
        bool wanted = false; ///< open it although nothing waits
        int failures = 0;
        TimePoint not_before{};
        TimePoint last_failure{};
        TimePoint quiet_until{}; ///< the broker has asked for it
        config::HostPort opened_to{}; ///< by the connection
        stats::BrokerNumbers* numbers = nullptr; ///< of its broker
    };
    struct Target {
        std::optional<int32_t> node; ///< empty: not known now
        std::optional<Error> error;  ///< set: give up
        TimePoint not_before = never;
    };

    void place(Queued queued, TimePoint now);
    Target find_target(Queued& queued, TimePoint now);
    Target pick_any(TimePoint now);
    Target find_leader(Queued& queued, const Leader& route, TimePoint now);
    Target find_coordinator(const Coordinator& route, TimePoint now);
    void look_up_coordinator(const Coordinator& route, TimePoint now);
    std::optional<config::HostPort> address_of(int32_t node) const;
    static std::string text_of(const config::HostPort& address);
    bool has_moved(int32_t node, const Peer& peer) const;

    void open(const PeerKey& key, Peer& peer, TimePoint now);
    void pump(const PeerKey& key, Peer& peer, TimePoint now);
    static Error lack(const Connection& connection, const PendingCall& call);
    void send(Connection& connection, Queued queued, TimePoint now);
    void on_result(Queued queued, PendingCall::RawResult result, TimePoint now);
    void give_back(Peer& peer, const Error& why, TimePoint now);
    void retry_later(Queued queued, Error why, TimePoint now);
    void fail(Queued queued, Error error, TimePoint now);
    void end_interest(Queued& queued);
    TimePoint expire(TimePoint now);
    Error late(const Queued& queued) const;
    void log_ready(const Connection& connection, TimePoint now) const;
    bool ended_quietly(const Connection& connection, TimePoint now) const;
    void judge_all_down(const Error& error);
    Connection* ready_connection(const PeerKey& key) const;
    Peer& peer_of(const PeerKey& key);
    void tell_request(const Queued& queued, const PendingCall::RawResult& result, int32_t node, TimePoint now);
    void note_state(int32_t node, TimePoint now);
    std::string_view state_of(int32_t node) const;
    void gather(BrokerMetrics& one, const stats::BrokerNumbers& numbers, int32_t node, TimePoint now) const;

    LinkFactory& links_;
    const config::ClientConfig& config_;
    ClusterEvents& events_;
    const Log log_;
    const bool measures_; ///< durations
    Rng rng_;
    Metadata* metadata_ = nullptr;
    CallScope scope_;

    std::vector<PendingCall> incoming_;
    std::list<Queued> unplaced_; ///< waiting to know where to go, or for their backoff
    std::map<int32_t, stats::BrokerNumbers> numbers_; ///< by node; outlive the connections
    std::map<PeerKey, Peer> peers_;
    std::vector<std::unique_ptr<Connection>> graveyard_; ///< down, destroyed at the next poll
    struct CoordinatorState {
        int32_t node = -1;
        TimePoint since{}; ///< `node` is known
        bool asking = false;
        TimePoint not_before{};
        int tries = 0;
        Error last_error{};
    };
    std::map<std::pair<CoordinatorType, std::string>, CoordinatorState> coordinators_;
    std::map<std::string, TimePoint> assumed_old_; ///< addresses to be met with broker.version.fallback, until when
    Error last_failure_;
    int64_t features_epoch_ = -1;
    int16_t transaction_version_ = 0;
    bool all_down_told_ = false;
    bool room_wanted_ = false; ///< calls wait for a connection with all the requests it may have in flight
    bool closed_ = false;
};

} // namespace ottla::core
