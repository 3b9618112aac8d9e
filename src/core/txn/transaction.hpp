// A producer's transactions: who it is to the coordinator, what belongs to the open transaction, how it ends (KIP-98, KIP-360,
// KIP-447, KIP-588; KIP-890: version 2 joins partitions by Produce and raises the epoch at each end).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ottla/msg/add_offsets_to_txn.hpp>
#include <ottla/msg/add_partitions_to_txn.hpp>
#include <ottla/msg/end_txn.hpp>
#include <ottla/msg/init_producer_id.hpp>
#include <ottla/msg/txn_offset_commit.hpp>

#include "base/move_only_function.hpp"
#include "base/rng.hpp"
#include "core/call.hpp"
#include "core/produce/producer.hpp"
#include "core/txn/verdict.hpp"

namespace ottla::core::txn {

/// What a transaction commits for a consumer group.
struct GroupOffsets {
    struct Row {
        std::string topic;
        int32_t partition = 0;
        int64_t offset = 0; ///< next to be read
        int32_t leader_epoch = -1;
        std::string metadata{};
    };
    std::vector<Row> rows;
    std::string group_id;
    int32_t generation_id = -1;
    std::string member_id{};
    std::optional<std::string> group_instance_id{};
};

/// The calls of the application. All but `begin` end later, with one of: no error; retriable (never from here: a caller
/// that has waited long enough says so); txn_requires_abort; fatal; _state, _conflict, _prev_in_progress.
class Transaction final : public Core, public produce::TransactionGate {
public:
    using Done = MoveOnlyFunction<void(Error)>;
    struct Ports {
        Caller& caller;
        /// What the cluster has finalised of `transaction.version`, from the newest answer seen (KIP-584).
        std::function<int16_t()> transaction_version;
    };

    Transaction(
        Ports ports,
        const config::ClientConfig& config,
        accumulator::Accumulator& accumulator,
        produce::ProducerCore& producer,
        ClusterEvents& events,
        uint64_t seed);
    ~Transaction() override;

    enum class State : uint8_t {
        created,      ///< init has not been called
        initializing, ///< asking for producer id and epoch; older instances are fenced by it
        ready,        ///< between transactions
        open,         ///< messages are taken
        committing,
        abortable,    ///< something of it failed: only abort helps
        aborting,
        fatal,
    };
    State state() const { return state_; }
    /// Its standing, into `all`, where the producer's is already.
    void gather(IdempotenceMetrics& all, TimePoint now) const;

    void init(Done done);
    Error begin();
    void send_offsets(GroupOffsets offsets, Done done);
    void commit(Done done);
    void abort(Done done);
    /// The caller of the running call has stopped waiting: it goes on, and the same call made again waits for its end.
    /// False when there is none.
    bool detach();
    /// Pending calls end with `error`.
    void close(const Error& error);

    TimePoint poll(TimePoint now) override;

    // --- produce::TransactionGate
    bool admit(const std::string& topic, int32_t partition) override;
    void on_send(const std::string& topic, int32_t partition) override;
    bool joins_by_produce() const override { return version_ >= 2; }
    void on_batch_failed(const Error& error, bool numbered) override;
    void on_turn() override;

private:
    enum class CallKind : uint8_t { none, init, send_offsets, commit, abort };
    struct Running {
        CallKind kind = CallKind::none;
        Done waiter{}; ///< null: the caller has given up, or has not come back yet
        std::optional<Error> result{}; ///< it ended while nobody waited
    };
    /// A request of its own that is repeated until it has an answer that settles it.
    struct Attempt {
        bool in_flight = false;
        int tries = 0;
        TimePoint not_before{};
        bool due(TimePoint now) const { return !in_flight && now >= not_before; }
    };

    void transition(State to);
    static bool may_follow(State from, State to);
    /// Takes `done` as the running call's waiter if it may: a call of that kind, in one of the states given.
    bool start(CallKind kind, Done& done, std::initializer_list<State> states);
    void finish(CallKind kind, Error error);
    Error not_now(CallKind kind) const;
    void forget_offsets();

    CallOptions options() const;
    void ask_identity(TimePoint now);
    void add_partitions(TimePoint now);
    void on_partitions_added(const msg::AddPartitionsToTxnResponse& response, TimePoint now);
    void serve_offsets(TimePoint now);
    void add_offsets();
    void commit_offsets();
    TimePoint serve_end(TimePoint now);
    void end_transaction();
    void on_ended();
    /// Acts on what a request came to. True: it is done.
    bool settle(Errc code, std::string text, Request request, Attempt& attempt, TimePoint now);
    template <class Response>
    bool is_lost(const CallResult<Response>& result, Request request, Attempt& attempt, TimePoint now);
    void retry(Attempt& attempt, Errc code, TimePoint now);
    void go_abortable(Error error);
    void go_fatal(Error error, TimePoint now);
    bool has_begun_at_coordinator() const { return !added_.empty() || perhaps_added_ || offsets_joined_; }

    const Ports ports_;
    const config::ClientConfig& config_;
    accumulator::Accumulator& accumulator_;
    produce::ProducerCore& producer_;
    ClusterEvents& events_;
    const Log log_;
    Rng rng_;
    CallScope scope_;
    CallScope offsets_scope_; ///< of an abandoned send_offsets

    State state_ = State::created;
    TimePoint turn_{};  ///< of the last poll
    TimePoint since_{}; ///< in state_
    Error failure_; ///< why it is abortable or fatal
    std::optional<Error> fatal_to_come_; ///< told in the midst of the producer's turn
    Running running_;
    produce::Identity identity_;
    int16_t version_ = 1;     ///< of transactions, sampled between them
    bool bump_ = false;       ///< the epoch must go up before the next transaction
    bool strays_ = false;     ///< a request of it went unanswered: it may reach a coordinator at any time
    bool can_bump_ = false;   ///< coordinators know how (Kafka 2.5)
    bool void_id_ = false;    ///< the coordinator does not know this producer id: EndTxn would be refused
    bool closed_ = false;
    bool ending_told_ = false; ///< EndTxn has been answered
    Attempt identity_attempt_;
    Attempt partitions_attempt_;
    Attempt offsets_attempt_;
    Attempt end_attempt_;

    using Partitions = std::map<std::string, std::set<int32_t>, std::less<>>;
    Partitions pending_; ///< to be added (version 1)
    Partitions asked_;   ///< in the request that is in flight
    Partitions added_;   ///< part of the transaction
    bool perhaps_added_ = false; ///< an answer was lost
    std::optional<GroupOffsets> offsets_; ///< being sent
    bool offsets_joined_ = false;         ///< the transaction has a group's offsets
    std::set<std::string> groups_;        ///< made part of it by AddOffsetsToTxn (version 1)
};

} // namespace ottla::core::txn
