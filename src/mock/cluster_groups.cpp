// ClusterCore, the part about members of groups: whose coordinator runs, and who is waiting for it.
#include <algorithm>

#include "mock/cluster_core.hpp"

namespace ottla::mock {

/// `change` gives groups to other coordinators. These load them as they were stored.
void ClusterCore::move_groups(const std::function<void(CoordinatorPlacement&)>& change) {
    std::map<std::string, int32_t> epochs;
    for (const auto& [name, group] : groups_.all())
        epochs[name] = group_coordinators_.epoch(name);
    change(group_coordinators_);
    for (const auto& [name, epoch] : epochs)
        if (group_coordinators_.epoch(name) != epoch)
            groups_.restart(name, group_coordinators_.ready_from(name));
}

void ClusterCore::run_groups(TimePoint now) {
    for (const std::string& name : groups_.due(now))
        if (group_coordinators_.ready_from(name) <= now)
            groups_.on_time(name, now);
    wake_members();
}

TimePoint ClusterCore::next_of_groups(TimePoint now) const {
    TimePoint next = groups_.next_due(now);
    for (const std::string& name : groups_.due(now))
        next = std::min(next, group_coordinators_.ready_from(name));
    return next;
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
