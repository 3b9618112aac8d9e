// The rules of embedding: whose threads, which executor, what a blocked loop or a vanished context means.
#include <atomic>
#include <filesystem>
#include <future>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ottla/admin.hpp>
#include <ottla/consumer.hpp>
#include <ottla/mock_cluster.hpp>
#include <ottla/producer.hpp>

#include "catch.hpp"
#include "mock/kcat.hpp"

using namespace ottla;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

size_t thread_count() {
    size_t count = 0;
    for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
        ++count;
    return count;
}

std::string on_host(const MockCluster& cluster, const std::string& host) {
    return host + ":" + std::to_string(cluster.port(1));
}

/// Sends `count` records and reads them back, all on the executor it runs on.
asio::awaitable<void> round_trip(Producer& producer, Consumer& consumer, int count, std::atomic<int>& received) {
    for (int i = 0; i < count; ++i) {
        const std::string value = "value " + std::to_string(i);
        const auto report = co_await producer.async_send({.topic = "t", .value = value, .partition = 0}, asio::use_awaitable);
        if (report.offset != i)
            throw std::runtime_error("offset");
    }
    while (received < count) {
        const Records records = co_await consumer.async_poll_records(asio::use_awaitable);
        for (const auto& batch : records.batches())
            received += static_cast<int>(batch.size());
    }
}

} // namespace

TEST_CASE("embedded, ottla starts no thread", "[engine]") {
    MockCluster cluster;
    cluster.create_topic("t", 1);
    const std::string host = GENERATE(as<std::string>(), "127.0.0.1", "localhost");
    const size_t before = thread_count();
    asio::io_context io;
    {
        const Engine engine(io.get_executor());
        const Config config{{"bootstrap.servers", on_host(cluster, host)}};
        Producer producer(config, engine);
        Consumer consumer(config, engine);
        consumer.assign({{"t", 0, offset_beginning}});
        std::atomic<int> received = 0;
        std::exception_ptr failure;
        size_t during = 0;
        asio::co_spawn(io, round_trip(producer, consumer, 20, received), [&](std::exception_ptr e) {
            failure = e;
            during = thread_count();
            io.stop();
        });
        io.run_for(20s);
        CHECK_FALSE(failure);
        CHECK(received == 20);
        CHECK(during == before);
    }
}

TEST_CASE("with a thread of its own, there is one, and it ends with the clients", "[engine]") {
    MockCluster cluster;
    const size_t before = thread_count();
    {
        Producer producer({{"bootstrap.servers", cluster.bootstrap_servers()}});
        producer.produce({.topic = "t", .value = "x"});
        CHECK(producer.flush(10s) == 0);
        CHECK(thread_count() == before + 1);
    }
    CHECK(thread_count() == before);
}

TEST_CASE("the last client may go inside a handler on its own thread", "[engine]") {
    MockCluster cluster;
    const size_t before = thread_count();
    std::promise<error_code> reported;
    auto producer = std::make_shared<Producer>(Config{{"bootstrap.servers", cluster.bootstrap_servers()}});
    producer->async_send({.topic = "t", .value = "x"}, [&reported, last = producer](error_code ec, DeliveryReport) mutable {
        last.reset();
        reported.set_value(ec);
    });
    producer.reset();
    CHECK_FALSE(reported.get_future().get());
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (thread_count() != before && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(1ms);
    CHECK(thread_count() == before);
}

TEST_CASE("one engine serves several clients on one thread", "[engine]") {
    MockCluster cluster;
    const size_t before = thread_count();
    const Engine engine;
    const Config config{{"bootstrap.servers", cluster.bootstrap_servers()}};
    Producer one(config, engine);
    Producer two(config, engine);
    AdminClient admin(config, engine);
    one.produce({.topic = "t", .value = "x"});
    two.produce({.topic = "t", .value = "y"});
    CHECK(one.flush(10s) == 0);
    CHECK(two.flush(10s) == 0);
    CHECK(admin.list_topics(std::nullopt, 10s).brokers.size() == 1);
    CHECK(thread_count() == before + 1);
}

TEST_CASE("an execution context run by four threads is fine", "[engine]") {
    MockCluster cluster;
    cluster.create_topic("t", 1);
    asio::io_context io;
    auto work = asio::make_work_guard(io);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&io] { io.run(); });
    {
        const Engine engine(io.get_executor());
        const Config config{{"bootstrap.servers", cluster.bootstrap_servers()}};
        Producer producer(config, engine);
        Consumer consumer(config, engine);
        consumer.assign({{"t", 0, offset_beginning}});
        constexpr int senders = 4;
        constexpr int each = 100;
        std::atomic<int> acknowledged = 0;
        for (int s = 0; s < senders; ++s)
            asio::co_spawn(
                io,
                [&]() -> asio::awaitable<void> {
                    for (int i = 0; i < each; ++i) {
                        co_await producer.async_send({.topic = "t", .value = "v", .partition = 0}, asio::use_awaitable);
                        ++acknowledged;
                    }
                },
                asio::detached);
        int received = 0;
        const auto deadline = std::chrono::steady_clock::now() + 60s;
        while (received < senders * each && std::chrono::steady_clock::now() < deadline)
            received += static_cast<int>(consumer.poll_records(100ms).count());
        CHECK(received == senders * each);
        while (acknowledged < senders * each && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(10ms);
        CHECK(acknowledged == senders * each);
        consumer.close();
    }
    work.reset();
    for (auto& thread : threads)
        thread.join();
}

