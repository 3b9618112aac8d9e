#include "mock/group_timers.hpp"

#include <algorithm>

namespace ottla::mock {

void GroupTimers::set(const std::string& group, TimePoint next) {
    if (const auto known = times_.find(group); known != times_.end()) {
        if (known->second == next)
            return;
        order_.erase({known->second, group});
        times_.erase(known);
    }
    if (next == TimePoint::max())
        return;
    times_[group] = next;
    order_.emplace(next, group);
}

std::vector<std::string> GroupTimers::due(TimePoint now) const {
    std::vector<std::string> groups;
    for (auto at = order_.begin(); at != order_.end() && at->first <= now; ++at)
        groups.push_back(at->second);
    return groups;
}

TimePoint GroupTimers::next_due(TimePoint now) const {
    const auto next = std::find_if(order_.begin(), order_.end(), [&](const auto& timer) { return timer.first > now; });
    return next == order_.end() ? TimePoint::max() : next->first;
}

} // namespace ottla::mock
