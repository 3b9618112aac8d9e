#include "core/fetch/committed_starts.hpp"

#include <fmt/format.h>

#include "base/backoff.hpp"

namespace ottla::core {

CommittedStarts::CommittedStarts(
    Caller& caller, Fetcher& fetcher, FetchSink& sink, const config::ClientConfig& config, uint64_t seed,
    std::function<bool()> may_ask, Log log
)
    : caller_(caller)
    , fetcher_(fetcher)
    , sink_(sink)
    , config_(config)
    , rng_(seed)
    , may_ask_(std::move(may_ask))
    , log_(log) {}

void CommittedStarts::add(FetchStart start) {
    const StreamId stream = start.stream;
    waiting_.emplace(stream, Waiting{std::move(start)});
    wake();
}

void CommittedStarts::set_paused(StreamId stream, bool paused) {
    if (const auto it = waiting_.find(stream); it != waiting_.end())
        it->second.start.paused = paused;
}

TimePoint CommittedStarts::poll(TimePoint now) {
    if (asking_ || waiting_.empty() || !may_ask_())
        return never;
    if (now < not_before_)
        return not_before_;
    asking_ = true;
    CommittedQuery query{
        .group = config_.group_id,
        .stable = config_.isolation == config::Isolation::read_committed,
        .timeout = config_.socket_timeout,
        .metadata = metadata_,
    };
    if (sign_)
        sign_(query);
    std::vector<StreamId> asked;
    for (const auto& [stream, waiting] : waiting_) {
        asked.push_back(stream);
        query.partitions.push_back(waiting.start.where);
    }
    query_committed(
        caller_, std::move(query), scope_,
        [this, asked = std::move(asked)](Result<std::vector<CommittedOffset>> answer, TimePoint when) {
            on_answer(asked, std::move(answer), when);
        }
    );
    return never;
}

void CommittedStarts::on_answer(
    const std::vector<StreamId>& asked, Result<std::vector<CommittedOffset>> answer, TimePoint now
) {
    asking_ = false;
    bool failed = false;
    for (size_t i = 0; i < asked.size(); ++i) {
        const auto it = waiting_.find(asked[i]);
        if (it == waiting_.end())
            continue; // not to be read any more
        const Error error = answer ? (*answer)[i].error : answer.error();
        if (error) {
            failed = true;
            tell(it->second, error);
            continue;
        }
        FetchStart start = std::move(it->second.start);
        waiting_.erase(it);
        const CommittedOffset& committed = (*answer)[i];
        if (found_)
            found_(committed);
        start.offset = committed.offset >= 0 ? committed.offset : offset_stored;
        start.epoch = committed.offset >= 0 ? committed.leader_epoch : -1;
        log_.debug(
            LogContext::cgrp, "COMMITTED", "group {}: {}[{}]: {}", config_.group_id, start.where.topic, start.where.partition,
            committed.offset >= 0 ? fmt::format("offset {}", committed.offset) : "nothing is committed"
        );
        fetcher_.add(std::move(start), now);
    }
    failures_ = failed ? failures_ + 1 : 0;
    not_before_ = failed ? now + backoff({config_.retry_backoff, config_.retry_backoff_max}, failures_ - 1, rng_) : now;
    wake();
}

// What passes is seen to by asking again, and what has become of a member its heartbeats tell.
void CommittedStarts::tell(Waiting& waiting, const Error& error) {
    const Errc code = error.errc();
    if (code == Errc::stale_member_epoch || (sign_ && code == Errc::unknown_member_id))
        return;
    if (is_retriable(code) || code == Errc::_timed_out || code == Errc::_transport || waiting.told == code)
        return;
    waiting.told = code;
    sink_.deliver({waiting.start.stream, PartitionFailure{error, offset_invalid}});
}

} // namespace ottla::core
