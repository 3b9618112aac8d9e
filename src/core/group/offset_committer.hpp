// Commits offsets of a group: one request at a time, in the order in which they were asked for, so that an older
// commit never lands on a newer one. What is asked for meanwhile goes together, so that nothing piles up at a slow coordinator.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <ottla/msg/offset_commit.hpp>
#include <ottla/offsets.hpp>

#include "base/move_only_function.hpp"
#include "core/call.hpp"
#include "core/cluster/topic_ids.hpp"
#include "core/events.hpp"

namespace ottla::core {

/// Who commits. Without a member: a consumer that assigns partitions to itself.
struct Committer {
    int32_t generation = -1;
    std::string member{};
    std::optional<std::string> instance{};

    bool operator==(const Committer&) const = default;
};

/// The partitions that were to be committed, in their order, each with its error. An error instead: none of them is committed.
using CommitReply = MoveOnlyFunction<void(const Error&, std::vector<CommittedOffset>)>;

class OffsetCommitter {
public:
    /// `timeout`: over all tries of one commit. The caller outlives this.
    OffsetCommitter(Caller& caller, std::string group, Duration timeout, Log log = {});

    /// `reply` is called exactly once, later, unless this goes away before. A coordinator that moves or is coming up is asked
    /// again. Errors, when no partition was committed: what is the matter with the member or its group (illegal_generation,
    /// unknown_member_id, rebalance_in_progress, fenced_instance_id, stale_member_epoch, group_authorization_failed...), or
    /// what all partitions have come to; _timed_out, _transport.
    void commit(Committer who, std::vector<CommittedOffset> offsets, CommitReply reply);
    /// How many commits have been asked for.
    uint64_t asked() const { return asked_; }
    /// Whether the first `count` of them have been answered. Others may follow all the time.
    bool answered(uint64_t count) const { return answered_ >= count; }
    /// Who the member is now: a commit refused since its group or member was just getting to the next generation or epoch is made
    /// again in that name.
    void ask_latest(MoveOnlyFunction<Committer()> latest) { latest_ = std::move(latest); }
    /// From here on topics are named by their ids where `metadata`, which outlives this, knows them, so that what was read of a
    /// topic is not committed to one that was made anew by its name: unknown_topic_id.
    void name_by_ids(Metadata& metadata) { metadata_ = &metadata; }
    /// The member may have got on.
    void on_heard();

private:
    struct Asked {
        std::vector<CommittedOffset> offsets;
        CommitReply reply;
    };
    /// What goes into a request: of each partition the offset that was asked for last.
    struct Commit {
        Committer who;
        std::vector<CommittedOffset> offsets;
        std::vector<Asked> all;
        Errc refused = Errc::no_error; ///< last, since the group was in the midst of a round
        msg::OffsetCommitResponse refusal{};
        int waited = 0; ///< so often it was heard of the member since
    };

    void next();
    void on_response(msg::OffsetCommitResponse& response, const TopicIds& ids);
    void on_answer(CallResult<msg::OffsetCommitResponse> result);
    void finish(Commit done, CallResult<msg::OffsetCommitResponse> result);
    void try_refused(bool has_heard);

    Caller& caller_;
    const std::string group_;
    const Duration timeout_;
    const Log log_;
    CallScope scope_;
    MoveOnlyFunction<Committer()> latest_;
    Metadata* metadata_ = nullptr;
    std::optional<Commit> running_;
    std::optional<Commit> refused_; ///< waits for the member to get on
    std::deque<Commit> waiting_;
    uint64_t asked_ = 0;
    uint64_t answered_ = 0;
};

} // namespace ottla::core
