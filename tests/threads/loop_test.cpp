#include <atomic>
#include <thread>

#include <boost/asio/io_context.hpp>

#include "catch.hpp"
#include "engine/inbox.hpp"
#include "engine/loop.hpp"

using namespace ottla;
using namespace std::chrono_literals;

TEST_CASE("an inbox keeps the order of each thread and loses nothing", "[threads]") {
    constexpr int threads = 4;
    constexpr int each = 20'000;
    engine::Inbox<std::pair<int, int>> inbox;
    std::atomic<int> running = threads;
    std::vector<std::thread> writers;
    for (int t = 0; t < threads; ++t)
        writers.emplace_back([&, t] {
            for (int i = 0; i < each; ++i)
                inbox.push({t, i});
            --running;
        });
    int next[threads] = {};
    int wrong = 0;
    const auto drain = [&] {
        inbox.drain([&](std::pair<int, int> value) { wrong += value.second != next[value.first]++; });
    };
    while (running > 0)
        drain();
    drain();
    for (auto& writer : writers)
        writer.join();
    CHECK(wrong == 0);
    for (int count : next)
        CHECK(count == each);
}

namespace {

// A queue of its own that rings the loop's bell, as the accumulator does.
struct Counter final : engine::Source {
    void drain(TimePoint) override { seen += pushed.exchange(0); }
    std::atomic<int> pushed = 0;
    std::atomic<int> seen = 0;
};

} // namespace

TEST_CASE("no notification is lost, whatever thread rings", "[threads]") {
    const auto loop = engine::Loop::with_own_thread();
    Counter counter;
    std::atomic<bool> added = false;
    loop->post([&](TimePoint) {
        loop->add_source(counter);
        added = true;
    });
    while (!added)
        std::this_thread::yield();
    constexpr int threads = 4;
    constexpr int each = 5'000;
    std::vector<std::thread> ringers;
    for (int t = 0; t < threads; ++t)
        ringers.emplace_back([&] {
            for (int i = 0; i < each; ++i) {
                ++counter.pushed;
                loop->notify();
            }
        });
    for (auto& ringer : ringers)
        ringer.join();
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (counter.seen < threads * each && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(1ms);
    CHECK(counter.seen == threads * each);
    engine::finish_on(loop, [&](TimePoint) { loop->remove_source(counter); });
}

TEST_CASE("tasks posted while the loop ends are run or destroyed, never leaked", "[threads]") {
    for (int round = 0; round < 50; ++round) {
        const auto token = std::make_shared<int>(0);
        {
            auto loop = engine::Loop::with_own_thread();
            std::vector<std::thread> posters;
            for (int t = 0; t < 2; ++t)
                posters.emplace_back([loop, token] {
                    for (int i = 0; i < 50; ++i)
                        loop->post([token](TimePoint) {});
                });
            loop.reset();
            for (auto& poster : posters)
                poster.join();
        }
        const auto deadline = std::chrono::steady_clock::now() + 10s; // the last poster may have let go on another thread
        while (token.use_count() > 1 && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(1ms);
        REQUIRE(token.use_count() == 1);
    }
}

TEST_CASE("an embedded loop dies with its context, also while threads post", "[threads]") {
    for (int round = 0; round < 30; ++round) {
        auto io = std::make_unique<boost::asio::io_context>();
        const auto loop = engine::Loop::embedded_in(io->get_executor(), {});
        std::atomic<int> ran = 0;
        for (int i = 0; i < 20; ++i)
            loop->post([&](TimePoint) { ++ran; });
        if (round % 2)
            io->poll();
        io.reset();
        CHECK_FALSE(loop->alive());
        CHECK_FALSE(loop->post([&](TimePoint) { ++ran; }));
        CHECK(ran == (round % 2 ? 20 : 0));
    }
}
