#include "core/produce/producer.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/probe.hpp"

namespace ottla::core::produce {

using accumulator::BatchList;
using accumulator::PartitionBuffer;
using accumulator::Topic;

namespace {

// Brokers remember the last five batches of a producer and partition; more in flight could not be told apart.
constexpr int max_unresolved = 5;
constexpr int16_t first_batch_version = 3;  // Produce: record batches of version 2
constexpr int16_t first_topic_id_version = 13;

int32_t advance_sequence(int32_t sequence, int32_t count) {
    return static_cast<int32_t>((static_cast<int64_t>(sequence) + count) & INT32_MAX); // wraps from 2^31-1 to 0
}

void move_to(accumulator::Batch& batch, accumulator::Batch::State to) {
    probe::step("batch", batch.state, to);
    batch.state = to;
}

Duration linger_of(const config::ClientConfig& config) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(config.linger_ms));
}

} // namespace

ProducerCore::ProducerCore(
    accumulator::Accumulator& accumulator,
    ClusterPorts cluster,
    const config::ClientConfig& config,
    BatchSink& sink,
    ClusterEvents& events,
    uint32_t client,
    uint64_t seed)
    : accumulator_(accumulator)
    , cluster_(std::move(cluster))
    , config_(config)
    , sink_(sink)
    , events_(events)
    , log_(events, config.debug)
    , client_(client)
    , rng_(seed)
    , sealer_(config.compression, config.compression_level)
    , id_state_(config.enable_idempotence ? IdState::wanted : IdState::unneeded) {
    cluster_.metadata.on_change(scope_, [this](TimePoint) { wake(); });
}

ProducerCore::~ProducerCore() = default;

// ---- the turn

TimePoint ProducerCore::poll(TimePoint now) {
    if (closed_)
        return never;
    accumulator_.drain_ready([&](PartitionBuffer& buffer) {
        if (buffer.partition() != partition_any) {
            activate(state_of(buffer));
            return;
        }
        Topic& topic = buffer.topic();
        if (!topic.announced) {
            topic.announced = true;
            topic.first_used = now;
            topics_.push_back(&topic);
            nameless_.push_back(&topic);
            cluster_.metadata.want(topic.name);
            adopt_topic(topic, now);
        }
    });
    if (fatal_) {
        fail_everything(fatal_, fatal_, now);
        judge_flushes();
        return never;
    }
    learn_topics(now);
    renew_identity_when_drained(now);
    if (id_state_ == IdState::wanted && now >= id_not_before_)
        ask_producer_id(now);

    TimePoint next = id_state_ == IdState::wanted ? id_not_before_ : never;
    for (bool progress = true; progress;) {
        progress = false;
        next = id_state_ == IdState::wanted ? id_not_before_ : never;
        for (size_t i = 0; i < active_.size(); ++i)
            next = std::min(next, serve(*active_[i], now));
        for (auto& [leader, building] : std::exchange(building_, {})) {
            send(leader, std::move(building), now);
            progress = true;
        }
    }
    std::erase_if(active_, [](Partition* partition) {
        partition->active = !partition->unresolved.empty() || !partition->buffer->empty();
        return !partition->active;
    });
    for (Topic* topic : nameless_)
        next = std::min(next, wait_limit(*topic));
    judge_flushes();
    return next;
}

ProducerCore::Partition& ProducerCore::state_of(PartitionBuffer& buffer) {
    if (!buffer.core_state) {
        partitions_.push_back(std::make_unique<Partition>());
        partitions_.back()->buffer = &buffer;
        buffer.core_state = partitions_.back().get();
    }
    return *static_cast<Partition*>(buffer.core_state);
}

void ProducerCore::activate(Partition& partition) {
    if (!std::exchange(partition.active, true))
        active_.push_back(&partition);
}

