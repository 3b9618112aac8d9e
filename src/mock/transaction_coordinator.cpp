#include "mock/transaction_coordinator.hpp"

#include <limits>

namespace ottla::mock {
namespace {

/// No producer gets an epoch beyond this one; the coordinator itself may need one more to fence it.
constexpr int16_t last_epoch_given = std::numeric_limits<int16_t>::max() - 1;

bool is_exhausted(int16_t epoch) {
    return epoch >= last_epoch_given;
}

int16_t following(int16_t epoch) {
    return epoch == std::numeric_limits<int16_t>::max() ? epoch : static_cast<int16_t>(epoch + 1);
}

} // namespace

TransactionCoordinator::Answer TransactionCoordinator::init_producer_id(
    const std::string& id, int32_t timeout_ms, std::optional<ProducerIdentity> expected, TimePoint now
) {
    if (id.empty())
        return {Errc::invalid_request};
    if (timeout_ms <= 0 || timeout_ms > longest_timeout_ms)
        return {Errc::invalid_transaction_timeout};
    const auto [found, is_new] = transactions_.try_emplace(id);
    Transaction& known = found->second;
    if (is_new)
        known.producer.id = next_id_++;
    const int16_t epoch = known.producer.epoch;
    if (known.is_ending())
        return {Errc::concurrent_transactions};
    if (expected && epoch != -1 && expected->id != known.producer.id &&
        !(expected->id == known.previous_id && is_exhausted(expected->epoch)))
        return {Errc::producer_fenced};
    if (known.state == State::ongoing) {
        abort(known, id, now);
        return {Errc::concurrent_transactions};
    }

    if (is_exhausted(epoch) && (!expected || expected->epoch == epoch)) {
        known.previous_id = known.producer.id;
        known.producer = {next_id_++, 0};
        known.last_epoch = expected ? epoch : int16_t{-1};
    } else if (is_exhausted(epoch)) {
        return {Errc::unknown};
    } else if (!expected) {
        known.producer.epoch = following(epoch);
        known.last_epoch = -1;
    } else if (epoch == -1 || expected->epoch == epoch) {
        known.producer.epoch = following(epoch);
        known.last_epoch = epoch;
    } else if (expected->epoch != known.last_epoch) {
        return {Errc::producer_fenced};
    }
    known.state = State::empty;
    known.since = now;
    known.timeout = std::chrono::milliseconds(timeout_ms);
    return {Errc::no_error, known.producer};
}

Errc TransactionCoordinator::check(const std::string& id, ProducerIdentity producer) const {
    if (id.empty())
        return Errc::invalid_request;
    const Transaction* known = find(id);
    if (!known || known->producer.id != producer.id)
        return Errc::invalid_producer_id_mapping;
    return known->producer.epoch == producer.epoch ? Errc::no_error : Errc::producer_fenced;
}

Errc TransactionCoordinator::check_addition(const std::string& id, ProducerIdentity producer) const {
    // Before all else: what the producer must call itself is only settled when the last transaction has ended.
    const Transaction* known = find(id);
    return known && known->is_ending() ? Errc::concurrent_transactions : check(id, producer);
}

TransactionCoordinator::Transaction& TransactionCoordinator::begin(const std::string& id, TimePoint now) {
    Transaction& transaction = transactions_.at(id);
    if (transaction.state != State::ongoing) {
        transaction.state = State::ongoing;
        transaction.previous_id = -1; // the producer knows its new one
        transaction.since = now;
        timeouts_.emplace(now + transaction.timeout, id);
    }
    return transaction;
}

Errc TransactionCoordinator::add_partitions(
    const std::string& id,
    ProducerIdentity producer,
    const std::vector<TopicPartition>& partitions,
    TimePoint now
) {
    if (const Errc error = check_addition(id, producer); error != Errc::no_error)
        return error;
    begin(id, now).partitions.insert(partitions.begin(), partitions.end());
    return Errc::no_error;
}

Errc TransactionCoordinator::add_group(
    const std::string& id, ProducerIdentity producer, const std::string& group, TimePoint now
) {
    if (const Errc error = check_addition(id, producer); error != Errc::no_error)
        return error;
    begin(id, now).groups.insert(group);
    return Errc::no_error;
}

Errc TransactionCoordinator::verify(
    const std::string& id, ProducerIdentity producer, const TopicPartition& partition
) const {
    if (const Errc error = check(id, producer); error != Errc::no_error)
        return error;
    const Transaction& known = *find(id);
    if (known.is_ending())
        return Errc::concurrent_transactions;
    return known.partitions.contains(partition) ? Errc::no_error : Errc::transaction_abortable;
}

Errc TransactionCoordinator::verify_group(
    const std::string& id, ProducerIdentity producer, const std::string& group
) const {
    if (const Errc error = check(id, producer); error != Errc::no_error)
        return error;
    const Transaction& known = *find(id);
    if (known.is_ending())
        return Errc::concurrent_transactions;
    return known.groups.contains(group) ? Errc::no_error : Errc::transaction_abortable;
}

Errc TransactionCoordinator::check_end_v1(
    const Transaction& known, ProducerIdentity producer, End end
) const {
    if (known.producer.id != producer.id)
        return Errc::invalid_producer_id_mapping;
    if (known.producer.epoch != producer.epoch)
        return Errc::producer_fenced;
    if (known.is_ending())
        return Errc::concurrent_transactions;
    if (known.state == State::ongoing)
        return Errc::no_error;
    const State same = end == End::commit ? State::complete_commit : State::complete_abort;
    return known.state == same ? Errc::no_error : Errc::invalid_txn_state;
}

/// Two requests are repeats of one that was done: with the epoch before, and with the last epoch of the id before.
Errc TransactionCoordinator::check_end_v2(
    const Transaction& known, ProducerIdentity producer, End end, bool& repeat
) const {
    if (known.is_ending())
        return Errc::concurrent_transactions;
    const bool is_complete = known.state == State::complete_commit || known.state == State::complete_abort;
    const bool rolled_over = is_complete && producer.id == known.previous_id && producer.epoch == last_epoch_given &&
                             known.producer.epoch == 0;
    if (known.producer.id != producer.id && !rolled_over)
        return Errc::invalid_producer_id_mapping;
    repeat = rolled_over || (is_complete && following(producer.epoch) == known.producer.epoch);
    if (!repeat && known.producer.epoch != producer.epoch)
        return Errc::producer_fenced;
    if (repeat) {
        const State same = end == End::commit ? State::complete_commit : State::complete_abort;
        return known.state == same ? Errc::no_error : Errc::invalid_txn_state;
    }
    // Without a transaction there is nothing to commit, but an abort bumps the epoch.
    return known.state == State::ongoing || end == End::abort ? Errc::no_error : Errc::invalid_txn_state;
}

TransactionCoordinator::Answer TransactionCoordinator::end(
    const std::string& id, ProducerIdentity producer, End end, Protocol protocol, TimePoint now
) {
    if (id.empty())
        return {Errc::invalid_request};
    const auto found = transactions_.find(id);
    if (found == transactions_.end())
        return {Errc::invalid_producer_id_mapping};
    Transaction& known = found->second;
    bool repeat = false;
    if (protocol == Protocol::v1) {
        const Errc error = check_end_v1(known, producer, end);
        if (error == Errc::no_error && known.state == State::ongoing)
            prepare(known, id, end, now);
        return {error, known.producer};
    }
    const Errc error = check_end_v2(known, producer, end, repeat);
    if (error != Errc::no_error || repeat)
        return {error, known.producer};
    if (is_exhausted(known.producer.epoch))
        known.next_id = next_id_++;
    known.last_epoch = known.producer.epoch;
    known.producer.epoch = following(known.producer.epoch);
    const ProducerIdentity next =
        known.next_id == -1 ? known.producer : ProducerIdentity{known.next_id, 0};
    prepare(known, id, end, now);
    return {Errc::no_error, next};
}

std::vector<std::string> TransactionCoordinator::timed_out(TimePoint now) const {
    std::vector<std::string> ids;
    for (auto at = timeouts_.begin(); at != timeouts_.end() && at->first <= now; ++at)
        ids.push_back(at->second);
    return ids;
}

TimePoint TransactionCoordinator::next_timeout(TimePoint now) const {
    for (const auto& [when, id] : timeouts_)
        if (when > now)
            return when;
    return TimePoint::max();
}

void TransactionCoordinator::expire(const std::string& id, TimePoint now) {
    const auto found = transactions_.find(id);
    if (found != transactions_.end() && found->second.state == State::ongoing)
        abort(found->second, id, now);
}

/// The coordinator's own decision: the epoch it ends with is one that the producer does not have. A cluster of
/// version 2 remembers the producer's, so that it may learn the new one by InitProducerId.
void TransactionCoordinator::abort(Transaction& transaction, const std::string& id, TimePoint now) {
    transaction.last_epoch = cluster_ == Protocol::v2 ? transaction.producer.epoch : int16_t{-1};
    transaction.producer.epoch = following(transaction.producer.epoch);
    prepare(transaction, id, End::abort, now);
}

void TransactionCoordinator::prepare(
    Transaction& transaction, const std::string& id, End end, TimePoint now
) {
    if (transaction.state == State::ongoing)
        timeouts_.erase({transaction.since + transaction.timeout, id});
    transaction.state = end == End::commit ? State::prepare_commit : State::prepare_abort;
    transaction.since = now;
    ending_.insert(id);
    complete_if_done(id, transaction, now);
}

void TransactionCoordinator::complete_if_done(
    const std::string& id, Transaction& transaction, TimePoint now
) {
    if (!transaction.partitions.empty() || !transaction.groups.empty())
        return;
    transaction.state =
        transaction.state == State::prepare_commit ? State::complete_commit : State::complete_abort;
    transaction.since = now;
    if (transaction.next_id != -1) {
        transaction.previous_id = transaction.producer.id;
        transaction.producer = {std::exchange(transaction.next_id, -1), 0};
    }
    ending_.erase(id);
}

void TransactionCoordinator::finish_partition(
    const std::string& id, const TopicPartition& partition, TimePoint now
) {
    const auto found = transactions_.find(id);
    if (found == transactions_.end() || !found->second.is_ending())
        return;
    found->second.partitions.erase(partition);
    complete_if_done(id, found->second, now);
}

void TransactionCoordinator::finish_group(const std::string& id, const std::string& group, TimePoint now) {
    const auto found = transactions_.find(id);
    if (found == transactions_.end() || !found->second.is_ending())
        return;
    found->second.groups.erase(group);
    complete_if_done(id, found->second, now);
}

} // namespace ottla::mock
