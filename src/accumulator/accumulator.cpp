#include "accumulator/accumulator.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <thread>

#include "accumulator/partitioner.hpp"
#include "base/probe.hpp"
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

// What a thread keeps of the topics it used lately: their handles, and where its keyless records go at the moment.
struct CacheEntry {
    uint64_t serial = 0;
    Topic* topic = nullptr;
    int32_t sticky_partition = partition_any;
    int64_t sticky_until_ms = 0;
};
struct ThreadCache {
    std::array<CacheEntry, 16> entries;
    std::optional<Rng> rng;
};
// Needs no code to come into being, or each use would have to look whether that has run.
thread_local constinit ThreadCache cache;

AccumulatorConfig with_limits(AccumulatorConfig config) {
    if (config.max_messages == 0)
        config.max_messages = INT64_MAX >> 2; // never reached, and less than what a closed accumulator counts
    return config;
}

Rng& thread_rng() {
    if (!cache.rng)
        cache.rng.emplace(std::hash<std::thread::id>{}(std::this_thread::get_id()));
    return *cache.rng;
}

// Good enough to keep a thread's few topics apart: their names usually differ in length or at an end.
CacheEntry& cache_entry(std::string_view name) {
    const size_t hash = name.empty() ? 0 : name.size() * 7 + static_cast<uint8_t>(name.back()) * 5 + static_cast<uint8_t>(name.front());
    return cache.entries[hash % cache.entries.size()];
}

} // namespace

void Accumulator::seed_thread(uint64_t seed) { cache = {.entries = {}, .rng = Rng(seed)}; }

int64_t (*Accumulator::coarse_now_ms)() = read_coarse_clock;

Accumulator::Accumulator(AccumulatorConfig config, std::function<void()> wake)
    : config_(with_limits(config))
    , wake_(std::move(wake))
    , serial_(next_serial.fetch_add(1, std::memory_order_relaxed))
    , supplies_{chunks_, batches_, config.limits} {}

Accumulator::~Accumulator() = default;

Errc Accumulator::take_credit(int64_t bytes) {
    const int64_t messages = messages_.fetch_add(1, std::memory_order_relaxed) + 1;
    const int64_t total = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (messages <= config_.max_messages && total <= config_.max_bytes)
        return Errc::no_error;
    return_credit(bytes);
    return messages < closed ? Errc::_queue_full : static_cast<Errc>(refused_.load(std::memory_order_relaxed));
}

