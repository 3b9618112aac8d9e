#include "sim/group_judge.hpp"

#include <algorithm>

#include <ottla/msg/offset_commit.hpp>

#include "sim/group_member.hpp"
#include "wire/frame.hpp"

namespace ottla::sim {

GroupJudge::GroupJudge(World& world)
    : world_(world) {
    world_.network.on_request([this](const Buffer& frame, bool stray) { on_request(frame, stray); });
}

int64_t GroupJudge::Read::low() const {
    return std::find(times.begin(), times.end(), 0) - times.begin();
}

// Kafka has no order between connections: a commit whose client has given up its connection may arrive behind a later one,
// and no client can help it.
void GroupJudge::on_request(const Buffer& frame, bool stray) {
    wire::RequestHead head;
    if (wire::decode_request_head(head, frame) || head.api_key != static_cast<int16_t>(msg::ApiKey::offset_commit))
        return;
    looks_left_ = looks_a_commit;
    msg::OffsetCommitRequest request;
    if (!stray || wire::decode(request, head.version, head.body))
        return;
    for (const auto& topic : request.topics) {
        const mock::Topic* known = head.version >= 10 ? world_.cluster.find_topic(topic.topic_id) : nullptr;
        for (const auto& partition : topic.partitions)
            stray_.insert({{known ? known->name : topic.name, partition.partition_index}, partition.committed_offset});
    }
}

void GroupJudge::on_assigned(GroupMember& member, const std::vector<TopicPartition>& partitions) {
    for (const auto& where : partitions)
        if (member.holds(where))
            world_.violate("{} is given {}[{}], which it has", member.name(), where.topic, where.partition);
}

void GroupJudge::on_given_up(GroupMember& member, const std::vector<TopicPartition>& partitions, bool lost) {
    if (lost && calm_)
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
    if (++times > 1 && exactly_once_)
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
        if (committed.offset < before && !stray_.contains({where, committed.offset}))
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
            const auto [other, fresh] = owners.emplace(where, member);
            if (!fresh)
                world_.violate(
                    "{}[{}] belongs to {} and {}", where.topic, where.partition, other->second->name(), member->name()
                );
        }
    }
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
        if (!member->is_current() && !member->topics().empty())
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
