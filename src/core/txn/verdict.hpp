// What an error of a transactional request means: a pure table (KIP-98, KIP-588, KIP-890).
#pragma once

#include <ottla/error.hpp>

namespace ottla::core::txn {

enum class Verdict : uint8_t {
    done,
    again,      ///< the same request after a backoff
    abort,      ///< this transaction can only be aborted
    abort_bump, ///< the same, and its producer id is void: a new one before the next transaction
    fenced,     ///< a newer producer has taken over: fatal, told as _fenced
    fatal,
};

enum class Request : uint8_t { init_producer_id, add_partitions, add_offsets, commit_offsets, end_commit, end_abort };

Verdict judge(Errc error, Request request);

} // namespace ottla::core::txn
