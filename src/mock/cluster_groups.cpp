// ClusterCore, the part about members of groups: whose coordinator runs, and who is waiting for it.
#include <algorithm>

#include "mock/cluster_core.hpp"

namespace ottla::mock {

/// `change` gives groups to other coordinators. These load them as they were stored.
void ClusterCore::move_groups(const std::function<void(CoordinatorPlacement&)>& change) {
    std::map<std::string, int32_t> epochs;
    for (const auto& [name, group] : groups_.all())
        epochs[name] = group_coordinators_.epoch(name);
    for (const auto& [name, group] : consumer_groups_.all())
        epochs[name] = group_coordinators_.epoch(name);
    change(group_coordinators_);
    for (const auto& [name, epoch] : epochs)
        if (group_coordinators_.epoch(name) != epoch) {
            groups_.restart(name, group_coordinators_.ready_from(name));
            consumer_groups_.restart(name, group_coordinators_.ready_from(name));
        }
}

void ClusterCore::run_groups(TimePoint now) {
    for (const std::string& name : groups_.due(now))
        if (group_coordinators_.ready_from(name) <= now)
            groups_.on_time(name, now);
    for (const std::string& name : consumer_groups_.due(now))
        if (group_coordinators_.ready_from(name) <= now)
            consumer_groups_.on_time(name, now);
    wake_members();
}

TimePoint ClusterCore::next_of_groups(TimePoint now) const {
    TimePoint next = std::min(groups_.next_due(now), consumer_groups_.next_due(now));
    for (const auto& due : {groups_.due(now), consumer_groups_.due(now)})
        for (const std::string& name : due)
            next = std::min(next, group_coordinators_.ready_from(name));
    return next;
}

std::optional<SubscribedTopic> ClusterCore::find_by_name(const std::string& topic) const {
    const auto found = topics_.find(topic);
    if (found == topics_.end())
        return std::nullopt;
    return SubscribedTopic{found->second.id, static_cast<int32_t>(found->second.partitions.size())};
}

std::string ClusterCore::name_of_topic(const Uuid& id) const {
    const auto found = topic_names_.find(id);
    return found == topic_names_.end() ? std::string() : found->second;
}

std::vector<std::string> ClusterCore::topic_names() const {
    std::vector<std::string> names;
    for (const auto& [name, topic] : topics_)
        names.push_back(name);
    return names;
}

void ClusterCore::wake_members() {
    for (const Waiter waiter : groups_.take_answered()) {
        if (connections_.contains(waiter))
            woken_.push_back(waiter);
        else
            groups_.forget(waiter);
    }
}

} // namespace ottla::mock
