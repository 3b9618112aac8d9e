// A coroutine for each partition, so that a slow one holds up nobody; all on one thread. The generator serves the group: it
// brings events, and what has no stream.
//   consume_streams [bootstrap-servers [topic]]
#include <cstdio>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ottla/consumer.hpp>
#include <ottla/generator.hpp>

#include "example_cluster.hpp"

namespace asio = boost::asio;
using asio::use_awaitable;
using namespace std::chrono_literals;

namespace {

constexpr size_t messages = 1000;

asio::awaitable<void> work(ottla::PartitionStream stream, size_t& done) {
    for (;;) {
        const auto [ec, records] = co_await stream.async_poll_records(asio::as_tuple(use_awaitable));
        if (ec)
            co_return; // the partition is another's now, or the consumer is closed
        done += records.count();
        std::printf("%s[%d]: %zu records\n", stream.where().topic.c_str(), stream.where().partition, records.count());
        asio::steady_timer slow(co_await asio::this_coro::executor, stream.where().partition * 20ms);
        co_await slow.async_wait(use_awaitable);
    }
}

asio::awaitable<void> serve(ottla::Consumer& consumer, const std::string& topic, size_t& done) {
    const auto executor = co_await asio::this_coro::executor;
    consumer.subscribe({topic}, {.on_assign = [&, executor](const std::vector<ottla::TopicPartition>& partitions) {
        std::vector<ottla::TopicPartitionOffset> from;
        for (const auto& [name, partition] : partitions)
            from.push_back({.topic = name, .partition = partition, .offset = ottla::offset_stored});
        consumer.assign(from);
        for (const auto& partition : partitions)
            asio::co_spawn(executor, work(consumer.stream(partition), done), asio::detached);
    }});
    auto rest = ottla::messages(executor, consumer);
    while (const auto message = co_await rest.async_resume(use_awaitable)) // until the consumer is closed
        std::printf("%s\n", message->error().message().c_str());
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "numbers";
    try {
        ottla::Producer producer({{"bootstrap.servers", cluster.bootstrap_servers()}});
        for (size_t i = 0; i < messages; ++i)
            producer.produce({.topic = topic, .value = std::to_string(i)});
        example::expect(producer.flush(10s) == 0, "all is delivered");

        asio::io_context io(1);
        ottla::Consumer consumer(
            {{"bootstrap.servers", cluster.bootstrap_servers()}, {"group.id", "streams"}, {"auto.offset.reset", "earliest"}},
            ottla::Engine(io.get_executor()));
        size_t done = 0;
        asio::co_spawn(io, serve(consumer, topic, done), asio::detached);
        const auto limit = std::chrono::steady_clock::now() + 30s;
        while (done < messages && std::chrono::steady_clock::now() < limit)
            io.run_for(50ms);
        consumer.close();
        io.run_for(1s);
        example::expect(done >= messages, "all have been read");
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
