// What a partition remembers of idempotent producers (KIP-98, KIP-360): the epoch, and sequences and offsets
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
    enum class FirstSequence {
        any, ///< a producer that is not known may begin anywhere: what brokers do since 2.5
        zero ///< it must begin with 0: finds clients that lose their first batch
    };

    /// Where the same batch was appended before, if it is remembered.
    std::optional<Original> find_repeat(const ProducerBatch& batch) const;
    /// Whether a batch that is no repeat comes in order. Errors: invalid_producer_epoch,
    /// out_of_order_sequence_number.
    Error check(const ProducerBatch& batch, FirstSequence rule = FirstSequence::any) const;
    /// The batch was appended at `base_offset`.
    void note(const ProducerBatch& batch, int64_t base_offset, int64_t timestamp_ms);

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

    std::map<int64_t, Producer> producers_;
};

} // namespace ottla::mock
