#include "core/group/offset_committer.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace ottla::core {
namespace {

constexpr int16_t first_in_cluster = 1;    // version 0 is of offsets in ZooKeeper
constexpr int16_t first_with_instance = 7; // KIP-345
constexpr int times_waited = 3;            // for the member to get on

/// As the newest version has it.
msg::OffsetCommitRequest
request_of(const std::string& group, const Committer& who, const std::vector<CommittedOffset>& offsets) {
    msg::OffsetCommitRequest request;
    request.group_id = group;
    request.generation_id_or_member_epoch = who.generation;
    request.member_id = who.member;
    request.group_instance_id = who.instance;
    for (const auto& offset : offsets) {
        auto topic = std::find_if(
            request.topics.begin(), request.topics.end(), [&](const auto& known) { return known.name == offset.topic; }
        );
        if (topic == request.topics.end()) {
            request.topics.emplace_back().name = offset.topic;
            topic = request.topics.end() - 1;
        }
        auto& partition = topic->partitions.emplace_back();
        partition.partition_index = offset.partition;
        partition.committed_offset = offset.offset;
        partition.committed_leader_epoch = offset.leader_epoch;
        partition.committed_metadata = offset.metadata;
    }
    return request;
}

/// Members that keep their name across restarts are newer than these versions.
msg::OffsetCommitRequest adapted(const msg::OffsetCommitRequest& request, int16_t version) {
    msg::OffsetCommitRequest out = request;
    if (version < first_with_instance)
        out.group_instance_id.reset();
    return out;
}

/// What another try may cure.
Errc curable_error(const msg::OffsetCommitResponse& response) {
    for (const auto& topic : response.topics)
        for (const auto& partition : topic.partitions)
            if (const auto code = static_cast<Errc>(partition.error_code);
                code == Errc::request_timed_out || if_coordinator_moved(code) != Errc::no_error)
                return code;
    return Errc::no_error;
}

/// Adds `newer`, which count where both have a partition.
void replace(std::vector<CommittedOffset>& offsets, const std::vector<CommittedOffset>& newer) {
    const size_t before = offsets.size();
    for (const auto& one : newer) {
        const auto end = offsets.begin() + static_cast<std::ptrdiff_t>(before);
        const auto same = std::find_if(offsets.begin(), end, [&](const CommittedOffset& old) {
            return old.partition == one.partition && old.topic == one.topic;
        });
        if (same == end)
            offsets.push_back(one);
        else
            *same = one;
    }
}

/// Why all of it was refused, if that passes with the round of the group that is under way; else no_error.
Errc passing_refusal(const msg::OffsetCommitResponse& response) {
    if (response.topics.empty() || response.topics.front().partitions.empty())
        return Errc::no_error;
    const int16_t first = response.topics.front().partitions.front().error_code;
    const auto code = static_cast<Errc>(first);
    const bool passes = code == Errc::stale_member_epoch || code == Errc::illegal_generation || code == Errc::rebalance_in_progress;
    const bool is_of_all = std::all_of(response.topics.begin(), response.topics.end(), [first](const auto& topic) {
        return std::all_of(topic.partitions.begin(), topic.partitions.end(), [first](const auto& partition) {
            return partition.error_code == first;
        });
    });
    return passes && is_of_all ? code : Errc::no_error;
}

void read(const msg::OffsetCommitResponse& response, const std::string& group, std::vector<CommittedOffset>& offsets) {
    for (auto& offset : offsets)
        offset.error = Error(Errc::_bad_msg, fmt::format("{}[{}]: not in the coordinator's answer", offset.topic, offset.partition));
    for (const auto& topic : response.topics)
        for (const auto& partition : topic.partitions)
            for (auto& offset : offsets) {
                if (offset.partition != partition.partition_index || offset.topic != topic.name)
                    continue;
                const auto code = static_cast<Errc>(partition.error_code);
                offset.error = code == Errc::no_error ? Error()
                                                      : Error(code, fmt::format("group {}: {}[{}]: {}", group, offset.topic, offset.partition, error_text(code)));
            }
}

} // namespace

OffsetCommitter::OffsetCommitter(Caller& caller, std::string group, Duration timeout, Log log)
    : caller_(caller)
    , group_(std::move(group))
    , timeout_(timeout)
    , log_(log) {}

