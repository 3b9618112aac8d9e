// What a partition remembers of idempotent and transactional producers (KIP-98, KIP-360, KIP-890): the epoch, and sequences and offsets
// of the last five batches. Recognises repeats and gaps exactly as a broker does. Knows neither batches'
// bytes nor time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include <ottla/error.hpp>

namespace ottla::mock {

/// The producer's part of a batch header.
struct ProducerBatch {
    int64_t producer_id = -1;
    int16_t epoch = -1;
    int32_t first_sequence = -1;
    int32_t last_offset_delta = 0;

    /// Sequences go from INT32_MAX to 0.
    int32_t last_sequence() const;
};

class ProducerTable {
public:
    /// How many batches of a producer are remembered.
    static constexpr size_t remembered = 5;

    struct Original {
        int64_t base_offset = 0;
        int64_t timestamp_ms = -1; ///< as given to `note`
    };
    /// Where a producer may begin that is not known.
    enum class FirstSequence {
        any, ///< what brokers do since 2.5
        zero, ///< transactions of version 2; and finds clients that lose their first batch
        unknown_id ///< it must begin with 0, else unknown_producer_id: brokers before 2.5
    };

    /// Where the same batch was appended before, if it is remembered.
    std::optional<Original> find_repeat(const ProducerBatch& batch) const;
    /// Whether a batch that is no repeat comes in order. Errors: invalid_producer_epoch,
    /// out_of_order_sequence_number, unknown_producer_id.
    Error check(const ProducerBatch& batch, FirstSequence rule = FirstSequence::any) const;
    /// The batch was appended at `base_offset`.
    void note(const ProducerBatch& batch, int64_t base_offset, int64_t timestamp_ms);
    /// A marker was appended. One of a later epoch fences what the producer sent under the earlier one.
    void note_marker(int64_t producer_id, int16_t epoch);
    /// The coordinator is asked whether this batch is part of a transaction. Until the transaction begins here, or a
    /// marker comes, no batch beyond the lowest sequence asked for is in order (KIP-890).
    void note_verification(const ProducerBatch& batch);
    /// A transactional batch was appended.
    void end_verification(int64_t producer_id) { verifications_.erase(producer_id); }

    /// -1: the producer is not known.
    int16_t epoch(int64_t producer_id) const {
        const auto found = producers_.find(producer_id);
        return found == producers_.end() ? int16_t{-1} : found->second.epoch;
    }

private:
    struct Batch {
        int32_t first_sequence;
        int32_t last_sequence;
        Original original;
    };

    struct Producer {
        int16_t epoch = -1;
        std::deque<Batch> batches; // newest last
    };

    struct Verification {
        int16_t epoch;
        int32_t lowest_sequence;
    };

    std::map<int64_t, Producer> producers_;
    std::map<int64_t, Verification> verifications_;
};

} // namespace ottla::mock
