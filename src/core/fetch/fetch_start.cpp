// Where reading starts: logical offsets and the reset policy, resolved by ListOffsets.
#include <algorithm>
#include <fmt/format.h>

#include "core/fetch/fetcher.hpp"
#include "core/fetch/list_offsets.hpp"

namespace ottla::core {
namespace {

/// Beside the logical offsets that applications know: by the age of records.
constexpr int64_t offset_by_age = -1002;

// The broker was not reached: that passes, and is told of elsewhere.
bool is_on_the_way(Errc error) {
    return error == Errc::_transport || error == Errc::_timed_out || error == Errc::_resolve || error == Errc::_unknown_broker;
}

} // namespace

void Fetcher::start_at(Partition& partition, int64_t offset) {
    partition.offset = offset;
    if (offset >= 0) {
        partition.become(State::reading);
        touch(partition);
    } else if (offset == offset_beginning || offset == offset_end || offset <= offset_tail(0)) {
        partition.from_tail = offset <= offset_tail(0);
        look_up(partition, offset);
    } else {
        reset_position(partition, "there is no stored offset");
    }
}

void Fetcher::reset_position(Partition& partition, const std::string& why, Errc error) {
    using config::OffsetReset;
    partition.end_told = -1;
    if (config_.auto_offset_reset == OffsetReset::error) {
        partition.become(State::stopped);
        touch(partition);
        tell(partition, Error(error, why));
        return;
    }
    switch (config_.auto_offset_reset) {
    case OffsetReset::earliest:
        return look_up(partition, offset_beginning);
    case OffsetReset::by_duration:
        return look_up(partition, offset_by_age);
    case OffsetReset::latest:
    case OffsetReset::error:
        return look_up(partition, offset_end);
    }
}

// The topic was deleted and created again: the position was one in the old topic, and all of the new one is to come.
void Fetcher::begin_again(Partition& partition) {
    if (partition.state == State::need_offset || partition.state == State::asking || partition.state == State::stopped)
        return;
    log_.debug(LogContext::fetch, "RECREATED", "{}[{}]: the topic was created again", partition.where.topic, partition.where.partition);
    partition.low = partition.high = partition.last_stable = -1;
    if (config_.auto_offset_reset == config::OffsetReset::error)
        reset_position(partition, "the topic was created again");
    else
        look_up(partition, offset_beginning);
}

void Fetcher::look_up(Partition& partition, int64_t offset) {
    partition.offset = offset;
    partition.end_told = -1;
    partition.epoch = -1;
    partition.epoch_is_read = false;
    partition.become(State::need_offset);
    lookups_.insert(partition.stream);
    touch(partition);
    wake();
}

void Fetcher::ask_offsets(TimePoint now, TimePoint& next) {
    std::map<int32_t, std::vector<Partition*>> by_leader;
    std::map<int32_t, std::vector<Partition*>> to_check;
    std::erase_if(lookups_, [&](StreamId stream) {
        const Partition* partition = find(stream);
        return !partition || partition->state == State::reading || partition->state == State::stopped;
    });
    for (const StreamId stream : lookups_) {
        Partition& partition = *find(stream);
        if (partition.state == State::asking || partition.state == State::checking || partition.leader < 0)
            continue;
        if (partition.not_before > now)
            next = std::min(next, partition.not_before);
        else
            (partition.state == State::unchecked ? to_check : by_leader)[partition.leader].push_back(&partition);
    }
    for (auto& [node, partitions] : to_check)
        ask_epochs(node, std::move(partitions));
    for (auto& [node, partitions] : by_leader)
        send_list_offsets(node, std::move(partitions));
}

/// What to ask ListOffsets for.
int64_t Fetcher::timestamp_of(int64_t offset) const {
    if (offset == offset_beginning)
        return timestamp_earliest;
    if (offset == offset_by_age && unix_ms_)
        return std::max<int64_t>(unix_ms_() - config_.auto_offset_reset_age.count(), 0);
    return timestamp_latest;
}

void Fetcher::send_list_offsets(int32_t node, std::vector<Partition*> partitions) {
    std::sort(partitions.begin(), partitions.end(), [](const Partition* a, const Partition* b) {
        return a->where < b->where;
    });
    auto request = list_offsets_request(lookup_isolation_);
    std::vector<std::pair<TopicPartition, StreamId>> asked;
    for (Partition* partition : partitions) {
        ask_for(
            request,
            partition->where.topic,
            partition->where.partition,
            partition->leader_epoch,
            timestamp_of(partition->offset)
        );
        asked.emplace_back(partition->where, partition->stream);
        partition->become(State::asking);
    }
    call<msg::ListOffsetsRequest>(
        caller_,
        Node{node},
        std::move(request),
        {.timeout = config_.socket_timeout, .retry = false},
        scope_,
        [this, asked = std::move(asked)](
            CallResult<msg::list_offsets_response::ListOffsetsResponse> result, TimePoint now
        ) {
            if (!result && result.error().errc() == Errc::_invalid_arg)
                lookup_isolation_ =
                    config::Isolation::read_uncommitted; // the broker is too old to know of transactions
            std::map<std::pair<std::string_view, int32_t>, EpochAnswer> answers;
            if (result)
                for (const auto& topic : result->response.topics)
                    for (const auto& line : topic.partitions)
                        answers[{topic.name, line.partition_index}] = {
                            static_cast<Errc>(line.error_code), line.leader_epoch, offset_in(line, result->version)};
            for (const auto& [where, stream] : asked) {
                Partition* partition = find(stream);
                if (!partition || partition->state != State::asking)
                    continue;
                partition->become(State::need_offset);
                const auto answer = answers.find({where.topic, where.partition});
                if (answer != answers.end())
                    on_offset(*partition, answer->second.error, answer->second.end_offset, answer->second.epoch, now);
                else
                    on_offset(*partition, result ? Errc::_bad_msg : result.error().errc(), -1, -1, now);
            }
            wake();
        }
    );
}

void Fetcher::on_offset(Partition& partition, Errc error, int64_t offset, int32_t epoch, TimePoint now) {
    if (error == Errc::no_error && offset >= 0) {
        partition.tries = 0;
        if (partition.from_tail && partition.offset <= offset_tail(0))
            offset = std::max<int64_t>(0, offset - (offset_tail(0) - partition.offset));
        else
            partition.epoch = epoch;
        partition.checked_under = partition.leader_epoch;
        partition.offset = offset;
        partition.become(State::reading);
        partition.fresh = true;
        touch(partition);
        log_.debug(
            LogContext::fetch,
            "OFFSET",
            "{}[{}]: reading begins at offset {}",
            partition.where.topic,
            partition.where.partition,
            offset
        );
        return;
    }
    if (error == Errc::no_error && partition.offset == offset_by_age)
        return look_up(partition, offset_end); // all that there is is older
    if (error == Errc::no_error)
        error = Errc::_bad_msg; // neither an offset nor an error
    if (error == Errc::_invalid_arg && partition.tries == 0) {
        ++partition.tries; // asked in another way, at once
        return;
    }
    back_off(partition, now);
    if (needs_metadata_refresh(error) || is_on_the_way(error)) {
        if (needs_metadata_refresh(error))
            partition.leader = -1; // until metadata say again
        touch(partition);
        metadata_.refresh(
            "offset of {}[{}]: {}", partition.where.topic, partition.where.partition, error_name(error)
        );
    } else if (!is_retriable(error) && partition.error_told != error) {
        partition.error_told = error;
        partition.not_before = now + config_.fetch_error_backoff;
        tell(partition, Error(error));
    }
}

} // namespace ottla::core
