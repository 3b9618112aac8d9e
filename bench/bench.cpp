#include "bench.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include <sys/resource.h>

// Defined by libmalloccount.so, when it is preloaded.
extern "C" {
__attribute__((weak)) unsigned long malloccount_calls();
__attribute__((weak)) unsigned long malloccount_bytes();
}

namespace ottla::bench {

Options::Options(int argc, char** argv)
    : mode_(argc > 1 ? argv[1] : "") {
    for (int i = 2; i < argc; i += 2) {
        if (std::strncmp(argv[i], "--", 2) != 0)
            throw std::invalid_argument(std::string("expected --key value, found ") + argv[i]);
        if (i + 1 == argc)
            throw std::invalid_argument(std::string(argv[i]) + " has no value");
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
    const double value = real(key, 0); // so that 1e6 is a number too
    if (value != static_cast<double>(static_cast<int64_t>(value)) || value < 0)
        throw std::invalid_argument("--" + key + ": not a whole number: " + it->second);
    return static_cast<int64_t>(value);
}

double Options::real(const std::string& key, double fallback) const {
    const auto it = values_.find(key);
    if (it == values_.end())
        return fallback;
    size_t used = 0;
    double value = 0;
    try {
        value = std::stod(it->second, &used);
    } catch (const std::exception&) {
    }
    if (used == 0 || used != it->second.size() || !(value < 1e15 && value > -1e15))
        throw std::invalid_argument("--" + key + ": not a number: " + it->second);
    return value;
}

int32_t Options::partitions() const {
    const int64_t count = number("partitions", 1);
    if (count < 1 || count > 100'000)
        throw std::invalid_argument("--partitions: between 1 and 100000");
    return static_cast<int32_t>(count);
}

size_t Options::size() const {
    const int64_t bytes = number("size", 100);
    if (bytes < 1 || bytes > 100'000'000)
        throw std::invalid_argument("--size: between 1 and 100000000");
    return static_cast<size_t>(bytes);
}

int64_t Options::queue_kbytes() const {
    const int64_t kbytes = number("queue-kbytes", 2'097'151);
    if (kbytes < 1 || kbytes > 2'097'151)
        throw std::invalid_argument("--queue-kbytes: between 1 and 2097151");
    return kbytes;
}

int64_t Options::queue_messages() const {
    return has("queue-kbytes") ? 10'000'000 : static_cast<int64_t>(Load(*this).outstanding * 2);
}

Values::Values(const Options& options, size_t enough)
    : size_(options.size()) {
    const std::string path = options.text("text", "");
    if (!path.empty()) {
        std::ifstream file(path, std::ios::binary);
        text_.assign(std::istreambuf_iterator<char>(file), {});
        if (!file || text_.size() < size_)
            throw std::invalid_argument("--text " + path + ": cannot be read, or is shorter than one value");
        return;
    }
    // Without a file: words, so that codecs have something to find.
    for (uint64_t i = 0; text_.size() < std::max(size_, enough); ++i)
        text_ += "line " + std::to_string(i * 2654435761u % 100'003) + " of a letter to Ottla, ";
}

Load::Load(const Options& options)
    : count(static_cast<uint64_t>(options.number("count", 1'000'000)))
    , warmup(static_cast<uint64_t>(options.number("warmup", static_cast<int64_t>(count / 10)))) {
    size = options.size();
    const int64_t usual = std::clamp<int64_t>((64 << 20) / static_cast<int64_t>(size), 1, 100'000);
    outstanding = static_cast<uint64_t>(std::max<int64_t>(1, options.number("max-outstanding", usual)));
}

Calls::Calls(const Options& options, uint64_t outstanding)
    : threads(static_cast<uint64_t>(options.number("threads", 1)))
    , many(static_cast<uint64_t>(options.number("many", 1)))
    , lend(options.number("lend", 0) != 0)
    , keyed(options.number("keys", 0) != 0) {
    if (threads < 1 || threads > 64)
        throw std::invalid_argument("--threads: between 1 and 64");
    if (many < 1 || many > 10'000)
        throw std::invalid_argument("--many: between 1 and 10000");
    if (outstanding < threads * many)
        throw std::invalid_argument("--max-outstanding: less than all threads send in a call each");
}

Pace::Pace(const Options& options)
    : rate(static_cast<uint64_t>(options.number("rate", 1000)))
    , total(static_cast<uint64_t>(static_cast<double>(rate) * options.real("duration", 5)))
    , skip(static_cast<uint64_t>(static_cast<double>(rate) * options.real("warmup-s", 1))) {
    if (rate == 0 || skip >= total)
        throw std::invalid_argument("--rate, --duration, --warmup-s: nothing would be measured");
}

Clock::time_point Pace::due(uint64_t i) const {
    return start + std::chrono::nanoseconds(i * 1'000'000'000 / rate);
}

Patience::Patience(const Options& options)
    : bootstrap_(options.bootstrap())
    , limit_(std::max<int64_t>(1, options.number("patience-s", 30))) {
}

void Patience::test(const std::string& why) {
    const auto now = Clock::now();
    if (!last_)
        last_ = now;
    if (now - *last_ >= limit_)
        throw std::runtime_error(
            "nothing came from " + bootstrap_ + " for " + std::to_string(limit_.count()) + " s" +
            (why.empty() ? "" : ": " + why)
        );
}

Measure::Snapshot Measure::now() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto nanoseconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_usec) * 1e3;
    };
    return {
        .wall = Clock::now(),
        .user_ns = nanoseconds(usage.ru_utime),
        .sys_ns = nanoseconds(usage.ru_stime),
        .csw = usage.ru_nvcsw + usage.ru_nivcsw,
        .page_faults = usage.ru_minflt,
        .allocations = malloccount_calls ? malloccount_calls() : 0,
        .allocated_bytes = malloccount_bytes ? malloccount_bytes() : 0,
    };
}

void Measure::finish(nlohmann::json& out, uint64_t count, uint64_t bytes) const {
    const Snapshot end = now();
    const double seconds = std::max(1e-9, std::chrono::duration<double>(end.wall - begin_.wall).count());
    const auto messages = static_cast<double>(std::max<uint64_t>(count, 1));
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
    if (malloccount_bytes)
        out["alloc_bytes_msg"] = static_cast<double>(end.allocated_bytes - begin_.allocated_bytes) / messages;
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

Stamp read_stamp(std::string_view value) {
    Stamp stamp{0, -1};
    if (value.size() >= sizeof stamp)
        std::memcpy(&stamp, value.data(), sizeof stamp);
    return stamp;
}

void write_stamp(std::string& value, int64_t index) {
    const Stamp stamp{Clock::now().time_since_epoch().count(), index};
    if (value.size() < sizeof stamp)
        value.resize(sizeof stamp);
    std::memcpy(value.data(), &stamp, sizeof stamp);
}

int run(int argc, char** argv, const char* client, const std::map<std::string, Mode>& modes) {
    try {
        const Options options(argc, argv);
        const auto mode = modes.find(options.mode());
        if (mode == modes.end()) {
            std::cerr << "usage: " << (argc ? argv[0] : client) << " MODE --key value ...\nMODE is one of:";
            for (const auto& [name, function] : modes)
                std::cerr << ' ' << name;
            std::cerr << "\nA mode's keys: docs/PERFORMANCE.md\n";
            return 2;
        }
        nlohmann::json out = mode->second(options);
        out["client"] = client;
        out["mode"] = options.mode();
        std::cout << out.dump() << std::endl;
        return out.value("errors", 0) == 0 ? 0 : 1;
    } catch (const std::invalid_argument& e) {
        std::cerr << client << ": " << e.what() << '\n';
        return 2;
    } catch (const std::exception& e) {
        std::cerr << client << ": " << e.what() << '\n';
        return 1;
    }
}

} // namespace ottla::bench
