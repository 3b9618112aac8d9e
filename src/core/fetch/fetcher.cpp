#include "core/fetch/fetcher.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace ottla::core {

Fetcher::Fetcher(
    Caller& caller,
    Metadata& metadata,
    FetchSink& sink,
    const config::ClientConfig& config,
    uint32_t client,
    uint64_t seed,
    Log log
)
    : caller_(caller)
    , metadata_(metadata)
    , sink_(sink)
    , config_(config)
    , client_(client)
    , rng_(seed)
    , log_(log)
    , queue_limit_(config.queued_max_kbytes * 1024)
    , ahead_(std::min(config.fetch_ahead_kbytes * 1024, most_ahead()))
    , lookup_isolation_(config.isolation) {
    metadata_.on_change(scope_, [this](TimePoint) { wake(); });
}

Fetcher::~Fetcher() = default;

void Fetcher::set_memory(std::shared_ptr<MemoryBudget> memory) {
    memory_ = std::move(memory);
    queue_limit_ = std::min(queue_limit_, memory_->limit() / 2);
    ahead_ = std::min(ahead_, most_ahead());
}

void Fetcher::add(FetchStart start, TimePoint now) {
    Partition partition{
        .where = std::move(start.where),
        .stream = start.stream,
        .offset = start.offset,
        .paused = start.paused,
        .max_bytes = std::min<int64_t>(config_.fetch_partition_max_bytes, std::max<int64_t>(queue_limit_ / 4, 1)),
        .not_before = now + start.delay,
    };
    partition.asked_for = start.offset;
    partition.epoch = start.epoch;
    partition.epoch_is_read = start.epoch >= 0;
    partition.position = std::move(start.position);
    partition.received = &received_[partition.where];
    if (partition.received->since == TimePoint())
        partition.received->since = now;
    metadata_.want(partition.where.topic);
    Partition& added = partitions_.emplace(start.stream, std::move(partition)).first->second;
    find_leader(added, now);
    start_at(added, start.offset);
    wake();
}

void Fetcher::remove(StreamId stream) {
    const auto it = partitions_.find(stream);
    if (it == partitions_.end())
        return;
    if (!it->second.paused)
        waiting_bytes_ -= it->second.waiting_bytes;
    it->second.received->stale += it->second.waiting_messages;
    set_starved(it->second, false);
    if (it->second.placed >= 0) {
        Leader& leader = leaders_[it->second.placed];
        leader.touched.push_back(stream);
        --leader.placed;
    }
    metadata_.drop(it->second.where.topic);
    partitions_.erase(it);
    wake();
}

void Fetcher::pause(StreamId stream) {
    Partition* partition = find(stream);
    if (!partition || partition->paused)
        return;
    partition->paused = true;
    waiting_bytes_ -= partition->waiting_bytes; // what nobody takes must not keep others from being fetched
    touch(*partition);
    wake();
}

void Fetcher::resume(StreamId stream) {
    Partition* partition = find(stream);
    if (!partition || !partition->paused)
        return;
    partition->paused = false;
    waiting_bytes_ += partition->waiting_bytes;
    partition->fresh = true;
    touch(*partition);
    wake();
}

TimePoint Fetcher::poll(TimePoint now) {
    if (finishing_)
        return never;
    apply_credits(FetchSink::Wake::no);
    if (metadata_version_ != metadata_.version())
        find_leaders(now);
    TimePoint next = check_unknown(now);
    ask_offsets(now, next);
    touch_due(now);
    return std::min(next, plan_fetches(now));
}

Fetcher::Partition* Fetcher::find(StreamId stream) {
    const auto it = partitions_.find(stream);
    return it == partitions_.end() ? nullptr : &it->second;
}

void Fetcher::apply_credits(FetchSink::Wake wake_or_not) {
    credits_.clear();
    sink_.take_credits(credits_, wake_or_not);
    for (const Credit& credit : credits_) {
        Partition* partition = find(credit.stream);
        if (!partition)
            continue;
        partition->waiting_messages -= credit.messages;
        partition->waiting_bytes -= credit.bytes;
        if (!partition->paused)
            waiting_bytes_ -= credit.bytes;
        if (partition->starved && !is_starved(*partition))
            touch(*partition);
    }
    judge_ahead();
}

/// Where the application has used up everything before the fetch that was held back could bring more, it was held back for too long.
void Fetcher::judge_ahead() {
    if (!held_back_ || waiting_bytes_ > 0)
        return;
    held_back_ = false;
    ahead_ = std::min(ahead_ * 2, most_ahead());
}

// --- leaders

void Fetcher::find_leaders(TimePoint now) {
    metadata_version_ = metadata_.version();
    for (auto& [stream, partition] : partitions_)
        find_leader(partition, now);
}

void Fetcher::find_leader(Partition& partition, TimePoint now) {
    const TopicInfo* topic = metadata_.find(partition.where.topic);
    if (!topic)
        return; // not answered yet
    Errc trouble = topic->error;
    const PartitionInfo* info = metadata_.find(partition.where.topic, partition.where.partition);
    if (trouble == Errc::no_error && !info)
        trouble = Errc::_unknown_partition;
    if (!info) {
        if (trouble == Errc::leader_not_available)
            return; // being created
        partition.leader = -1;
        partition.replica = -1;
        touch(partition);
        const bool may_appear = trouble == Errc::unknown_topic_or_part || trouble == Errc::unknown_topic_id ||
                                trouble == Errc::_unknown_partition;
        if (!partition.unknown_since)
            partition.unknown_since = may_appear ? now : now - config_.topic_propagation_max;
        unknown_.insert(partition.stream);
        if (now - *partition.unknown_since >= config_.topic_propagation_max &&
            partition.error_told != trouble) {
            partition.error_told = trouble;
            tell(partition, Error(trouble));
        }
        return;
    }
    partition.unknown_since.reset();
    partition.error_told = Errc::no_error;
    if (info->leader == partition.leader && info->leader_epoch == partition.leader_epoch && topic->id == partition.topic_id)
        return;
    const bool created_again = !partition.topic_id.is_zero() && !topic->id.is_zero() && topic->id != partition.topic_id;
    partition.topic_id = topic->id;
    partition.leader_epoch = info->leader_epoch;
    if (info->leader != partition.leader) {
        partition.leader = info->leader;
        partition.replica = -1;
    }
    touch(partition);
    if (created_again)
        begin_again(partition);
}

// Topics that nobody knows are told of when they have had time to spread over the cluster.
TimePoint Fetcher::check_unknown(TimePoint now) {
    TimePoint next = never;
    for (auto at = unknown_.begin(); at != unknown_.end();) {
        Partition* partition = find(*at);
        if (!partition || !partition->unknown_since || partition->error_told != Errc::no_error) {
            at = unknown_.erase(at);
            continue;
        }
        const TimePoint due = *partition->unknown_since + config_.topic_propagation_max;
        if (due <= now)
            find_leader(*partition, now);
        else
            next = std::min(next, due);
        ++at;
    }
    return next;
}

// --- shared

void Fetcher::tell(const Partition& partition, Error error) {
    error.detail = fmt::format(
        "{}[{}] at offset {}: {}",
        partition.where.topic,
        partition.where.partition,
        partition.offset,
        error.message()
    );
    sink_.deliver({partition.stream, PartitionFailure{std::move(error), partition.offset}});
}

void Fetcher::back_off(Partition& partition, TimePoint now) {
    partition.not_before =
        now + backoff({config_.retry_backoff, config_.retry_backoff_max}, partition.tries++, rng_);
    touch(partition);
}

} // namespace ottla::core
