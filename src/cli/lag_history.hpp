// Rates of a group, out of what was seen of it lately. Commits come in bursts, so a rate is taken over half a minute.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>

#include "group_lag.hpp"

namespace ottla::cli {

struct LagRates {
    double consumed = 0; ///< messages a second, by what was committed
    double produced = 0; ///< messages a second, by the ends of the partitions
    /// Until the group has caught up, if both go on like that; nullopt: never. Zero without lag.
    std::optional<std::chrono::seconds> until_caught_up{};
};

class LagHistory {
public:
    /// What is known with this one; nullopt with the first.
    std::optional<LagRates> add(const GroupLag& lag);

private:
    struct Place {
        int64_t committed;
        int64_t end;
    };
    struct Snapshot {
        std::chrono::steady_clock::time_point taken;
        std::map<TopicPartition, Place> places; ///< where both are known
    };
    std::deque<Snapshot> seen_;
};

} // namespace ottla::cli
