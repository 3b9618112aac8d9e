#include "accumulator/accumulator.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <optional>
#include <thread>

#include "accumulator/partitioner.hpp"
#include "base/probe.hpp"
#include "base/rng.hpp"
#include "record/record_writer.hpp"

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
    int64_t sticky_bytes = 0; ///< left of them
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
    const size_t hash = name.size() + static_cast<uint8_t>(name.back()) * size_t{5} + static_cast<uint8_t>(name.front());
    return cache.entries[hash % cache.entries.size()];
}

// Inline for names of usual length: the call of memcmp costs more than the comparison.
bool same_text(std::string_view a, std::string_view b) {
    if (a.size() != b.size())
        return false;
    const size_t size = a.size();
    // The first and the last bytes, which may overlap.
    const auto both_ends_equal = [&]<class Word>(Word) {
        const auto word = [](const char* at) {
            Word value;
            std::memcpy(&value, at, sizeof value);
            return value;
        };
        const size_t last = size - sizeof(Word);
        return word(a.data()) == word(b.data()) && word(a.data() + last) == word(b.data() + last);
    };
    if (size >= 8 && size <= 16)
        return both_ends_equal(uint64_t{});
    if (size >= 4 && size < 8)
        return both_ends_equal(uint32_t{});
    return std::memcmp(a.data(), b.data(), size) == 0;
}

} // namespace

void Accumulator::seed_thread(uint64_t seed) { cache = {.entries = {}, .rng = Rng(seed)}; }

int64_t (*Accumulator::coarse_now_ms)() = read_coarse_clock;

Accumulator::Accumulator(AccumulatorConfig config, std::function<void()> wake, std::function<void(Batch*)> deliver)
    : config_(with_limits(config))
    , wake_(std::move(wake))
    , serial_(next_serial.fetch_add(1, std::memory_order_relaxed))
    , lent_(std::move(deliver))
    , supplies_{chunks_, batches_, config.limits, config.copy_max, config.sum_from} {}

Accumulator::~Accumulator() = default;

Errc Accumulator::take_credit(int64_t count, int64_t bytes) {
    const int64_t messages = messages_.fetch_add(count, std::memory_order_relaxed) + count;
    const int64_t total = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (messages <= config_.max_messages && total <= config_.max_bytes) [[likely]]
        return Errc::no_error;
    return_credit(count, bytes);
    return messages < closed ? Errc::_queue_full : static_cast<Errc>(refused_.load(std::memory_order_relaxed));
}

