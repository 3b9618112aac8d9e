// What a chaos client tells the judge: a file of lines, one for each thing that it knows (README.md has their forms), and
// counters that are shown while it runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

namespace chaos {

/// Thread-safe.
class Ledger {
public:
    /// Throws std::runtime_error when the file cannot be made.
    explicit Ledger(const std::string& path) : file_(std::fopen(path.c_str(), "w")) {
        if (!file_)
            throw std::runtime_error("cannot write " + path);
    }
    void line(const std::string& text) {
        const std::lock_guard lock(mutex_);
        std::fputs(text.c_str(), file_.get());
        std::fputc('\n', file_.get());
        if (text.front() != '+')
            std::fflush(file_.get()); // kept when the process is killed
    }
    /// Something that must never happen: the judge takes it for a violation.
    void trouble(const std::string& text) { line("! " + text); }
    /// Worth counting, and no violation.
    void note(const std::string& text) { line("N " + text); }
    /// The last line, without which the judge rejects the ledger.
    void end() {
        line("END");
        std::fflush(file_.get());
    }

private:
    struct Close {
        void operator()(FILE* file) const { std::fclose(file); }
    };
    std::mutex mutex_;
    std::unique_ptr<FILE, Close> file_;
};

struct Counters {
    std::atomic<uint64_t> acked{0};
    std::atomic<uint64_t> failed{0};
    std::atomic<int64_t> in_flight{0}; ///< messages accepted and not reported
    std::atomic<uint64_t> committed{0}; ///< transactions, as the next three
    std::atomic<uint64_t> aborted{0};
    std::atomic<uint64_t> unknown{0};
    std::atomic<uint64_t> replaced{0}; ///< producers that were given up for a new one with the same transactional.id
};

} // namespace chaos
