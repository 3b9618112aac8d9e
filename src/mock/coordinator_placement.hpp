// Which broker coordinates a key (a group or a transactional id), and since when it may be asked. As in a broker
// keys fall into 50 partitions of an internal topic, each led by one broker; a new leader must first load it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/types.hpp>

namespace ottla::mock {

class CoordinatorPlacement {
public:
    using Milliseconds = std::chrono::milliseconds;

    /// What a move costs: nobody is known for so long, then the new one loads for so long.
    struct Failover {
        Milliseconds election{0};
        Milliseconds load{0};
    };

    void set_failover(Failover failover) { failover_ = failover; }

    /// The broker to ask, -1: nobody now. `up`: brokers that are up, for keys that never had a coordinator.
    int32_t find(const std::string& key, const std::vector<int32_t>& up, TimePoint now);
    /// What `broker` says when it is asked as the coordinator: not_coordinator, coordinator_load_in_progress or
    /// no_error.
    Errc check(
        const std::string& key, int32_t broker, const std::vector<int32_t>& up, TimePoint now
    );
    /// Another broker takes over, as after an election.
    void move(const std::string& key, int32_t broker, TimePoint now);
    /// From when on there is one that has loaded; TimePoint::max(): nobody is in sight.
    TimePoint ready_from(const std::string& key) const;
    /// How often the coordinator changed: markers tell it.
    int32_t epoch(const std::string& key) const { return slots_[slot(key)].epoch; }

    /// `up`: the others that are up.
    void on_stop(int32_t broker, const std::vector<int32_t>& up, TimePoint now);
    /// It takes what nobody has.
    void on_start(int32_t broker, TimePoint now);

private:
    static constexpr size_t slot_count = 50;
    static constexpr int32_t unused = -2;
    static constexpr int32_t nobody = -1;

    struct Slot {
        int32_t leader = unused;
        int32_t epoch = 0;
        TimePoint known_from{TimePoint::min()};
        TimePoint loaded_from{TimePoint::min()};
    };

    static size_t slot(const std::string& key);
    Slot& use(const std::string& key, const std::vector<int32_t>& up);
    void give(Slot& slot, int32_t broker, TimePoint now);

    std::array<Slot, slot_count> slots_;
    Failover failover_;
};

} // namespace ottla::mock
