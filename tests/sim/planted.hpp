// Bugs that a test build can switch on (src/base/probe.hpp), each of which the simulation must find.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ottla::sim {

struct PlantedBug {
    std::string_view name; ///< as the code says: probe::planted(name)
    std::string_view about;
};

std::span<const PlantedBug> planted_bugs();

struct Hit {
    uint64_t seed = 0;
    std::string workload;
    std::string violation;
};

/// The first seed that finds it, over `workloads` (empty: all); nothing if none does.
std::optional<Hit> find_planted(
    const PlantedBug& bug, uint64_t first, uint64_t last, const std::vector<std::string>& workloads = {}
);

} // namespace ottla::sim
