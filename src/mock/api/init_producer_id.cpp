// InitProducerId v0-5. v3 adds the producer's present id and epoch (KIP-360), v4 PRODUCER_FENCED. Without a
// transactional id a broker gives a fresh id whatever the request says.
#include <limits>

#include <ottla/msg/init_producer_id.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

/// Brokers refuse longer transactions: transaction.max.timeout.ms.
constexpr int32_t longest_transaction_ms = 15 * 60 * 1000;

Errc next_epoch(
    ClusterCore& cluster,
    const Call& call,
    const msg::InitProducerIdRequest& request,
    ClusterCore::TransactionalProducer& producer
) {
    if (request.transaction_timeout_ms <= 0 || request.transaction_timeout_ms > longest_transaction_ms)
        return Errc::invalid_transaction_timeout;
    ClusterCore::TransactionalProducer& known = cluster.transactional_producers()[*request.transactional_id];
    const bool claims = request.producer_id != -1;
    if (claims && known.producer_id != -1 &&
        (request.producer_id != known.producer_id || request.producer_epoch != known.epoch))
        return call.version >= 4 ? Errc::producer_fenced : Errc::invalid_producer_epoch;
    if (known.producer_id == -1 || known.epoch == std::numeric_limits<int16_t>::max() - 1)
        known = {cluster.next_producer_id(), 0};
    else
        ++known.epoch;
    producer = known;
    return Errc::no_error;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::InitProducerIdRequest& request) {
    ClusterCore::TransactionalProducer producer;
    Errc error = call.injected;
    if (error != Errc::no_error)
        ;
    else if (!request.transactional_id)
        producer = {cluster.next_producer_id(), 0};
    else if (request.transactional_id->empty())
        error = Errc::invalid_request;
    else
        error = next_epoch(cluster, call, request, producer);

    msg::InitProducerIdResponse response;
    response.error_code = code(error);
    response.producer_id = producer.producer_id;
    response.producer_epoch = producer.epoch;
    return reply(call, response);
}

} // namespace

const Api init_producer_id{22, 0, 5, 0, decoded<msg::InitProducerIdRequest, act>};

} // namespace ottla::mock::api
