// When the groups of a coordinator want to be looked at next: one time each.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ottla/types.hpp>

namespace ottla::mock {

class GroupTimers {
public:
    /// `next` replaces what was set for the group; TimePoint::max(): nothing is awaited.
    void set(const std::string& group, TimePoint next);
    /// The groups whose time has come, earliest first.
    std::vector<std::string> due(TimePoint now) const;
    /// The earliest time that has not come; TimePoint::max(): there is none.
    TimePoint next_due(TimePoint now) const;

private:
    std::map<std::string, TimePoint> times_;
    std::set<std::pair<TimePoint, std::string>> order_;
};

} // namespace ottla::mock
