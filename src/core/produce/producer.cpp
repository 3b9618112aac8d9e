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

int32_t advance_sequence(int32_t sequence, int32_t count) {
    return static_cast<int32_t>((static_cast<int64_t>(sequence) + count) & INT32_MAX); // wraps from 2^31-1 to 0
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
    , sealer_(config.compression, config.compression_level, !config.transactional_id.empty(), cluster_.long_turns)
    , id_state_(config.enable_idempotence ? IdState::wanted : IdState::unneeded)
    , measures_(config.statistics_interval.count() > 0) {
    cluster_.metadata.on_change(scope_, [this](TimePoint) { wake(); });
}

ProducerCore::~ProducerCore() = default;

// ---- the turn

TimePoint ProducerCore::poll(TimePoint now) {
    if (closed_)
        return never;
    turn_ = now;
    if (id_since_ == TimePoint())
        id_since_ = now;
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
        fail_everything(&fatal_, &fatal_, now);
        judge_flushes();
        return never;
    }
    learn_topics(now);
    renew_identity_when_drained(now);
    const bool asks = id_state_ == IdState::wanted && config_.transactional_id.empty(); // else the transaction asks
    if (asks && now >= id_not_before_)
        ask_producer_id(now);

    TimePoint next = never;
    sealer_.begin_turn();
    for (bool progress = true; progress;) {
        progress = false;
        next = id_state_ == IdState::wanted && asks ? id_not_before_ : never;
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
    if (gate_)
        gate_->on_turn();
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
    if (has_vanished(partition)) {
        fail_vanished(partition, now);
        return never;
    }
    if (!info || !where || where->leader < 0) {
        // Woken by the metadata's next answer.
        cluster_.metadata.refresh("{}[{}] has no leader", topic.name, partition.buffer->partition());
        return next;
    }
    if (!may_send(partition))
        return next;
    const bool waits = !partition.unresolved.empty() || !partition.buffer->empty();
    if (gate_ && waits && !gate_->admit(topic.name, partition.buffer->partition()))
        return next;
    if (cluster_.unsent(where->leader) >= static_cast<size_t>(config_.backpressure_threshold))
        return next; // the answer of a waiting one wakes us
    Batch* batch = next_to_send(partition, now, where->leader, next);
    if (!batch || is_late(*batch, now))
        return next; // a late one fails in its turn
    const Format format = format_for(where->leader);
    if (!prepare(partition, *batch, format, now))
        return now;
    Building& building = building_[where->leader];
    if (!building.sent.empty() && building.bytes + batch->bytes > static_cast<size_t>(config_.message_max_bytes))
        send(where->leader, std::exchange(building, {}), now);
    add(building, partition, *batch, *info, format, where->leader, now);
    return next;
}

// As long as the leader has not told its versions it is taken for a new one; on_lost corrects that.
Format ProducerCore::format_for(int32_t leader) {
    const int16_t version = cluster_.produce_version(leader);
    if (version < 0)
        return {};
    Format format{.magic = 2, .zstd = version >= first_zstd_version};
    if (version < first_batch_version)
        format.magic = version == 2 ? 1 : 0;
    if (sealer_.codec_for(format) != config_.compression && !std::exchange(zstd_lack_told_, true))
        events_.on_log(4, "CODEC", fmt::format("broker {} does not know zstd (Kafka 2.1 or later): messages go there uncompressed", leader));
    return format;
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
        if (probe::planted("expire_ambiguous_head") && head.base_sequence >= 0 && partition.unresolved.size() == 1) {
            partition.next_sequence = head.base_sequence;
            finish(partition, head, error(head), now);
            continue;
        }
        fail(partition, head, error(head), now);
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

bool ProducerCore::prepare(Partition& partition, Batch& batch, Format format, TimePoint now) {
    const bool idempotent = id_state_ == IdState::known;
    const bool sealed = !batch.wire.empty() && batch.magic == format.magic && batch.codec == sealer_.codec_for(format) &&
                        batch.producer_id == identity_.producer_id &&
                        batch.producer_epoch == identity_.epoch;
    if (sealed)
        return true;
    const auto ready = sealer_.pack(batch, format);
    if (ready && *ready == Sealer::Packed::later)
        return false;
    const bool numbered = batch.base_sequence >= 0 && batch.producer_id == identity_.producer_id &&
                          batch.producer_epoch == identity_.epoch;
    const int32_t sequence = !idempotent ? -1 : numbered ? batch.base_sequence : partition.next_sequence;
    Error error = ready ? sealer_.seal(batch, identity_, sequence, format) : ready.error();
    if (error) {
        fail(partition, batch, std::move(error), now);
        return false;
    }
    log_.debug(
        LogContext::msg, "SEAL", "{}[{}]: a batch of {} messages, {} bytes, sequence {}", batch.topic->name, batch.partition, batch.count, batch.bytes, sequence);
    if (idempotent && !numbered && !probe::planted("reuse_sequence", 10))
        partition.next_sequence = advance_sequence(partition.next_sequence, batch.count);
    return true;
}

} // namespace ottla::core::produce
