#include "client/interval_timer.hpp"

#include <vector>

#include "catch.hpp"

namespace ottla {
namespace {

using namespace std::chrono_literals;

TEST_CASE("statistics come at each interval, and what a stalled loop missed is left out", "[statistics]") {
    std::vector<int64_t> emitted;
    const TimePoint start(1h);
    client::IntervalTimer timer(100ms, [&](TimePoint now) { emitted.push_back((now - start) / 1ms); });
    CHECK(timer.poll(start) == start + 100ms);
    CHECK(timer.poll(start + 99ms) == start + 100ms);
    CHECK(emitted.empty());
    CHECK(timer.poll(start + 103ms) == start + 200ms); // no drift
    CHECK(timer.poll(start + 200ms) == start + 300ms);
    CHECK(timer.poll(start + 750ms) == start + 850ms);
    CHECK(emitted == std::vector<int64_t>{103, 200, 750});
}

TEST_CASE("an interval of zero is none", "[statistics]") {
    client::IntervalTimer timer(0ms, [](TimePoint) { FAIL("emitted"); });
    CHECK(timer.poll(TimePoint(1h)) == core::never);
}

} // namespace
} // namespace ottla
