// The asynchronous poll: in coroutines on one thread, with futures and callbacks, cancelled, closed,
// orphaned.
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>


#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;
namespace asio = boost::asio;
using asio::use_awaitable;

TEST_CASE(
    "a coroutine reads in a one-thread io_context, where blocking calls are refused",
    "[mock][consumer][async]"
) {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 3, "a");
    asio::io_context io(1);
    Consumer consumer(world.config(), Engine(io.get_executor()));
    std::vector<std::string> seen;
    Errc blocking = Errc::no_error;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
            while (seen.size() < 5) {
                const Records records = co_await consumer.async_poll_records(use_awaitable);
                for (const auto& batch : records.batches())
                    for (const auto& record : batch)
                        seen.emplace_back(record.value().text());
                if (seen.size() == 3)
                    world.fill("t", 0, 2, "b");
            }
            try {
                consumer.poll(1s);
            } catch (const KafkaException& e) {
                blocking = e.error().code();
            }
            consumer.close();
        },
        [](std::exception_ptr e) {
            if (e)
                std::rethrow_exception(e);
        }
    );
    io.run_for(10s);
    CHECK(seen == std::vector<std::string>{"a0", "a1", "a2", "b0", "b1"});
    CHECK(blocking == Errc::_state);
}

TEST_CASE("a future gets what a callback gets", "[mock][consumer][async]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    auto future = consumer.async_poll_records(asio::use_future);
    auto second = consumer.async_poll_records(asio::use_future); // one at a time
    CHECK_THROWS_AS(second.get(), boost::system::system_error);
    CHECK(future.wait_for(200ms) == std::future_status::timeout);
    world.fill("t", 0, 2);
    CHECK(future.get().count() == 2);

    std::promise<size_t> promise;
    world.fill("t", 0, 1);
    consumer.async_poll_records([&](error_code ec, Records records) {
        promise.set_value(ec ? 0 : records.count());
    });
    CHECK(promise.get_future().get() == 1);
}

TEST_CASE("cancelling ends the wait and loses nothing", "[mock][consumer][async]") {
    using namespace asio::experimental::awaitable_operators;
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    asio::io_context io(1);
    Consumer consumer(world.config(), Engine(io.get_executor()));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    size_t count = 0;
    bool timer_first = false;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            asio::steady_timer timer(io, 200ms);
            const auto first =
                co_await (consumer.async_poll_records(use_awaitable) || timer.async_wait(use_awaitable));
            timer_first = first.index() == 1;
            world.fill("t", 0, 2);
            count = (co_await consumer.async_poll_records(use_awaitable)).count();
            consumer.close();
        },
        asio::detached
    );
    io.run_for(10s);
    CHECK(timer_first);
    CHECK(count == 2);
}

TEST_CASE("closing completes a waiting poll with _destroy", "[mock][consumer][async]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    for (const bool embedded : {true, false}) {
        asio::io_context io(1);
        auto consumer =
            embedded ? Consumer(world.config(), Engine(io.get_executor())) : Consumer(world.config());
        consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
        std::promise<error_code> promise;
        auto future = promise.get_future();
        consumer.async_poll_records([&](error_code ec, Records) { promise.set_value(ec); });
        if (embedded)
            io.run_for(200ms);
        consumer.close();
        if (embedded)
            io.run_for(1s);
        REQUIRE(future.wait_for(1s) == std::future_status::ready);
        CHECK(future.get() == Errc::_destroy);
    }
}

TEST_CASE("the io_context may go before the consumer, with a poll waiting", "[mock][consumer][async]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    auto io = std::make_unique<asio::io_context>(1);
    Consumer consumer(world.config(), Engine(io->get_executor()));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    asio::co_spawn(
        *io,
        [&]() -> asio::awaitable<void> { co_await consumer.async_poll_records(use_awaitable); },
        asio::detached
    );
    io->run_for(300ms);
    io.reset();
    CHECK_THROWS_AS(consumer.assign({}), KafkaException);
    CHECK_THROWS_AS(consumer.poll(100ms), KafkaException);
}

TEST_CASE("an embedded consumer is destroyed without its loop being run", "[mock][consumer][async]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    asio::io_context io(1);
    {
        Consumer consumer(world.config(), Engine(io.get_executor()));
        consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
        io.run_for(100ms);
    }
    io.run_for(100ms); // what is left of it ends here
    CHECK(io.stopped());
}

TEST_CASE(
    "a consumer that ended while its loop stood still goes with the io_context", "[mock][consumer][async]"
) {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    asio::io_context io(1);
    Consumer consumer(world.config(), Engine(io.get_executor()));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    io.run_for(100ms);
    bool called = false;
    consumer.async_poll_records([&](error_code, Records) { called = true; });
    consumer = Consumer(world.config()); // what the first one posts last is never run
    CHECK_FALSE(called);
}

TEST_CASE("single messages and events can be waited for", "[mock][consumer][async]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    Consumer consumer(world.config({{"enable.partition.eof", "true"}}));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    CHECK(consumer.async_poll(asio::use_future).get().error().errc() == Errc::_partition_eof);
    auto future = consumer.async_poll(asio::use_future);
    CHECK(future.wait_for(50ms) == std::future_status::timeout);
    world.fill("t", 0, 2);
    CHECK(future.get().value() == "v0");
    CHECK(consumer.async_poll(asio::use_future).get().value() == "v1");
}

TEST_CASE("a waiting poll is woken up from another thread, and so is one that is yet to wait", "[mock][consumer][async]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    SECTION("blocking") {
        std::thread other([&] {
            std::this_thread::sleep_for(50ms);
            consumer.wakeup();
        });
        CHECK_FALSE(consumer.poll(-1ms));
        other.join();
    }
    SECTION("before the call") {
        consumer.wakeup();
        CHECK_FALSE(consumer.poll(-1ms));
    }
    SECTION("records that are there come first") {
        world.fill("t", 0, 2); // one batch
        REQUIRE(consumer.poll(10s));
        consumer.wakeup();
        const auto second = consumer.poll(-1ms);
        REQUIRE(second);
        CHECK(second->value() == "v1");
        CHECK_FALSE(consumer.poll(-1ms));
    }
    SECTION("asynchronous") {
        std::promise<error_code> promise;
        auto ended = promise.get_future();
        consumer.async_poll([&](error_code ec, Message) { promise.set_value(ec); });
        CHECK(ended.wait_for(50ms) == std::future_status::timeout);
        consumer.wakeup();
        CHECK(ended.get() == asio::error::operation_aborted);
    }
    world.fill("t", 0, 1, "after");
    CHECK(values_of(consumer, 1) == std::vector<std::string>{"after0"});
}

TEST_CASE("a poll that another operation has beaten leaves what was there to the next", "[mock][consumer][async]") {
    using namespace asio::experimental::awaitable_operators;
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 2);
    asio::io_context io(1);
    Consumer consumer(world.config(), Engine(io.get_executor()));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    bool beaten = false;
    size_t count = 0;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            asio::steady_timer timer(io);
            while (consumer.cached_watermarks({"t", 0}).high != 2) { // then the records have come, too
                timer.expires_after(10ms);
                co_await timer.async_wait(use_awaitable);
            }
            const auto first = co_await (asio::post(io, use_awaitable) || consumer.async_poll_records(use_awaitable));
            beaten = first.index() == 0;
            count = (co_await consumer.async_poll_records(use_awaitable)).count();
            consumer.close();
        },
        asio::detached
    );
    io.run_for(10s);
    CHECK(beaten);
    CHECK(count == 2);
}
