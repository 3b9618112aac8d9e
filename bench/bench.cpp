#include "bench.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <sys/resource.h>

// Defined by a malloc-counting library that may be preloaded.
extern "C" __attribute__((weak)) unsigned long malloccount_calls();

namespace ottla::bench {

Options::Options(int argc, char** argv) : mode_(argc > 1 ? argv[1] : "") {
    for (int i = 2; i + 1 < argc; i += 2) {
        if (std::strncmp(argv[i], "--", 2) != 0)
            throw std::invalid_argument(std::string("expected --key value, found ") + argv[i]);
        values_[argv[i] + 2] = argv[i + 1];
    }
}

std::string Options::text(const std::string& key, const std::string& fallback) const {
    const auto it = values_.find(key);
    return it == values_.end() ? fallback : it->second;
}

int64_t Options::number(const std::string& key, int64_t fallback) const {
    const auto it = values_.find(key);
    if (it == values_.end())
        return fallback;
    size_t used = 0;
    const int64_t value = std::stoll(it->second, &used);
    if (used != it->second.size())
        throw std::invalid_argument("--" + key + ": not a number: " + it->second);
    return value;
}

double Options::real(const std::string& key, double fallback) const {
    const auto it = values_.find(key);
    return it == values_.end() ? fallback : std::stod(it->second);
}

Values::Values(const Options& options) : size_(static_cast<size_t>(options.number("size", 100))) {
    const std::string path = options.text("text", "");
    if (!path.empty()) {
        std::ifstream file(path, std::ios::binary);
        if (!file)
            throw std::runtime_error("cannot read " + path);
        std::stringstream all;
        all << file.rdbuf();
        text_ = all.str();
    }
    // Without a file: words, so that codecs have something to find.
    for (uint64_t i = 0; text_.size() < std::max<size_t>(size_, path.empty() ? size_t{1} << 20 : 1); ++i)
        text_ += "line " + std::to_string(i * 2654435761u % 100003) + " of a letter to Ottla, ";
    count_ = std::max<uint64_t>(1, text_.size() / std::max<size_t>(size_, 1));
}

Measure::Snapshot Measure::now() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto nanoseconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_usec) * 1e3;
    };
    return {
        Clock::now(),
        nanoseconds(usage.ru_utime),
        nanoseconds(usage.ru_stime),
        usage.ru_nvcsw + usage.ru_nivcsw,
        malloccount_calls ? malloccount_calls() : 0,
        static_cast<uint64_t>(usage.ru_minflt)};
}

Measure::Measure() : begin_(now()) {}

void Measure::finish(nlohmann::json& out, uint64_t count, uint64_t bytes) const {
    const Snapshot end = now();
    const double seconds = std::chrono::duration<double>(end.wall - begin_.wall).count();
    const double messages = static_cast<double>(std::max<uint64_t>(count, 1));
    out["count"] = count;
    out["wall_s"] = seconds;
    out["msg_s"] = static_cast<double>(count) / seconds;
    out["mb_s"] = static_cast<double>(bytes) / 1e6 / seconds;
    out["user_ns_msg"] = (end.user_ns - begin_.user_ns) / messages;
    out["sys_ns_msg"] = (end.sys_ns - begin_.sys_ns) / messages;
    out["cpu_ns_msg"] = (end.user_ns - begin_.user_ns + end.sys_ns - begin_.sys_ns) / messages;
    out["csw"] = end.csw - begin_.csw;
    out["page_faults"] = end.page_faults - begin_.page_faults;
    if (malloccount_calls)
        out["allocs_msg"] = static_cast<double>(end.allocations - begin_.allocations) / messages;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    out["maxrss_kb"] = usage.ru_maxrss;
    size_t threads = 0;
    for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
        ++threads;
    out["threads"] = threads;
}

void add_percentiles(nlohmann::json& out, std::vector<double>& microseconds) {
    std::sort(microseconds.begin(), microseconds.end());
    const auto at = [&](double p) {
        if (microseconds.empty())
            return 0.0;
        const auto index = static_cast<size_t>(p * static_cast<double>(microseconds.size()));
        return microseconds[std::min(index, microseconds.size() - 1)];
    };
    out["p50_us"] = at(0.5);
    out["p90_us"] = at(0.9);
    out["p99_us"] = at(0.99);
    out["p999_us"] = at(0.999);
    out["max_us"] = microseconds.empty() ? 0.0 : microseconds.back();
}

} // namespace ottla::bench
