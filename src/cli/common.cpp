#include "common.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

namespace ottla::cli {

int exit_code = exit_done;

namespace {

std::atomic<bool> signalled{false};

} // namespace

void ConnectionOptions::add_to(CLI::App& command) {
    command.add_option("-b,--brokers", brokers, "Brokers to start from: host:port[,host:port...]")->capture_default_str();
    command.add_option("-X,--property", properties, "Configuration property, key=value (repeatable)")->allow_extra_args(false);
}

Config ConnectionOptions::config() const {
    Config config{{"bootstrap.servers", brokers}, {"client.id", "ottla"}};
    for (const auto& property : properties) {
        const size_t equals = property.find('=');
        if (equals == std::string::npos || equals == 0)
            throw UsageError("-X " + property + ": expected key=value");
        config.set(property.substr(0, equals), property.substr(equals + 1));
    }
    return config;
}

Progress::Progress(std::string_view verb) : verb_(verb), visible_(isatty(STDERR_FILENO)) {}

void Progress::update(uint64_t messages, uint64_t bytes) {
    if (!visible_)
        return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_)
        return;
    next_ = now + std::chrono::milliseconds(500);
    const double seconds = std::max(1e-3, std::chrono::duration<double>(now - start_).count());
    fmt::print(
        stderr,
        "\r\033[K{} {} messages, {:.1f} MB ({:.0f}/s, {:.1f} MB/s)",
        verb_,
        messages,
        static_cast<double>(bytes) / 1e6,
        static_cast<double>(messages) / seconds,
        static_cast<double>(bytes) / 1e6 / seconds);
    std::fflush(stderr);
    drawn_ = true;
}

Progress::~Progress() {
    if (drawn_)
        fmt::print(stderr, "\r\033[K");
}

bool interrupted() { return signalled; }

void catch_signals() {
    struct sigaction action = {};
    action.sa_handler = [](int) { signalled = true; };
    action.sa_flags = static_cast<int>(SA_RESETHAND); // a second one ends the program; a read that waits is not restarted
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

std::string unescape(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        switch (text[++i]) {
        case 'n':
            out += '\n';
            break;
        case 'r':
            out += '\r';
            break;
        case 't':
            out += '\t';
            break;
        case '0':
            out += '\0';
            break;
        case '\\':
            out += '\\';
            break;
        case 'x': {
            const std::string digits(text.substr(i + 1, 2));
            char* end = nullptr;
            const long value = std::strtol(digits.c_str(), &end, 16);
            if (digits.size() != 2 || *end != '\0')
                throw UsageError(fmt::format("\"{}\": \\x takes two hexadecimal digits", text));
            out += static_cast<char>(value);
            i += 2;
            break;
        }
        default:
            throw UsageError(fmt::format("\"{}\": unknown escape \\{}", text, text[i]));
        }
    }
    return out;
}

} // namespace ottla::cli
