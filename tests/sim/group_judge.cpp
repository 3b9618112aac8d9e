#include "sim/group_judge.hpp"

#include <algorithm>

#include <ottla/msg/consumer_group_heartbeat.hpp>

#include "sim/group_member.hpp"

namespace ottla::sim {

GroupJudge::GroupJudge(World& world)
    : world_(world) {
    world_.network.on_request([this](const Buffer& frame, bool stray) { on_request(frame, stray); });
}

int64_t GroupJudge::Read::low() const {
    return std::find(times.begin(), times.end(), 0) - times.begin();
}

void GroupJudge::on_request(const Buffer& frame, bool stray) {
    wire::RequestHead head;
    if (wire::decode_request_head(head, frame))
        return;
    if (head.api_key == static_cast<int16_t>(msg::ApiKey::offset_commit)) {
        looks_left_ = looks_a_commit;
        if (stray || exactly_once_)
            on_commit(head, stray);
    } else if (head.api_key == static_cast<int16_t>(msg::ApiKey::consumer_group_heartbeat) && !stray) {
        on_heartbeat(head);
    }
}

void GroupJudge::on_commit(const wire::RequestHead& head, bool stray) {
    msg::OffsetCommitRequest request;
    if (wire::decode(request, head.version, head.body))
        return;
    const bool is_of_gone_leader = !stray && comes_from_gone_leader(request);
    for (const auto& topic : request.topics) {
        const mock::Topic* known = head.version >= 10 ? world_.cluster.find_topic(topic.topic_id) : nullptr;
        for (const auto& partition : topic.partitions) {
            const TopicPartition where{known ? known->name : topic.name, partition.partition_index};
            // Kafka has no order between connections: a commit whose client has given up its connection may arrive behind a
            // later one, and no client can help it.
            if (stray)
                stray_.insert({where, partition.committed_offset});
            for (int64_t at = 0; is_of_gone_leader && at < partition.committed_offset; ++at)
                read_[where].again.insert(at);
        }
    }
}

/// Who leaves while it joins may be elected leader meanwhile. It does not deal out any more, and until somebody does the coordinator
/// takes no commits: its last ones are refused, so that its partitions are worked on twice.
bool GroupJudge::comes_from_gone_leader(const msg::OffsetCommitRequest& request) const {
    const mock::Group* classic = world_.cluster.groups().find(group);
    return classic && classic->state() != mock::GroupState::stable && classic->leader() == request.member_id &&
           classic->generation() != request.generation_id_or_member_epoch;
}

// From one joining to the next.
void GroupJudge::on_heartbeat(const wire::RequestHead& head) {
    msg::ConsumerGroupHeartbeatRequest request;
    if (wire::decode(request, head.version, head.body))
        return;
    int32_t& last = epochs_[request.member_id];
    if (request.member_epoch > 0 && request.member_epoch < last)
        world_.violate("member {} is in epoch {} after {}", request.member_id, request.member_epoch, last);
    last = request.member_epoch;
}

void GroupJudge::on_assigned(GroupMember& member, const std::vector<TopicPartition>& partitions) {
    look();
    for (const auto& where : partitions) {
        read_[where].back_to = -1; // that was another time
        if (member.holds(where))
            world_.violate("{} is given {}[{}], which it has", member.name(), where.topic, where.partition);
    }
}

void GroupJudge::on_seek(const TopicPartition& where, int64_t to, int64_t next) {
    Read& read = read_[where];
    read.back_to = read.back_to < 0 ? to : std::min(read.back_to, to);
    for (int64_t at = to; at < next; ++at)
        read.again.insert(at);
}

void GroupJudge::on_given_up(GroupMember& member, const std::vector<TopicPartition>& partitions, bool lost) {
    if (lost && nobody_loses_)
        world_.violate("{} loses {} partitions, though nothing has happened", member.name(), partitions.size());
    for (const auto& where : partitions)
        if (!member.holds(where))
            world_.violate(
                "{} is to give up {}[{}], which it does not have", member.name(), where.topic, where.partition
            );
}

/// Whether `offset` was the committed one at any time from `since` on.
bool GroupJudge::was_committed_since(const Read& read, TimePoint since, int64_t offset) const {
    int64_t before = 0; // nothing committed: from the beginning
    for (const Commit& commit : read.commits) {
        if (commit.at >= since && before == offset)
            return true;
        before = commit.offset;
    }
    return before == offset;
}

bool GroupJudge::on_given(
    GroupMember& member, const TopicPartition& where, int64_t offset, std::string_view value
) {
    const auto what = [&] { return fmt::format("{} is shown {}[{}] at {}", member.name(), where.topic, where.partition, offset); };
    const auto* held = member.holds(where);
    if (!held) {
        world_.violate("{}, which it does not have", what());
        return false;
    }
    Read& read = read_[where];
    if (held->next < 0) {
        looks_left_ = std::max(looks_left_, 1); // a slow broker may have let the last commit wait for long
        look();
        if (!was_committed_since(read, held->since, offset))
            world_.violate("{}, which was not committed: {} is", what(), read.committed());
    } else if (offset != held->next) {
        world_.violate("{}, but {} comes next", what(), held->next);
    }
    const auto at = static_cast<size_t>(offset);
    if (read.values.size() <= at) {
        read.values.resize(at + 1);
        read.times.resize(at + 1);
    }
    if (read.values[at].empty())
        read.values[at] = value;
    else if (read.values[at] != value)
        world_.violate("{} as {}, before it was {}", what(), value.substr(0, 6), read.values[at].substr(0, 6));
    return world_.violation.empty();
}

void GroupJudge::on_worked_off(const GroupMember& member, const TopicPartition& where, int64_t offset) {
    int& times = read_[where].times[static_cast<size_t>(offset)];
    ++worked_off_;
    if (++times > 1 && exactly_once_ && !read_[where].again.contains(offset))
        world_.violate(
            "{} works on {}[{}] at {} for the {}. time, though nothing has happened",
            member.name(),
            where.topic,
            where.partition,
            offset,
            times
        );
}

void GroupJudge::look() {
    if (looks_left_ == 0)
        return;
    --looks_left_;
    for (const auto& [where, committed] : world_.cluster.offsets().all(group)) {
        Read& read = read_[where];
        const int64_t before = read.committed();
        if (committed.offset == before)
            continue;
        world_.note("committed: {}[{}] {}", where.topic, where.partition, committed.offset);
        read.commits.push_back({world_.now(), committed.offset});
        if (committed.offset > read.low())
            world_.violate(
                "{}[{}]: {} is committed, but nobody has worked off {}",
                where.topic,
                where.partition,
                committed.offset,
                read.low()
            );
        const bool went_back = read.back_to >= 0 && committed.offset > read.back_to;
        if (committed.offset < before && !went_back && !given_twice_.contains(where) && !stray_.contains({where, committed.offset}))
            world_.violate(
                "{}[{}]: {} is committed after {}", where.topic, where.partition, committed.offset, before
            );
    }
}

void GroupJudge::check_owners() {
    std::map<TopicPartition, const GroupMember*> owners;
    for (GroupMember* member : members_) {
        if (member->held().empty() || !member->is_current())
            continue;
        for (const auto& [where, held] : member->held()) {
            if (!member->is_granted(where)) {
                given_twice_.insert(where);
                continue;
            }
            const auto [other, fresh] = owners.emplace(where, member);
            if (!fresh)
                world_.violate(
                    "{}[{}] belongs to {} and {}", where.topic, where.partition, other->second->name(), member->name()
                );
        }
    }
}

/// A static member of the new protocol is not let in as long as the one before is there.
bool GroupJudge::waits_for_name(const GroupMember& member) const {
    return member.speaks_new_protocol() && !member.instance().empty() &&
           std::any_of(members_.begin(), members_.end(), [&](const GroupMember* other) {
               return other != &member && other->instance() == member.instance() && other->is_current();
           });
}

bool GroupJudge::all_is_done() { return undone().empty(); }

std::string GroupJudge::undone() {
    std::map<TopicPartition, int> owners;
    std::set<std::string> wanted;
    std::string missing;
    for (GroupMember* member : members_) {
        if (!member->works())
            continue;
        wanted.insert(member->topics().begin(), member->topics().end());
        if (!member->is_current() && !member->topics().empty() && !waits_for_name(*member))
            missing += fmt::format("{} is not in the group; ", member->name());
        for (const auto& [where, held] : member->held())
            ++owners[where];
    }
    for (const auto& name : wanted) {
        const auto topic = world_.cluster.topics().find(name);
        if (topic == world_.cluster.topics().end())
            continue;
        for (size_t i = 0; i < topic->second.partitions.size(); ++i) {
            const TopicPartition where{name, static_cast<int32_t>(i)};
            const Read& read = read_[where];
            const int64_t end = topic->second.partitions[i].log.end_offset();
            if (owners[where] != 1)
                missing += fmt::format("{}[{}] has {} owners; ", name, i, owners[where]);
            else if (read.low() < end)
                missing += fmt::format("{}[{}] is worked off to {} of {}; ", name, i, read.low(), end);
            else if (read.committed() < end)
                missing += fmt::format("{}[{}] is committed to {} of {}; ", name, i, read.committed(), end);
        }
    }
    return missing;
}

void GroupJudge::check_values(const std::map<std::pair<std::string, int32_t>, Ledger::Log>& logs) {
    for (const auto& [where, read] : read_) {
        const auto log = logs.find({where.topic, where.partition});
        for (size_t at = 0; at < read.values.size(); ++at) {
            const bool there = log != logs.end() && at < log->second.size();
            if (!read.values[at].empty() && (!there || log->second[at] != read.values[at]))
                world_.violate(
                    "{}[{}] at {}: what was read is not in the log", where.topic, where.partition, at
                );
        }
    }
}

} // namespace ottla::sim
