#include "mock/server_assignor.hpp"

#include <algorithm>
#include <vector>

namespace ottla::mock {
namespace {

/// Members that read a topic, as `assign` wants them.
using Readers = std::map<std::string, std::vector<std::string>>;

Readers readers_of(const AssignorInput& input) {
    Readers readers;
    for (const auto& [id, member] : input.members)
        for (const std::string& topic : member.topics)
            if (input.topics.contains(topic))
                readers[topic].push_back(id);
    return readers;
}

TargetAssignment range(const AssignorInput& input) {
    TargetAssignment target;
    for (const auto& [id, member] : input.members)
        target[id];
    for (auto& [name, readers] : readers_of(input)) {
        std::stable_sort(readers.begin(), readers.end(), [&](const std::string& a, const std::string& b) {
            return input.members.at(a).instance_id.value_or(a) < input.members.at(b).instance_id.value_or(b);
        });
        const SubscribedTopic& topic = input.topics.at(name);
        const auto count = static_cast<int32_t>(readers.size());
        int32_t next = 0;
        for (int32_t i = 0; i < count; ++i) {
            const int32_t end = next + topic.partitions / count + (i < topic.partitions % count ? 1 : 0);
            for (; next < end; ++next)
                target[readers[static_cast<size_t>(i)]].insert({topic.id, next});
        }
    }
    return target;
}

/// Deals out what nobody has, then evens out one partition at a time.
class Uniform {
public:
    explicit Uniform(const AssignorInput& input)
        : input_(input)
        , readers_(readers_of(input)) {}

    TargetAssignment run() {
        keep();
        deal();
        while (move_one())
            continue;
        return std::move(target_);
    }

private:
    void keep() {
        for (const auto& [name, topic] : input_.topics)
            names_[topic.id] = &name;
        for (const auto& [id, member] : input_.members) {
            PartitionSet& mine = target_[id];
            const auto before = input_.before.find(id);
            if (before == input_.before.end())
                continue;
            for (const TopicIdPartition& partition : before->second) {
                const auto name = names_.find(partition.topic);
                const bool is_read = name != names_.end() && member.topics.contains(*name->second);
                if (is_read && partition.partition < input_.topics.at(*name->second).partitions &&
                    kept_.insert(partition).second)
                    mine.insert(partition);
            }
        }
    }

    void deal() {
        for (const auto& [name, readers] : readers_) {
            const SubscribedTopic& topic = input_.topics.at(name);
            for (int32_t partition = 0; partition < topic.partitions; ++partition)
                if (!kept_.contains({topic.id, partition}))
                    target_[least_loaded(readers)].insert({topic.id, partition});
        }
    }

    const std::string& least_loaded(const std::vector<std::string>& readers) const {
        return *std::min_element(readers.begin(), readers.end(), [&](const std::string& a, const std::string& b) {
            return target_.at(a).size() < target_.at(b).size();
        });
    }

    /// From the member that has most, of those that have something for one which has two fewer.
    bool move_one() {
        std::vector<std::string> donors;
        for (const auto& [id, partitions] : target_)
            donors.push_back(id);
        std::sort(donors.begin(), donors.end(), [&](const std::string& a, const std::string& b) {
            const size_t loads[] = {target_.at(a).size(), target_.at(b).size()};
            return loads[0] != loads[1] ? loads[0] > loads[1] : a > b;
        });
        for (const std::string& donor : donors) {
            PartitionSet& mine = target_.at(donor);
            for (auto it = mine.rbegin(); it != mine.rend(); ++it) {
                const std::string& taker = least_loaded(readers_.at(*names_.at(it->topic)));
                if (target_.at(taker).size() + 2 > mine.size())
                    continue;
                const TopicIdPartition partition = *it;
                mine.erase(partition);
                target_.at(taker).insert(partition);
                return true;
            }
        }
        return false;
    }

    const AssignorInput& input_;
    const Readers readers_;
    std::map<Uuid, const std::string*> names_;
    PartitionSet kept_;
    TargetAssignment target_;
};

} // namespace

bool is_server_assignor(std::string_view name) {
    return name == uniform_assignor || name == range_assignor;
}

TargetAssignment assign(std::string_view assignor, const AssignorInput& input) {
    return assignor == range_assignor ? range(input) : Uniform(input).run();
}

} // namespace ottla::mock
