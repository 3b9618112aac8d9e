// A producer with transactions in a world: one after the other, committed or aborted, by its seed; what the application of
// such a producer does with errors.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/cluster/cluster.hpp"
#include "core/produce/producer.hpp"
#include "core/txn/transaction.hpp"
#include "sim/ledger.hpp"

namespace ottla::sim {

/// What an application knows of its transactions.
struct TransactionBook {
    enum class End {
        open,      ///< never ended: its producer went away
        committed, ///< commit said so
        aborted,   ///< abort said so
        unknown,   ///< the producer went away in the middle of commit
    };
    struct Entry {
        std::vector<size_t> messages; ///< ids of the ledger
        End end = End::open;
        int64_t offset = -1; ///< of the group, sent with it
    };
    std::vector<Entry> transactions;

    /// Where the group has read to is part of some of them.
    static inline const std::string group = "readers";
    static inline const TopicPartition input{"t0", 0};
};

class TransactionalClient final : public core::produce::BatchSink, public core::ClusterEvents {
public:
    struct Plan {
        config::ClientConfig config;
        int abort_percent = 25;
        Duration pause{}; ///< between steps, at most
    };

    TransactionalClient(World& world, Ledger& ledger, TransactionBook& book, Plan plan, uint64_t seed);

    /// Runs transactions until `stop`, then ends the one that is open.
    void start();
    void stop() { stopping_ = true; }
    /// Nothing will happen any more: stopped between transactions, or fatal.
    bool done() const { return done_; }
    const std::optional<Error>& fatal() const { return fatal_; }
    void close();
    ClientLoop& loop() { return loop_; }
    int64_t outstanding() const { return accumulator_.outstanding(); }

private:
    void later(void (TransactionalClient::*step)());
    void begin();
    void produce();
    void end();
    void send_offset();
    void commit();
    void abort();
    void call(core::txn::Transaction::Done done, void (core::txn::Transaction::*start)(core::txn::Transaction::Done));
    void on_committed(const Error& error);
    void on_aborted(const Error& error);
    void finish();

    void drain();
    void deliver(accumulator::Batch* batch) override;
    void on_fatal(const Error& error) override;
    void on_error(const Error& error) override;
    void on_log(int level, std::string_view facility, std::string_view text) override;
    void on_throttle(std::string_view, int32_t node, std::chrono::milliseconds time) override;

    World& world_;
    Ledger& ledger_;
    TransactionBook& book_;
    const Plan plan_;
    const config::ClientConfig& config_;
    ClientLoop loop_;
    bool rung_ = false;
    bool stopping_ = false;
    bool done_ = false;
    bool closed_ = false;
    int64_t left_ = 0; ///< messages of the open transaction still to come
    size_t current_ = 0;
    uint64_t calls_ = 0; ///< tells a call's answers from those of calls given up
    std::vector<accumulator::Batch*> delivered_;
    std::optional<Error> fatal_;
    accumulator::Accumulator accumulator_;
    core::Cluster cluster_;
    core::produce::ProducerCore core_;
    core::txn::Transaction transaction_;
};

} // namespace ottla::sim