void Accumulator::return_credit(int64_t bytes) {
    messages_.fetch_sub(1, std::memory_order_relaxed);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

Errc Accumulator::append(const SendRecord& send) {
    AppendRecord record{
        .key = send.key,
        .value = send.value,
        .headers = send.headers,
        .timestamp_ms = send.timestamp_ms ? send.timestamp_ms : coarse_now_ms(),
        .token = send.token,
    };
    const size_t size = payload_size(record);
    if (size > config_.max_record_bytes)
        return Errc::msg_size_too_large;
    const auto bytes = static_cast<int64_t>(size);
    if (const Errc code = take_credit(bytes); code != Errc::no_error)
        return code;
    Topic& topic = find_topic(send.topic);
    if (const int refused = topic.refused.load(std::memory_order_relaxed)) {
        return_credit(bytes);
        return static_cast<Errc>(refused);
    }

    const PartitionTable* table = topic.table.load(std::memory_order_acquire);
    if (!table)
        return append_unassigned(topic, record, send.partition);
    int32_t partition = send.partition;
    if (partition == partition_any)
        partition = choose(topic, record.key, *table);
    else if (partition < 0 || static_cast<size_t>(partition) >= table->partitions.size()) {
        return_credit(bytes);
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
    return_credit(static_cast<int64_t>(payload_size(record)));
    return append(
        {.topic = topic.name,
         .key = record.key,
         .value = record.value,
         .headers = record.headers,
         .timestamp_ms = record.timestamp_ms,
         .partition = partition,
         .token = record.token});
}

int32_t Accumulator::choose(Topic& topic, Bytes key, const PartitionTable& table) {
    const auto count = static_cast<int32_t>(table.partitions.size());
    const int32_t hashed = count == 1 ? 0 : partition_of(config_.partitioner, key, count);
    if (hashed != partition_any)
        return hashed;
    const auto random = [&] { return static_cast<int32_t>(thread_rng().below(static_cast<uint64_t>(count))); };
    const auto sticky_ms = config_.sticky.count();
    if (sticky_ms == 0)
        return random();
    CacheEntry& entry = cache_entry(topic.name);
    const int64_t now = coarse_now_ms();
    if (entry.topic != &topic || entry.serial != serial_)
        entry = {serial_, &topic};
    if (entry.sticky_partition < 0 || now >= entry.sticky_until_ms) {
        entry.sticky_partition = random();
        entry.sticky_until_ms = now + sticky_ms;
    }
    return entry.sticky_partition;
}

Topic& Accumulator::find_topic(std::string_view name) {
    CacheEntry& entry = cache_entry(name);
    if (entry.serial != serial_ || entry.topic->name != name)
        entry = {serial_, &look_up_topic(name)};
    return *entry.topic;
}

Topic& Accumulator::look_up_topic(std::string_view name) {
    {
        std::shared_lock lock(topics_mutex_);
        const auto it = topics_.find(name);
        if (it != topics_.end())
            return *it->second;
    }
    std::unique_lock lock(topics_mutex_);
    const auto it = topics_.find(name);
    if (it != topics_.end())
        return *it->second;
    auto made = std::make_unique<Topic>(std::string(name), supplies_);
    Topic& topic = *made;
    topics_.emplace(std::string_view(topic.name), std::move(made));
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
    settled_.fetch_sub(count, std::memory_order_relaxed); // before the other, so that nobody sees too few unsettled
    messages_.fetch_sub(count, std::memory_order_acq_rel);
}

BatchList Accumulator::take_everything() {
    BatchList all;
    for (Topic* topic : topics()) {
        all.append(topic->unassigned.take_all());
        for (const auto& buffer : topic->buffers)
            all.append(buffer->take_all());
    }
    return all;
}

std::vector<Topic*> Accumulator::topics() const {
    std::shared_lock lock(topics_mutex_);
    std::vector<Topic*> all;
    all.reserve(topics_.size());
    for (const auto& [name, topic] : topics_)
        all.push_back(topic.get());
    return all;
}

namespace {

// Calls f(record, index) for each record of a batch, as it was given to append.
template <class F>
void for_each_record(const Batch& batch, F&& f) {
    const record::BatchContext context{.base_timestamp = batch.base_timestamp_ms};
    int32_t index = 0;
    RecordView view;
    std::vector<Header> headers;
    for (const Chunk& chunk : batch.chunks) {
        const auto bytes = chunk.records();
        const uint8_t* const end = bytes.data() + bytes.size();
        for (const uint8_t* at = bytes.data(); at != end; ++index) {
            at = record::RecordParser::parse(at, end, context, view);
            headers.assign(view.headers().begin(), view.headers().end());
            f(AppendRecord{
                  .key = view.key(),
                  .value = view.value(),
                  .headers = headers,
                  .timestamp_ms = view.timestamp_ms(),
                  .token = batch.token(index),
                  .since = batch.opened,
              },
              index);
        }
    }
}

} // namespace

void Accumulator::set_partitions(Topic& topic, int32_t count, BatchList& rejected) {
    const PartitionTable* old = topic.table.load(std::memory_order_relaxed);
    if (old && static_cast<size_t>(count) == old->partitions.size())
        return;
    while (topic.buffers.size() < static_cast<size_t>(count))
        topic.buffers.push_back(std::make_unique<PartitionBuffer>(topic, static_cast<int32_t>(topic.buffers.size()), supplies_));
    auto table = std::make_unique<PartitionTable>();
    for (int32_t i = 0; i < count; ++i)
        table->partitions.push_back(topic.buffers[static_cast<size_t>(i)].get());

    std::lock_guard lock(topic.unassigned_mutex);
    BatchList waiting = topic.unassigned.take_all();
    while (!waiting.empty()) {
        Batch* batch = waiting.pop();
        for_each_record(*batch, [&](const AppendRecord& record, int32_t index) {
            if (probe::planted("lose_record_on_reencode", 3))
                return;
            int32_t partition = batch->wanted[static_cast<size_t>(index)];
            if (partition == partition_any)
                partition = choose(topic, record.key, *table);
            if (partition < 0 || partition >= count) {
                PartitionBuffer alone(topic, partition, supplies_);
                alone.append(record);
                BatchList one = alone.take_all();
                one.front()->error = Error(Errc::_unknown_partition);
                rejected.append(std::move(one));
                return;
            }
            PartitionBuffer& buffer = *table->partitions[static_cast<size_t>(partition)];
            if (buffer.append(record) != PartitionBuffer::Appended::quietly)
                list(buffer);
        });
        batches_.give_back(batch);
    }
    topic.table.store(table.get(), std::memory_order_release);
    topic.tables.push_back(std::move(table));
}

BatchList Accumulator::halve(Batch* batch) {
    const Supplies unlimited{chunks_, batches_, {.bytes = SIZE_MAX, .records = INT32_MAX}};
    PartitionBuffer buffer(*batch->topic, batch->partition, unlimited);
    BatchList halves;
    size_t bytes = 0;
    for_each_record(*batch, [&](const AppendRecord& record, int32_t index) {
        const bool enough = bytes >= batch->payload_bytes / 2 || index == batch->count - 1;
        if (halves.empty() && index > 0 && enough)
            halves.append(buffer.take_all());
        buffer.append(record);
        bytes += payload_size(record);
    });
    halves.append(buffer.take_all());
    int64_t sequence = batch->base_sequence;
    for (Batch* half = halves.front(); half; half = half->next) {
        half->state = batch->state;
        half->ambiguous = batch->ambiguous;
        half->producer_id = batch->producer_id;
        half->producer_epoch = batch->producer_epoch;
        if (sequence >= 0) {
            half->base_sequence = static_cast<int32_t>(sequence);
            sequence = (sequence + half->count) & INT32_MAX;
        }
    }
    batches_.give_back(batch);
    return halves;
}

} // namespace ottla::accumulator
