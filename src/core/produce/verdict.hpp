// What an error of the broker means for a batch: a pure table.
#pragma once

#include <ottla/error.hpp>

namespace ottla::core::produce {

enum class Verdict : uint8_t {
    delivered,     ///< stored, now or before
    retry,         ///< not stored, or stored and safe to send again
    refresh_retry, ///< the same, and the leader must be looked up anew
    split,         ///< not stored: too large, in smaller parts it may do
    renumber,      ///< not stored, and its number will not do any more: a new epoch, then again (KIP-360)
    fail,          ///< not stored by this try: report it
    fatal,         ///< the producer is finished
};

struct Situation {
    bool idempotent = false;
    bool transactional = false;
    bool first = true;      ///< no older batch of the partition is unresolved
    bool ambiguous = false; ///< an earlier try may have stored it
};

Verdict judge(Errc error, const Situation& batch);

/// Whether a broker that answers so may have stored the batch, or store it yet, with these acks (-1: all). `version`: of Produce.
bool may_be_stored(Errc error, int acks, int16_t version);

} // namespace ottla::core::produce