void Accumulator::return_credit(int64_t count, int64_t bytes) {
    messages_.fetch_sub(count, std::memory_order_relaxed);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

inline Errc Accumulator::measure(SendRecord& record) const {
    record.payload = record::payload_size(record.key, record.value, record.headers);
    return record.payload > config_.max_record_bytes ? Errc::msg_size_too_large : Errc::no_error;
}

inline Topic& Accumulator::find_topic(std::string_view name) {
    CacheEntry& entry = cache_entry(name);
    if (entry.serial != serial_ || !same_text(entry.topic->name, name)) [[unlikely]]
        entry = {serial_, &look_up_topic(name)};
    return *entry.topic;
}

// Completes the record and finds its partition's buffer; null: it waits for the topic's first metadata now.
[[gnu::always_inline]] inline Errc Accumulator::locate(SendRecord& record, PartitionBuffer*& buffer) {
    if (record.timestamp_ms == 0)
        record.timestamp_ms = coarse_now_ms();
    if (record.topic.empty()) [[unlikely]]
        return Errc::topic_exception;
    Topic& topic = find_topic(record.topic);
    if (const int refused = topic.refused.load(std::memory_order_relaxed)) [[unlikely]]
        return static_cast<Errc>(refused);
    const PartitionTable* table = topic.table.load(std::memory_order_acquire);
    if (!table) [[unlikely]] {
        if (append_unassigned(topic, record))
            return Errc::no_error;
        table = topic.table.load(std::memory_order_acquire);
    }
    int32_t partition = record.partition;
    if (partition == partition_any)
        partition = table->partitions.size() == 1 && !config_.choose ? 0 : choose(topic, record, *table);
    if (partition < 0 || static_cast<size_t>(partition) >= table->partitions.size()) [[unlikely]]
        return Errc::_unknown_partition;
    if (record.lends) [[unlikely]]
        lend(record);
    buffer = table->partitions[static_cast<size_t>(partition)];
    return Errc::no_error;
}

Errc Accumulator::append(SendRecord record) {
    if (const Errc code = measure(record); code != Errc::no_error) [[unlikely]]
        return code;
    const auto bytes = static_cast<int64_t>(record.payload);
    if (const Errc code = take_credit(1, bytes); code != Errc::no_error) [[unlikely]]
        return code;
    PartitionBuffer* buffer = nullptr;
    if (const Errc code = locate(record, buffer); code != Errc::no_error) [[unlikely]] {
        return_credit(1, bytes);
        return code;
    }
    if (buffer && buffer->append(record) != PartitionBuffer::Appended::quietly)
        list(*buffer);
    return Errc::no_error;
}

void Accumulator::append(std::span<SendRecord> records, std::span<Errc> codes) {
    for (; records.size() > most_at_once; records = records.subspan(most_at_once), codes = codes.subspan(most_at_once))
        append(records.first(most_at_once), codes.first(most_at_once));
    int64_t bytes = 0;
    int64_t count = 0;
    for (size_t i = 0; i < records.size(); ++i) {
        codes[i] = measure(records[i]);
        if (codes[i] == Errc::no_error) {
            bytes += static_cast<int64_t>(records[i].payload);
            ++count;
        }
    }
    if (const Errc code = take_credit(count, bytes); code != Errc::no_error) { // not for all of them: one after the other
        for (size_t i = 0; i < records.size(); ++i)
            if (codes[i] == Errc::no_error)
                codes[i] = append(records[i]);
        return;
    }
    std::array<PartitionBuffer*, most_at_once> where{};
    for (size_t i = 0; i < records.size(); ++i) {
        if (codes[i] != Errc::no_error)
            continue;
        codes[i] = locate(records[i], where[i]);
        if (codes[i] != Errc::no_error)
            return_credit(1, static_cast<int64_t>(records[i].payload));
    }
    std::array<uint8_t, most_at_once> which;
    for (size_t first = 0; first < records.size(); ++first) {
        PartitionBuffer* const buffer = where[first];
        if (!buffer)
            continue;
        size_t n = 0;
        for (size_t i = first; i < records.size(); ++i)
            if (where[i] == buffer) {
                which[n++] = static_cast<uint8_t>(i);
                where[i] = nullptr;
            }
        if (buffer->append(records, std::span(which).first(n)) != PartitionBuffer::Appended::quietly)
            list(*buffer);
    }
}

void Accumulator::lend(SendRecord& record) {
    record.token = {reinterpret_cast<uintptr_t>(lent_.take(record.value, record.token)), TokenKind::lent};
}

// False: the partitions have become known meanwhile.
bool Accumulator::append_unassigned(Topic& topic, SendRecord& record) {
    std::lock_guard lock(topic.unassigned_mutex);
    if (topic.table.load(std::memory_order_acquire))
        return false;
    if (record.lends)
        lend(record);
    if (topic.unassigned.append(record) != PartitionBuffer::Appended::quietly)
        list(topic.unassigned);
    return true;
}

int32_t Accumulator::choose(Topic& topic, const SendRecord& record, const PartitionTable& table) {
    const auto count = static_cast<int32_t>(table.partitions.size());
    if (config_.choose) [[unlikely]]
        return ask_application(topic, record, table);
    const int32_t hashed = partition_of(config_.partitioner, record.key, count);
    return hashed != partition_any ? hashed : choose_keyless(topic, record.payload, table);
}

int32_t Accumulator::ask_application(Topic& topic, const SendRecord& record, const PartitionTable& table) {
    struct Query final : PartitionQuery {
        bool available(int32_t partition) const override {
            return partition >= 0 && partition < partition_count &&
                   table->partitions[static_cast<size_t>(partition)]->has_leader.load(std::memory_order_relaxed);
        }
        int32_t keyless() const override { return self->choose_keyless(*where, payload, *table); }
        Accumulator* self;
        Topic* where;
        const PartitionTable* table;
        size_t payload;
    } query;
    query.topic = topic.name;
    query.key = record.key;
    query.value = record.value;
    query.headers = record.headers;
    query.partition_count = static_cast<int32_t>(table.partitions.size());
    query.self = this;
    query.where = &topic;
    query.table = &table;
    query.payload = record.payload;
    try {
        return config_.choose(query);
    } catch (...) {
        return partition_any; // fails the record
    }
}

// Each thread keeps to a partition for a while, so that batches fill and threads seldom meet at one lock.
int32_t Accumulator::choose_keyless(Topic& topic, size_t payload, const PartitionTable& table) {
    const auto count = static_cast<int32_t>(table.partitions.size());
    if (count == 1)
        return 0;
    const auto sticky_ms = config_.sticky.count();
    if (sticky_ms == 0 && !config_.adaptive)
        return pick_available(table);
    CacheEntry& entry = cache_entry(topic.name);
    if (entry.topic != &topic || entry.serial != serial_)
        entry = {serial_, &topic};
    const bool known = entry.sticky_partition >= 0 && entry.sticky_partition < count;
    if (config_.adaptive) {
        if (!known || entry.sticky_bytes <= 0) {
            entry.sticky_partition = pick_least_loaded(table);
            entry.sticky_bytes = static_cast<int64_t>(config_.limits.bytes);
        }
        entry.sticky_bytes -= static_cast<int64_t>(payload + record::usual_framing);
        return entry.sticky_partition;
    }
    const int64_t now = coarse_now_ms();
    // Both ways, for a clock that is set back.
    if (!known || now >= entry.sticky_until_ms || now < entry.sticky_until_ms - sticky_ms) {
        entry.sticky_partition = pick_available(table);
        entry.sticky_until_ms = now + sticky_ms;
    }
    return entry.sticky_partition;
}

// Any of those that have a leader; any at all when none has.
int32_t Accumulator::pick_available(const PartitionTable& table) const {
    const auto count = table.partitions.size();
    const auto first = static_cast<size_t>(thread_rng().below(count));
    for (size_t i = 0; i < count; ++i) {
        const size_t at = (first + i) % count;
        if (table.partitions[at]->has_leader.load(std::memory_order_relaxed))
            return static_cast<int32_t>(at);
    }
    return static_cast<int32_t>(first);
}

// The shorter a partition's queue against the longest, the likelier; those that stand still have no part (KIP-794).
int32_t Accumulator::pick_least_loaded(const PartitionTable& table) const {
    const TimePoint limit = config_.availability.count() ? PartitionBuffer::precise_now() - config_.availability : TimePoint::min();
    const auto load_of = [&](const PartitionBuffer& buffer) {
        const int32_t load = std::max(buffer.load.load(std::memory_order_relaxed), 0);
        const bool stands = load > 0 && buffer.progress.load(std::memory_order_relaxed) < limit;
        return stands || !buffer.has_leader.load(std::memory_order_relaxed) ? -1 : load;
    };
    int64_t longest = -1;
    for (const PartitionBuffer* buffer : table.partitions)
        longest = std::max<int64_t>(longest, load_of(*buffer));
    if (longest < 0)
        return pick_available(table);
    int64_t total = 0;
    for (const PartitionBuffer* buffer : table.partitions)
        if (const int32_t load = load_of(*buffer); load >= 0)
            total += longest + 1 - std::min<int64_t>(load, longest); // it may have grown meanwhile
    auto place = static_cast<int64_t>(thread_rng().below(static_cast<uint64_t>(std::max<int64_t>(total, 1))));
    for (size_t i = 0; i < table.partitions.size(); ++i)
        if (const int32_t load = load_of(*table.partitions[i]); load >= 0)
            if ((place -= longest + 1 - std::min<int64_t>(load, longest)) < 0)
                return static_cast<int32_t>(i);
    return pick_available(table);
}

void Accumulator::settle(const Batch& batch) {
    settled_.fetch_add(batch.count, std::memory_order_relaxed);
    const auto& buffers = batch.topic->buffers;
    if (batch.partition >= 0 && static_cast<size_t>(batch.partition) < buffers.size())
        buffers[static_cast<size_t>(batch.partition)]->load.fetch_sub(1, std::memory_order_relaxed);
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
    for (int32_t i = 0; i < static_cast<int32_t>(batch->kinds.size()); ++i)
        if (LentValue* lent = batch->lent(i))
            lent_.give_back(lent);
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
    std::vector<Header> headers;
    batch.for_each_record([&](int32_t index, const uint8_t* encoded, const Chunk& chunk) {
        const RecordView view = batch.view(index, encoded, chunk);
        headers.assign(view.headers().begin(), view.headers().end());
        f(SendRecord{
              .topic = {},
              .key = view.key(),
              .value = view.value(),
              .headers = headers,
              .timestamp_ms = view.timestamp_ms(),
              .partition = batch.partition == partition_any ? batch.wanted[static_cast<size_t>(index)] : batch.partition,
              .token = batch.raw_token(index),
              .payload = record::payload_size(view.key(), view.value(), headers),
              .since = batch.opened,
              .gathered = chunk.gathered() ? &chunk.value : nullptr,
          },
          index);
    });
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
        for_each_record(*batch, [&](const SendRecord& record, int32_t) {
            if (probe::planted("lose_record_on_reencode", 3))
                return;
            int32_t partition = record.partition;
            if (partition == partition_any)
                partition = choose(topic, record, *table);
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
    const Supplies unlimited{chunks_, batches_, {.bytes = SIZE_MAX, .records = INT32_MAX}, config_.copy_max};
    PartitionBuffer buffer(*batch->topic, batch->partition, unlimited);
    BatchList halves;
    size_t bytes = 0;
    for_each_record(*batch, [&](const SendRecord& record, int32_t index) {
        const bool enough = bytes >= batch->payload_bytes / 2 || index == batch->count - 1;
        if (halves.empty() && index > 0 && enough)
            halves.append(buffer.take_all());
        buffer.append(record);
        bytes += record.payload;
    });
    halves.append(buffer.take_all());
    int64_t sequence = batch->base_sequence;
    for (Batch* half = halves.front(); half; half = half->next) {
        half->state = batch->state;
        half->ambiguous = batch->ambiguous;
        half->sampled = batch->sampled;
        half->producer_id = batch->producer_id;
        half->producer_epoch = batch->producer_epoch;
        if (sequence >= 0) {
            half->base_sequence = static_cast<int32_t>(sequence);
            sequence = (sequence + half->count) & INT32_MAX;
        }
    }
    if (batch->partition >= 0 && static_cast<size_t>(batch->partition) < batch->topic->buffers.size())
        batch->topic->buffers[static_cast<size_t>(batch->partition)]->load.fetch_add(1, std::memory_order_relaxed); // one more
    batches_.give_back(batch);
    return halves;
}

} // namespace ottla::accumulator
