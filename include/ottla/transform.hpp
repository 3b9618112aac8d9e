// Reads records, writes others, and commits both in transactions: each record counts exactly once (KIP-98, KIP-447).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ottla/consumer.hpp>
#include <ottla/export.hpp>
#include <ottla/producer.hpp>

namespace ottla {

struct TransformOptions {
    /// What is read. Only one Transform of a group may read a partition at a time: give each share of the partitions a transactional.id
    /// of its own, so that whoever takes it over fences the one before.
    std::vector<TopicPartition> from{};
    /// A transaction ends with so many records (at least 1),
    size_t max_records = 1000;
    /// or so long after its first one.
    std::chrono::milliseconds max_wait{100};
};

/// Consume, transform, produce, exactly once. What has been read comes from the committed offsets of the consumer's group when it starts and
/// after each abort, so that a transaction that failed is done again from its beginning.
///
/// The consumer wants group.id, isolation.level=read_committed and enable.auto.commit=false; the producer transactional.id. Use from one
/// thread at a time, not on an engine's own loop: calls block.
class OTTLA_EXPORT Transform {
public:
    /// Makes with `out` what is to be written for `in`; may be called again for the same record after an abort. Wait for room:
    /// `out.produce(record, wait)`. What it throws aborts the transaction and comes out of step().
    using Function = std::function<void(const Message& in, Producer& out)>;

    /// Does not wait for the network. Throws KafkaException: _invalid_arg (nothing to read, no function, max_records), _unknown_group.
    Transform(Consumer consumer, Producer producer, TransformOptions options, Function function);

    /// One transaction: waits up to `timeout` for the first record (negative: no limit), then gathers, transforms and commits. Returns how
    /// many records are committed by it; 0: nothing came, or the transaction was aborted, and the next call does it again (see aborted()).
    /// The first call also fences older producers of the transactional.id; the time for that and for the end of a transaction is
    /// transaction.timeout.ms. Throws KafkaException: if retriable, call again to go on; if fatal (_fenced: another has taken over), make
    /// a new Transform or leave it; else an error of reading (a partition that is unknown), or of the function, after an abort.
    size_t step(std::chrono::milliseconds timeout);

    /// Transactions that were aborted.
    uint64_t aborted() const { return aborted_; }
    /// The records of the transactions that were committed.
    uint64_t committed() const { return committed_; }
    Consumer& consumer() { return consumer_; }
    Producer& producer() { return producer_; }
    /// Aborts what is open, ends both clients.
    void close();

private:
    enum class Phase : uint8_t { fresh, rewinding, reading, open, committing, aborting };

    void go_on();
    void give_up();
    void rewind();
    void abort();
    std::vector<Message> gather(std::chrono::milliseconds timeout);
    void transform(const std::vector<Message>& messages);
    size_t commit();

    Consumer consumer_;
    Producer producer_;
    TransformOptions options_;
    Function function_;
    Phase phase_ = Phase::fresh;
    std::vector<TopicPartitionOffset> next_; ///< behind what is in the transaction
    size_t in_transaction_ = 0;
    uint64_t aborted_ = 0;
    uint64_t committed_ = 0;
};

} // namespace ottla
