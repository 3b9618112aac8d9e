// ottla.memory.budget: what waits, what is decompressed and what the application holds, together.
#include <deque>

#include <boost/asio/use_future.hpp>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

constexpr int records = 20'000;
constexpr int64_t budget = 1'000'000;

void fill(ConsumerWorld& world, Compression codec) {
    world.cluster.create_topic("t", 4);
    for (int i = 0; i < records / 100; ++i)
        world.fill("t", i % 4, 100, std::string(200, 'x') + std::to_string(i) + "-", {.compression = codec});
}

std::vector<TopicPartitionOffset> all() {
    std::vector<TopicPartitionOffset> partitions;
    for (int32_t p = 0; p < 4; ++p)
        partitions.push_back({.topic = "t", .partition = p, .offset = 0});
    return partitions;
}

} // namespace

TEST_CASE("an application that holds more than the budget gets no more until it lets go", "[mock][consumer][memory]") {
    const auto codec = GENERATE(Compression::none, Compression::lz4);
    ConsumerWorld world;
    fill(world, codec);
    std::vector<std::string> told;
    std::mutex mutex;
    ConsumerOptions options;
    options.on_log = [&](int, std::string_view facility, std::string_view, std::string_view) {
        std::lock_guard lock(mutex);
        told.emplace_back(facility);
    };
    Consumer consumer(world.config({{"ottla.memory.budget", std::to_string(budget)}, {"fetch.message.max.bytes", "50000"}}), options);
    consumer.assign(all());
    std::deque<Records> held;
    size_t seen = 0;
    size_t bytes = 0;
    const auto read = [&](std::chrono::milliseconds timeout) {
        auto some = consumer.poll_records(timeout);
        const size_t count = some.count();
        seen += count;
        for (const auto& batch : some.batches())
            for (const auto& record : batch)
                bytes += record.value().size();
        if (count > 0)
            held.push_back(std::move(some));
        return count > 0;
    };
    while (read(1s)) {
    }
    CHECK(seen < records);                       // it got stuck
    CHECK(bytes < static_cast<size_t>(budget));  // in time
    CHECK(seen > records / 50);                  // and not at once
    {
        std::lock_guard lock(mutex);
        CHECK(std::count(told.begin(), told.end(), "MEMORY") == 1);
    }
    auto waiting = consumer.async_poll_records(boost::asio::use_future);
    CHECK(waiting.wait_for(100ms) == std::future_status::timeout);
    held.clear();
    seen += waiting.get().count(); // room ends the wait
    for (const auto deadline = Clock::now() + 20s; seen < records && Clock::now() < deadline;) {
        read(1s);
        held.clear();
    }
    CHECK(seen == records);
    held.clear();
    consumer.close();
}

TEST_CASE("single messages count by what they keep", "[mock][consumer][memory]") {
    ConsumerWorld world;
    fill(world, Compression::zstd);
    Consumer consumer(world.config({{"ottla.memory.budget", "300000"}}));
    consumer.assign(all());
    std::vector<Message> held;
    while (auto message = consumer.poll(500ms))
        held.push_back(std::move(*message));
    CHECK(held.size() < records);
    const size_t before = held.size();
    for (auto& message : held)
        message.detach();
    while (auto message = consumer.poll(500ms)) {
        held.push_back(std::move(*message));
        held.back().detach();
    }
    CHECK(held.size() > before);
    CHECK(held.size() == records);
}

TEST_CASE("what alone is larger than the budget is an error of its partition", "[mock][consumer][memory]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    world.fill("t", 0, 10, std::string(500'000, 'x'), {.compression = Compression::zstd});
    world.fill("t", 1, 3, "small");
    Consumer consumer(world.config({{"ottla.memory.budget", "1000000"}}));
    consumer.assign({{"t", 0, 0}, {"t", 1, 0}});
    const auto values = values_of(consumer, 4);
    CHECK(std::count(values.begin(), values.end(), "_BAD_COMPRESSION 0") >= 1);
    CHECK(std::count(values.begin(), values.end(), "small0") == 1);
}
