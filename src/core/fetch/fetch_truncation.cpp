// Whether the log still has what was read (KIP-320). A leader that lacks what an earlier one had told is found out by the
// leader epochs of the records: with Fetch 12 and later each answer says so, older brokers are asked (OffsetForLeaderEpoch)
// whenever the leader has changed.
#include <algorithm>
#include <fmt/format.h>

#include <ottla/msg/offset_for_leader_epoch.hpp>

#include "core/fetch/fetcher.hpp"

namespace ottla::core {
namespace {

using msg::OffsetForLeaderEpochRequest;
using msg::OffsetForLeaderEpochResponse;

constexpr int16_t first_for_readers = 3; // those before want the right to act as a broker
constexpr int tries_for_metadata = 5;

} // namespace

bool Fetcher::is_checked(const Partition& partition) const {
    return partition.epoch < 0 || partition.leader_epoch <= partition.checked_under;
}

// Records are not read from a leader of an older epoch than theirs: it is one, or the metadata are out of date.
// A topic that has been created again begins with low epochs, so that is not waited for without end.
bool Fetcher::is_ahead_of_leader(Partition& partition, TimePoint now) {
    if (partition.leader_epoch < 0 || partition.epoch <= partition.leader_epoch)
        return false;
    if (partition.tries >= tries_for_metadata) {
        partition.epoch = -1;
        return false;
    }
    back_off(partition, now);
    metadata_.refresh(
        "{}[{}]: the position is of leader epoch {}, the leader of {}",
        partition.where.topic,
        partition.where.partition,
        partition.epoch,
        partition.leader_epoch
    );
    return true;
}

void Fetcher::check_position(Partition& partition) {
    partition.become(State::unchecked);
    lookups_.insert(partition.stream);
    touch(partition);
    wake();
}

void Fetcher::ask_epochs(int32_t node, std::vector<Partition*> partitions) {
    std::sort(partitions.begin(), partitions.end(), [](const Partition* a, const Partition* b) {
        return a->where < b->where;
    });
    OffsetForLeaderEpochRequest request;
    request.replica_id = -1;
    std::vector<AskedEpoch> asked;
    for (Partition* partition : partitions) {
        if (request.topics.empty() || request.topics.back().topic != partition->where.topic)
            request.topics.emplace_back().topic = partition->where.topic;
        auto& line = request.topics.back().partitions.emplace_back();
        line.partition = partition->where.partition;
        line.current_leader_epoch = partition->leader_epoch;
        line.leader_epoch = partition->epoch;
        asked.push_back({partition->where, partition->stream, partition->leader_epoch});
        partition->become(State::checking);
    }
    call<OffsetForLeaderEpochRequest>(
        caller_,
        Node{node},
        std::move(request),
        {.timeout = config_.socket_timeout, .retry = false, .min_version = first_for_readers},
        scope_,
        [this, asked = std::move(asked)](CallResult<OffsetForLeaderEpochResponse> result, TimePoint now) {
            const auto answer_for = [&](const TopicPartition& where) -> EpochAnswer {
                if (!result)
                    return {.error = result.error().errc()};
                for (const auto& topic : result->response.topics)
                    for (const auto& line : topic.partitions)
                        if (topic.topic == where.topic && line.partition == where.partition)
                            return {static_cast<Errc>(line.error_code), line.leader_epoch, line.end_offset};
                return {.error = Errc::_bad_msg};
            };
            for (const AskedEpoch& one : asked)
                if (Partition* partition = find(one.stream); partition && partition->state == State::checking)
                    on_epoch_end(*partition, one.leader_epoch, answer_for(one.where), now);
            wake();
        }
    );
}

void Fetcher::on_epoch_end(Partition& partition, int32_t under, const EpochAnswer& answer, TimePoint now) {
    switch (answer.error) {
    case Errc::no_error:
        partition.tries = 0;
        partition.checked_under = under;
        partition.become(State::reading);
        touch(partition);
        judge_truncation(partition, answer.epoch, answer.end_offset);
        return;
    case Errc::_unsupported_feature:
    case Errc::_invalid_arg:
    case Errc::topic_authorization_failed: // which fetching will tell
        partition.checked_under = under;
        partition.become(State::reading);
        touch(partition);
        return;
    default:
        partition.become(State::unchecked);
        if (needs_metadata_refresh(answer.error))
            partition.leader = -1; // until metadata say again
        back_off(partition, now);
        metadata_.refresh(
            "leader epoch of {}[{}]: {}", partition.where.topic, partition.where.partition, error_name(answer.error)
        );
    }
}

/// The partition's leader has nothing of its own epoch, `epoch` being the largest below, or it ends at `end_offset`.
void Fetcher::judge_truncation(Partition& partition, int32_t epoch, int64_t end_offset) {
    const bool has_record = epoch >= partition.epoch || !partition.epoch_is_read;
    if (end_offset >= partition.offset && has_record) {
        partition.epoch = epoch; // nothing had been written under the epoch that was known
        touch(partition);
        return;
    }
    const std::string what = fmt::format(
        "the log was truncated: offset {} (leader epoch {}) is beyond what the leader has of that epoch, which ends at {} "
        "(leader epoch {})",
        partition.offset,
        partition.epoch,
        end_offset,
        epoch
    );
    log_.debug(LogContext::fetch, "TRUNCATED", "{}[{}]: {}", partition.where.topic, partition.where.partition, what);
    reset_position(partition, what, Errc::_log_truncation);
}

} // namespace ottla::core
