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
    , lookup_isolation_(config.isolation) {
    metadata_.on_change(scope_, [this](TimePoint) { wake(); });
}

Fetcher::~Fetcher() = default;

void Fetcher::add(FetchStart start, TimePoint now) {
    Partition partition{
        .where = std::move(start.where),
        .stream = start.stream,
        .offset = start.offset,
        .paused = start.paused,
        .max_bytes = config_.fetch_partition_max_bytes,
        .not_before = now + start.delay,
    };
    partition.asked_for = start.offset;
    partition.position = std::move(start.position);
    partition.received = &received_[partition.where];
    if (partition.received->since == TimePoint())
        partition.received->since = now;
    metadata_.want(partition.where.topic);
    find_leader(partition, now);
    start_at(partition, start.offset);
    partitions_.emplace(start.stream, std::move(partition));
    wake();
}

void Fetcher::remove(StreamId stream) {
    const auto it = partitions_.find(stream);
    if (it == partitions_.end())
        return;
    if (!it->second.paused)
        waiting_bytes_ -= it->second.waiting_bytes;
    it->second.received->stale += it->second.waiting_messages;
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
    wake();
}

void Fetcher::resume(StreamId stream) {
    Partition* partition = find(stream);
    if (!partition || !partition->paused)
        return;
    partition->paused = false;
    waiting_bytes_ += partition->waiting_bytes;
    wake();
}

TimePoint Fetcher::poll(TimePoint now) {
    apply_credits(FetchSink::Wake::no);
    if (metadata_version_ != metadata_.version())
        find_leaders(now);
    TimePoint next = check_unknown(now);
    ask_offsets(now, next);
    return std::min(next, plan_fetches(now));
}

Fetcher::Partition* Fetcher::find(StreamId stream) {
    const auto it = partitions_.find(stream);
    return it == partitions_.end() ? nullptr : &it->second;
}

bool Fetcher::has_demand(const Partition& partition) const {
    return partition.waiting_messages < config_.queued_min_messages &&
           waiting_bytes_ < config_.queued_max_kbytes * 1024;
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
    }
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
        const bool may_appear = trouble == Errc::unknown_topic_or_part || trouble == Errc::unknown_topic_id ||
                                trouble == Errc::_unknown_partition;
        if (!partition.unknown_since)
            partition.unknown_since = may_appear ? now : now - config_.topic_propagation_max;
        if (now - *partition.unknown_since >= config_.topic_propagation_max &&
            partition.error_told != trouble) {
            partition.error_told = trouble;
            tell(partition, Error(trouble));
        }
        return;
    }
    partition.unknown_since.reset();
    partition.error_told = Errc::no_error;
    partition.topic_id = topic->id;
    partition.leader_epoch = info->leader_epoch;
    if (info->leader != partition.leader) {
        partition.leader = info->leader;
        partition.replica = -1;
    }
}

// Topics that nobody knows are told of when they have had time to spread over the cluster.
TimePoint Fetcher::check_unknown(TimePoint now) {
    TimePoint next = never;
    for (auto& [stream, partition] : partitions_) {
        if (!partition.unknown_since || partition.error_told != Errc::no_error)
            continue;
        const TimePoint due = *partition.unknown_since + config_.topic_propagation_max;
        if (due <= now)
            find_leader(partition, now);
        else
            next = std::min(next, due);
    }
    return next;
}

// --- fetching

TimePoint Fetcher::plan_fetches(TimePoint now) {
    struct Plan {
        std::vector<Partition*> partitions;
        bool left_out = false;
    };

    std::map<int32_t, Plan> plans;
    TimePoint next = never;
    bool starving = false;
    for (auto& [stream, partition] : partitions_) {
        if (partition.state != State::reading || partition.in_flight || partition.paused)
            continue;
        if (partition.replica >= 0 && partition.replica_until <= now)
            partition.replica = -1; // ask the leader again which one is best
        if (partition.node() < 0)
            continue;
        Leader& leader = leaders_[partition.node()];
        if (leader.in_flight)
            continue;
        const TimePoint due = std::max(partition.not_before, leader.not_before);
        if (due > now) {
            next = std::min(next, due);
        } else if (has_demand(partition)) {
            plans[partition.node()].partitions.push_back(&partition);
        } else {
            plans[partition.node()].left_out = true;
            starving = true;
        }
    }
    if (starving) {
        apply_credits(FetchSink::Wake::on_next_credit);
        if (!credits_.empty())
            return plan_fetches(now); // credits only ever add demand, so this ends
    }
    for (auto& [node, plan] : plans)
        if (!plan.partitions.empty())
            send_fetch(node, std::move(plan.partitions), plan.left_out);
    return next;
}

void Fetcher::send_fetch(int32_t node, std::vector<Partition*> partitions, bool left_out) {
    using namespace std::chrono;
    // Brokers fill the answer in the order asked, so those who were served last go to the end.
    std::stable_sort(partitions.begin(), partitions.end(), [](const Partition* a, const Partition* b) {
        return a->served < b->served;
    });
    Leader& leader = leaders_[node];
    auto wait = config_.fetch_wait_max;
    if (left_out) {
        if (leader.short_wait == Duration::zero())
            leader.short_wait = milliseconds(10);
        wait = std::min(wait, duration_cast<milliseconds>(leader.short_wait));
    }
    msg::FetchRequest request;
    request.max_wait_ms = static_cast<int32_t>(wait.count());
    request.min_bytes = config_.fetch_min_bytes;
    request.max_bytes = config_.fetch_max_bytes;
    request.isolation_level = config_.isolation == config::Isolation::read_committed ? 1 : 0;
    request.rack_id = config_.client_rack;
    Asked asked{.node = node, .left_out = left_out, .topics = {}};
    bool all_have_ids = true;
    for (Partition* partition : partitions) {
        auto topic = std::find_if(asked.topics.begin(), asked.topics.end(), [&](const Asked::Topic& t) {
            return t.name == partition->where.topic;
        });
        if (topic == asked.topics.end()) {
            topic = asked.topics.insert(topic, {partition->where.topic, partition->topic_id, {}});
            auto& fresh = request.topics.emplace_back();
            fresh.topic = partition->where.topic;
            fresh.topic_id = partition->topic_id;
            all_have_ids = all_have_ids && !partition->topic_id.is_zero();
        }
        topic->partitions.emplace_back(partition->where.partition, partition->stream);
        auto& line =
            request.topics[static_cast<size_t>(topic - asked.topics.begin())].partitions.emplace_back();
        line.partition = partition->where.partition;
        line.current_leader_epoch = partition->leader_epoch;
        line.fetch_offset = partition->offset;
        line.partition_max_bytes = static_cast<int32_t>(partition->max_bytes);
        partition->in_flight = true;
    }
    leader.in_flight = true;
    CallOptions options{
        .timeout = config_.socket_timeout + wait, .lane = Lane::fetch, .client = client_, .retry = false};
    if (!all_have_ids)
        options.max_version = 12; // from 13 on, topics go by id alone (KIP-516)
    call<msg::FetchRequest>(
        caller_,
        Node{node},
        std::move(request),
        options,
        scope_,
        [this, asked = std::move(asked)](CallResult<FetchAnswer> result, TimePoint now) {
            on_fetch(asked, std::move(result), now);
            wake();
        }
    );
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
}

} // namespace ottla::core
