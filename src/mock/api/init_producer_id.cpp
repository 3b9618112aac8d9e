// InitProducerId v0-5. v3 adds the producer's present id and epoch (KIP-360), v4 PRODUCER_FENCED. Without a
// transactional id a broker gives a fresh id whatever the request says.
#include <ottla/msg/init_producer_id.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

TransactionCoordinator::Answer
identify(ClusterCore& cluster, const Call& call, const msg::InitProducerIdRequest& request) {
    if (call.injected != Errc::no_error)
        return {call.injected};
    const bool claims = request.producer_id != -1;
    if (claims != (request.producer_epoch != -1))
        return {Errc::invalid_request};
    if (!request.transactional_id)
        return {Errc::no_error, {cluster.next_producer_id(), 0}};
    const std::string& id = *request.transactional_id;
    if (id.empty())
        return {Errc::invalid_request};
    const Errc error = cluster.check_coordinator(ClusterCore::CoordinatorOf::transaction, id, call);
    if (error != Errc::no_error)
        return {error};
    std::optional<ProducerIdentity> expected;
    if (claims)
        expected = {request.producer_id, request.producer_epoch};
    auto answer = cluster.transactions().init_producer_id(
        id, request.transaction_timeout_ms, expected, call.now
    );
    cluster.end_transactions(call.now);
    if (answer.error == Errc::producer_fenced && call.version < 4)
        answer.error = Errc::invalid_producer_epoch;
    return answer;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::InitProducerIdRequest& request) {
    const auto answer = identify(cluster, call, request);
    msg::InitProducerIdResponse response;
    response.error_code = code(answer.error);
    response.producer_id = answer.producer.id;
    response.producer_epoch = answer.producer.epoch;
    return reply(call, response);
}

} // namespace

const Api init_producer_id{22, 0, 5, 0, decoded<msg::InitProducerIdRequest, act>};

} // namespace ottla::mock::api
