// Where the work is done: one I/O thread for several clients, or the application's own threads; looking up names by a
// function of one's own; which calls may block where.
#include <cstdio>
#include <future>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <ottla/admin.hpp>
#include <ottla/consumer.hpp>

#include "example_cluster.hpp"

namespace asio = boost::asio;
using namespace std::chrono_literals;
using example::expect;

namespace {

// Without an Engine argument each client makes an engine, and a thread, of its own. Handles of one engine share it.
void shared_thread(const ottla::Config& config) {
    const ottla::Engine engine;
    ottla::Producer producer(config, engine);
    ottla::Consumer consumer(config, engine);
    ottla::AdminClient admin(config, engine);
    producer.produce({.topic = "engines", .value = "hello", .partition = 0});
    expect(producer.flush(10s) == 0, "delivered");
    consumer.assign({{.topic = "engines", .partition = 0, .offset = ottla::offset_beginning}});
    expect(consumer.poll(10s).has_value(), "received");
    expect(!admin.list_topics("engines", 10s).topics.empty(), "listed");
}

// On a pool of the application. Names other than localhost and numeric addresses go to the given function, which runs on
// the given executor and may block that.
void application_threads(uint16_t port) {
    asio::thread_pool pool(2);
    asio::thread_pool lookups(1);
    const ottla::EngineOptions options{
        .blocking_executor = lookups.get_executor(),
        .resolve = [](const std::string& host) -> std::vector<std::string> {
            return host == "kafka.example" ? std::vector<std::string>{"127.0.0.1"} : std::vector<std::string>{};
        },
    };
    {
        const ottla::Config config{{"bootstrap.servers", "kafka.example:" + std::to_string(port)}};
        ottla::Producer producer(config, ottla::Engine(pool.get_executor(), options));
        const auto report =
            producer.async_send({.topic = "engines", .value = "from the pool", .partition = 0}, asio::use_future).get();
        std::printf("stored at offset %ld\n", long{report.offset});

        // From other threads blocking calls are fine; on a thread that runs the loop they would wait for themselves.
        producer.produce({.topic = "engines", .value = "again", .partition = 0});
        expect(producer.flush(10s) == 0, "flushed by this thread");
        std::promise<ottla::Errc> refused;
        asio::post(pool, [&] {
            try {
                producer.flush(10s);
                refused.set_value(ottla::Errc::no_error);
            } catch (const ottla::KafkaException& e) {
                refused.set_value(e.error().code());
            }
        });
        expect(refused.get_future().get() == ottla::Errc::_state, "refused on the pool's own thread");
    }
    pool.join();
    lookups.join();
}

// The context may end first: its clients then refuse every call.
void context_first(const ottla::Config& config) {
    auto io = std::make_unique<asio::io_context>();
    ottla::Producer producer(config, ottla::Engine(io->get_executor()));
    io->run_for(100ms);
    io.reset();
    ottla::error_code ec;
    producer.produce({.topic = "engines", .value = "too late"}, nullptr, ec);
    expect(ec == ottla::Errc::_destroy, "the context is gone");
}

} // namespace

int main() {
    try {
        ottla::MockCluster kafka;
        const ottla::Config config{{"bootstrap.servers", kafka.bootstrap_servers()}};
        shared_thread(config);
        application_threads(kafka.port(1));
        context_first(config);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
