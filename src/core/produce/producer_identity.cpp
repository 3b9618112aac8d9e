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
        return from == IdState::asking || from == IdState::renewing || from == IdState::wanted;
    case IdState::renewing:
        return from == IdState::known;
    }
    return false;
}

void ProducerCore::transition(IdState to) {
    OTTLA_ASSERT(may_follow(id_state_, to));
    probe::step("identity", id_state_, to);
    identities_ += to == IdState::known;
    id_state_ = to;
    id_since_ = turn_;
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

// A batch with a number has failed for good: the broker would refuse all that follow. So a new epoch, whose numbers begin
// at 0, once nothing is in flight under the old one. Of a transaction this is the end: it can only be aborted.
void ProducerCore::lose_sequence(Partition& partition) {
    partition.gap = true;
    if (!gate_)
        renew_identity();
    wake();
}

void ProducerCore::renew_identity() {
    if (id_state_ != IdState::known)
        return;
    log_.debug(LogContext::eos, "PIDRENEW", "producer id {}: epoch {} is given up", identity_.producer_id, identity_.epoch);
    transition(IdState::renewing);
    wake();
}

// The batch is not stored, nor is any behind it, since brokers take them in order only.
void ProducerCore::renumber(Partition& partition, Batch& batch) {
    events_.on_log(4, "SEQUENCE", "the broker has lost what it had of this producer: " + batch.error.message());
    for (Batch* waiting : partition.unresolved)
        if (waiting->state == Batch::State::waiting)
            waiting->ambiguous = false;
    activate(partition);
    lose_sequence(partition);
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
    if (id_state_ != IdState::renewing || (in_flight_ > 0 && !probe::planted("bump_before_drained")))
        return;
    for (const auto& partition : partitions_)
        if (!partition->unresolved.empty() && may_send(*partition))
            return;
    for (const auto& partition : partitions_)
        for (Batch* batch : std::deque<Batch*>(partition->unresolved))
            if (batch->ambiguous && !probe::planted("retry_under_new_identity"))
                finish(*partition, *batch, batch->error, now);
    restart_sequences();
    if (identity_.epoch < INT16_MAX) {
        if (!probe::planted("epoch_not_bumped"))
            ++identity_.epoch; // nobody else has this producer id, so nobody need be asked
        transition(IdState::known);
        log_.debug(LogContext::eos, "PID", "producer id {}, epoch {}", identity_.producer_id, identity_.epoch);
        return;
    }
    identity_ = {};
    transition(IdState::wanted);
    id_not_before_ = now;
}

void ProducerCore::restart_sequences() {
    for (const auto& partition : partitions_) {
        partition->next_sequence = 0;
        partition->gap = false;
        partition->introduced = false;
        for (Batch* batch : partition->unresolved)
            batch->base_sequence = -1;
    }
}

void ProducerCore::set_identity(const Identity& identity) {
    if (identity.producer_id != identity_.producer_id || identity.epoch != identity_.epoch)
        restart_sequences();
    identity_ = identity;
    if (id_state_ != IdState::known)
        transition(IdState::known);
    else
        ++identities_;
    wake();
}

} // namespace ottla::core::produce
