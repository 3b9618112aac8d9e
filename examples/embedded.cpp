// Producer and consumer as coroutines in one io_context on one thread: no thread is made, nothing ever
// blocks.
//   embedded [bootstrap-servers [topic]]
#include <cstdio>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ottla/consumer.hpp>
#include <ottla/producer.hpp>

#include "example_cluster.hpp"

namespace asio = boost::asio;
using asio::use_awaitable;

namespace {

constexpr int messages = 10;

asio::awaitable<void> produce(ottla::Producer& producer, std::string topic) {
    for (int i = 0; i < messages; ++i) {
        const std::string value = "message " + std::to_string(i);
        const auto report =
            co_await producer.async_send({.topic = topic, .value = value, .partition = 0}, use_awaitable);
        std::printf("sent     %s at offset %ld\n", value.c_str(), long{report.offset});
    }
}

asio::awaitable<void> consume(ottla::Consumer& consumer, std::string topic) {
    consumer.assign({{.topic = topic, .partition = 0, .offset = ottla::offset_beginning}});
    for (size_t count = 0; count < messages;) {
        const ottla::Records records = co_await consumer.async_poll_records(use_awaitable);
        for (const auto& batch : records.batches())
            for (const ottla::RecordView& record : batch)
                std::printf(
                    "received %.*s\n", static_cast<int>(record.value().size()), record.value().text().data()
                );
        count += records.count();
    }
    consumer.close();
}

void check(std::exception_ptr failure) {
    if (failure)
        std::rethrow_exception(failure);
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    const std::string topic = argc > 2 ? argv[2] : "embedded";
    try {
        asio::io_context io(1);
        const ottla::Engine engine(io.get_executor());
        const ottla::Config config{{"bootstrap.servers", cluster.bootstrap_servers()}};
        ottla::Producer producer(config, engine);
        ottla::Consumer consumer(config, engine);
        asio::co_spawn(io, produce(producer, topic), check);
        asio::co_spawn(io, consume(consumer, topic), [&](std::exception_ptr failure) {
            check(failure);
            io.stop();
        });
        io.run();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