TimePoint ProducerCore::serve(Partition& partition, TimePoint now) {
    TimePoint next = expire(partition, now);
    const Topic& topic = partition.buffer->topic();
    const TopicInfo* info = cluster_.metadata.find(topic.name);
    const PartitionInfo* where = cluster_.metadata.find(topic.name, partition.buffer->partition());
    if (!info || !where || where->leader < 0) {
        // Woken by the metadata's next answer.
        cluster_.metadata.refresh("{}[{}] has no leader", topic.name, partition.buffer->partition());
        return next;
    }
    if (!may_send(partition))
        return next;
    Batch* batch = next_to_send(partition, now, where->leader, next);
    if (!batch || is_late(*batch, now))
        return next; // a late one fails in its turn
    const int16_t version = cluster_.produce_version(where->leader);
    const auto magic = static_cast<int8_t>(version < 0 || version >= first_batch_version ? 2 : version == 2 ? 1 : 0);
    if (!prepare(partition, *batch, magic, now))
        return now;
    Building& building = building_[where->leader];
    if (!building.sent.empty() && building.bytes + batch->bytes > static_cast<size_t>(config_.message_max_bytes))
        send(where->leader, std::exchange(building, {}), now);
    add(building, partition, *batch, *info, magic);
    return next;
}

bool ProducerCore::is_late(const Batch& batch, TimePoint now) const {
    return config_.message_timeout.count() != 0 && batch.opened + config_.message_timeout <= now;
}

// Times out batches from the head of the partition on: never one behind a batch whose fate is open.
TimePoint ProducerCore::expire(Partition& partition, TimePoint now) {
    if (config_.message_timeout.count() == 0)
        return never;
    const auto error = [&](const Batch& batch) {
        return Error(
            Errc::_msg_timed_out,
            fmt::format(
                "{}[{}]: not acknowledged within message.timeout.ms{}",
                batch.topic->name,
                batch.partition,
                batch.error ? "; the last failure: " + batch.error.message() : ""));
    };
    while (!partition.unresolved.empty()) {
        Batch& head = *partition.unresolved.front();
        if (head.state == Batch::State::in_flight)
            return never; // its request ends by then
        if (!is_late(head, now))
            return head.opened + config_.message_timeout;
        const bool had_sequence = head.base_sequence >= 0;
        finish(partition, head, error(head), now);
        if (had_sequence && !probe::planted("expire_ambiguous_head"))
            lose_sequence(partition);
    }
    while (partition.buffer->oldest() <= now - config_.message_timeout) {
        BatchList expired = partition.buffer->take(now, Duration::zero(), true, 1);
        Batch* batch = expired.pop();
        move_to(*batch, Batch::State::waiting);
        fail_unsent(batch, error(*batch));
    }
    const TimePoint oldest = partition.buffer->oldest();
    return oldest == TimePoint::max() ? never : oldest + config_.message_timeout;
}

ProducerCore::Batch* ProducerCore::next_to_send(Partition& partition, TimePoint now, int32_t leader, TimePoint& next) {
    if (now < partition.not_before) {
        if (!probe::planted("forget_retry_timer"))
            next = std::min(next, partition.not_before);
        return nullptr;
    }
    // Nothing goes to a new leader before all on the old is answered, or its connection gone.
    int in_flight = partition.in_flight;
    if (probe::planted("in_flight_per_leader") && partition.sent_to != leader)
        in_flight = 0;
    if (in_flight > 0 && partition.sent_to != leader && !probe::planted("new_leader_before_old_drained"))
        return nullptr;
    if (in_flight >= std::min<int>(max_unresolved, config_.max_in_flight) && !probe::planted("more_than_five"))
        return nullptr;
    if (partition.retrying && in_flight > 0)
        return nullptr;
    // A broker lets a producer it has not met begin with any number: were the first batch refused, the second would be taken
    // in its place.
    if (id_state_ != IdState::unneeded && !partition.introduced && in_flight > 0)
        return nullptr;
    if (probe::planted("retry_out_of_order"))
        for (auto batch = partition.unresolved.rbegin(); batch != partition.unresolved.rend(); ++batch)
            if ((*batch)->state == Batch::State::waiting)
                return *batch;
    for (Batch* batch : partition.unresolved)
        if (batch->state == Batch::State::waiting)
            return batch;
    if (partition.unresolved.size() >= max_unresolved && !probe::planted("more_than_five"))
        return nullptr;
    BatchList taken = partition.buffer->take(now, linger_of(config_), flushing(), 1);
    if (taken.empty()) {
        next = std::min(next, partition.buffer->due(linger_of(config_)));
        return nullptr;
    }
    Batch* batch = taken.pop();
    move_to(*batch, Batch::State::waiting);
    partition.unresolved.push_back(batch);
    return batch;
}

