#include "sim/workload.hpp"

namespace ottla::sim {

RunResult run_idempotent(const RunOptions& options);
RunResult run_plain(const RunOptions& options);
RunResult run_transactional(const RunOptions& options);
RunResult run_group(const RunOptions& options);

namespace {

constexpr Workload all[] = {
    {"idempotent", "an idempotent producer, then a consumer", run_idempotent},
    {"plain", "a producer with acks=all and 1 or 5 requests in flight, then a consumer", run_plain},
    {"transactional", "producers of one transactional id, restarted and fenced, then a consumer of what is committed", run_transactional},
    {"group", "up to 8 members of a group, that come, go, crash and pause while they read", run_group},
};

} // namespace

std::span<const Workload> workloads() { return all; }

const Workload* find_workload(std::string_view name) {
    for (const Workload& workload : all)
        if (workload.name == name)
            return &workload;
    return nullptr;
}

} // namespace ottla::sim
