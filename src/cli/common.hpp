// What the commands of `ottla` share: connection options, exit codes, progress on a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
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
    std::string brokers = "127.0.0.1:9092";
    std::vector<std::string> properties;

    void add_to(CLI::App& command);
    /// Throws UsageError for a -X without "=".
    Config config() const;
};

/// A line on stderr that is redrawn twice a second, if stderr is a terminal.
class Progress {
public:
    explicit Progress(std::string_view verb);
    /// Cheap enough to be called for every batch.
    void update(uint64_t messages, uint64_t bytes);
    /// Removes the line.
    ~Progress();

private:
    const std::string verb_;
    const bool visible_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point next_ = start_;
};

/// Set by SIGINT and SIGTERM once `catch_signals` has been called.
bool interrupted();
void catch_signals();

void add_list(CLI::App& app);
void add_topics(CLI::App& app);
void add_produce(CLI::App& app);
void add_consume(CLI::App& app);
void add_mock(CLI::App& app);

/// Set by the commands' callbacks.
extern int exit_code;

/// "\n", "\t", "\x1f" and the like in delimiters and formats. Throws UsageError.
std::string unescape(std::string_view text);

} // namespace ottla::cli
