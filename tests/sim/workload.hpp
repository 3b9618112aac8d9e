// What clients do in a world, and what must hold afterwards.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/fault.hpp"

namespace ottla::sim {

struct RunOptions {
    uint64_t seed = 1;
    size_t transcript_lines = 0; ///< kept as text
    bool trouble = true;         ///< false: nothing goes wrong
};

struct RunResult {
    std::string violation; ///< empty: all invariants held
    uint64_t hash = 0;     ///< of the transcript
    std::vector<std::string> transcript;
    FaultCounts faults;
    uint64_t events = 0;
    double virtual_seconds = 0;
    uint64_t messages = 0;
    uint64_t acknowledged = 0;
    uint64_t failed = 0;
    uint64_t lost_batches = 0; ///< with the tails of brokers that ended
};

struct Workload {
    std::string_view name;
    std::string_view about;
    RunResult (*run)(const RunOptions&);
};

std::span<const Workload> workloads();
/// Null when there is none.
const Workload* find_workload(std::string_view name);

} // namespace ottla::sim
