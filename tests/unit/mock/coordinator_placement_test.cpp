#include "mock/coordinator_placement.hpp"

#include "catch.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

const std::vector<int32_t> three{1, 2, 3};

} // namespace

TEST_CASE("a key has one coordinator, and keys are spread over the brokers") {
    CoordinatorPlacement placement;
    std::vector<int> keys_of(4);
    for (int i = 0; i < 100; ++i)
        ++keys_of.at(static_cast<size_t>(placement.find("key" + std::to_string(i), three, {})));
    CHECK(keys_of[0] == 0);
    for (size_t broker = 1; broker <= 3; ++broker)
        CHECK(keys_of[broker] > 10);
    const int32_t first = placement.find("key", three, {});
    CHECK(placement.find("key", {1}, {}) == first);
    CHECK(placement.check("key", first, three, {}) == Errc::no_error);
    CHECK(placement.check("key", first % 3 + 1, three, {}) == Errc::not_coordinator);
}

TEST_CASE("the hash is that of a Java string") {
    // "polygenelubricants" has the smallest negative hash there is; without its sign it is 0.
    CoordinatorPlacement placement;
    std::vector<int32_t> brokers(50);
    for (size_t i = 0; i < brokers.size(); ++i)
        brokers[i] = static_cast<int32_t>(i);
    CHECK(placement.find("polygenelubricants", brokers, {}) == 0);
    CHECK(placement.find("a", brokers, {}) == 97 % 50);
    CHECK(placement.find("ab", brokers, {}) == (97 * 31 + 98) % 50);
}

TEST_CASE("a new coordinator is not known at once, and then it loads") {
    CoordinatorPlacement placement;
    placement.set_failover({.election = 20ms, .load = 30ms});
    TimePoint now{};
    const int32_t old = placement.find("key", three, now);
    const int32_t next = old % 3 + 1;
    placement.move("key", next, now);
    CHECK(placement.epoch("key") == 1);
    CHECK(placement.find("key", three, now) == -1);
    CHECK(placement.check("key", old, three, now) == Errc::not_coordinator);
    CHECK(placement.check("key", next, three, now) == Errc::not_coordinator);
    now += 20ms;
    CHECK(placement.find("key", three, now) == next);
    CHECK(placement.check("key", next, three, now) == Errc::coordinator_load_in_progress);
    CHECK(placement.ready_from("key") == now + 30ms);
    now += 30ms;
    CHECK(placement.check("key", next, three, now) == Errc::no_error);
}

TEST_CASE("when a broker stops others take its keys; when none is left the next one that starts has them all") {
    CoordinatorPlacement placement;
    const int32_t old = placement.find("key", {1, 2}, {});
    const int32_t other = 3 - old;
    placement.on_stop(old, {other}, {});
    CHECK(placement.find("key", {other}, {}) == other);
    placement.on_start(old, {});
    CHECK(placement.find("key", {1, 2}, {}) == other);
    placement.on_stop(other, {}, {});
    CHECK(placement.find("key", {}, {}) == -1);
    CHECK(placement.ready_from("key") == TimePoint::max());
    placement.on_start(7, {});
    CHECK(placement.find("key", {7}, {}) == 7);
    CHECK(placement.epoch("key") == 2);
}
