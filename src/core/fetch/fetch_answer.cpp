// What a fetch brought: records, ends, stale leaders, offsets out of range. Each partition is judged by
// itself.
#include <algorithm>
#include <fmt/format.h>

#include "core/fetch/batch_headers.hpp"
#include "core/fetch/fetcher.hpp"

namespace ottla::core {
namespace {

constexpr int16_t first_by_id = 13; // KIP-516

// Whether a failed fetch will fail again, so that the application should know. Lost connections are told of
// elsewhere.
bool is_lasting(Errc error) {
    switch (error) {
    case Errc::_bad_msg:
    case Errc::_unsupported_feature:
    case Errc::_invalid_arg:
        return true;
    default:
        return static_cast<int>(error) > 0 && !is_retriable(error);
    }
}

} // namespace

void Fetcher::on_fetch(int32_t node, bool left_out, CallResult<FetchAnswer> result, TimePoint now) {
    Leader& leader = leaders_[node];
    leader.in_flight = false;
    leader.hurried.clear(); // the next request is theirs
    reserved_ -= std::exchange(leader.reserved, 0);
    Error failure = result ? Error() : Error(result.error());
    if (result && result->response.error_code != 0)
        failure = Error(static_cast<Errc>(result->response.error_code));
    if (failure)
        return on_fetch_failure(node, leader, std::move(failure), now);
    leader.failures = 0;
    leader.version = result->version;
    held_back_ = false;

    if (result->response.throttle_time_ms > 0)
        leader.not_before = now + std::chrono::milliseconds(result->response.throttle_time_ms);
    const bool any_records = take_answer(leader.session, *result, node, now);
    leader.session.each_unanswered([&](const FetchSession::Held& held) {
        Partition* partition = held.marks.high_watermark >= 0 ? find_read(held, node) : nullptr;
        if (!partition)
            return;
        on_marks(*partition, held.marks);
        check_end(*partition);
    });
    if (left_out && !any_records)
        leader.short_wait = std::min<Duration>(leader.short_wait * 2, config_.fetch_wait_max);
    else
        leader.short_wait = Duration::zero();
}

bool Fetcher::take_answer(FetchSession& session, Answer<FetchAnswer>& result, int32_t node, TimePoint now) {
    FetchAnswer& answer = result.response;
    const bool by_id = result.version >= first_by_id;
    for (const auto& broker : answer.node_endpoints)
        if (broker.port > 0 && broker.port <= 65535)
            metadata_.hint_broker(
                {broker.node_id, broker.host, static_cast<uint16_t>(broker.port), broker.rack.value_or("")}
            );
    session.on_answer(answer.session_id, by_id);
    CountFrames count(memory_.get());
    for (auto& topic : answer.responses)
        for (auto& data : topic.partitions)
            for (Buffer& piece : data.records.pieces)
                piece = count(std::move(piece));

    bool any_records = false;
    for (const auto& topic : answer.responses)
        for (const auto& data : topic.partitions) {
            auto* held = session.answered(by_id, topic.topic, topic.topic_id, data.partition_index);
            if (!held)
                continue; // nobody asked
            held->marks = data.error_code == 0 ? FetchSession::Marks{data.high_watermark, data.last_stable_offset, data.log_start_offset}
                                               : FetchSession::Marks{};
            if (Partition* partition = find_read(*held, node))
                any_records |= on_partition(*partition, data, {node, result.version, held->line.leader_epoch}, now);
        }
    return any_records;
}

// The partition that still waits for what the line asked.
Fetcher::Partition* Fetcher::find_read(const FetchSession::Held& held, int32_t node) {
    Partition* partition = find(held.line.stream);
    const bool waits = partition && partition->placed == node && partition->state == State::reading &&
                       partition->offset == held.line.offset;
    return waits ? partition : nullptr;
}

void Fetcher::on_fetch_failure(int32_t node, Leader& leader, Error failure, TimePoint now) {
    const bool again = leader.failures++ > 0;
    const bool of_session = leader.session.on_error(failure.errc());
    leader.version = -1; // it may be another one when it comes back
    if (again || !of_session)
        leader.not_before =
            now + backoff({config_.retry_backoff, config_.retry_backoff_max}, leader.failures - 1, rng_);
    if (of_session) {
        log_.debug(LogContext::fetch, "SESSION", "broker {}: {}: a new session begins", node, failure.message());
        return;
    }
    leader.session.each([&](const FetchSession::Held& held) {
        Partition* partition = find(held.line.stream);
        if (!partition || partition->placed != node)
            return;
        if (partition->offset > 0 && probe::planted("fetch_position_after_cut"))
            ++partition->offset;
        if (partition->replica == node) {
            partition->replica = -1;
            ++partition->replica_failures;
        }
        if (is_lasting(failure.errc())) {
            partition->not_before = now + config_.fetch_error_backoff;
            tell(*partition, failure);
        }
        touch(*partition);
    });
    metadata_.refresh("fetch from broker {}: {}", node, failure.message());
}

bool Fetcher::on_partition(Partition& partition, const PartitionAnswer& answer, const Asked& asked, TimePoint now) {
    const auto error = static_cast<Errc>(answer.error_code);
    if (error != Errc::no_error) {
        if (answer.current_leader.leader_id >= 0) {
            metadata_.hint_leader(
                partition.where.topic,
                partition.where.partition,
                answer.current_leader.leader_id,
                answer.current_leader.leader_epoch
            );
            find_leader(partition, now);
        }
        on_partition_error(partition, error, asked, now);
        return false;
    }
    partition.tries = 0;
    if (is_told_truncated(partition, answer, asked))
        return false;
    on_marks(partition, {answer.high_watermark, answer.last_stable_offset, answer.log_start_offset});
    if (answer.preferred_read_replica >= 0 && answer.preferred_read_replica != asked.node)
        prefer_replica(partition, answer.preferred_read_replica, now);
    else if (partition.replica == asked.node)
        partition.replica_failures = 0;
    const bool records = on_records(partition, answer, now);
    check_end(partition);
    return records;
}

// The leader gives nothing to who has a nearer replica (KIP-392), so one that fails is tried again, but not in a row.
void Fetcher::prefer_replica(Partition& partition, int32_t replica, TimePoint now) {
    const bool known = metadata_.brokers().contains(replica);
    if (!known) {
        ++partition.replica_failures;
        metadata_.refresh(
            "{}[{}]: broker {}, the preferred replica, is not known", partition.where.topic, partition.where.partition, replica
        );
    }
    if (partition.replica_failures > 0)
        partition.not_before =
            now + backoff({config_.retry_backoff, config_.retry_backoff_max}, partition.replica_failures - 1, rng_);
    partition.replica = known ? replica : -1;
    partition.replica_until = now + config_.metadata_max_age;
    due_.emplace(partition.replica_until, partition.stream);
    touch(partition);
}

/// Whether the answer cannot be used: it says that records which were read are gone, or leaves open whether they are.
bool Fetcher::is_told_truncated(Partition& partition, const PartitionAnswer& answer, const Asked& asked) {
    const auto& diverging = answer.diverging_epoch;
    if (diverging.epoch >= 0 || diverging.end_offset >= 0) {
        if (diverging.epoch >= partition.epoch && diverging.end_offset >= partition.offset)
            partition.epoch = -1; // there is no sense in it
        touch(partition);
        if (partition.epoch >= 0)
            judge_truncation(partition, diverging.epoch, diverging.end_offset);
        return true;
    }
    if (is_checked(partition)) {
        partition.checked_under = std::max(partition.checked_under, asked.leader_epoch);
        return false;
    }
    if (asked.version < first_telling_truncation) {
        check_position(partition);
        return true;
    }
    partition.checked_under = asked.leader_epoch;
    return false;
}

void Fetcher::on_marks(Partition& partition, const FetchSession::Marks& marks) {
    const bool news = marks.high_watermark != partition.high || marks.log_start > partition.low;
    const bool end_moves = news || marks.last_stable != partition.last_stable;
    partition.high = marks.high_watermark;
    partition.low = std::max(partition.low, marks.log_start);
    partition.last_stable = marks.last_stable;
    if (news)
        sink_.on_watermarks(partition.stream, partition.low, partition.high);
    if (end_moves)
        sink_.on_end(partition.stream, partition.offset, end_of(partition));
}

/// Where reading ends at present.
int64_t Fetcher::end_of(const Partition& partition) const {
    const bool stable = config_.isolation == config::Isolation::read_committed && partition.last_stable >= 0;
    return stable ? partition.last_stable : partition.high;
}

bool Fetcher::on_records(Partition& partition, const PartitionAnswer& answer, TimePoint now) {
    if (answer.records.pieces.empty() || answer.records.pieces.front().empty())
        return false;
    Buffer bytes = answer.records.pieces.front(); // decoding makes one piece
    HeaderSummary summary = walk_headers(bytes.span());
    if (summary.batches == 0 && !summary.error) {
        // Old brokers cut off even the first batch.
        if (partition.max_bytes < config_.receive_message_max_bytes) {
            partition.max_bytes =
                std::min<int64_t>(partition.max_bytes * 2, config_.receive_message_max_bytes);
            touch(partition);
            return false;
        }
        tell(partition, Error(Errc::msg_size_too_large, "a batch is larger than receive.message.max.bytes"));
        partition.not_before = now + config_.fetch_error_backoff;
        touch(partition);
        return false;
    }
    if (summary.error && summary.next > partition.offset) { // the next fetch begins with what is bad, and tells of it there
        summary.error = {};
        bytes = bytes.slice(0, summary.bytes);
    }
    Error error = summary.error;
    if (!error && summary.next <= partition.offset)
        error = Error(
            Errc::_bad_msg, fmt::format("batches end at offset {}, before what was asked", summary.next)
        );
    // They may run past the high watermark: the leader takes it first and the records then.
    if (error) {
        tell(partition, std::move(error));
        partition.not_before = now + config_.fetch_error_backoff;
        touch(partition);
        return false;
    }
    FetchedSlice slice{
        .records = std::move(bytes),
        .from = partition.offset,
        .next = summary.next,
        .messages = summary.messages};
    if (config_.isolation == config::Isolation::read_committed && answer.aborted_transactions) {
        for (const auto& aborted : *answer.aborted_transactions)
            slice.aborted.push_back({aborted.producer_id, aborted.first_offset});
        std::sort(slice.aborted.begin(), slice.aborted.end(), [](const auto& a, const auto& b) {
            return a.first_offset < b.first_offset;
        });
    }
    log_.debug(
        LogContext::fetch,
        "FETCH",
        "{}[{}]: {} messages in {} bytes, offsets {} to {}, high watermark {}",
        partition.where.topic,
        partition.where.partition,
        slice.messages,
        slice.records.size(),
        slice.from,
        slice.next - 1,
        answer.high_watermark
    );
    partition.offset = summary.next;
    partition.epoch = summary.epoch;
    partition.epoch_is_read = true;
    touch(partition);
    partition.from_tail = false;
    partition.served = ++answers_;
    const auto size = static_cast<int64_t>(slice.records.size());
    partition.waiting_messages += slice.messages;
    partition.waiting_bytes += size;
    partition.received->messages += slice.messages;
    partition.received->bytes += size;
    if (!partition.paused)
        waiting_bytes_ += size;
    sink_.deliver({partition.stream, std::move(slice)});
    return true;
}

// Its own trigger, not the absence of records: told once each time reading gets to the end. An end that lies behind
// what was read is not one: it was taken before the records, or a new leader does not know yet how far they go.
void Fetcher::check_end(Partition& partition) {
    if (!config_.enable_partition_eof)
        return;
    if (partition.offset != end_of(partition) || partition.offset == partition.end_told)
        return;
    partition.end_told = partition.offset;
    sink_.deliver({partition.stream, EndOfPartition{partition.offset}});
}

void Fetcher::on_partition_error(Partition& partition, Errc error, const Asked& asked, TimePoint now) {
    log_.debug(
        LogContext::fetch,
        "FETCHERR",
        "{}[{}] at offset {}, broker {}: {}",
        partition.where.topic,
        partition.where.partition,
        partition.offset,
        asked.node,
        error_name(error)
    );
    const bool from_replica = partition.replica >= 0 && partition.replica == asked.node;
    if (from_replica) {
        partition.replica = -1; // whatever it is, the leader knows better
        ++partition.replica_failures;
    }
    touch(partition);
    if (error == Errc::offset_out_of_range) {
        if (from_replica)
            return;
        const std::string why = fmt::format("offset {} is out of range", partition.offset);
        if (partition.from_tail) {
            partition.from_tail = false;
            look_up(partition, offset_beginning); // fewer messages than asked for are left
        } else {
            reset_position(partition, why);
        }
    } else if (needs_metadata_refresh(error) || error == Errc::unknown_topic_id || error == Errc::inconsistent_topic_id) {
        if (partition.node() == asked.node && partition.leader_epoch <= asked.leader_epoch) { // no newer leader was named
            partition.leader = -1;      // until metadata say again
            back_off(partition, now);
        }
        metadata_.refresh(
            "{}[{}]: {}", partition.where.topic, partition.where.partition, error_name(error)
        );
    } else if (is_retriable(error) && error != Errc::invalid_msg) {
        back_off(partition, now);
    } else {
        const bool forbidden = error == Errc::topic_authorization_failed;
        partition.not_before =
            now + (forbidden ? std::max<std::chrono::milliseconds>(
                                   std::chrono::seconds(1), config_.fetch_error_backoff * 10
                               )
                             : config_.fetch_error_backoff);
        touch(partition);
        tell(partition, Error(error));
    }
}

} // namespace ottla::core
