// Debug lines: their text is made when it is wanted, and only then.
#include "core/events.hpp"

#include <vector>

#include "catch.hpp"

using namespace ottla;
using namespace ottla::core;

namespace {

int formatted = 0;

struct Counted {};

struct Lines final : ClusterEvents {
    void on_error(const Error&) override {}
    void on_throttle(std::string_view, int32_t, std::chrono::milliseconds) override {}
    void on_log(int level, std::string_view facility, std::string_view text) override {
        all.push_back(std::to_string(level) + " " + std::string(facility) + " " + std::string(text));
    }
    std::vector<std::string> all;
};

constexpr LogContexts only(LogContext context) { return LogContexts(static_cast<uint32_t>(context)); }

} // namespace

template <>
struct fmt::formatter<Counted> : fmt::formatter<std::string_view> {
    auto format(const Counted&, fmt::format_context& context) const {
        ++formatted;
        return fmt::formatter<std::string_view>::format("counted", context);
    }
};

TEST_CASE("nothing is formatted while the context is off", "[log]") {
    formatted = 0;
    Lines lines;
    const Log log(lines, LogContexts(~static_cast<uint32_t>(LogContext::msg)));
    for (int i = 0; i < 1000; ++i)
        log.debug(LogContext::msg, "SEAL", "{}", Counted());
    Log().debug(LogContext::msg, "SEAL", "{}", Counted());
    CHECK(formatted == 0);
    CHECK(lines.all.empty());
}

TEST_CASE("a line of a context that is on is a debug line", "[log]") {
    formatted = 0;
    Lines lines;
    const Log log(lines, only(LogContext::msg));
    log.debug(LogContext::msg, "SEAL", "{} {}", Counted(), 7);
    log.debug(LogContext::broker, "FAIL", "{}", Counted());
    CHECK(formatted == 1);
    CHECK(lines.all == std::vector<std::string>{"7 SEAL counted 7"});
    CHECK(log.wants(LogContext::msg));
    CHECK(!log.wants(LogContext::broker));
    CHECK(!Log().wants(LogContext::msg));
}

TEST_CASE("all contexts are on in `all`", "[log]") {
    const LogContexts all = only(LogContext::all);
    for (uint32_t bit = 1; bit <= static_cast<uint32_t>(LogContext::telemetry); bit <<= 1)
        CHECK(all.has(static_cast<LogContext>(bit)));
}