bool ProducerCore::prepare(Partition& partition, Batch& batch, int8_t magic, TimePoint now) {
    const bool idempotent = id_state_ == IdState::known;
    const bool sealed = !batch.wire.empty() && batch.magic == magic && batch.producer_id == identity_.producer_id &&
                        batch.producer_epoch == identity_.epoch;
    if (sealed)
        return true;
    const bool numbered = batch.base_sequence >= 0 && batch.producer_id == identity_.producer_id &&
                          batch.producer_epoch == identity_.epoch;
    const int32_t sequence = !idempotent ? -1 : numbered ? batch.base_sequence : partition.next_sequence;
    Error error = sealer_.seal(batch, identity_, sequence, magic);
    batch.magic = magic;
    if (error) {
        finish(partition, batch, std::move(error), now);
        return false;
    }
    log_.debug(
        LogContext::msg, "SEAL", "{}[{}]: a batch of {} messages, {} bytes, sequence {}", batch.topic->name, batch.partition, batch.count, batch.bytes, sequence);
    if (idempotent && !numbered && !probe::planted("reuse_sequence", 10))
        partition.next_sequence = advance_sequence(partition.next_sequence, batch.count);
    return true;
}

// ---- requests

void ProducerCore::add(Building& building, Partition& partition, Batch& batch, const TopicInfo& info, int8_t magic) {
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
    building.bytes += batch.bytes;
    building.magic = magic;
    if (config_.message_timeout.count())
        building.deadline = std::min(building.deadline, batch.opened + config_.message_timeout);
    move_to(batch, Batch::State::in_flight);
    ++partition.in_flight;
    ++in_flight_;
}

void ProducerCore::send(int32_t leader, Building building, TimePoint now) {
    building.request.acks = config_.acks;
    building.request.timeout_ms = static_cast<int32_t>(config_.request_timeout.count());
    CallOptions options;
    options.lane = Lane::produce;
    options.client = client_;
    options.retry = false;
    options.timeout = std::max<Duration>(std::min<Duration>(config_.socket_timeout, building.deadline - now), std::chrono::milliseconds(1));
    options.max_version = building.all_have_ids ? INT16_MAX : static_cast<int16_t>(first_topic_id_version - 1);
    options.min_version = building.magic == 2 ? first_batch_version : int16_t{0};
    if (building.magic != 2)
        options.max_version = building.magic == 1 ? int16_t{2} : int16_t{1};
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
    if (response.throttle_time_ms > 0)
        events_.on_throttle(result->node, std::chrono::milliseconds(response.throttle_time_ms));
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
        on_outcome(*entry.partition, *entry.batch, static_cast<Errc>(found->error_code), found->error_message.value_or(""), now);
    }
}

void ProducerCore::on_lost(Partition& partition, Batch& batch, const CallError& error, TimePoint now) {
    batch.error = error;
    if (error.errc() == Errc::_unsupported_feature) {
        // The connection has told its versions by now: perhaps an older format will do.
        const int16_t version = cluster_.produce_version(partition.sent_to);
        if (batch.magic == 2 && version >= 0 && version < first_batch_version && id_state_ == IdState::unneeded)
            return;
        finish(partition, batch, error, now);
        return;
    }
    if (error.maybe_sent) {
        if (probe::planted("lost_answer_is_success")) {
            finish(partition, batch, {}, now);
            return;
        }
        batch.ambiguous = true;
        if (batch.tries >= config_.retries) {
            finish(partition, batch, error, now);
            if (batch.base_sequence >= 0)
                lose_sequence(partition);
            return;
        }
        ++batch.tries;
    }
    back_off(partition, batch, now);
}

