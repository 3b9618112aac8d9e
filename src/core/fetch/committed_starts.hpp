// Partitions that are to be read from where their group has come to: they wait here until its coordinator has said where.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "config/client_config.hpp"
#include "core/core.hpp"
#include "core/fetch/committed_offsets.hpp"
#include "core/fetch/fetcher.hpp"

namespace ottla::core {

class CommittedStarts final : public Core {
public:
    /// `fetcher` gets each partition once its place is known, absolute, or offset_stored where nothing is committed.
    /// `sink` hears of what lasts: errors of the group or of a partition, told once each. Nothing is asked while `may_ask` says no,
    /// since commits are under way that shall be seen; when that has changed, wake this. The references outlive it.
    CommittedStarts(
        Caller& caller, Fetcher& fetcher, FetchSink& sink, const config::ClientConfig& config, uint64_t seed,
        std::function<bool()> may_ask, Log log = {}
    );

    /// `f` hears what has been committed of each partition; offset_invalid: nothing.
    void on_found(MoveOnlyFunction<void(const CommittedOffset&)> f) { found_ = std::move(f); }

    /// `sign` tells a query who asks, when that is a member.
    void ask_as(MoveOnlyFunction<void(CommittedQuery&)> sign) { sign_ = std::move(sign); }

    /// `metadata`, which outlives this, knows topic ids.
    void ask_by_ids(Metadata& metadata) { metadata_ = &metadata; }

    void add(FetchStart start);
    // Without effect on streams that are not here.
    void remove(StreamId stream) { waiting_.erase(stream); }
    void set_paused(StreamId stream, bool paused);

    TimePoint poll(TimePoint now) override;

private:
    struct Waiting {
        FetchStart start;
        Errc told = Errc::no_error;
    };

    void on_answer(const std::vector<StreamId>& asked, Result<std::vector<CommittedOffset>> answer, TimePoint now);
    void tell(Waiting& waiting, const Error& error);

    Caller& caller_;
    Fetcher& fetcher_;
    FetchSink& sink_;
    const config::ClientConfig& config_;
    Rng rng_;
    const std::function<bool()> may_ask_;
    MoveOnlyFunction<void(const CommittedOffset&)> found_;
    MoveOnlyFunction<void(CommittedQuery&)> sign_;
    Metadata* metadata_ = nullptr;
    const Log log_;
    CallScope scope_;
    std::map<StreamId, Waiting> waiting_;
    bool asking_ = false;
    int failures_ = 0;
    TimePoint not_before_{};
};

} // namespace ottla::core
