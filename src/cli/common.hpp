// What the commands of `ottla` share: connection options, exit codes, progress on a terminal, stdout.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <ottla/config.hpp>

namespace ottla::cli {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

/// Something is wrong with the command line, beyond what the parser sees.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// -b and -X, as every command that talks to a cluster has them.
struct ConnectionOptions {
    std::string brokers; ///< empty: not given
    std::vector<std::string> properties;

    void add_to(CLI::App& command);
    /// Throws UsageError for a -X without "=", and when both name brokers.
    Config config() const;
};

/// The first of `names` (a property and its aliases) that is set; empty if none is.
std::string_view find_given(const Config& config, std::initializer_list<std::string_view> names);

/// A line on stderr that is redrawn twice a second.
class Progress {
public:
    /// `visible`: whether anybody would see it there.
    Progress(std::string_view verb, bool visible) : verb_(verb), visible_(visible) {}
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Cheap enough to be called for every batch.
    void update(uint64_t messages, uint64_t bytes);
    /// Removes the line.
    void clear();

private:
    const std::string verb_;
    const bool visible_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point next_ = start_ + std::chrono::milliseconds(500);
};

/// Whether SIGINT or SIGTERM came since `catch_signals`. A second one ends the program at once.
bool interrupted();
void catch_signals();

/// Writes to stdout, buffered; what cannot be written is an error that names it.
void put(std::string_view text);
void flush_stdout();
template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
    put(fmt::format(format, std::forward<Args>(args)...));
}

void add_list(CLI::App& app);
void add_topics(CLI::App& app);
void add_produce(CLI::App& app);
void add_consume(CLI::App& app);
void add_groups(CLI::App& app);
void add_lag(CLI::App& app);
void add_mock(CLI::App& app);
void add_config(CLI::App& app);
void add_decode(CLI::App& app);

/// Set by the commands' callbacks.
extern int exit_code;

/// Of text options: not empty.
CLI::Validator not_empty();
/// "\n", "\t", "\x1f" and the like in delimiters and formats. Throws UsageError.
std::string unescape(std::string_view text);

} // namespace ottla::cli
