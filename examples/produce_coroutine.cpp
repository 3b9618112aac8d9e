// Sends from a coroutine on the application's own io_context: no other thread is involved.
//   produce_coroutine [bootstrap-servers [topic]]
// Without arguments a cluster is started in this process.
#include <cstdio>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ottla/producer.hpp>

#include "example_cluster.hpp"

namespace asio = boost::asio;

namespace {

asio::awaitable<void> send(ottla::Producer& producer, std::string topic) {
    for (const char* value : {"hello", "hallo", "hei"}) {
        // Throws what kept the message from being stored.
        const auto report = co_await producer.async_send({.topic = topic, .value = value}, asio::use_awaitable);
        std::printf("%s: partition %d, offset %ld\n", value, report.partition, long{report.offset});
    }
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "greetings";
    int result = 0;
    try {
        asio::io_context io;
        ottla::Producer producer(
            {{"bootstrap.servers", cluster.bootstrap_servers()}, {"linger.ms", "0"}}, ottla::Engine(io.get_executor()));
        asio::co_spawn(io, send(producer, topic), [&](std::exception_ptr failure) {
            io.stop(); // the producer keeps its connections, so the context would not run dry by itself
            if (failure)
                std::rethrow_exception(failure);
        });
        io.run();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        result = 1;
    }
    return result;
}
