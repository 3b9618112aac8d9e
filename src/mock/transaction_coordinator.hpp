// The coordinator's mind about every transactional id: producer, epoch, state, what is in the transaction
// (KIP-98, KIP-360, KIP-890). Decides who is fenced and when a transaction ends. Knows neither brokers nor logs:
// whoever owns it writes the markers of transactions that are ending and says when one is written.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/types.hpp>

namespace ottla::mock {

struct ProducerIdentity {
    int64_t id = -1;
    int16_t epoch = -1;
    auto operator<=>(const ProducerIdentity&) const = default;
};

class TransactionCoordinator {
public:
    /// transaction.max.timeout.ms
    static constexpr int32_t longest_timeout_ms = 15 * 60 * 1000;

    enum class State {
        empty,           ///< no transaction since the producer was initialised
        ongoing,         ///< partitions or groups were added
        prepare_commit,  ///< decided; markers are being written
        prepare_abort,   ///< likewise
        complete_commit, ///< the markers are written
        complete_abort,  ///< likewise
    };

    struct Transaction {
        State state = State::empty;
        ProducerIdentity producer; ///< epoch -1: never given out
        int64_t previous_id = -1;  ///< before its epochs ran out
        int64_t next_id = -1;      ///< from completion on, as the epochs have run out
        int16_t last_epoch = -1;   ///< a request with this one may be repeated; -1: none
        std::chrono::milliseconds timeout{0};
        std::set<TopicPartition> partitions; ///< in the transaction, or still without marker
        std::set<std::string> groups;        ///< likewise
        TimePoint since;                     ///< it is in this state

        bool is_open() const { return state == State::ongoing || is_ending(); }
        bool is_ending() const { return state == State::prepare_commit || state == State::prepare_abort; }
    };

    /// What the client speaks: in version 2 every end of a transaction bumps the epoch.
    enum class Protocol { v1, v2 };

    static constexpr Protocol protocol_of(int16_t transaction_version) {
        return transaction_version >= 2 ? Protocol::v2 : Protocol::v1;
    }

    struct Answer {
        Errc error = Errc::no_error;
        ProducerIdentity producer{}; ///< when there is no error
    };

    /// `cluster`: what the cluster's transaction.version stands for. `next_id` counts producer ids up.
    TransactionCoordinator(Protocol cluster, int64_t& next_id)
        : cluster_(cluster)
        , next_id_(next_id) {}

    void set_cluster_protocol(Protocol protocol) { cluster_ = protocol; }

    /// `expected`: what the producer believes to be (KIP-360). Errors: invalid_request,
    /// invalid_transaction_timeout, producer_fenced, concurrent_transactions (also when this aborts an ongoing
    /// transaction), unknown (epochs ran out and the producer does not know).
    Answer init_producer_id(
        const std::string& id, int32_t timeout_ms, std::optional<ProducerIdentity> expected, TimePoint now
    );

    /// Errors of the functions below: invalid_request (no id), invalid_producer_id_mapping, producer_fenced,
    /// concurrent_transactions.
    Errc add_partitions(
        const std::string& id,
        ProducerIdentity producer,
        const std::vector<TopicPartition>& partitions,
        TimePoint now
    );
    Errc add_group(
        const std::string& id, ProducerIdentity producer, const std::string& group, TimePoint now
    );
    /// Also transaction_abortable: it is not in the transaction.
    Errc verify(const std::string& id, ProducerIdentity producer, const TopicPartition& partition) const;
    Errc verify_group(const std::string& id, ProducerIdentity producer, const std::string& group) const;

    enum class End { commit, abort };
    /// The answer has the identity to go on with. Also invalid_txn_state.
    Answer
    end(const std::string& id, ProducerIdentity producer, End end, Protocol protocol, TimePoint now);

    // --- time and markers
    /// Ids whose transactions have been ongoing too long at `now`, oldest first.
    std::vector<std::string> timed_out(TimePoint now) const;
    /// When the next one will be; TimePoint::max(): there is none.
    TimePoint next_timeout(TimePoint now) const;
    /// Aborts the transaction, should it be ongoing.
    void expire(const std::string& id, TimePoint now);

    bool is_idle() const { return timeouts_.empty() && ending_.empty(); }

    /// Ids whose transactions are ending, by name.
    const std::set<std::string>& ending() const { return ending_; }

    /// The marker is written, or there is nobody to write it to.
    void finish_partition(const std::string& id, const TopicPartition& partition, TimePoint now);
    void finish_group(const std::string& id, const std::string& group, TimePoint now);

    /// Null: never heard of it.
    const Transaction* find(const std::string& id) const {
        const auto found = transactions_.find(id);
        return found == transactions_.end() ? nullptr : &found->second;
    }

    const std::map<std::string, Transaction>& all() const { return transactions_; }

private:
    Errc check(const std::string& id, ProducerIdentity producer) const;
    Errc check_addition(const std::string& id, ProducerIdentity producer) const;
    Errc check_end_v1(const Transaction& transaction, ProducerIdentity producer, End end) const;
    Errc check_end_v2(const Transaction& transaction, ProducerIdentity producer, End end, bool& repeat) const;
    Transaction& begin(const std::string& id, TimePoint now);
    void abort(Transaction& transaction, const std::string& id, TimePoint now);
    void prepare(Transaction& transaction, const std::string& id, End end, TimePoint now);
    void complete_if_done(const std::string& id, Transaction& transaction, TimePoint now);

    Protocol cluster_;
    int64_t& next_id_;
    std::map<std::string, Transaction> transactions_;
    std::set<std::pair<TimePoint, std::string>> timeouts_; ///< of the ongoing ones
    std::set<std::string> ending_;
};

} // namespace ottla::mock
