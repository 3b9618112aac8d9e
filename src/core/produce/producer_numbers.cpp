// The producer core: what it counts, and how it looks from outside.
#include "core/produce/producer.hpp"

namespace ottla::core::produce {

using accumulator::PartitionBuffer;
using accumulator::Topic;
using std::chrono::milliseconds;

void ProducerCore::count_sent(Partition& partition, Batch& batch, int32_t leader, TimePoint now) {
    const int64_t bytes = wire_size(batch);
    partition.messages_sent += batch.count;
    partition.bytes_sent += bytes;
    if (!measures_ || std::exchange(batch.sampled, true))
        return;
    TopicNumbers& numbers = numbers_[batch.topic];
    numbers.batch_bytes.add(bytes);
    numbers.batch_messages.add(batch.count);
    queue_times_[leader].add(now - batch.opened);
}

void ProducerCore::count_outcome(const Batch& batch) {
    const auto& buffers = batch.topic->buffers;
    const auto index = static_cast<size_t>(batch.partition);
    if (batch.partition < 0 || index >= buffers.size()) {
        numbers_[batch.topic].unassigned_failed += batch.count;
        return;
    }
    Partition& partition = state_of(*buffers[index]);
    (batch.error ? partition.messages_failed : partition.messages_delivered) += batch.count;
}

void ProducerCore::roll_statistics() {
    for (auto& [node, window] : queue_times_)
        window.roll();
    for (auto& [topic, numbers] : numbers_) {
        numbers.batch_bytes.roll();
        numbers.batch_messages.roll();
    }
}

std::string_view ProducerCore::id_state_name() const {
    if (fatal_)
        return "FatalError";
    switch (id_state_) {
    case IdState::unneeded:
        return "Init";
    case IdState::wanted:
        return "RequestPID";
    case IdState::asking:
        return "WaitPID";
    case IdState::known:
        return "Assigned";
    case IdState::renewing:
        return "DrainBump";
    }
    return "Init";
}

void ProducerCore::gather_partition(PartitionMetrics& one, const PartitionBuffer& buffer) const {
    const PartitionBuffer::Held held = buffer.held();
    one.messages_queued = held.messages;
    one.bytes_queued = held.bytes;
    if (const auto* partition = static_cast<const Partition*>(buffer.core_state)) {
        for (const Batch* batch : partition->unresolved) {
            if (batch->state == Batch::State::in_flight) {
                one.messages_in_flight += batch->count;
            } else {
                one.messages_queued += batch->count;
                one.bytes_queued += static_cast<int64_t>(batch->bytes);
            }
        }
        one.messages_sent = partition->messages_sent;
        one.bytes_sent = partition->bytes_sent;
        one.messages_delivered = partition->messages_delivered;
        one.messages_failed = partition->messages_failed;
        if (partition->in_flight > 0)
            one.broker = partition->sent_to;
        if (id_state_ != IdState::unneeded) {
            one.next_sequence = partition->next_sequence;
            const bool open = !partition->unresolved.empty() && partition->unresolved.front()->base_sequence >= 0;
            one.oldest_sequence = open ? partition->unresolved.front()->base_sequence : one.next_sequence;
        }
    }
    one.messages_accepted = one.messages_queued + one.messages_in_flight + one.messages_delivered + one.messages_failed;
}

void ProducerCore::gather(Metrics& all, TimePoint now) const {
    for (const Topic* topic : topics_) {
        TopicMetrics& metrics = all.topics[topic->name];
        metrics.age = std::chrono::duration_cast<milliseconds>(now - topic->first_used);
        const TopicInfo* info = cluster_.metadata.find(topic->name);
        if (info)
            metrics.metadata_age = std::chrono::duration_cast<milliseconds>(now - cluster_.metadata.last_answer());
        PartitionMetrics& unassigned = metrics.partitions[partition_any];
        if (const auto numbers = numbers_.find(topic); numbers != numbers_.end()) {
            metrics.batch_bytes = numbers->second.batch_bytes.shown();
            metrics.batch_messages = numbers->second.batch_messages.shown();
            unassigned.messages_failed = numbers->second.unassigned_failed;
        }
        const PartitionBuffer::Held held = topic->unassigned.held();
        unassigned.messages_queued = held.messages;
        unassigned.bytes_queued = held.bytes;
        unassigned.messages_accepted = held.messages + unassigned.messages_failed;
        for (const auto& buffer : topic->buffers) {
            PartitionMetrics& one = metrics.partitions[buffer->partition()];
            if (const PartitionInfo* where = cluster_.metadata.find(topic->name, buffer->partition())) {
                one.leader = one.broker = where->leader;
                one.leader_epoch = where->leader_epoch;
            } else {
                one.unknown = true;
            }
            gather_partition(one, *buffer);
            all.messages_sent += one.messages_sent;
            all.message_bytes_sent += one.bytes_sent;
        }
    }
    for (const auto& [node, window] : queue_times_)
        if (const auto broker = all.brokers.find(node); broker != all.brokers.end())
            broker->second.queue_time = window.shown();
    if (id_state_ != IdState::unneeded)
        all.idempotence = IdempotenceMetrics{
            .id_state = id_state_name(),
            .id_state_age = std::chrono::duration_cast<milliseconds>(now - id_since_),
            .takes_messages = !fatal_,
            .producer_id = identity_.producer_id,
            .producer_epoch = identity_.epoch,
            .identities = identities_};
}

} // namespace ottla::core::produce
