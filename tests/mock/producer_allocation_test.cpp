// The hot path allocates nothing per message: produce, acknowledgement, report.
#include "allocation_count.hpp"
#include "catch.hpp"
#include "producer_world.hpp"

using namespace ottla;
using namespace ottla::test;

TEST_CASE("a message costs no allocation from produce to its report, the broker's own included") {
    ProducerWorld world({.retention_bytes_per_partition = 1 << 20});
    world.cluster.create_topic("orders", 4);
    uint64_t reported = 0;
    // Size ends the batches, not the clock: a slow machine makes no more of them.
    Producer producer(world.config({{"linger.ms", "1000"}}), {.on_delivery = [&](const Delivery& d) {
        reported += !d.error() && d.value().size() == 100 && d.opaque() != nullptr;
    }});
    const std::string value(100, 'x');
    const auto round = [&](int count) {
        for (int i = 0; i < count; ++i) {
            error_code ec;
            do {
                producer.produce({.topic = "orders", .value = value, .key = "key"}, &world, ec);
                if (ec)
                    producer.poll(100ms);
            } while (ec);
            if (i % 1000 == 0)
                producer.poll(0ms);
        }
        REQUIRE(producer.flush(20s) == 0);
    };
    round(50'000); // until pools and vectors have their size
    reported = 0;

    const int64_t before = allocation_count();
    round(100'000);
    const int64_t during = allocation_count() - before;

    CHECK(reported == 100'000);
    INFO(during << " allocations");
    CHECK(during < 100'000 / 20); // those of batches and requests, on both sides
}
