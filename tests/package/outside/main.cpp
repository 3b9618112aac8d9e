// What must work across the border of the library: calls, exceptions, handlers, and an Asio context of the program's own.
#include <iostream>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ottla/admin.hpp>
#include <ottla/consumer.hpp>
#include <ottla/mock_cluster.hpp>
#include <ottla/producer.hpp>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
    if (!holds) {
        std::cerr << "not so: " << what << '\n';
        ++failures;
    }
}

asio::awaitable<void> send(ottla::Producer& producer, asio::io_context& io) {
    const auto report = co_await producer.async_send({.topic = "outside", .value = "two", .partition = 0}, asio::use_awaitable);
    expect(report.offset == 1, "sent from a coroutine");
    try {
        producer.flush(10s);
        expect(false, "a blocking call on the context's own thread is refused");
    } catch (const ottla::KafkaException& e) {
        expect(e.error().code() == ottla::Errc::_state, "the library knows that the context runs here");
    }
    io.stop();
}

} // namespace

int main() {
    ottla::MockCluster kafka;
    const ottla::Config config{{"bootstrap.servers", kafka.bootstrap_servers()}};

    ottla::Producer producer(ottla::Config(config).set("compression.type", "zstd"));
    producer.produce({.topic = "outside", .value = "one", .partition = 0});
    expect(producer.flush(10s) == 0, "delivered");

    asio::io_context io;
    ottla::Producer embedded(config, ottla::Engine(io.get_executor()));
    asio::co_spawn(io, send(embedded, io), asio::detached);
    io.run_for(30s);

    ottla::Consumer consumer(config);
    consumer.assign({{.topic = "outside", .partition = 0, .offset = ottla::offset_beginning}});
    const auto messages = consumer.consume(2, 10s);
    expect(messages.size() == 2 && messages[1].value().text() == "two", "read");

    try {
        ottla::AdminClient admin({{"no.such.property", "1"}});
        expect(false, "an unknown property is refused");
    } catch (const ottla::KafkaException& e) {
        expect(e.error().name() == "_INVALID_ARG", "by its name");
    }
    std::cout << messages.size() << " messages, " << failures << " failures\n";
    return failures;
}
