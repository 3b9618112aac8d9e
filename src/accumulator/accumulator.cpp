#include "accumulator/accumulator.hpp"

#include <algorithm>
#include <ctime>

#include "accumulator/partitioner.hpp"
#include "base/rng.hpp"
#include "record/record_parser.hpp"

namespace ottla::accumulator {
namespace {

int64_t read_coarse_clock() {
    timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

std::atomic<uint64_t> next_serial{1};

// The topic a thread used last, and where its keyless records go at the moment.
struct ThreadCache {
    uint64_t serial = 0;
    Topic* topic = nullptr;
    int32_t sticky_partition = partition_any;
    int64_t sticky_until_ms = 0;
    Rng rng{0};
};
thread_local ThreadCache cache;

} // namespace

int64_t (*Accumulator::coarse_now_ms)() = read_coarse_clock;

Accumulator::Accumulator(AccumulatorConfig config, std::function<void()> wake)
    : config_(config)
    , wake_(std::move(wake))
    , serial_(next_serial.fetch_add(1, std::memory_order_relaxed))
    , supplies_{chunks_, batches_, config.limits} {}

Accumulator::~Accumulator() = default;

int64_t Accumulator::cost(const AppendRecord& record) {
    return static_cast<int64_t>(record.key.size() + record.value.size());
}

bool Accumulator::take_credit(int64_t bytes) {
    const int64_t messages = messages_.fetch_add(1, std::memory_order_relaxed) + 1;
    const int64_t total = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if ((config_.max_messages && messages > config_.max_messages) || total > config_.max_bytes) {
        messages_.fetch_sub(1, std::memory_order_relaxed);
        bytes_.fetch_sub(bytes, std::memory_order_relaxed);
        return false;
    }
    return true;
}

Errc Accumulator::append(const SendRecord& send) {
    if (const int refused = refused_.load(std::memory_order_acquire))
        return static_cast<Errc>(refused);
    AppendRecord record{
        .key = send.key,
        .value = send.value,
        .headers = send.headers,
        .timestamp_ms = send.timestamp_ms ? send.timestamp_ms : coarse_now_ms(),
        .token = send.token,
    };
    if (record.key.size() + record.value.size() > config_.max_record_bytes)
        return Errc::msg_size_too_large;
    Topic& topic = *find_topic(send.topic);
    if (const int refused = topic.refused.load(std::memory_order_relaxed))
        return static_cast<Errc>(refused);
    const int64_t bytes = cost(record);
    if (!take_credit(bytes))
        return Errc::_queue_full;

    const PartitionTable* table = topic.table.load(std::memory_order_acquire);
    if (!table)
        return append_unassigned(topic, record, send.partition);
    int32_t partition = send.partition;
    if (partition == partition_any)
        partition = choose(topic, record.key, *table);
    else if (partition < 0 || static_cast<size_t>(partition) >= table->partitions.size()) {
        messages_.fetch_sub(1, std::memory_order_relaxed);
        bytes_.fetch_sub(bytes, std::memory_order_relaxed);
        return Errc::_unknown_partition;
    }
    PartitionBuffer& buffer = *table->partitions[static_cast<size_t>(partition)];
    if (buffer.append(record) != PartitionBuffer::Appended::quietly)
        list(buffer);
    return Errc::no_error;
}

Errc Accumulator::append_unassigned(Topic& topic, AppendRecord record, int32_t partition) {
    {
        std::lock_guard lock(topic.unassigned_mutex);
        const PartitionTable* table = topic.table.load(std::memory_order_acquire);
        if (!table) {
            record.wanted_partition = partition;
            if (topic.unassigned.append(record) != PartitionBuffer::Appended::quietly)
                list(topic.unassigned);
            return Errc::no_error;
        }
    }
    // The partitions have become known meanwhile: as any other record.
    messages_.fetch_sub(1, std::memory_order_relaxed);
    bytes_.fetch_sub(cost(record), std::memory_order_relaxed);
    return append(
        {.topic = topic.name,
         .key = record.key,
         .value = record.value,
         .headers = record.headers,
         .timestamp_ms = record.timestamp_ms,
         .partition = partition,
         .token = record.token});
}

int32_t Accumulator::choose(const Topic& topic, Bytes key, const PartitionTable& table) {
    const auto count = static_cast<int32_t>(table.partitions.size());
    const int32_t hashed = count == 1 ? 0 : partition_of(config_.partitioner, key, count);
    if (hashed != partition_any)
        return hashed;
    // find_topic has just made the cache point to this topic.
    (void)topic;
    const auto sticky_ms = config_.sticky.count();
    if (sticky_ms) {
        const int64_t now = coarse_now_ms();
        if (cache.sticky_partition >= 0 && cache.sticky_partition < count && now < cache.sticky_until_ms)
            return cache.sticky_partition;
        cache.sticky_until_ms = now + sticky_ms;
    }
    return cache.sticky_partition = static_cast<int32_t>(cache.rng.below(static_cast<uint64_t>(count)));
}

Topic* Accumulator::find_topic(std::string_view name) {
    if (cache.serial == serial_ && cache.topic->name == name)
        return cache.topic;
    return slow_find_topic(name);
}

Topic* Accumulator::slow_find_topic(std::string_view name) {
    Topic* topic = nullptr;
    {
        std::shared_lock lock(topics_mutex_);
        const auto it = topics_.find(name);
        if (it != topics_.end())
            topic = it->second.get();
    }
    if (!topic) {
        std::unique_lock lock(topics_mutex_);
        const auto it = topics_.find(name);
        if (it != topics_.end()) {
            topic = it->second.get();
        } else {
            auto made = std::make_unique<Topic>(std::string(name), supplies_);
            topic = made.get();
            topics_.emplace(std::string_view(topic->name), std::move(made));
        }
    }
    if (cache.serial != serial_)
        cache.rng = Rng(config_.seed ^ reinterpret_cast<uintptr_t>(&cache));
    cache.serial = serial_;
    cache.topic = topic;
    cache.sticky_partition = partition_any;
    return topic;
}

void Accumulator::list(PartitionBuffer& buffer) {
    if (buffer.listed.exchange(true, std::memory_order_acq_rel))
        return;
    PartitionBuffer* head = ready_.load(std::memory_order_relaxed);
    do
        buffer.next_ready = head;
    while (!ready_.compare_exchange_weak(head, &buffer, std::memory_order_acq_rel, std::memory_order_relaxed));
    if (!head)
        wake_();
}

void Accumulator::finish(Batch* batch) {
    const auto bytes = static_cast<int64_t>(batch->payload_bytes);
    const int32_t count = batch->count;
    batches_.give_back(batch);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    messages_.fetch_sub(count, std::memory_order_acq_rel);
}

std::vector<Topic*> Accumulator::topics() const {
    std::shared_lock lock(topics_mutex_);
    std::vector<Topic*> all;
    all.reserve(topics_.size());
    for (const auto& [name, topic] : topics_)
        all.push_back(topic.get());
    return all;
}

void Accumulator::set_partitions(Topic& topic, int32_t count, BatchList& rejected) {
    if (static_cast<size_t>(count) <= topic.buffers.size())
        return;
    while (topic.buffers.size() < static_cast<size_t>(count))
        topic.buffers.push_back(std::make_unique<PartitionBuffer>(topic, static_cast<int32_t>(topic.buffers.size()), supplies_));
    auto table = std::make_unique<PartitionTable>();
    for (const auto& buffer : topic.buffers)
        table->partitions.push_back(buffer.get());

    std::lock_guard lock(topic.unassigned_mutex);
    BatchList waiting = topic.unassigned.take_all();
    cache.serial = 0; // this thread chooses for others now: not with its own stickiness
    while (!waiting.empty()) {
        Batch* batch = waiting.pop();
        const record::BatchContext context{.base_timestamp = batch->base_timestamp_ms};
        size_t index = 0;
        for (const Chunk& chunk : batch->chunks) {
            const auto bytes = chunk.records();
            const uint8_t* at = bytes.data();
            const uint8_t* const end = at + bytes.size();
            RecordView view;
            std::vector<Header> headers;
            while (at != end) {
                at = record::RecordParser::parse(at, end, context, view);
                headers.assign(view.headers().begin(), view.headers().end());
                const AppendRecord record{
                    .key = view.key(),
                    .value = view.value(),
                    .headers = headers,
                    .timestamp_ms = view.timestamp_ms(),
                    .token =
                        {.value = batch->tokens.empty() ? 0 : batch->tokens[index],
                         .is_handler = !batch->handlers.empty() && batch->handlers[index] != 0},
                    .since = batch->opened,
                };
                int32_t partition = batch->wanted[index++];
                if (partition == partition_any)
                    partition = choose(topic, record.key, *table);
                if (partition < 0 || partition >= count) {
                    PartitionBuffer alone(topic, partition, supplies_);
                    alone.append(record);
                    BatchList one = alone.take_all();
                    one.front()->error = Error(Errc::_unknown_partition);
                    rejected.append(std::move(one));
                    continue;
                }
                PartitionBuffer& buffer = *table->partitions[static_cast<size_t>(partition)];
                if (buffer.append(record) != PartitionBuffer::Appended::quietly)
                    list(buffer);
            }
        }
        batches_.give_back(batch);
    }
    topic.table.store(table.get(), std::memory_order_release);
    topic.tables.push_back(std::move(table));
}

} // namespace ottla::accumulator
