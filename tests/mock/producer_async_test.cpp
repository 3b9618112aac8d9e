// The same send as a future, a coroutine and a callback.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "catch.hpp"
#include "producer_world.hpp"

using namespace ottla;
using namespace ottla::test;
namespace asio = boost::asio;

TEST_CASE("a future gets the report of its message") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    Producer producer(world.config());

    auto first = producer.async_send({.topic = "orders", .value = "a", .timestamp_ms = 77}, asio::use_future);
    auto second = producer.async_send({.topic = "orders", .value = "b"}, asio::use_future);

    const DeliveryReport report = first.get();
    CHECK(report.offset == 0);
    CHECK(report.partition == 0);
    CHECK(report.timestamp_ms == 77);
    CHECK(report.status == MessageStatus::persisted);
    CHECK(second.get().offset == 1);
    CHECK(producer.outstanding() == 0);
}

TEST_CASE("coroutines send and flush on an embedded engine without a thread") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    asio::io_context io;
    Producer producer(world.config(), Engine(io.get_executor()));
    std::vector<int64_t> offsets;
    bool flushed = false;

    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            for (int i = 0; i < 3; ++i)
                offsets.push_back((co_await producer.async_send({.topic = "orders", .value = "v"}, asio::use_awaitable)).offset);
            producer.produce({.topic = "orders", .value = "unheard"});
            co_await producer.async_flush(asio::use_awaitable);
            flushed = true;
        },
        [&](std::exception_ptr e) {
            io.stop();
            if (e)
                std::rethrow_exception(e);
        });
    io.run_for(10s);

    CHECK(offsets == std::vector<int64_t>{0, 1, 2});
    CHECK(flushed);
    CHECK(world.cluster.offsets("orders", 0)->second == 4);
}

TEST_CASE("blocking calls on the thread of the embedding loop fail at once") {
    ProducerWorld world;
    asio::io_context io;
    Producer producer(world.config(), Engine(io.get_executor()));
    Errc code = Errc::no_error;

    asio::post(io, [&] {
        try {
            producer.flush(1s);
        } catch (const KafkaException& e) {
            code = e.error().code();
        }
        io.stop();
    });
    io.run_for(5s);

    CHECK(code == Errc::_state);
}

TEST_CASE("asynchronous sends wait for room in the order of their calls") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    Producer producer(world.config({{"queue.buffering.max.messages", "3"}}));

    std::vector<std::future<DeliveryReport>> sends;
    for (const auto& value : numbered(50))
        sends.push_back(producer.async_send({.topic = "orders", .value = value}, asio::use_future));

    for (size_t i = 0; i < sends.size(); ++i)
        CHECK(sends[i].get().offset == static_cast<int64_t>(i));
    CHECK(world.values("orders", 0) == numbered(50));
}

TEST_CASE("a send that is cancelled while it waits for room is never sent") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    world.cluster.delay(0, 200ms);
    asio::io_context io;
    Producer producer(world.config({{"queue.buffering.max.messages", "1"}}), Engine(io.get_executor()));
    asio::cancellation_signal signal;
    error_code first = asio::error::would_block;
    error_code second = asio::error::would_block;

    producer.async_send({.topic = "orders", .value = "a"}, [&](error_code ec, DeliveryReport) { first = ec; });
    producer.async_send(
        {.topic = "orders", .value = "b"},
        asio::bind_cancellation_slot(signal.slot(), [&](error_code ec, DeliveryReport) { second = ec; }));
    asio::post(io, [&] { signal.emit(asio::cancellation_type::terminal); });
    for (int i = 0; i < 100 && (first == asio::error::would_block || producer.outstanding() > 0); ++i)
        io.run_for(50ms), io.restart();

    CHECK_FALSE(first);
    CHECK(second == asio::error::operation_aborted);
    CHECK(world.cluster.offsets("orders", 0)->second == 1);
}

TEST_CASE("operations that are pending when the execution context ends are destroyed with it") {
    ProducerWorld world;
    auto io = std::make_unique<asio::io_context>();
    auto producer = std::make_unique<Producer>(world.config({{"linger.ms", "5000"}}), Engine(io->get_executor()));
    auto held = std::make_shared<int>(1);
    producer->async_send({.topic = "orders", .value = "v"}, [held](error_code, DeliveryReport) {});
    producer->async_flush([held](error_code) {});
    io->run_for(100ms);

    io.reset();

    CHECK(held.use_count() == 1);
    error_code ec;
    producer->produce({.topic = "orders", .value = "late"}, nullptr, ec);
    CHECK(ec == Errc::_destroy);
}

TEST_CASE("a handler that throws does not cost the others their reports") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    int calls = 0;
    Producer producer(world.config({{"linger.ms", "50"}}), {.on_delivery = [&](const Delivery&) {
        if (++calls == 2)
            throw std::runtime_error("mine");
    }});
    for (const auto& value : numbered(5))
        producer.produce({.topic = "orders", .value = value});

    CHECK_THROWS_AS(producer.flush(10s), std::runtime_error);
    CHECK(producer.flush(10s) == 0);

    CHECK(calls == 5);
}
