// Whole clients against the embedded cluster: called by several threads, closed at some moment.
#include <atomic>
#include <future>

#include <boost/asio/use_future.hpp>
#include <ottla/admin.hpp>
#include <ottla/consumer.hpp>
#include <ottla/mock_cluster.hpp>
#include <ottla/producer.hpp>

#include "catch.hpp"
#include "stress.hpp"

using namespace ottla;
using namespace std::chrono_literals;
using test::together;

namespace {

Config config_of(const MockCluster& cluster) {
    return {{"bootstrap.servers", cluster.bootstrap_servers()}, {"linger.ms", "1"}, {"log_level", "0"}};
}

} // namespace

TEST_CASE("each accepted message has one report, whoever closes the producer when", "[threads]") {
    MockCluster cluster({.retention_bytes_per_partition = 1 << 20});
    cluster.create_topic("orders", 4);
    for (uint64_t seed = 1; seed <= 24; ++seed) {
        const int threads = 2 + static_cast<int>(seed % 7);
        std::atomic<int64_t> accepted = 0;
        std::atomic<int64_t> reported = 0;
        std::atomic<int64_t> acknowledged = 0;
        std::atomic<int> wrong = 0;
        {
            Producer producer(config_of(cluster).set("queue.buffering.max.messages", "2000"), {.on_delivery = [&](const Delivery& d) {
                ++reported;
                acknowledged += !d.error();
            }});
            const auto pause = std::chrono::microseconds(Rng(seed).below(30'000));
            together(threads, seed, [&](int index, Rng& rng) {
                if (index == 0) {
                    std::this_thread::sleep_for(pause);
                    producer.close(seed % 3 ? 10s : 0s);
                    return;
                }
                std::vector<std::future<error_code>> futures;
                for (bool open = true; open;) {
                    error_code ec;
                    switch (rng.below(40)) {
                    case 0:
                        producer.poll(1ms);
                        break;
                    case 1:
                        producer.flush(2ms);
                        break;
                    case 2:
                    case 3:
                        producer.produce({.topic = "orders", .value = "handler"}, [&](const Delivery& d) {
                            ++reported;
                            acknowledged += !d.error();
                        }, ec);
                        accepted += !ec;
                        break;
                    case 4:
                        if (futures.size() < 100)
                            futures.push_back(producer.async_send({.topic = "orders", .value = "future"}, boost::asio::use_future([](error_code code, const DeliveryReport&) { return code; })));
                        break;
                    default:
                        producer.produce({.topic = "orders", .value = "callback"}, nullptr, ec);
                        accepted += !ec;
                    }
                    if (to_errc(ec) == Errc::_queue_full)
                        producer.poll(1ms);
                    else if (ec && to_errc(ec) != Errc::_state)
                        ++wrong;
                    open = to_errc(ec) != Errc::_state;
                }
                for (auto& future : futures) // acknowledged, or closed before
                    wrong += future.wait_for(20s) != std::future_status::ready;
            });
            CHECK(producer.outstanding() == 0);
            INFO("seed " << seed << ", " << threads << " threads");
            CHECK(reported == accepted);
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("no message is accepted by a producer that is past its last report", "[threads]") {
    MockCluster cluster({.retention_bytes_per_partition = 1 << 20});
    cluster.create_topic("orders", 4);
    const Engine engine;
    for (uint64_t seed = 1; seed <= 300; ++seed) {
        std::atomic<int64_t> accepted = 0;
        std::atomic<int64_t> reported = 0;
        Producer producer(config_of(cluster), engine, {.on_delivery = [&](const Delivery&) { ++reported; }});
        const auto pause = std::chrono::microseconds(Rng(seed).below(500));
        together(4, seed, [&](int index, Rng&) {
            if (index == 0) {
                std::this_thread::sleep_for(pause);
                producer.close(0s);
                return;
            }
            for (error_code ec; !ec;) {
                producer.produce({.topic = "orders", .value = "x"}, nullptr, ec);
                accepted += !ec;
            }
        });
        INFO("seed " << seed);
        REQUIRE(reported == accepted);
    }
}

TEST_CASE("a producer may be destroyed right after its threads have ended, with everything in flight", "[threads]") {
    MockCluster cluster({.retention_bytes_per_partition = 1 << 20});
    cluster.create_topic("orders", 2);
    for (uint64_t seed = 1; seed <= 30; ++seed) {
        const Engine engine;
        auto producer = std::make_unique<Producer>(config_of(cluster), engine);
        together(3, seed, [&](int, Rng& rng) {
            const uint64_t count = rng.below(500);
            for (uint64_t i = 0; i < count; ++i) {
                error_code ec;
                producer->produce({.topic = "orders", .value = "x"}, [](const Delivery&) {}, ec);
            }
        });
        producer.reset();
    }
    SUCCEED();
}

TEST_CASE("clients on one engine, each with its own thread, come and go", "[threads]") {
    MockCluster cluster;
    cluster.create_topic("orders", 4);
    {
        Producer producer(config_of(cluster));
        for (int i = 0; i < 400; ++i)
            producer.produce({.topic = "orders", .value = "x", .partition = i % 4});
        REQUIRE(producer.flush(20s) == 0);
    }
    const Engine engine;
    std::atomic<int> wrong = 0;
    AdminClient admin(config_of(cluster), engine);
    together(6, 1, [&](int index, Rng& rng) {
        for (int round = 0; round < 4; ++round) {
            if (index < 2) { // the same admin client for both
                wrong += admin.list_topics("orders", 20s).topics.size() != 1;
                continue;
            }
            Consumer consumer(config_of(cluster).set("auto.offset.reset", "earliest"), engine);
            consumer.assign({{"orders", index % 4, offset_beginning}});
            int64_t next = 0;
            const auto stop = static_cast<int64_t>(rng.below(100)); // closes with the rest fetched or on its way
            const auto deadline = std::chrono::steady_clock::now() + 20s;
            while (next < stop && std::chrono::steady_clock::now() < deadline) {
                if (rng.below(3) == 0)
                    consumer.query_watermarks({"orders", index % 4}, 20s);
                if (rng.below(100) == 0) // waits for a long poll
                    consumer.seek({"orders", index % 4, next});
                const auto message = consumer.poll(20ms);
                if (message && !message->error())
                    wrong += message->offset() != next++;
            }
            wrong += next < stop;
            if (rng.below(2))
                consumer.close();
        }
    });
    CHECK(wrong == 0);
}
