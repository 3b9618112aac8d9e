// What the modes of ottla-bench share: options, the process's own resource use, the result line.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace ottla::bench {

using Clock = std::chrono::steady_clock;

/// `--key value` pairs. Unknown keys are ignored, so that one suite can drive several programs.
class Options {
public:
    Options(int argc, char** argv);

    std::string text(const std::string& key, const std::string& fallback) const;
    int64_t number(const std::string& key, int64_t fallback) const;
    double real(const std::string& key, double fallback) const;
    const std::string& mode() const { return mode_; }

private:
    std::string mode_;
    std::map<std::string, std::string> values_;
};

/// Value i is text[(i mod floor(len/size)) * size :][:size].
class Values {
public:
    Values(const Options& options);
    std::string_view operator[](uint64_t i) const { return std::string_view(text_).substr((i % count_) * size_, size_); }
    size_t size() const { return size_; }

private:
    std::string text_;
    size_t size_;
    uint64_t count_;
};

/// CPU, context switches and wall time of the whole process between construction and `finish`.
class Measure {
public:
    Measure();
    /// Adds wall_s, msg_s, mb_s, cpu_ns_msg, user_ns_msg, sys_ns_msg, csw, maxrss_kb, threads, allocs_msg.
    void finish(nlohmann::json& out, uint64_t count, uint64_t bytes) const;

private:
    struct Snapshot {
        Clock::time_point wall;
        double user_ns;
        double sys_ns;
        int64_t csw;
        uint64_t allocations;
        uint64_t page_faults;
    };
    static Snapshot now();
    Snapshot begin_;
};

/// Adds p50_us p90_us p99_us p999_us max_us.
void add_percentiles(nlohmann::json& out, std::vector<double>& microseconds);

nlohmann::json run_produce(const Options& options);
nlohmann::json run_consume(const Options& options);
nlohmann::json run_latency(const Options& options);
nlohmann::json run_end_to_end(const Options& options);
/// `first` ends at the first message, `idle` stays on for `duration` seconds.
nlohmann::json run_first(const Options& options);

} // namespace ottla::bench
