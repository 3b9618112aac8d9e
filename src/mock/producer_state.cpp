#include "mock/producer_state.hpp"

#include <limits>

#include <fmt/format.h>

namespace ottla::mock {
namespace {

constexpr int32_t largest_sequence = std::numeric_limits<int32_t>::max();

int32_t following(int32_t sequence) {
    return sequence == largest_sequence ? 0 : sequence + 1;
}

} // namespace

int32_t ProducerBatch::last_sequence() const {
    const int64_t last = int64_t{first_sequence} + last_offset_delta;
    return static_cast<int32_t>(last > largest_sequence ? last - largest_sequence - 1 : last);
}

std::optional<ProducerTable::Original> ProducerTable::find_repeat(const ProducerBatch& batch) const {
    const auto producer = producers_.find(batch.producer_id);
    if (producer == producers_.end() || producer->second.epoch != batch.epoch)
        return std::nullopt;
    for (const Batch& old : producer->second.batches)
        if (old.first_sequence == batch.first_sequence && old.last_sequence == batch.last_sequence())
            return old.original;
    return std::nullopt;
}

Error ProducerTable::check(const ProducerBatch& batch, FirstSequence rule) const {
    const auto found = producers_.find(batch.producer_id);
    if (found == producers_.end()) {
        if (rule == FirstSequence::any || batch.first_sequence == 0)
            return {};
        return {
            Errc::out_of_order_sequence_number,
            fmt::format(
                "producer {} is new and begins with sequence {}", batch.producer_id, batch.first_sequence
            )};
    }
    const Producer& producer = found->second;
    if (batch.epoch < producer.epoch)
        return {
            Errc::invalid_producer_epoch,
            fmt::format("producer {}: epoch {} after {}", batch.producer_id, batch.epoch, producer.epoch)};
    const int32_t expected =
        batch.epoch > producer.epoch ? 0 : following(producer.batches.back().last_sequence);
    if (batch.first_sequence != expected)
        return {
            Errc::out_of_order_sequence_number,
            fmt::format(
                "producer {} epoch {}: sequence {}, expected {}",
                batch.producer_id,
                batch.epoch,
                batch.first_sequence,
                expected
            )};
    return {};
}

void ProducerTable::note(const ProducerBatch& batch, int64_t base_offset, int64_t timestamp_ms) {
    Producer& producer = producers_[batch.producer_id];
    if (producer.epoch != batch.epoch) {
        producer.epoch = batch.epoch;
        producer.batches.clear();
    }
    producer.batches.push_back({batch.first_sequence, batch.last_sequence(), {base_offset, timestamp_ms}});
    if (producer.batches.size() > remembered)
        producer.batches.pop_front();
}

} // namespace ottla::mock
