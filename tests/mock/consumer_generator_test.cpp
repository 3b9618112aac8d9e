// The asynchronous generator of messages.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ottla/generator.hpp>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;
namespace asio = boost::asio;

TEST_CASE("a generator gives messages and events until the consumer is closed", "[mock][consumer][async]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 2);
    asio::io_context io(1);
    Consumer consumer(world.config({{"enable.partition.eof", "true"}}), Engine(io.get_executor()));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    std::vector<std::string> seen;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            auto all = messages(io.get_executor(), consumer);
            while (auto message = co_await all.async_resume(asio::use_awaitable)) {
                seen.emplace_back(message->error() ? "end" : message->value().text());
                if (seen.size() == 3)
                    asio::post(io, [&] { consumer.close(); });
            }
            seen.emplace_back("closed");
        },
        [](std::exception_ptr e) {
            if (e)
                std::rethrow_exception(e);
        }
    );
    io.run_for(10s);
    CHECK(seen == std::vector<std::string>{"v0", "v1", "end", "closed"});
}
