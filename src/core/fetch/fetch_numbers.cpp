// How fetching looks from outside, in numbers.
#include <algorithm>

#include "core/fetch/fetcher.hpp"

namespace ottla::core {
namespace {

int64_t known(int64_t offset) {
    return offset < 0 ? offset_invalid : offset;
}

} // namespace

void Fetcher::gather_partition(PartitionMetrics& one, const Partition& partition) const {
    one.broker = partition.node();
    one.leader = partition.leader;
    one.leader_epoch = partition.leader_epoch;
    one.desired = true;
    one.unknown = !metadata_.find(partition.where.topic, partition.where.partition);
    one.messages_fetched_ahead = partition.waiting_messages;
    one.bytes_fetched_ahead = partition.waiting_bytes;
    one.query_offset = partition.asked_for;
    switch (partition.state) {
    case State::need_offset:
        one.fetch_state = "offset-query";
        break;
    case State::asking:
        one.fetch_state = "offset-wait";
        break;
    case State::reading:
        one.fetch_state = "active";
        one.next_offset = partition.offset;
        break;
    case State::unchecked:
    case State::checking:
        one.fetch_state = "validate-epoch-wait";
        one.next_offset = partition.offset;
        break;
    case State::stopped:
        one.fetch_state = "stopped";
        break;
    }
    one.position = partition.position ? partition.position->load(std::memory_order_relaxed) : offset_invalid;
    one.end_offset_told = known(partition.end_told);
    one.low = known(partition.low);
    one.high = known(partition.high);
    one.last_stable = known(partition.last_stable);
    const bool committed = config_.isolation == config::Isolation::read_committed && one.last_stable >= 0;
    const int64_t end = committed ? one.last_stable : one.high;
    if (end >= 0 && one.position >= 0)
        one.lag = std::max<int64_t>(end - one.position, 0);
}

void Fetcher::gather(Metrics& all, TimePoint now) const {
    using std::chrono::milliseconds;
    for (const auto& [where, received] : received_) {
        TopicMetrics& topic = all.topics[where.topic];
        topic.age = std::max(topic.age, std::chrono::duration_cast<milliseconds>(now - received.since));
        if (metadata_.find(where.topic))
            topic.metadata_age = std::chrono::duration_cast<milliseconds>(now - metadata_.last_answer());
        PartitionMetrics& one = topic.partitions[where.partition];
        one.messages_received = received.messages;
        one.bytes_received = received.bytes;
        one.stale_drops = received.stale;
        all.messages_received += received.messages;
        all.message_bytes_received += received.bytes;
    }
    for (const auto& [stream, partition] : partitions_)
        gather_partition(all.topics[partition.where.topic].partitions[partition.where.partition], partition);
    for (const Credit& credit : sink_.untaken_credits())
        if (const auto it = partitions_.find(credit.stream); it != partitions_.end()) {
            const TopicPartition& where = it->second.where;
            PartitionMetrics& one = all.topics[where.topic].partitions[where.partition];
            one.messages_fetched_ahead -= credit.messages;
            one.bytes_fetched_ahead -= credit.bytes;
        }
}

} // namespace ottla::core
