// The producer core: producer id, epoch and sequences (KIP-98, KIP-360).
#include "core/produce/producer.hpp"

#include "base/assert.hpp"
#include "base/probe.hpp"

namespace ottla::core::produce {

bool ProducerCore::may_follow(IdState from, IdState to) {
    switch (to) {
    case IdState::unneeded:
        return false;
    case IdState::wanted:
        return from == IdState::asking || from == IdState::renewing;
    case IdState::asking:
        return from == IdState::wanted;
    case IdState::known:
        return from == IdState::asking;
    case IdState::renewing:
        return from == IdState::known;
    }
    return false;
}

void ProducerCore::transition(IdState to) {
    OTTLA_ASSERT(may_follow(id_state_, to));
    probe::step("identity", id_state_, to);
    id_state_ = to;
}

void ProducerCore::ask_producer_id(TimePoint) {
    transition(IdState::asking);
    msg::InitProducerIdRequest request;
    request.transactional_id = std::nullopt;
    request.transaction_timeout_ms = INT32_MAX;
    CallOptions options;
    options.timeout = config_.socket_timeout;
    options.max_version = 5; // 6 is for two-phase commits (KIP-939)
    call<msg::InitProducerIdRequest>(
        cluster_.caller, AnyBroker{}, std::move(request), options, scope_,
        [this](CallResult<msg::InitProducerIdResponse> result, TimePoint now) { on_producer_id(std::move(result), now); });
}

void ProducerCore::on_producer_id(CallResult<msg::InitProducerIdResponse> result, TimePoint now) {
    wake();
    Error error;
    if (!result)
        error = result.error();
    else if (result->response.error_code != 0)
        error = Error(
            static_cast<Errc>(result->response.error_code),
            "InitProducerId: " + error_text(static_cast<Errc>(result->response.error_code)));
    if (!error) {
        identity_ = {result->response.producer_id, result->response.producer_epoch};
        log_.debug(LogContext::eos, "PID", "producer id {}, epoch {}", identity_.producer_id, identity_.epoch);
        transition(IdState::known);
        id_tries_ = 0;
        return;
    }
    if (error.errc() == Errc::_unsupported_feature || error.errc() == Errc::cluster_authorization_failed) {
        go_fatal(Error(error.code, "enable.idempotence: " + error.message()), now);
        return;
    }
    // A coordinator that is only starting is no cause for alarm; one that stays away is.
    events_.on_log(is_retriable(error.errc()) && id_tries_ < 3 ? 6 : 4, "PIDERR", error.message());
    transition(IdState::wanted);
    id_not_before_ = now + backoff({config_.retry_backoff, config_.retry_backoff_max}, id_tries_++, rng_);
}

// A batch with a number has failed for good: the broker would refuse all that follow. So a new identity, whose numbers
// begin at 0, once nothing is in flight under the old one.
void ProducerCore::lose_sequence(Partition& partition) {
    if (id_state_ == IdState::known) {
        log_.debug(LogContext::eos, "PIDRENEW", "producer id {} is given up: a numbered batch failed for good", identity_.producer_id);
        transition(IdState::renewing);
    }
    partition.gap = true;
    wake();
}

bool ProducerCore::may_send(const Partition& partition) const {
    switch (id_state_) {
    case IdState::unneeded:
    case IdState::known:
        return true;
    case IdState::renewing:
        // Under a new identity a second copy would not be noticed: so what may be stored is settled under the old one.
        return !partition.gap && !partition.unresolved.empty() && partition.unresolved.front()->ambiguous;
    case IdState::wanted:
    case IdState::asking:
        return false;
    }
    return false;
}

void ProducerCore::renew_identity_when_drained(TimePoint now) {
    if (id_state_ != IdState::renewing || in_flight_ > 0)
        return;
    for (const auto& partition : partitions_)
        if (!partition->unresolved.empty() && may_send(*partition))
            return;
    for (const auto& partition : partitions_) {
        partition->next_sequence = 0;
        partition->gap = false;
        partition->introduced = false;
        for (Batch* batch : std::deque<Batch*>(partition->unresolved)) {
            if (batch->ambiguous && !probe::planted("retry_under_new_identity"))
                finish(*partition, *batch, batch->error, now);
            else
                batch->base_sequence = -1;
        }
    }
    identity_ = {};
    transition(IdState::wanted);
    id_not_before_ = now;
}

} // namespace ottla::core::produce