void OffsetCommitter::commit(Committer who, std::vector<CommittedOffset> offsets, CommitReply reply) {
    ++asked_;
    if (waiting_.empty() || waiting_.back().who != who)
        waiting_.push_back({.who = std::move(who), .offsets = {}, .all = {}});
    auto& together = waiting_.back();
    replace(together.offsets, offsets);
    together.all.push_back({std::move(offsets), std::move(reply)});
    if (!running_)
        next();
}

void OffsetCommitter::next() {
    if (waiting_.empty() || refused_)
        return;
    running_ = std::move(waiting_.front());
    waiting_.pop_front();
    if (log_.wants(LogContext::cgrp))
        for (const auto& offset : running_->offsets)
            log_.debug(LogContext::cgrp, "COMMIT", "group {}: {}[{}] up to offset {}", group_, offset.topic, offset.partition, offset.offset);
    auto request = request_of(group_, running_->who, running_->offsets);
    TopicIds ids;
    if (metadata_)
        ids = TopicIds(*metadata_, request.topics);
    const CallOptions options{.timeout = timeout_, .max_version = ids.max_version(), .min_version = first_in_cluster};
    call<msg::OffsetCommitRequest>(
        caller_, Coordinator{CoordinatorType::group, group_}, std::move(request), options, scope_,
        [this, ids = std::move(ids)](CallResult<msg::OffsetCommitResponse> result, TimePoint) {
            if (result)
                on_response(result->response, ids);
            on_answer(std::move(result));
        },
        curable_error, adapted
    );
}

/// Gives the answer's topics their names.
void OffsetCommitter::on_response(msg::OffsetCommitResponse& response, const TopicIds& ids) {
    for (auto& topic : response.topics) {
        if (topic.name.empty())
            topic.name = ids.name_of(topic.topic_id);
        for (const auto& partition : topic.partitions)
            if (metadata_ && static_cast<Errc>(partition.error_code) == Errc::unknown_topic_id)
                metadata_->refresh("{} is not known by its id", topic.name);
    }
}

void OffsetCommitter::on_answer(CallResult<msg::OffsetCommitResponse> result) {
    Commit done = std::move(*running_);
    running_.reset();
    if (const Errc code = result && latest_ ? passing_refusal(result->response) : Errc::no_error; code != Errc::no_error) {
        done.refused = code;
        done.refusal = std::move(result->response);
        refused_ = std::move(done);
        try_refused(false);
        return;
    }
    finish(std::move(done), std::move(result));
}

void OffsetCommitter::finish(Commit done, CallResult<msg::OffsetCommitResponse> result) {
    answered_ += done.all.size();
    next(); // before the replies, which may end this
    for (auto& [offsets, reply] : done.all) {
        Error error;
        if (!result) {
            error = result.error();
            for (auto& offset : offsets)
                offset.error = error;
        } else {
            read(result->response, group_, offsets);
            const bool none = std::all_of(offsets.begin(), offsets.end(), [](const auto& offset) { return bool(offset.error); });
            if (none && !offsets.empty())
                error = offsets.front().error;
        }
        reply(error, std::move(offsets));
    }
}

void OffsetCommitter::on_heard() {
    if (!refused_)
        return;
    ++refused_->waited;
    try_refused(true);
}

// A member that gets from one generation or epoch to the next has its partitions all the while, and what is committed in the
// name of the one before or in the midst of a round is refused.
void OffsetCommitter::try_refused(bool has_heard) {
    Committer who = latest_();
    const bool is_other = who.member != refused_->who.member || who.generation < 0;
    if (is_other || refused_->waited >= times_waited) {
        Commit done = std::move(*refused_);
        refused_.reset();
        Answer<msg::OffsetCommitResponse> refusal{.response = std::move(done.refusal)};
        finish(std::move(done), std::move(refusal));
        return;
    }
    if (who.generation == refused_->who.generation && !(has_heard && refused_->refused == Errc::rebalance_in_progress))
        return;
    refused_->who = std::move(who);
    waiting_.push_front(std::move(*refused_));
    refused_.reset();
    next();
}

} // namespace ottla::core
