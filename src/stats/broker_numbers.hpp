// What is counted of one broker while it is spoken to. Plain integers of the owning thread.
#pragma once

#include <array>
#include <cstdint>

#include <ottla/types.hpp>

#include "stats/histogram.hpp"

namespace ottla::stats {

/// Over all connections to the broker.
struct BrokerCounters {
    static constexpr size_t api_room = 128; ///< keys are below it

    int64_t requests_sent = 0;
    int64_t bytes_sent = 0;
    int64_t send_errors = 0;
    int64_t retries = 0;
    int64_t timeouts = 0;
    int64_t responses = 0;
    int64_t bytes_received = 0;
    int64_t receive_errors = 0;
    int64_t correlation_errors = 0;
    int64_t wakeups = 0;
    int64_t connects = 0;
    int64_t disconnects = 0;
    TimePoint last_sent{};
    TimePoint last_received{};
    std::array<int64_t, api_room> sent_by_api{};
};

struct BrokerNumbers {
    BrokerCounters counters;
    std::string name; ///< as of the last connection
    std::string address;
    std::string_view state = "INIT";
    TimePoint state_since{};
    Window send_wait;
    Window rtt;
    Window throttle_time;

    void roll() {
        send_wait.roll();
        rtt.roll();
        throttle_time.roll();
    }
};

} // namespace ottla::stats
