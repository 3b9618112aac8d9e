// Asks the leader of a partition for one offset: the lowest, the next, or the first at or after a time.
#pragma once

#include "config/client_config.hpp"
#include "core/call.hpp"

namespace ottla::core {

struct OffsetQuery {
    TopicPartition where{};
    int64_t timestamp = 0; ///< milliseconds, or timestamp_latest, timestamp_earliest (list_offsets.hpp)
    config::Isolation isolation = config::Isolation::read_committed;
    Duration timeout{};
};

/// `scope` outlives the call. `reply` gets the offset; -1 when no record is that late. Stale leaders are the
/// router's business. Brokers before 0.10.1 know only when segments were written: from them comes the beginning
/// of a segment, before which nothing is that late. Errors: the partition's, _timed_out.
void query_offset(
    Caller& caller, OffsetQuery query, const CallScope& scope, MoveOnlyFunction<void(Result<int64_t>)> reply
);

} // namespace ottla::core