void ProducerCore::on_outcome(Partition& partition, Batch& batch, Errc code, std::string detail, TimePoint now) {
    const bool idempotent = batch.producer_id >= 0;
    const Verdict verdict = judge(code, {.idempotent = idempotent, .first = !partition.gap && partition.unresolved.front() == &batch});
    probe::step("verdict", idempotent ? 1 : 0, static_cast<int>(verdict));
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
        if (code == Errc::out_of_order_sequence_number) { // the gap of the one before it: no failed try of its own
            back_off(partition, batch, now);
            return;
        }
        // A timeout of the broker leaves open whether the leader has it.
        batch.ambiguous = batch.ambiguous || code == Errc::request_timed_out || code == Errc::not_enough_replicas_after_append;
        if (batch.tries < config_.retries) {
            ++batch.tries;
            back_off(partition, batch, now);
            return;
        }
        [[fallthrough]];
    case Verdict::fail:
        finish(partition, batch, named(), now);
        if (idempotent)
            lose_sequence(partition);
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
    move_to(batch, Batch::State::reported);
    sink_.deliver(&batch);
    if (probe::planted("complete_twice", 10))
        sink_.deliver(&batch);
}

void ProducerCore::fail_unsent(Batch* batch, Error error) {
    batch->error = std::move(error);
    batch->possibly_persisted = false;
    move_to(*batch, Batch::State::reported);
    sink_.deliver(batch);
}

// ---- topics

TimePoint ProducerCore::wait_limit(const Topic& topic) const {
    // Without an answer nothing is known, not even that the topic is unknown.
    const TopicInfo* info = cluster_.metadata.find(topic.name);
    TimePoint limit = info && info->error != Errc::no_error ? topic.first_used + config_.topic_propagation_max : never;
    const TimePoint oldest = topic.unassigned.oldest();
    if (config_.message_timeout.count() && oldest != TimePoint::max())
        limit = std::min(limit, oldest + config_.message_timeout);
    return topic.unassigned.empty() ? never : limit;
}

void ProducerCore::learn_topics(TimePoint now) {
    const bool changed = seen_metadata_ != cluster_.metadata.version();
    seen_metadata_ = cluster_.metadata.version();
    if (changed)
        for (Topic* topic : topics_)
            adopt_topic(*topic, now);
    for (Topic* topic : nameless_) {
        if (topic->unassigned.empty() || now < wait_limit(*topic))
            continue;
        const TopicInfo* info = cluster_.metadata.find(topic->name);
        if (now >= topic->first_used + config_.topic_propagation_max && info && info->error != Errc::no_error) {
            refuse_topic(*topic, Errc::_unknown_topic);
            continue;
        }
        while (config_.message_timeout.count() && topic->unassigned.oldest() <= now - config_.message_timeout) {
            BatchList expired = topic->unassigned.take(now, Duration::zero(), true, 1);
            fail_unsent(
                expired.pop(),
                Error(Errc::_msg_timed_out, fmt::format("{}: no metadata of the topic within message.timeout.ms", topic->name)));
        }
    }
}

void ProducerCore::adopt_topic(Topic& topic, TimePoint) {
    const TopicInfo* info = cluster_.metadata.find(topic.name);
    if (!info)
        return;
    switch (info->error) {
    case Errc::no_error:
    case Errc::leader_not_available:
        break;
    case Errc::unknown_topic_or_part: // perhaps not yet: judged by its time limit
        return;
    default:
        refuse_topic(topic, info->error);
        return;
    }
    if (info->partitions.empty())
        return;
    topic.refused.store(0, std::memory_order_relaxed);
    BatchList rejected;
    accumulator_.set_partitions(topic, static_cast<int32_t>(info->partitions.size()), rejected);
    std::erase(nameless_, &topic);
    while (!rejected.empty()) {
        Batch* batch = rejected.pop();
        fail_unsent(batch, Error(Errc::_unknown_partition, fmt::format("{}[{}]: no such partition", topic.name, batch->partition)));
    }
    for (const PartitionInfo& partition : info->partitions)
        if (partition.leader >= 0)
            cluster_.prepare(partition.leader);
    wake(); // what was moved into partitions is on the ready list
}

