// The producer core: requests, their answers, and what these mean for batches.
#include "core/produce/producer.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/probe.hpp"

namespace ottla::core::produce {

using accumulator::BatchList;

void ProducerCore::move_to(Batch& batch, Batch::State to) {
    probe::step("batch", batch.state, to);
    batch.state = to;
}

void ProducerCore::add(
    Building& building, Partition& partition, Batch& batch, const TopicInfo& info, Format format, int32_t leader, TimePoint now) {
    auto& topics = building.request.topic_data;
    auto topic = std::find_if(topics.begin(), topics.end(), [&](const auto& t) { return t.name == info.name; });
    if (topic == topics.end()) {
        topic = topics.emplace(topics.end());
        topic->name = info.name;
        topic->topic_id = info.id;
        building.all_have_ids = building.all_have_ids && !info.id.is_zero();
    }
    auto& data = topic->partition_data.emplace_back();
    data.index = batch.partition;
    data.records.pieces = batch.wire;
    building.sent.push_back({&partition, &batch});
    partition.buffer->progress.store(now, std::memory_order_relaxed);
    building.bytes += batch.bytes;
    building.messages += batch.count;
    count_sent(partition, batch, leader, now);
    building.format = format;
    if (config_.message_timeout.count())
        building.deadline = std::min(building.deadline, batch.opened + config_.message_timeout);
    if (gate_)
        gate_->on_send(batch.topic->name, batch.partition);
    move_to(batch, Batch::State::in_flight);
    ++partition.in_flight;
    ++in_flight_;
}

void ProducerCore::send(int32_t leader, Building building, TimePoint now) {
    building.request.acks = config_.acks;
    if (gate_)
        building.request.transactional_id = config_.transactional_id;
    building.request.timeout_ms = static_cast<int32_t>(config_.request_timeout.count());
    CallOptions options;
    options.lane = Lane::produce;
    options.messages = building.messages;
    options.client = client_;
    options.retry = false;
    options.timeout = std::max<Duration>(std::min<Duration>(config_.socket_timeout, building.deadline - now), std::chrono::milliseconds(1));
    options.max_version = building.all_have_ids ? INT16_MAX : static_cast<int16_t>(first_topic_id_version - 1);
    const auto [magic, zstd] = building.format;
    options.min_version = zstd && config_.compression == Compression::zstd ? first_zstd_version : first_batch_version;
    if (gate_ && gate_->joins_by_produce())
        options.min_version = first_joining_version;
    else if (gate_)
        options.max_version = first_joining_version - 1;
    if (magic != 2) {
        options.min_version = 0;
        options.max_version = magic == 1 ? int16_t{2} : int16_t{1};
    }
    options.expects_response = config_.acks != 0;
    for (const Sent& sent : building.sent)
        sent.partition->sent_to = leader;
    const auto on_wire = std::make_shared<std::vector<Sent>>(std::move(building.sent));
    requests_.push_back(on_wire);
    call<msg::ProduceRequest>(
        cluster_.caller, Node{leader}, std::move(building.request), options, scope_,
        [this, on_wire](CallResult<msg::ProduceResponse> result, TimePoint when) {
            std::erase(requests_, on_wire);
            on_answer(*on_wire, std::move(result), when);
            wake();
        });
}

void ProducerCore::on_answer(const std::vector<Sent>& sent, CallResult<msg::ProduceResponse> result, TimePoint now) {
    for (const Sent& entry : sent) {
        if (!entry.batch)
            continue; // purged meanwhile
        --entry.partition->in_flight;
        --in_flight_;
        move_to(*entry.batch, Batch::State::waiting);
    }
    if (!result) {
        const CallError& error = result.error();
        for (const Sent& entry : sent)
            if (entry.batch)
                on_lost(*entry.partition, *entry.batch, error, now);
        return;
    }
    const msg::ProduceResponse& response = result->response;
    for (const auto& endpoint : response.node_endpoints)
        if (endpoint.port > 0 && endpoint.port <= 65535)
            cluster_.metadata.hint_broker({endpoint.node_id, endpoint.host, static_cast<uint16_t>(endpoint.port), endpoint.rack.value_or("")});
    if (config_.acks == 0) {
        for (const Sent& entry : sent)
            if (entry.batch)
                finish(*entry.partition, *entry.batch, {}, now);
        return;
    }
    // The order is usually that of the request; ids stand for names from version 13 on.
    for (const Sent& entry : sent) {
        if (fatal_)
            return; // all batches have been reported
        if (!entry.batch)
            continue;
        const Batch& batch = *entry.batch;
        const TopicInfo* info = cluster_.metadata.find(batch.topic->name);
        const msg::produce_response::PartitionProduceResponse* found = nullptr;
        for (const auto& topic : response.responses) {
            const bool same = result->version >= first_topic_id_version ? info && topic.topic_id == info->id : topic.name == batch.topic->name;
            if (!same)
                continue;
            for (const auto& partition : topic.partition_responses)
                if (partition.index == batch.partition)
                    found = &partition;
        }
        if (!found) {
            on_lost(*entry.partition, *entry.batch, CallError(Error(Errc::_bad_msg, "the answer leaves the partition out"), true), now);
            continue;
        }
        if (found->current_leader.leader_id >= 0)
            cluster_.metadata.hint_leader(batch.topic->name, batch.partition, found->current_leader.leader_id, found->current_leader.leader_epoch);
        entry.batch->base_offset = found->base_offset >= 0 ? found->base_offset : offset_invalid;
        entry.batch->log_append_time_ms = found->log_append_time_ms;
        entry.batch->record_errors.clear();
        for (const auto& invalid : found->record_errors)
            entry.batch->record_errors.emplace_back(invalid.batch_index, invalid.batch_index_error_message.value_or(""));
        std::sort(entry.batch->record_errors.begin(), entry.batch->record_errors.end());
        on_outcome(*entry.partition, *entry.batch, static_cast<Errc>(found->error_code), found->error_message.value_or(""), result->version, now);
    }
}

void ProducerCore::on_lost(Partition& partition, Batch& batch, const CallError& error, TimePoint now) {
    batch.error = error;
    if (!error.maybe_sent) {
        partition.messages_sent -= batch.count;
        partition.bytes_sent -= wire_size(batch);
    }
    if (error.errc() == Errc::_unsupported_feature) {
        // The connection has told its versions by now: perhaps an older format will do.
        const Format format = format_for(partition.sent_to);
        const bool may_be_older = id_state_ == IdState::unneeded || format.magic == 2;
        if (may_be_older && (batch.magic != format.magic || batch.codec != sealer_.codec_for(format)))
            return;
        fail(partition, batch, error, now);
        return;
    }
    if (error.maybe_sent) {
        if (probe::planted("lost_answer_is_success")) {
            finish(partition, batch, {}, now);
            return;
        }
        batch.ambiguous = true;
        if (batch.tries >= config_.retries) {
            fail(partition, batch, error, now);
            return;
        }
        ++batch.tries;
    }
    back_off(partition, batch, now);
}

void ProducerCore::on_outcome(Partition& partition, Batch& batch, Errc code, std::string detail, int16_t version, TimePoint now) {
    const bool idempotent = batch.producer_id >= 0;
    const Verdict verdict = judge(
        code,
        {.idempotent = idempotent,
         .transactional = gate_ != nullptr,
         .first = !partition.gap && partition.unresolved.front() == &batch,
         .ambiguous = batch.ambiguous});
    probe::step("verdict", idempotent ? 1 : 0, static_cast<int>(verdict));
    batch.ambiguous = batch.ambiguous || may_be_stored(code, config_.acks, version);
    const auto named = [&] {
        return Error(
            code,
            fmt::format("{}[{}]: {}", batch.topic->name, batch.partition, detail.empty() ? error_text(code) : detail));
    };
    switch (verdict) {
    case Verdict::delivered:
        partition.introduced = partition.introduced || batch.producer_id == identity_.producer_id;
        finish(partition, batch, {}, now);
        return;
    case Verdict::refresh_retry:
        cluster_.metadata.refresh("{}", named().message());
        [[fallthrough]];
    case Verdict::retry:
        batch.error = named();
        if (code == Errc::out_of_order_sequence_number || code == Errc::unknown_producer_id) { // the gap of the one before it: no failed try of its own
            back_off(partition, batch, now);
            return;
        }
        if (batch.tries < config_.retries) {
            ++batch.tries;
            back_off(partition, batch, now);
            return;
        }
        [[fallthrough]];
    case Verdict::fail:
        fail(partition, batch, named(), now);
        return;
    case Verdict::split:
        if (batch.count > 1)
            split(partition, batch, now);
        else
            fail(partition, batch, named(), now);
        return;
    case Verdict::renumber:
        batch.error = named();
        renumber(partition, batch);
        return;
    case Verdict::fatal:
        go_fatal(named(), now);
        return;
    }
}

void ProducerCore::back_off(Partition& partition, Batch& batch, TimePoint now) {
    partition.retrying = true;
    partition.not_before = now + backoff({config_.retry_backoff, config_.retry_backoff_max}, std::max(0, batch.tries - 1), rng_);
    if (log_.wants(LogContext::msg))
        log_.debug(
            LogContext::msg,
            "RETRY",
            "{}[{}]: a batch of {} messages goes again in {} ms: {}",
            batch.topic->name,
            batch.partition,
            batch.count,
            std::chrono::duration_cast<std::chrono::milliseconds>(partition.not_before - now).count(),
            batch.error.message());
    activate(partition);
}

// The broker takes no batch so large: in halves, one after the other, under the numbers that the whole had.
void ProducerCore::split(Partition& partition, Batch& batch, TimePoint now) {
    log_.debug(
        LogContext::msg, "SPLIT", "{}[{}]: the broker refuses {} bytes ({} messages) as too large: sent again in halves",
        batch.topic->name, batch.partition, batch.bytes, batch.count);
    const auto at = std::find(partition.unresolved.begin(), partition.unresolved.end(), &batch);
    OTTLA_ASSERT(at != partition.unresolved.end());
    BatchList halves = accumulator_.halve(&batch);
    Batch* first = halves.pop();
    Batch* second = halves.pop();
    if (probe::planted("split_same_number"))
        second->base_sequence = first->base_sequence;
    first->tries = 1; // goes before those behind it
    *at = first;
    partition.unresolved.insert(std::next(at), second);
    partition.retrying = true;
    partition.not_before = now;
    activate(partition);
}

void ProducerCore::fail(Partition& partition, Batch& batch, Error error, TimePoint now) {
    const bool numbered = batch.base_sequence >= 0;
    const bool late = error.errc() == Errc::_msg_timed_out;
    if (config_.gapless && numbered && !late) {
        go_fatal(Error(Errc::_gapless_guarantee, "enable.gapless.guarantee: " + error.message()), now);
        return;
    }
    finish(partition, batch, std::move(error), now);
    if (numbered)
        lose_sequence(partition);
}

void ProducerCore::finish(Partition& partition, Batch& batch, Error error, TimePoint now) {
    const auto it = std::find(partition.unresolved.begin(), partition.unresolved.end(), &batch);
    OTTLA_ASSERT(it != partition.unresolved.end());
    partition.unresolved.erase(it);
    partition.retrying =
        std::any_of(partition.unresolved.begin(), partition.unresolved.end(), [](const Batch* b) { return b->tries > 0; });
    batch.possibly_persisted = batch.ambiguous || config_.acks == 0;
    batch.error = std::move(error);
    if (log_.wants(LogContext::msg))
        log_.debug(
            LogContext::msg,
            "DELIVERY",
            "{}[{}]: {} messages {}",
            batch.topic->name,
            batch.partition,
            batch.count,
            batch.error ? "failed: " + batch.error.message() : fmt::format("acknowledged, first offset {}", batch.base_offset));
    batch.latency = now - batch.opened;
    sealer_.forget(batch);
    move_to(batch, Batch::State::reported);
    if (gate_ && batch.error)
        gate_->on_batch_failed(batch.error, batch.base_sequence >= 0);
    count_outcome(batch);
    accumulator_.settle(batch);
    sink_.deliver(&batch);
    if (probe::planted("complete_twice", 10))
        sink_.deliver(&batch);
}

void ProducerCore::fail_unsent(Batch* batch, Error error) {
    batch->error = std::move(error);
    batch->possibly_persisted = false;
    move_to(*batch, Batch::State::reported);
    if (gate_ && !probe::planted("forget_unsent_failure"))
        gate_->on_batch_failed(batch->error, false);
    count_outcome(*batch);
    accumulator_.settle(*batch);
    sink_.deliver(batch);
}

} // namespace ottla::core::produce
