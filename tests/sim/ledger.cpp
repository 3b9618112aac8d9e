#include "sim/ledger.hpp"

#include <charconv>

#include "accumulator/accumulator.hpp"
#include "record/record_set.hpp"

namespace ottla::sim {
namespace {

constexpr size_t digits = 6;

} // namespace

std::string Ledger::value_of(size_t id, size_t padding) {
    std::string value = fmt::format("{:06}", id);
    value.reserve(digits + padding);
    for (size_t i = 0; i < padding; ++i)
        value.push_back(static_cast<char>('a' + (id * 7 + i) % 26));
    return value;
}

size_t Ledger::id_of(const std::string& value) const {
    size_t id = SIZE_MAX;
    if (value.size() >= digits)
        std::from_chars(value.data(), value.data() + digits, id);
    return id;
}

size_t Ledger::accept(std::string topic, int32_t partition, size_t padding) {
    messages_.push_back(
        {.topic = std::move(topic), .partition = partition, .padding = padding, .accepted = world_.now()}
    );
    ++unreported_;
    return messages_.size() - 1;
}

void Ledger::on_delivered(const accumulator::Batch& batch) {
    world_.note(
        "report {}[{}] x{}: {}{}",
        batch.topic->name,
        batch.partition,
        batch.count,
        batch.error ? error_name(batch.error.errc()) : fmt::format("at {}", batch.base_offset),
        batch.error ? (batch.possibly_persisted ? ", possibly stored" : ", not stored") : ""
    );
    for (int32_t i = 0; i < batch.count; ++i) {
        const size_t id = batch.token(i).value - 1;
        if (id >= messages_.size()) {
            world_.violate("a report for a message that was never accepted (token {})", id + 1);
            return;
        }
        Message& message = messages_[id];
        if (message.reports++ != 0) {
            world_.violate("message {} is reported a second time", id);
            return;
        }
        --unreported_;
        if (message.partition != partition_any && message.partition != batch.partition &&
            batch.partition != partition_any)
            world_.violate(
                "message {} for {}[{}] is reported for partition {}",
                id,
                message.topic,
                message.partition,
                batch.partition
            );
        message.partition = batch.partition;
        message.outcome = batch.error.errc();
        message.possibly_persisted = batch.possibly_persisted;
        if (!batch.error) {
            ++acknowledged_;
            message.offset = batch.base_offset >= 0 ? batch.base_offset + i : offset_invalid;
        }
    }
}

void Ledger::check_logs() {
    copies_.assign(messages_.size(), 0);
    logs_.clear();
    for (const auto& [name, topic] : world_.cluster.topics())
        for (size_t i = 0; i < topic.partitions.size(); ++i)
            check_partition(name, static_cast<int32_t>(i), topic.partitions[i]);

    for (size_t id = 0; id < messages_.size() && world_.violation.empty(); ++id) {
        const Message& message = messages_[id];
        const int copies = copies_[id];
        const std::string what = fmt::format("message {} of {}[{}]", id, message.topic, message.partition);
        if (message.acknowledged() && copies == 0)
            world_.violate("{} was acknowledged and is in no log", what);
        if (rules_.idempotent && copies > 1)
            world_.violate("{} is stored {} times", what, copies);
        if (message.reports != 0 && !message.acknowledged() && !message.possibly_persisted && copies != 0)
            world_.violate("{} was reported as not stored ({}) and is", what, error_name(message.outcome));
        if (message.acknowledged() && message.offset >= 0) {
            const Log& log = logs_[{message.topic, message.partition}];
            const auto at = static_cast<size_t>(message.offset);
            if (at >= log.size() || id_of(log[at]) != id)
                world_.violate("{} is not at offset {}, as was reported", what, message.offset);
        }
    }
}

void Ledger::check_partition(const std::string& topic, int32_t index, const mock::Partition& partition) {
    Log& log = logs_[{topic, index}];
    record::BatchDecoder decoder;
    std::vector<RecordView> records;
    size_t newest = 0; // id + 1 of the last acknowledged message in order
    for (const mock::StoredBatch& stored : partition.log.batches()) {
        if (stored.role == mock::BatchRole::commit_marker || stored.role == mock::BatchRole::abort_marker) {
            log.emplace_back(); // nobody is shown it
            continue;
        }
        const Buffer bytes = mock::whole(stored);
        record::BatchWalker walker(bytes);
        record::BatchView view;
        Buffer decompressed;
        records.clear();
        const auto step = walker.next(view);
        if (!step || *step != record::BatchWalker::Step::batch ||
            decoder.decode(view, true, records, decompressed)) {
            world_.violate("{}[{}]: the batch at offset {} cannot be read", topic, index, stored.base_offset);
            return;
        }
        for (const RecordView& record : records) {
            log.emplace_back(record.value().text());
            const size_t id = id_of(log.back());
            if (id >= messages_.size() || log.back() != value_of(id, messages_[id].padding)) {
                world_.violate("{}[{}]: at offset {} lies what nobody sent", topic, index, record.offset());
                return;
            }
            const Message& message = messages_[id];
            if (message.topic != topic || (message.partition != partition_any && message.partition != index))
                world_.violate(
                    "message {} for {}[{}] lies in {}[{}]", id, message.topic, message.partition, topic, index
                );
            if (copies_[id]++ != 0 || !message.acknowledged())
                continue; // order is that of the first copies of what was acknowledged
            if (rules_.in_order && id + 1 < newest)
                world_.violate(
                    "{}[{}]: message {} lies behind message {}, which was sent later",
                    topic,
                    index,
                    id,
                    newest - 1
                );
            newest = std::max(newest, id + 1);
        }
    }
}

} // namespace ottla::sim