void ProducerCore::refuse_topic(Topic& topic, Errc code) {
    topic.refused.store(static_cast<int>(code), std::memory_order_relaxed);
    for (BatchList waiting = topic.unassigned.take_all(); !waiting.empty();)
        fail_unsent(waiting.pop(), Error(code, fmt::format("{}: {}", topic.name, error_text(code))));
}

// ---- identity (KIP-98)

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

// ---- the end of things

void ProducerCore::set_flushing(bool flushing) {
    flushing_ += flushing ? 1 : -1;
    wake();
}

void ProducerCore::flush(TimePoint until, MoveOnlyFunction<void()> done) {
    flushes_.push_back({until, std::move(done)});
    wake();
}

TimePoint ProducerCore::oldest_unsettled() const {
    TimePoint oldest = TimePoint::max();
    for (const Partition* partition : active_) {
        if (!partition->unresolved.empty())
            oldest = std::min(oldest, partition->unresolved.front()->opened);
        oldest = std::min(oldest, partition->buffer->oldest());
    }
    for (const Topic* topic : nameless_)
        oldest = std::min(oldest, topic->unassigned.oldest());
    return oldest;
}

void ProducerCore::judge_flushes() {
    if (flushes_.empty())
        return;
    const TimePoint oldest = oldest_unsettled();
    for (auto& flush : flushes_)
        if (oldest > flush.until)
            std::exchange(flush.done, {})();
    std::erase_if(flushes_, [](const Flush& flush) { return !flush.done; });
}

void ProducerCore::fail_all(Partition& partition, const Error& queued, const Error& flying, TimePoint now) {
    for (Batch* batch : std::deque<Batch*>(partition.unresolved)) {
        const bool flies = batch->state == Batch::State::in_flight;
        if (flies) {
            for (const auto& request : requests_)
                for (Sent& sent : *request)
                    if (sent.batch == batch)
                        sent.batch = nullptr;
            --partition.in_flight;
            --in_flight_;
            batch->ambiguous = true;
        }
        if (batch->base_sequence >= 0)
            lose_sequence(partition);
        finish(partition, *batch, batch->ambiguous ? flying : queued, now);
    }
    for (BatchList unsent = partition.buffer->take_all(); !unsent.empty();)
        fail_unsent(unsent.pop(), queued);
}

void ProducerCore::fail_everything(const Error& queued, const Error& flying, TimePoint now) {
    accumulator_.drain_ready([&](PartitionBuffer& buffer) {
        if (buffer.partition() != partition_any)
            state_of(buffer);
    });
    for (const auto& partition : partitions_)
        fail_all(*partition, queued, flying, now);
    for (Topic* topic : accumulator_.topics())
        for (BatchList waiting = topic->unassigned.take_all(); !waiting.empty();)
            fail_unsent(waiting.pop(), queued);
}

void ProducerCore::purge(TimePoint now) {
    fail_everything(Error(Errc::_purge_queue), Error(Errc::_purge_inflight), now);
    judge_flushes();
    wake();
}

void ProducerCore::go_fatal(Error error, TimePoint now) {
    if (fatal_)
        return;
    fatal_ = Error(make_error_code(error.errc(), ErrorFlag::fatal), error.message());
    accumulator_.refuse(Errc::_fatal);
    sink_.on_fatal(fatal_);
    fail_everything(fatal_, fatal_, now);
}

void ProducerCore::close(const Error& error, TimePoint now) {
    if (closed_)
        return;
    accumulator_.refuse(Errc::_state);
    fail_everything(error, error, now);
    judge_flushes();
    closed_ = true;
    scope_.reset();
}

} // namespace ottla::core::produce
