// The hot path allocates nothing per message: produce, acknowledgement, report.
#include <atomic>
#include <cstdlib>
#include <new>

#include "catch.hpp"
#include "producer_world.hpp"

namespace {

std::atomic<uint64_t> allocations{0};

void* counted(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* memory = std::malloc(size ? size : 1))
        return memory;
    throw std::bad_alloc();
}

} // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

using namespace ottla;
using namespace ottla::test;

TEST_CASE("a message costs no allocation from produce to its report, the broker's own included") {
    ProducerWorld world({.retention_bytes_per_partition = 1 << 20});
    world.cluster.create_topic("orders", 4);
    uint64_t reported = 0;
    Producer producer(world.config({{"linger.ms", "5"}}), {.on_delivery = [&](const Delivery& d) {
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

    const uint64_t before = allocations;
    round(100'000);
    const uint64_t during = allocations - before;

    CHECK(reported == 100'000);
    INFO(during << " allocations");
    CHECK(during < 100'000 / 20); // those of batches and requests, on both sides
}
