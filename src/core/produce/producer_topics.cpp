// The producer core: topics become known, grow, or stay unknown.
#include "core/produce/producer.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace ottla::core::produce {

using accumulator::BatchList;
using accumulator::Topic;

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
    // Fewer partitions than before are told by brokers that lag behind, unless the topic was made again.
    auto count = static_cast<int32_t>(info->partitions.size());
    if (info->id != topic.id && !topic.id.is_zero())
        start_topic_anew(topic);
    else if (const auto* known = topic.table.load(std::memory_order_relaxed))
        count = std::max(count, static_cast<int32_t>(known->partitions.size()));
    topic.id = info->id;
    topic.refused.store(0, std::memory_order_relaxed);
    BatchList rejected;
    accumulator_.set_partitions(topic, count, rejected);
    std::erase(nameless_, &topic);
    while (!rejected.empty()) {
        Batch* batch = rejected.pop();
        fail_unsent(batch, Error(Errc::_unknown_partition, fmt::format("{}[{}]: no such partition", topic.name, batch->partition)));
    }
    for (size_t i = 0; i < info->partitions.size(); ++i) {
        const int32_t leader = info->partitions[i].leader;
        topic.buffers[i]->has_leader.store(leader >= 0, std::memory_order_relaxed);
        if (leader >= 0)
            cluster_.prepare(leader);
    }
    wake(); // what was moved into partitions is on the ready list
}

void ProducerCore::refuse_topic(Topic& topic, Errc code) {
    topic.refused.store(static_cast<int>(code), std::memory_order_relaxed);
    for (BatchList waiting = topic.unassigned.take_all(); !waiting.empty();)
        fail_unsent(waiting.pop(), Error(code, fmt::format("{}: {}", topic.name, error_text(code))));
}

// Deleted and made again: the brokers know nothing of what was sent to the old one.
void ProducerCore::start_topic_anew(Topic& topic) {
    log_.debug(LogContext::topic, "TOPICNEW", "{}: deleted and made again", topic.name);
    bool numbered = false;
    for (const auto& buffer : topic.buffers)
        if (auto* partition = static_cast<Partition*>(buffer->core_state)) {
            numbered = numbered || partition->next_sequence > 0;
            partition->introduced = false;
        }
    if (numbered)
        renew_identity();
}

bool ProducerCore::has_vanished(const Partition& partition) {
    const auto* table = partition.buffer->topic().table.load(std::memory_order_relaxed);
    return table && static_cast<size_t>(partition.buffer->partition()) >= table->partitions.size();
}

// The topic was made again with fewer partitions.
void ProducerCore::fail_vanished(Partition& partition, TimePoint now) {
    const Error error(
        Errc::_unknown_partition,
        fmt::format("{}[{}]: no such partition any more", partition.buffer->topic().name, partition.buffer->partition()));
    // Those whose outcome is unknown too: nobody is left to tell it. What is in flight will be answered.
    for (Batch* batch : std::deque<Batch*>(partition.unresolved))
        if (batch->state == Batch::State::waiting && batch->ambiguous) {
            if (batch->base_sequence >= 0)
                lose_sequence(partition);
            finish(partition, *batch, error, now);
        }
    fail_all(partition, &error, nullptr, now);
}

} // namespace ottla::core::produce
