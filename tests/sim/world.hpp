// One simulated world under one seed: clock, network, brokers, what went wrong. Clients and workloads are put
// into it.
#pragma once

#include <string>

#include "base/rng.hpp"
#include "mock/cluster_core.hpp"
#include "sim/event_queue.hpp"
#include "sim/fault.hpp"
#include "sim/network.hpp"
#include "sim/produce_tap.hpp"
#include "sim/transcript.hpp"

namespace ottla::sim {

struct WorldOptions {
    uint64_t seed = 1;
    size_t transcript_lines = 0; ///< kept as text
    mock::GroupOptions groups{};
    mock::ConsumerGroupOptions consumer_groups{};
};

class World {
public:
    explicit World(WorldOptions options);
    ~World();
    World(const World&) = delete;

    /// Runs until `done`, or a violation. False: `limit` came first.
    template <class Done>
    bool run_until(TimePoint limit, Done&& done) {
        while (violation.empty()) {
            if (done())
                return true;
            if (queue.empty() || queue.next() > limit) {
                queue.skip_to(limit);
                return false;
            }
            queue.run_one();
            if (queue.done() > most_events)
                violate("{} events and no end: somebody turns in circles", most_events);
        }
        return false;
    }

    void run_to(TimePoint limit) {
        run_until(limit, [] { return false; });
    }

    TimePoint now() const { return queue.now(); }

    template <class... Args>
    void note(fmt::format_string<Args...> format, Args&&... args) {
        transcript.note(queue.now(), format, std::forward<Args>(args)...);
    }

    /// The first one ends the run.
    template <class... Args>
    void violate(fmt::format_string<Args...> format, Args&&... args) {
        if (!violation.empty())
            return;
        violation = fmt::format(format, std::forward<Args>(args)...);
        note("VIOLATED: {}", violation);
    }

    /// Brokers 1 to `count`; clients know them as b1, b2, ...
    void add_brokers(int count);

    bool chance(int percent) { return rng.below(100) < static_cast<uint64_t>(percent); }

    int64_t between(int64_t low, int64_t high) {
        return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
    }

    std::chrono::milliseconds ms_between(int64_t low, int64_t high) {
        return std::chrono::milliseconds(between(low, high));
    }

    Duration within(Duration time) {
        return Duration(static_cast<int64_t>(rng.below(static_cast<uint64_t>(time.count()) + 1)));
    }

    int64_t wall_clock_off_ms = 0; ///< of the clients; brokers have the right time

    static constexpr uint64_t most_events = 400'000;

    Rng rng;
    EventQueue queue;
    Transcript transcript;
    FaultCounts faults;
    std::string violation;
    ProduceTap tap;
    Network network;
    mock::ClusterCore cluster;

private:
    static World* current_;
    TimePoint (*precise_before_)();
    int64_t (*coarse_before_)();
};

} // namespace ottla::sim
