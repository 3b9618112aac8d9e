#include "mock/faults.hpp"

#include "catch.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

TEST_CASE("a counted fault is used up, in the order the faults were made") {
    Faults faults;
    faults.add(0, every_broker, 2, {Faults::Kind::error, Errc::invalid_msg});
    faults.add(0, 1, 1, {Faults::Kind::drop_reply});

    CHECK_FALSE(faults.take(1, 1));
    CHECK(faults.take(0, 1)->error == Errc::invalid_msg);
    CHECK(faults.take(0, 2)->error == Errc::invalid_msg);
    CHECK_FALSE(faults.take(0, 2));
    CHECK(faults.take(0, 1)->kind == Faults::Kind::drop_reply);
    CHECK_FALSE(faults.take(0, 1));
}

TEST_CASE("a broker's own delay goes before that of all, until all are set anew") {
    Faults faults;
    faults.set_delay(1, every_broker, 10ms);
    faults.set_delay(1, 2, 30ms);
    CHECK(faults.delay(1, 1) == 10ms);
    CHECK(faults.delay(1, 2) == 30ms);
    CHECK(faults.delay(0, 2) == 0ms);
    faults.set_delay(1, every_broker, 0ms);
    CHECK(faults.delay(1, 2) == 0ms);
}

TEST_CASE("throttling is per broker or for all") {
    Faults faults;
    faults.set_throttle(2, 50ms);
    CHECK(faults.throttle(1) == 0ms);
    CHECK(faults.throttle(2) == 50ms);
    faults.set_throttle(every_broker, 5ms);
    CHECK(faults.throttle(2) == 5ms);
}
