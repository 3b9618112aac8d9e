// What an error of the broker means for a batch: a pure table.
#pragma once

#include <ottla/error.hpp>

namespace ottla::core::produce {

enum class Verdict : uint8_t {
    delivered,     ///< stored, now or before
    retry,         ///< not stored, or stored and safe to send again
    refresh_retry, ///< the same, and the leader must be looked up anew
    fail,          ///< not stored by this try: report it
    fatal,         ///< the producer is finished
};

struct Situation {
    bool idempotent = false;
    bool first = true;   ///< no older batch of the partition is unresolved
};

Verdict judge(Errc error, const Situation& batch);

} // namespace ottla::core::produce
