// What every benchmark program shares, whichever client it drives: options, values and keys, the schedule of
// paced modes, the process's own resource use, the result line. Knows no client.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace ottla::bench {

using Clock = std::chrono::steady_clock;

/// `--key value` pairs. Unknown keys are ignored, so that one suite can drive several programs.
class Options {
public:
    /// Throws std::invalid_argument.
    Options(int argc, char** argv);

    std::string text(const std::string& key, const std::string& fallback) const;
    int64_t number(const std::string& key, int64_t fallback) const;
    double real(const std::string& key, double fallback) const;

    const std::string& mode() const { return mode_; }

    // --- what several modes ask for
    std::string bootstrap() const { return text("bootstrap", "127.0.0.1:9092"); }

    std::string topic() const { return text("topic", "bench"); }

    std::string linger_ms() const { return text("linger-ms", "5"); }

    int32_t partitions() const;
    size_t size() const;

private:
    std::string mode_;
    std::map<std::string, std::string> values_;
};

/// Value i is text[(i mod floor(len/size)) * size :][:size]. They are taken in order.
class Values {
public:
    /// `enough`: bytes of words, when there is no `text`.
    explicit Values(const Options& options, size_t enough = size_t{1} << 20);

    std::string_view next() {
        if (at_ + size_ > text_.size())
            at_ = 0;
        const std::string_view value(text_.data() + at_, size_);
        at_ += size_;
        return value;
    }

    size_t size() const { return size_; }

private:
    std::string text_;
    size_t size_;
    size_t at_ = 0;
};

/// Key i is "key-%010u" of i mod 100000.
class Keys {
public:
    std::string_view of(uint64_t i) {
        auto number = static_cast<uint32_t>(i % 100'000);
        for (size_t digit = sizeof text_ - 1; digit >= sizeof text_ - 5; --digit, number /= 10)
            text_[digit] = static_cast<char>('0' + number % 10);
        return {text_, sizeof text_};
    }

private:
    char text_[14] = {'k', 'e', 'y', '-', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0'};
};

/// What produce and consume are asked to do.
struct Load {
    explicit Load(const Options& options);
    uint64_t count;
    uint64_t warmup;
    uint64_t outstanding; ///< unacknowledged messages at most
};

/// The schedule of latency and e2e: message i is due at a fixed time, however late those before it were.
struct Pace {
    explicit Pace(const Options& options);
    Clock::time_point due(uint64_t i) const;

    uint64_t rate;
    uint64_t total;
    uint64_t skip; ///< messages of the first second (`warmup-s`), which are not measured
    Clock::time_point start = Clock::now();
};

/// Ends a run in which nothing happens: a broker that cannot be reached should not be waited for until
/// eternity.
class Patience {
public:
    explicit Patience(const Options& options);

    /// Something came. Cheap.
    void renew() { last_ = std::nullopt; }

    /// Nothing came in this wait. Throws std::runtime_error, naming `why`, after `patience-s` seconds (30) of
    /// that.
    void test(const std::string& why);

private:
    std::string bootstrap_;
    std::chrono::seconds limit_;
    std::optional<Clock::time_point> last_;
};

/// CPU, context switches and wall time of the whole process between construction and `finish`.
class Measure {
public:
    Measure()
        : begin_(now()) {}

    /// Adds count, wall_s, msg_s, mb_s, cpu_ns_msg, user_ns_msg, sys_ns_msg, csw, page_faults, maxrss_kb,
    /// threads, and allocs_msg, alloc_bytes_msg when a malloc counter is loaded.
    void finish(nlohmann::json& out, uint64_t count, uint64_t bytes) const;

private:
    struct Snapshot {
        Clock::time_point wall;
        double user_ns;
        double sys_ns;
        int64_t csw;
        int64_t page_faults;
        uint64_t allocations;
        uint64_t allocated_bytes;
    };

    static Snapshot now();
    Snapshot begin_;
};

/// Adds p50_us p90_us p99_us p999_us max_us; sorts.
void add_percentiles(nlohmann::json& out, std::vector<double>& microseconds);

inline double microseconds(Clock::duration d) {
    return std::chrono::duration<double, std::micro>(d).count();
}

/// What the first 16 bytes of an e2e value say.
struct Stamp {
    int64_t sent_ns; ///< of Clock
    int64_t index;   ///< below zero: a probe
};

Stamp read_stamp(std::string_view value);
void write_stamp(std::string& value, int64_t index);

/// Runs one mode of one client; `modes` by name. Prints the result line; returns the exit status.
using Mode = nlohmann::json (*)(const Options&);
int run(int argc, char** argv, const char* client, const std::map<std::string, Mode>& modes);

} // namespace ottla::bench