TEST_CASE("a blocking call on the client's own loop is refused", "[engine]") {
    MockCluster cluster;
    asio::io_context io;
    const Engine engine(io.get_executor());
    const Config config{{"bootstrap.servers", cluster.bootstrap_servers()}};
    Producer producer(config, engine);
    Consumer consumer(config, engine);
    AdminClient admin(config, engine);
    std::vector<Errc> codes;
    asio::post(io, [&] {
        const auto code_of = [](auto&& f) {
            try {
                f();
                return Errc::no_error;
            } catch (const KafkaException& e) {
                return e.error().code();
            }
        };
        codes.push_back(code_of([&] { producer.flush(1s); }));
        codes.push_back(code_of([&] { consumer.query_watermarks({"t", 0}, 1s); }));
        codes.push_back(code_of([&] { admin.list_topics(std::nullopt, 1s); }));
        io.stop();
    });
    io.run();
    CHECK(codes == std::vector{Errc::_state, Errc::_state, Errc::_state});
}

TEST_CASE("a loop blocked for 20 s neither reconnects nor times out", "[engine][slow]") {
    MockCluster cluster;
    cluster.create_topic("t", 1);
    asio::io_context io;
    {
        const Engine engine(io.get_executor());
        // Every time limit is far below the pause.
        const Config config{
            {"bootstrap.servers", cluster.bootstrap_servers()},
            {"socket.timeout.ms", "6000"},
            {"request.timeout.ms", "5000"},
            {"message.timeout.ms", "10000"},
            {"linger.ms", "0"},
        };
        std::vector<KafkaError> errors;
        Producer producer(config, engine, {.on_error = [&](const KafkaError& e) { errors.push_back(e); }});
        Consumer consumer(config, engine, {.on_error = [&](const KafkaError& e) { errors.push_back(e); }});
        consumer.assign({{"t", 0, offset_beginning}});
        std::vector<error_code> reports;
        int received = 0;
        const auto send = [&] {
            producer.async_send({.topic = "t", .value = "v", .partition = 0}, [&](error_code ec, DeliveryReport) { reports.push_back(ec); });
        };
        std::function<void()> read = [&] {
            consumer.async_poll_records([&](error_code ec, Records records) {
                received += static_cast<int>(records.count());
                if (!ec)
                    read();
            });
        };
        read();
        send();
        io.run_for(2s); // connections are up, a fetch is waiting at the broker
        REQUIRE(reports.size() == 1);
        const uint64_t connections = cluster.connection_count();

        for (int i = 0; i < 10; ++i)
            send();
        io.run_for(1ms); // the requests are on their way, their answers come while nobody listens
        std::this_thread::sleep_for(20s);
        io.restart();
        io.run_for(3s);

        CHECK(reports == std::vector<error_code>(11));
        CHECK(received == 11);
        CHECK(errors.empty());
        CHECK(cluster.connection_count() == connections);
        consumer.close();
        io.restart();
        io.run_for(100ms);
    }
}

TEST_CASE("the execution context may be destroyed before the clients", "[engine]") {
    MockCluster cluster;
    auto io = std::make_unique<asio::io_context>();
    const Engine engine(io->get_executor());
    const Config config{{"bootstrap.servers", cluster.bootstrap_servers()}};
    Producer producer(config, engine);
    Consumer consumer(config, engine);
    AdminClient admin(config, engine);
    consumer.assign({{"t", 0, offset_beginning}});
    const bool busy = GENERATE(true, false);
    producer.async_send({.topic = "t", .value = "v"}, [](error_code, DeliveryReport) {});
    consumer.async_poll_records([](error_code, Records) {});
    if (busy)
        io->run_for(300ms);
    producer.produce({.topic = "t", .value = "never sent"});
    io.reset();

    error_code ec;
    producer.produce({.topic = "t", .value = "too late"}, nullptr, ec);
    CHECK(ec.failed());
    CHECK_THROWS_AS(producer.flush(100ms), KafkaException);
    CHECK_THROWS_AS(consumer.query_watermarks({"t", 0}, 100ms), KafkaException);
    CHECK_THROWS_AS(admin.list_topics(std::nullopt, 100ms), KafkaException);
}

TEST_CASE("destroying an embedded client does not wait", "[engine]") {
    MockCluster cluster;
    asio::io_context io;
    const Engine engine(io.get_executor());
    auto producer = std::make_unique<Producer>(Config{{"bootstrap.servers", cluster.bootstrap_servers()}}, engine);
    producer->produce({.topic = "t", .value = "x"});
    const auto before = std::chrono::steady_clock::now();
    producer.reset();
    CHECK(std::chrono::steady_clock::now() - before < 1s);
    io.run_for(100ms);
}

TEST_CASE("a program that the application starts inherits no socket of ours", "[engine]") {
    const auto inherited = [] { return shell("ls -l /proc/self/fd | grep -c socket:").output; };
    const std::string before = inherited();
    MockCluster cluster({.brokers = 2});
    cluster.create_topic("t", 1);
    Producer producer({{"bootstrap.servers", cluster.bootstrap_servers()}});
    producer.produce({.topic = "t", .value = "x"});
    REQUIRE(producer.flush(10s) == 0);
    CHECK(inherited() == before);
}
