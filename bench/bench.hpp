// What every benchmark program shares, whichever client it drives: options, values and keys, the schedule of
// paced modes, the process's own resource use, the result line. Knows no client.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

namespace ottla::bench {

using Clock = std::chrono::steady_clock;

/// `--key value` pairs. Unknown keys are ignored, so that one suite can drive several programs.
class Options {
public:
    /// Throws std::invalid_argument.
    Options(int argc, char** argv);

    bool has(const std::string& key) const { return values_.contains(key); }

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
    /// Of a producer's queue: twice `max-outstanding`, or as good as none where `queue-kbytes` is the limit.
    int64_t queue_messages() const;
    int64_t queue_kbytes() const;

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
    size_t size;          ///< of a value
};

/// How produce makes its calls.
struct Calls {
    /// `outstanding` messages at most, shared among the threads. Throws std::invalid_argument.
    Calls(const Options& options, uint64_t outstanding);
    uint64_t threads; ///< that call the producer
    uint64_t many;    ///< records a call
    bool lend;        ///< values stay the caller's
    bool keyed;
};

/// How many reports came for the messages of one sender: written where reports are served, read where messages are sent.
class ReportCount {
public:
    void done() { done_.store(done_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

    void failed() { ++errors_; }

    /// At least so many, known without touching what the other thread writes.
    uint64_t seen() const { return seen_; }

    /// Of the sending thread.
    uint64_t look() { return seen_ = count(); }

    uint64_t count() const { return done_.load(std::memory_order_acquire); }

    /// Only when all have come.
    uint64_t errors() const { return errors_; }

private:
    alignas(64) std::atomic<uint64_t> done_ = 0;
    uint64_t errors_ = 0;
    alignas(64) uint64_t seen_ = 0;
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

/// Mode stalled, whichever the client, once a message is acknowledged: prints FIRST, waits until the broker may have been stopped, then
/// produces against a queue that stays full. `send(i)` sends message i, or is false for want of room; `poll(milliseconds)` serves reports.
template <class Send, class Poll>
nlohmann::json measure_stalled(const Options& options, size_t value_size, Send send, Poll poll) {
    std::cout << "FIRST" << std::endl;
    std::this_thread::sleep_for(std::chrono::duration<double>(options.real("warmup-s", 1)));
    const Measure measure;
    uint64_t accepted = 0;
    uint64_t refused = 0;
    const auto end = Clock::now() + std::chrono::duration<double>(options.real("duration", 5));
    while (Clock::now() < end) {
        if (send(accepted)) {
            ++accepted;
        } else {
            ++refused;
            poll(10);
        }
    }
    nlohmann::json out;
    measure.finish(out, accepted, accepted * value_size);
    out["errors"] = 0;
    out["refused"] = refused;
    return out;
}

/// Mode produce, whichever the client: warms up, then measures until the last report. With one thread it sends and serves reports in
/// turn; with more, they send and this one serves. `Sender` has sent(), has_room() and reports(); send(sender, most) sends up to
/// `most`; poll(milliseconds) serves reports and tells whether there were any; why() says why nothing comes.
template <class Sender, class Send, class Poll, class Why>
void measure_produce(
    nlohmann::json& out,
    const Load& load,
    const Calls& calls,
    std::vector<std::unique_ptr<Sender>>& senders,
    Patience& patience,
    Send send,
    Poll poll,
    Why why
) {
    const auto wait = [&] {
        if (poll(100))
            patience.renew();
        else
            patience.test(why());
    };
    const auto share = [&](uint64_t total, size_t sender) { return total * (sender + 1) / senders.size() - total * sender / senders.size(); };
    const auto alone = [&](Sender& sender, uint64_t end) {
        for (uint64_t calls_made = 1; sender.sent() < end; ++calls_made) {
            while (!sender.has_room())
                wait();
            send(sender, end - sender.sent());
            if (calls_made * calls.many % 256 < calls.many)
                poll(0);
        }
        while (sender.reports().count() < end)
            wait();
    };
    const auto together = [&](uint64_t total) {
        std::atomic<bool> stop = false;
        std::vector<std::exception_ptr> failures(senders.size());
        std::vector<std::jthread> threads;
        for (size_t i = 0; i < senders.size(); ++i)
            threads.emplace_back([&, i] {
                Sender& sender = *senders[i];
                try {
                    while (!stop && sender.sent() < share(total, i)) {
                        if (sender.has_room())
                            send(sender, share(total, i) - sender.sent());
                        else
                            std::this_thread::sleep_for(std::chrono::microseconds(100));
                    }
                } catch (...) {
                    failures[i] = std::current_exception();
                    stop = true;
                }
            });
        try {
            for (size_t i = 0; i < senders.size() && !stop; ++i)
                while (senders[i]->reports().count() < share(total, i) && !stop)
                    wait();
        } catch (...) {
            stop = true;
            threads.clear();
            throw;
        }
        threads.clear();
        for (const auto& failure : failures)
            if (failure)
                std::rethrow_exception(failure);
    };
    const auto send_until = [&](uint64_t total) { senders.size() == 1 ? alone(*senders[0], total) : together(total); };
    send_until(load.warmup);
    const Measure measure;
    send_until(load.warmup + load.count);
    measure.finish(out, load.count, load.count * load.size);
    uint64_t errors = 0;
    for (const auto& sender : senders)
        errors += sender->reports().errors();
    out["errors"] = errors;
}

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
