// Turns an open batch into what goes out. First it is compressed, where asked for and worth it, in pieces, so that no turn
// grows long; then identity and sequence come into the header, and the checksum; or, for old brokers, all becomes a message set.
// Deterministic: sealing again gives the same bytes but for the identity.
#pragma once

#include "accumulator/batch.hpp"
#include "codec/codec.hpp"
#include "config/client_config.hpp"

namespace ottla::core::produce {

struct Identity {
    int64_t producer_id = -1;
    int16_t epoch = -1;
};

/// What the leader understands.
struct Format {
    int8_t magic = 2; ///< 0 and 1: message sets
    bool zstd = true;
};

class Sealer {
public:
    /// `long_turns`: they may take some milliseconds, else one at most.
    Sealer(Compression compression, int level, bool transactional = false, bool long_turns = false)
        : compression_(compression), level_(level), transactional_(transactional), long_turns_(long_turns) {}

    /// The codec for a leader of this format: no zstd where it is not understood.
    Compression codec_for(Format format) const {
        return compression_ == Compression::zstd && !format.zstd ? Compression::none : compression_;
    }
    /// From here on `pack` may compress, and let through to `seal`, as much again as one turn may take.
    void begin_turn();
    enum class Packed : uint8_t {
        ready, ///< for `seal`
        later, ///< a turn more is needed, for it or for another batch that was begun before
    };
    /// Goes on compressing the batch. Error: _bad_compression.
    Result<Packed> pack(accumulator::Batch& batch, Format format);
    /// The batch is given up, perhaps in the middle.
    void forget(const accumulator::Batch& batch) {
        if (packing_ == &batch)
            packing_ = nullptr;
    }
    /// After `pack`. Errors: _bad_compression; _unsupported_feature for headers in an old format.
    Error seal(accumulator::Batch& batch, const Identity& identity, int32_t base_sequence, Format format);

private:
    void seal_batch(accumulator::Batch& batch, const Identity& identity, int32_t base_sequence);
    using Body = std::vector<std::span<const uint8_t>>;
    static void collect_body(const accumulator::Batch& batch, Body& body);
    size_t bytes_per_turn() const;
    /// Whether this turn may still compute the batch's checksum.
    Packed admit(const accumulator::Batch& batch);
    Error seal_message_set(accumulator::Batch& batch);

    const Compression compression_;
    const int level_;
    const bool transactional_;
    const bool long_turns_;
    codec::Compressor compressor_;
    Body plain_; ///< of the batch that is sealed

    const accumulator::Batch* packing_ = nullptr; ///< the compressor is at work on it
    Body body_;
    size_t part_ = 0;    ///< of it, the next
    size_t part_at_ = 0; ///< and the place there
    size_t budget_ = 0;  ///< bytes that this turn may still compress
    size_t sealed_ = 0; ///< bytes that this turn has let through to be sealed
    bool worked_ = false; ///< on it, in this turn
};

} // namespace ottla::core::produce
