// Asks the coordinator of a group how far it has come in some partitions.
#pragma once

#include <vector>

#include <ottla/offsets.hpp>

#include "core/call.hpp"

namespace ottla::core {

struct CommittedQuery {
    std::string group{};
    std::vector<TopicPartition> partitions{};
    bool all = false; ///< all that the group has committed, instead of `partitions`; from OffsetFetch v2 on
    bool stable = false; ///< waits for the transactions that have offsets of these partitions in them (KIP-447); from OffsetFetch v7 on
    Duration timeout{};
};

using CommittedReply = MoveOnlyFunction<void(Result<std::vector<CommittedOffset>>, TimePoint now)>;

/// `scope` outlives the call. `reply` gets one element for each partition of the query, in its order; of
/// all, those with an offset, sorted. A coordinator that moves or is
/// coming up, and offsets that are not stable yet, are asked for again within the time limit. Errors: of the group, _timed_out.
void query_committed(
    Caller& caller, CommittedQuery query, const CallScope& scope, CommittedReply reply);

} // namespace ottla::core
