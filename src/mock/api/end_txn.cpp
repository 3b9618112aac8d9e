// EndTxn v0-5. v2 tells PRODUCER_FENCED apart, v5 is that of transaction version 2: it bumps the epoch and tells the
// producer who it is from now on (KIP-890).
#include <ottla/msg/end_txn.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

Outcome act(ClusterCore& cluster, const Call& call, msg::EndTxnRequest& request) {
    using Coordinator = TransactionCoordinator;
    Coordinator::Answer answer;
    answer.error = request.transactional_id.empty() ? Errc::invalid_request : Errc::no_error;
    if (answer.error == Errc::no_error || call.injected != Errc::no_error)
        answer.error = cluster.check_coordinator(
            ClusterCore::CoordinatorOf::transaction, request.transactional_id, call
        );
    if (answer.error == Errc::no_error) {
        answer = cluster.transactions().end(
            request.transactional_id,
            {request.producer_id, request.producer_epoch},
            request.committed ? Coordinator::End::commit : Coordinator::End::abort,
            call.version >= 5 ? Coordinator::Protocol::v2 : Coordinator::Protocol::v1,
            call.now
        );
        cluster.end_transactions(call.now);
    }
    if (answer.error == Errc::producer_fenced && call.version < 2)
        answer.error = Errc::invalid_producer_epoch;

    msg::EndTxnResponse response;
    response.error_code = code(answer.error);
    if (answer.error == Errc::no_error) {
        response.producer_id = answer.producer.id;
        response.producer_epoch = answer.producer.epoch;
    }
    return reply(call, response);
}

} // namespace

const Api end_txn{26, 0, 5, 0, decoded<msg::EndTxnRequest, act>};

} // namespace ottla::mock::api
