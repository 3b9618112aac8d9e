#include "common.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace ottla::cli {

int exit_code = exit_done;

namespace {

std::atomic<bool> signalled{false};

} // namespace

void ConnectionOptions::add_to(CLI::App& command) {
    command.add_option("-b,--brokers", brokers, "Brokers to start from: host:port[,host:port...]")
        ->check([](const std::string& text) {
            return text.find_first_not_of(" ,") == std::string::npos ? "names no broker" : "";
        })
        ->default_str("127.0.0.1:9092");
    command.add_option("-X,--property", properties, "Configuration property, key=value (repeatable)")
        ->allow_extra_args(false);
}

Config ConnectionOptions::config() const {
    Config config{{"client.id", "ottla"}};
    for (const auto& property : properties) {
        const size_t equals = property.find('=');
        if (equals == std::string::npos || equals == 0)
            throw UsageError("-X " + property + ": expected key=value");
        config.set(property.substr(0, equals), property.substr(equals + 1));
    }
    const auto given = find_given(config, {"bootstrap.servers", "metadata.broker.list"});
    if (!given.empty() && !brokers.empty())
        throw UsageError(fmt::format("-b and -X {} both name brokers: give one of them", given));
    if (given.empty())
        config.set("bootstrap.servers", brokers.empty() ? "127.0.0.1:9092" : brokers);
    return config;
}

std::string_view find_given(const Config& config, std::initializer_list<std::string_view> names) {
    for (const auto name : names)
        for (const auto& [given, value] : config.values())
            if (given == name)
                return name;
    return {};
}

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
        static_cast<double>(bytes) / 1e6 / seconds
    );
    std::fflush(stderr);
    drawn_ = true;
}

void Progress::clear() {
    if (std::exchange(drawn_, false))
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

namespace {

[[noreturn]] void fail_stdout() {
    throw std::runtime_error(fmt::format("cannot write to stdout: {}", std::strerror(errno)));
}

} // namespace

void put(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
        fail_stdout();
}

void flush_stdout() {
    if (std::fflush(stdout) != 0)
        fail_stdout();
}

CLI::Validator not_empty() {
    return CLI::Validator(
        [](const std::string& text) { return std::string(text.empty() ? "must not be empty" : ""); }, ""
    );
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
