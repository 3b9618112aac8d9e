// Queues between the loop and the application.
#include <atomic>

#include "catch.hpp"
#include "client/client_events.hpp"
#include "client/consumer_queue.hpp"
#include "config/settings.hpp"
#include "stress.hpp"

using namespace ottla;
using namespace ottla::client;
using namespace std::chrono_literals;
using test::together;

TEST_CASE("what is fetched is taken once, in order, and its credit comes back", "[threads]") {
    constexpr int64_t slices = 5'000;
    for (uint64_t seed = 1; seed <= 10; ++seed) {
        std::atomic<int> rings = 0;
        ConsumerQueue queue([&] { ++rings; });
        std::atomic<bool> ended = false;
        std::atomic<int64_t> waiters_called = 0;
        int64_t waiters_set = 0;
        int64_t taken = 0;
        int64_t returned = 0;
        int wrong = 0;
        const bool closes_early = seed % 2 == 0;
        together(3, seed, [&](int index, Rng& rng) {
            if (index == 0) { // the loop: no more than 8 slices without credit
                std::vector<core::Credit> credits;
                int64_t open = 0;
                const int64_t count = closes_early ? static_cast<int64_t>(rng.below(slices)) : slices;
                for (int64_t i = 0; i < count;) {
                    credits.clear();
                    const int before = rings;
                    queue.take_credits(credits, open < 8 ? core::FetchSink::Wake::no : core::FetchSink::Wake::on_next_credit);
                    for (const auto& credit : credits)
                        open -= credit.messages;
                    if (open < 8) {
                        queue.deliver({1, core::FetchedSlice{.from = i, .messages = 1}});
                        ++i, ++open;
                    } else if (credits.empty()) {
                        while (rings == before && !ended)
                            std::this_thread::yield();
                        if (ended)
                            break;
                    }
                }
                ended = true;
                queue.interrupt();
                while (open > 0 && !closes_early) {
                    credits.clear();
                    queue.take_credits(credits, core::FetchSink::Wake::no);
                    for (const auto& credit : credits)
                        open -= credit.messages;
                }
                returned = open;
            } else if (index == 1) { // the application
                std::vector<core::FetchEvent> events;
                while (true) {
                    const bool last = ended;
                    if (rng.below(4) == 0) {
                        ConsumerQueue::Waiter waiter = [&](error_code) { ++waiters_called; };
                        if (queue.set_waiter(waiter)) {
                            ++waiters_set;
                            while (waiters_called < waiters_set && !ended)
                                std::this_thread::yield();
                            if (auto left = queue.take_waiter())
                                left(make_error_code(Errc::_destroy));
                        }
                    } else if (rng.below(4) == 0) {
                        queue.wait_until(std::chrono::steady_clock::now() + 50us);
                    } else {
                        queue.wait_until(last ? std::chrono::steady_clock::now() : std::chrono::steady_clock::now() + 20ms);
                    }
                    events.clear();
                    if (!queue.take(events) && last)
                        break;
                    for (auto& event : events) {
                        wrong += std::get<core::FetchedSlice>(event.what).from != taken++;
                        queue.give_back({1, 1, 0});
                    }
                }
            } else { // someone who interrupts
                while (!ended) {
                    queue.interrupt();
                    std::this_thread::sleep_for(std::chrono::microseconds(rng.below(300)));
                }
            }
        });
        INFO("seed " << seed);
        CHECK(wrong == 0);
        CHECK(waiters_called == waiters_set);
        if (!closes_early) {
            CHECK(taken == slices);
            CHECK(returned == 0);
        }
    }
}

TEST_CASE("errors and lines are told once, or counted as one with their like, from whatever thread they come", "[threads]") {
    const auto config = config::parse(Config{{"bootstrap.servers", "localhost:1"}, {"log.queue", "true"}}, config::Role::producer);
    REQUIRE(config);
    std::atomic<int> lines = 0;
    std::atomic<int> errors = 0;
    std::atomic<int> rung = 0;
    ClientEvents events(
        *config, ClientKind::producer, [&](int, std::string_view, std::string_view, std::string_view) { ++lines; },
        [&](const KafkaError&) { ++errors; });
    events.set_waker([&] { ++rung; });
    constexpr int writers = 6;
    constexpr int each = 300; // all lines find room
    std::atomic<int> running = writers;
    together(writers + 2, 1, [&](int index, Rng& rng) {
        if (index >= writers) {
            while (running > 0)
                events.serve();
            return;
        }
        for (int i = 0; i < each; ++i) {
            events.on_log(3, "TEST", "line");
            events.on_error(Error(static_cast<Errc>(1 + rng.below(20))));
        }
        --running;
    });
    events.serve();
    // The log sink hears of each error too.
    CHECK(lines >= writers * each);
    CHECK(errors > 0);
    CHECK(errors <= writers * each);
    CHECK(rung > 0);
    CHECK_FALSE(events.pending());
}
