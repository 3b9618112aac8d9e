// AddOffsetsToTxn v0-4: the group's offsets become part of the transaction. v2 tells PRODUCER_FENCED apart.
#include <ottla/msg/add_offsets_to_txn.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

Outcome act(ClusterCore& cluster, const Call& call, msg::AddOffsetsToTxnRequest& request) {
    const std::string& id = request.transactional_id;
    Errc error = call.injected;
    if (error == Errc::no_error && id.empty())
        error = Errc::invalid_request;
    if (error == Errc::no_error)
        error = cluster.check_coordinator(ClusterCore::CoordinatorOf::transaction, id, call);
    if (error == Errc::no_error)
        error = cluster.transactions().add_group(
            id, {request.producer_id, request.producer_epoch}, request.group_id, call.now
        );
    if (error == Errc::producer_fenced && call.version < 2)
        error = Errc::invalid_producer_epoch;

    msg::AddOffsetsToTxnResponse response;
    response.error_code = code(error);
    return reply(call, response);
}

} // namespace

const Api add_offsets_to_txn{25, 0, 4, 0, decoded<msg::AddOffsetsToTxnRequest, act>};

} // namespace ottla::mock::api
