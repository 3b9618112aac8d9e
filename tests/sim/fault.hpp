// The kinds of trouble a world knows, with their names. Who makes it: trouble.cpp; who suffers it:
// network.cpp and the mock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ottla::sim {

enum class Fault : uint8_t {
    cut,             ///< a connection breaks, whatever was on its way is lost
    cut_answer,      ///< a connection breaks when its requests have arrived: only answers are lost
    half_open,       ///< the peer is gone and nobody is told
    mute,            ///< requests arrive, answers never do, nobody is told
    clog,            ///< bytes of one direction stop for a while
    slow_link,       ///< a connection becomes slower than the others: what is sent on it is overtaken
    partial_write,   ///< the socket takes less than was offered
    partial_read,    ///< bytes come in pieces
    refuse,          ///< connections are refused for a while
    black_hole,      ///< connections are neither made nor refused for a while
    crash,           ///< a broker ends and comes back later
    crash_lost_tail, ///< the same, and what it had not acknowledged is gone
    move_leader,
    error,        ///< the broker answers a request with an error instead of doing it
    fatal_error,  ///< the same, with an error that ends a producer
    drop_request, ///< the broker ends the connection instead of doing the request
    drop_answer,  ///< the broker does the request and ends the connection instead of answering
    slow_broker,  ///< answers of one API at one broker are delayed
    throttle,     ///< the broker asks for less and stops reading for a while
    late_turn,    ///< the client's loop does not run for a while
    clock_jump,   ///< the client's wall clock is set to another time
    count_,
};

inline constexpr size_t fault_kinds = static_cast<size_t>(Fault::count_);
inline constexpr std::array<std::string_view, fault_kinds> fault_names{
    "cut",          "cut_answer",      "half_open",    "mute",     "clog",
    "slow_link",    "partial_write",   "partial_read", "refuse",   "black_hole",
    "crash",        "crash_lost_tail", "move_leader",  "error",    "fatal_error",
    "drop_request", "drop_answer",     "slow_broker",  "throttle", "late_turn",
    "clock_jump",
};

struct FaultCounts {
    std::array<uint64_t, fault_kinds> by_kind{};

    uint64_t& operator[](Fault fault) { return by_kind[static_cast<size_t>(fault)]; }

    uint64_t operator[](Fault fault) const { return by_kind[static_cast<size_t>(fault)]; }

    FaultCounts& operator+=(const FaultCounts& other) {
        for (size_t i = 0; i < fault_kinds; ++i)
            by_kind[i] += other.by_kind[i];
        return *this;
    }
};

} // namespace ottla::sim
