// What happened in a run: every line goes into a hash, by which two runs are compared; the last lines are
// kept as text.
#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <ottla/types.hpp>

namespace ottla::sim {

class Transcript {
public:
    /// Keeps the last `lines` lines.
    explicit Transcript(size_t lines)
        : ring_(lines) {}

    template <class... Args>
    void note(TimePoint now, fmt::format_string<Args...> format, Args&&... args) {
        buffer_.clear();
        const auto us =
            std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() - first_us;
        fmt::format_to(std::back_inserter(buffer_), "{:3}.{:06} ", us / 1'000'000, us % 1'000'000);
        fmt::format_to(std::back_inserter(buffer_), format, std::forward<Args>(args)...);
        add();
    }

    /// Whether anybody will read the lines.
    bool is_kept() const { return !ring_.empty(); }

    uint64_t hash() const { return hash_; }

    uint64_t lines() const { return count_; }

    /// What was kept, oldest first.
    std::vector<std::string> last() const;

private:
    static constexpr int64_t first_us = int64_t{3600} * 1'000'000; // EventQueue::start
    void add();

    std::vector<std::string> ring_;
    fmt::memory_buffer buffer_;
    uint64_t count_ = 0;
    uint64_t hash_ = 0xcbf29ce484222325;
};

} // namespace ottla::sim
