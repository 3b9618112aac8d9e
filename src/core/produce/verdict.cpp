#include "core/produce/verdict.hpp"

#include "base/probe.hpp"

namespace ottla::core::produce {
namespace {

constexpr int16_t first_sure_version = 8; // of Produce: Kafka 2.4

} // namespace

Verdict judge(Errc error, const Situation& batch) {
    using enum Errc;
    switch (error) {
    case no_error:
    case duplicate_sequence_number: // the first try had been stored, its answer lost
        return Verdict::delivered;
    case out_of_order_sequence_number:
        if (!batch.idempotent)
            return Verdict::fail;
        // Behind an unresolved batch this is that one's gap, and closes when it is stored. Else the broker has lost what it
        // had acknowledged; this batch is not stored, nor was it before: the broker would have known it.
        if (!batch.first)
            return Verdict::retry;
        return batch.transactional ? Verdict::fail : Verdict::renumber;
    case unknown_producer_id:
        // The broker has forgotten all of this producer, so it cannot tell whether an earlier try was stored.
        if (!batch.idempotent || batch.transactional)
            return Verdict::fail;
        if (!batch.first)
            return Verdict::retry;
        return batch.ambiguous ? Verdict::fail : Verdict::renumber;
    case invalid_producer_epoch:
    case producer_fenced:
    case invalid_producer_id_mapping:
        return batch.idempotent && !batch.transactional ? Verdict::fatal : Verdict::fail;
    case unsupported_for_message_format:
    case invalid_required_acks:
    case cluster_authorization_failed:
        return batch.idempotent && !batch.transactional ? Verdict::fatal : Verdict::fail;
    case msg_size_too_large:
    case record_list_too_large:
        // Were the whole stored by an earlier try (the limit is lower since), its halves would be stored beside it.
        return batch.idempotent && batch.ambiguous ? Verdict::fail : Verdict::split;
    case concurrent_transactions: // the partition joins a transaction while the one before is completed (KIP-890)
        return batch.transactional ? Verdict::retry : Verdict::fail;
    case topic_authorization_failed:
    case invalid_record:
    case invalid_timestamp:
    case topic_exception:
    case policy_violation:
        return Verdict::fail;
    default:
        if (needs_metadata_refresh(error))
            return Verdict::refresh_retry;
        return is_retriable(error) ? Verdict::retry : Verdict::fail;
    }
}

bool may_be_stored(Errc error, int acks, int16_t version) {
    using enum Errc;
    if (probe::planted("late_error_is_not_stored"))
        return false;
    switch (error) {
    case request_timed_out:
    case not_enough_replicas_after_append:
    case kafka_storage_error:
    case unknown:
        return true;
    case not_leader_for_partition: // said too by a leader that lost its place while it waited for its followers, who may have the batch
        return acks == -1;
    case unknown_topic_or_part: // before Kafka 2.4 said too by one whose replica moved away meanwhile
        return acks == -1 && version < first_sure_version;
    default:
        return false;
    }
}

} // namespace ottla::core::produce
