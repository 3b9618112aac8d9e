// One asynchronous operation, four ways to wait for it: callback, future, coroutine that throws, coroutine that does
// not. And how to give up waiting.
//   completion_tokens [bootstrap-servers [topic]]
#include <cstdio>
#include <future>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <ottla/consumer.hpp>
#include <ottla/producer.hpp>

#include "example_cluster.hpp"

namespace asio = boost::asio;
using asio::use_awaitable;
using example::expect;
using namespace std::chrono_literals;

namespace {

// With a thread of the engine's own: callbacks run on that thread, so they must not block it.
void from_threads(const std::string& servers, const std::string& topic) {
    ottla::Producer producer({{"bootstrap.servers", servers}});

    std::promise<ottla::error_code> done;
    producer.async_send({.topic = topic, .value = "callback"}, [&done](ottla::error_code ec, ottla::DeliveryReport) {
        done.set_value(ec);
    });
    expect(!done.get_future().get(), "delivered");

    std::future<ottla::DeliveryReport> report =
        producer.async_send({.topic = topic, .value = "future"}, asio::use_future);
    expect(report.get().offset >= 0, "an offset"); // get() throws boost::system::system_error when it failed
}

asio::awaitable<void> from_coroutine(ottla::Producer& producer, ottla::Consumer& consumer, std::string topic) {
    try {
        co_await producer.async_send({.topic = topic, .value = "throws"}, use_awaitable);
    } catch (const boost::system::system_error& e) {
        std::fprintf(stderr, "%s\n", e.what());
        throw;
    }

    const auto [ec, report] =
        co_await producer.async_send({.topic = topic, .value = "does not throw"}, asio::as_tuple(use_awaitable));
    expect(!ec && report.status == ottla::MessageStatus::persisted, "stored");

    // Several at once, then wait for all of them: they share batches, so this is the fast way.
    int delivered = 0;
    const auto count = [&delivered](ottla::error_code error, ottla::DeliveryReport) { delivered += !error; };
    for (int i = 0; i < 100; ++i)
        producer.async_send({.topic = topic, .value = std::to_string(i)}, count);
    co_await producer.async_flush(use_awaitable);
    expect(delivered == 100, "all are delivered");

    // Cancellation ends the wait; nothing is lost by it. Here nothing new comes to a partition read from its end.
    using namespace asio::experimental::awaitable_operators;
    consumer.assign({{.topic = topic, .partition = 0, .offset = ottla::offset_end}});
    asio::steady_timer timer(co_await asio::this_coro::executor, 200ms);
    const auto first = co_await (consumer.async_poll_records(use_awaitable) || timer.async_wait(use_awaitable));
    expect(first.index() == 1, "the timer was first");
    consumer.close();
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "tokens";
    try {
        from_threads(cluster.bootstrap_servers(), topic);

        asio::io_context io(1);
        const ottla::Engine engine(io.get_executor());
        const ottla::Config config{{"bootstrap.servers", cluster.bootstrap_servers()}};
        ottla::Producer producer(config, engine);
        ottla::Consumer consumer(config, engine);
        asio::co_spawn(io, from_coroutine(producer, consumer, topic), [&](std::exception_ptr failure) {
            io.stop();
            if (failure)
                std::rethrow_exception(failure);
        });
        io.run();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
