#include "mock/producer_state.hpp"

#include <algorithm>
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
    if (found != producers_.end() && batch.epoch < found->second.epoch)
        return {
            Errc::invalid_producer_epoch,
            fmt::format("producer {}: epoch {} after {}", batch.producer_id, batch.epoch, found->second.epoch)};
    const auto asked = verifications_.find(batch.producer_id);
    if (asked != verifications_.end() && batch.first_sequence > asked->second.lowest_sequence)
        return {
            Errc::out_of_order_sequence_number,
            fmt::format(
                "producer {}: sequence {}, though {} was asked for",
                batch.producer_id,
                batch.first_sequence,
                asked->second.lowest_sequence
            )};
    if (found == producers_.end()) {
        if (rule == FirstSequence::any || batch.first_sequence == 0)
            return {};
        return {
            rule == FirstSequence::unknown_id ? Errc::unknown_producer_id
                                              : Errc::out_of_order_sequence_number,
            fmt::format(
                "producer {} is new and begins with sequence {}", batch.producer_id, batch.first_sequence
            )};
    }
    const Producer& producer = found->second;
    const bool begins = batch.epoch > producer.epoch || producer.batches.empty();
    const int32_t expected = begins ? 0 : following(producer.batches.back().last_sequence);
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

void ProducerTable::note_marker(int64_t producer_id, int16_t epoch) {
    Producer& producer = producers_[producer_id];
    if (producer.epoch != epoch) {
        producer.epoch = epoch;
        producer.batches.clear();
    }
    verifications_.erase(producer_id);
}

void ProducerTable::note_verification(const ProducerBatch& batch) {
    const auto [found, is_new] =
        verifications_.try_emplace(batch.producer_id, Verification{batch.epoch, batch.first_sequence});
    Verification& known = found->second;
    if (is_new || batch.epoch < known.epoch)
        return;
    if (batch.epoch > known.epoch)
        known = {batch.epoch, batch.first_sequence};
    known.lowest_sequence = std::min(known.lowest_sequence, batch.first_sequence);
}

} // namespace ottla::mock
