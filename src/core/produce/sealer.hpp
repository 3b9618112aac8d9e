// Turns an open batch into what goes out: identity and sequence into the header, compression where asked for and worth it,
// checksum; or, for old brokers, a message set. Deterministic: sealing again gives the same bytes but for the identity.
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
    Sealer(Compression compression, int level, bool transactional = false)
        : compression_(compression), level_(level), transactional_(transactional) {}

    /// The codec for a leader of this format: no zstd where it is not understood.
    Compression codec_for(Format format) const {
        return compression_ == Compression::zstd && !format.zstd ? Compression::none : compression_;
    }
    /// Errors: _bad_compression; _unsupported_feature for headers in an old format.
    Error seal(accumulator::Batch& batch, const Identity& identity, int32_t base_sequence, Format format);

private:
    Error seal_batch(accumulator::Batch& batch, const Identity& identity, int32_t base_sequence);
    Error seal_message_set(accumulator::Batch& batch);

    const Compression compression_;
    const int level_;
    const bool transactional_;
    codec::Compressor compressor_;
    std::vector<std::span<const uint8_t>> body_;
};

} // namespace ottla::core::produce
