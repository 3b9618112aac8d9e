// Asks the coordinator of a group how far it has come in some partitions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <ottla/offsets.hpp>

#include "core/call.hpp"

namespace ottla::core {

class Metadata;

struct CommittedQuery {
    std::string group{};
    std::vector<TopicPartition> partitions{};
    bool all = false; ///< all that the group has committed, instead of `partitions`; from OffsetFetch v2 on
    bool stable = false; ///< waits for the transactions that have offsets of these partitions in them (KIP-447); from OffsetFetch v7 on
    Duration timeout{};
    std::optional<std::string> member{}; ///< who asks, if it is a member of a KIP-848 group; from OffsetFetch v9 on
    int32_t member_epoch = -1;
    Metadata* metadata = nullptr; ///< null: by name; else by topic ids, if it knows all of them; outlives the call
};

using CommittedReply = MoveOnlyFunction<void(Result<std::vector<CommittedOffset>>, TimePoint now)>;

/// `scope` outlives the call. `reply` gets one element for each partition of the query, in its order; of
/// all, those with an offset, sorted. A coordinator that moves or is coming up, and offsets that are not stable yet, are asked
/// for again within the time limit; so is, by name, what a topic id proved too old for. Errors: of the group (of the member:
/// unknown_member_id, stale_member_epoch), _timed_out.
void query_committed(
    Caller& caller, CommittedQuery query, const CallScope& scope, CommittedReply reply);

} // namespace ottla::core
