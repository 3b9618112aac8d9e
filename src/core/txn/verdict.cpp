#include "core/txn/verdict.hpp"

namespace ottla::core::txn {

Verdict judge(Errc error, Request request) {
    using enum Errc;
    const bool ending = request == Request::end_abort || request == Request::init_producer_id; // there is nothing left to abort
    const Verdict spoiled = ending ? Verdict::fatal : Verdict::abort;
    switch (error) {
    case no_error:
        return Verdict::done;
    case concurrent_transactions: // the one before is still being completed
        return Verdict::again;
    case producer_fenced:
    case invalid_producer_epoch: // what older coordinators say for it
        return Verdict::fenced;
    case invalid_producer_id_mapping:
        switch (request) {
        case Request::add_partitions:
        case Request::add_offsets:
        case Request::end_commit:
            return Verdict::abort_bump;
        default:
            return Verdict::fatal;
        }
    case invalid_txn_state:
    case transactional_id_authorization_failed:
    case cluster_authorization_failed:
    case invalid_transaction_timeout:
    case unsupported_for_message_format:
    case _unsupported_feature:
    case unsupported_version:
        return Verdict::fatal;
    case unknown_topic_or_part: // of a topic that is only coming into being
        return Verdict::again;
    case transaction_abortable:
    case operation_not_attempted:
    case group_authorization_failed:
    case topic_authorization_failed:
    case illegal_generation:
    case unknown_member_id:
    case fenced_instance_id:
    case stale_member_epoch:
    case offset_metadata_too_large:
        return spoiled;
    default:
        return is_retriable(error) ? Verdict::again : spoiled;
    }
}

} // namespace ottla::core::txn
