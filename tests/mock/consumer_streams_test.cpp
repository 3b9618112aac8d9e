// Partitions that are read apart from the consumer's polls, each at its own pace.
#include <set>
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;
namespace asio = boost::asio;

namespace {

void append(std::vector<std::string>& seen, const Records& records) {
    for (const auto& batch : records.batches())
        for (const auto& record : batch)
            seen.emplace_back(record.value().text());
    for (const auto& event : records.events())
        seen.emplace_back(error_name(event.error().errc()));
}

/// Reads until `count` records or events have come.
std::vector<std::string> read(PartitionStream& stream, size_t count) {
    std::vector<std::string> seen;
    Records records;
    const auto deadline = Clock::now() + 10s;
    while (seen.size() < count && Clock::now() < deadline && stream.poll_records(records, 100ms))
        append(seen, records);
    return seen;
}

Errc code_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const KafkaException& e) {
        return e.error().code();
    }
    return Errc::no_error;
}

std::vector<TopicPartitionOffset> both() {
    return {{.topic = "t", .partition = 0, .offset = 0}, {.topic = "t", .partition = 1, .offset = 0}};
}

} // namespace

TEST_CASE("a stream brings its partition alone, and polls bring the others", "[mock][consumer][stream]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    world.fill("t", 0, 3, "a");
    world.fill("t", 1, 2, "b");
    Consumer consumer(world.config({{"enable.partition.eof", "true"}}));
    consumer.assign(both());
    CHECK(consumer.poll(10s)); // some may have come already when it is set apart
    consumer.seek({"t", 0, 0});
    consumer.seek({"t", 1, 0});
    auto stream = consumer.stream({"t", 0});
    CHECK(stream.where() == TopicPartition{"t", 0});
    CHECK(read(stream, 4) == std::vector<std::string>{"a0", "a1", "a2", "_PARTITION_EOF"});
    CHECK(values_of(consumer, 3) == std::vector<std::string>{"b0", "b1", "_PARTITION_EOF 2"});
    world.fill("t", 0, 1, "c");
    CHECK(read(stream, 2) == std::vector<std::string>{"c0", "_PARTITION_EOF"});
    CHECK(consumer.position({{"t", 0}}).front().offset == 4);
    CHECK(code_of([&] { consumer.stream({"t", 0}); }) == Errc::_conflict);
    CHECK(code_of([&] { consumer.stream({"t", 7}); }) == Errc::_state);
}

TEST_CASE("seek, pause and resume hold for a stream", "[mock][consumer][stream]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    world.fill("t", 0, 3, "a");
    Consumer consumer(world.config());
    consumer.assign(both());
    auto stream = consumer.stream({"t", 0});
    CHECK(read(stream, 3) == numbered("a", 3));
    consumer.seek({"t", 0, 1});
    CHECK(read(stream, 2) == std::vector<std::string>{"a1", "a2"});
    consumer.pause({{"t", 0}});
    world.fill("t", 0, 1, "b");
    Records records;
    CHECK(stream.poll_records(records, 200ms));
    CHECK(records.empty());
    auto waiting = stream.async_poll_records(asio::use_future);
    CHECK(waiting.wait_for(100ms) == std::future_status::timeout);
    consumer.resume({{"t", 0}});
    std::vector<std::string> seen;
    append(seen, waiting.get());
    CHECK(seen == std::vector<std::string>{"b0"});
}

TEST_CASE("a stream ends with its assignment, also while it is waited for", "[mock][consumer][stream]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    Consumer consumer(world.config());
    consumer.assign(both());
    auto stream = consumer.stream({"t", 0});
    auto other = consumer.stream({"t", 1});
    std::atomic<bool> went_on{true};
    std::thread reader([&] {
        Records records;
        went_on = stream.poll_records(records, -1ms);
    });
    std::promise<error_code> promise;
    other.async_poll_records([&](error_code ec, Records) { promise.set_value(ec); });
    std::this_thread::sleep_for(50ms);
    SECTION("taken away") { consumer.incremental_unassign({{"t", 0}, {"t", 1}}); }
    SECTION("replaced") { consumer.assign(both()); }
    SECTION("closed") { consumer.close(); }
    reader.join();
    CHECK_FALSE(went_on);
    CHECK(promise.get_future().get() == Errc::_revoke_partitions);
    Records records;
    CHECK_FALSE(stream.poll_records(records, 1s));
    CHECK(records.empty());
}

TEST_CASE("what a stream leaves is for polls", "[mock][consumer][stream]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    record::BuildOptions small;
    world.fill("t", 0, 3000, "a", small);
    world.fill("t", 0, 3000, "b", small); // more than one call hands out
    Consumer consumer(world.config());
    consumer.assign({{"t", 0, 0}});
    size_t seen = 0;
    {
        auto stream = consumer.stream({"t", 0});
        Records records;
        REQUIRE(stream.poll_records(records, 10s));
        seen = records.count();
        REQUIRE(seen > 0);
    }
    std::vector<std::string> expected = numbered("a", 3000);
    for (const auto& value : numbered("b", 3000))
        expected.push_back(value);
    CHECK(values_of(consumer, 6000 - seen) == std::vector<std::string>(expected.begin() + static_cast<std::ptrdiff_t>(seen), expected.end()));
    auto again = consumer.stream({"t", 0});
    world.fill("t", 0, 1, "c");
    CHECK(read(again, 1) == std::vector<std::string>{"c0"});
}

TEST_CASE("a stream that nobody reads does not keep the others waiting", "[mock][consumer][stream]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    Consumer consumer(world.config({{"queued.min.messages", "10"}, {"queued.max.messages.kbytes", "10"}}));
    for (int i = 0; i < 50; ++i)
        for (const int32_t partition : {0, 1})
            world.fill("t", partition, 100, "v");
    consumer.assign(both());
    auto idle = consumer.stream({"t", 0});
    CHECK(values_of(consumer, 5000).size() == 5000);
    CHECK(read(idle, 5000).size() == 5000);
}

TEST_CASE("streams of a group commit what has been worked off, and no more", "[mock][group][stream]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    world.fill("t", 0, 3, "a");
    world.fill("t", 1, 5, "b");
    Consumer consumer(world.config({{"group.id", "g"}, {"auto.commit.interval.ms", "50"}}));
    consumer.assign(both());
    auto first = consumer.stream({"t", 0});
    auto second = consumer.stream({"t", 1});
    Records held;
    REQUIRE(first.poll_records(held, 10s));
    Records done;
    REQUIRE(second.poll_records(done, 10s));
    done = Records();
    const auto committed = [&](int32_t partition) { return consumer.committed({{"t", partition}}, 5s).front().offset; };
    for (const auto deadline = Clock::now() + 10s; committed(1) != 5 && Clock::now() < deadline;)
        std::this_thread::sleep_for(20ms);
    CHECK(committed(1) == 5);
    CHECK(committed(0) == offset_invalid);
    first.poll_records(held, 0ms); // the next call: those before are done
    consumer.close();
    Consumer other(world.config({{"group.id", "g"}}));
    CHECK(other.committed({{"t", 0}}, 5s).front().offset == 3);
}

TEST_CASE("coroutines read a stream each", "[mock][consumer][stream]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 4);
    for (int32_t p = 0; p < 4; ++p)
        world.fill("t", p, 10, "p" + std::to_string(p) + "-");
    asio::io_context io(1);
    Consumer consumer(world.config({{"group.id", "g"}}), Engine(io.get_executor()));
    size_t seen = 0;
    size_t ended = 0;
    const auto work = [&](PartitionStream stream) -> asio::awaitable<void> {
        for (;;) {
            const auto [ec, records] = co_await stream.async_poll_records(asio::as_tuple(asio::use_awaitable));
            if (ec) {
                ended += ec == Errc::_revoke_partitions;
                co_return;
            }
            seen += records.count();
            if (seen == 40)
                asio::post(io, [&] { consumer.close(); });
        }
    };
    consumer.subscribe({"t"}, {.on_assign = [&](const std::vector<TopicPartition>& partitions) {
        std::vector<TopicPartitionOffset> from;
        for (const auto& p : partitions)
            from.push_back({.topic = p.topic, .partition = p.partition, .offset = offset_stored});
        consumer.assign(from);
        for (const auto& p : partitions)
            asio::co_spawn(io, work(consumer.stream(p)), asio::detached);
    }});
    std::function<void()> poll = [&] {
        consumer.async_poll([&](error_code ec, Message) {
            if (!ec)
                poll();
        });
    };
    asio::post(io, poll);
    io.run_for(20s);
    CHECK(seen == 40);
    CHECK(ended == 4);
}

TEST_CASE("a partition that is not read leaves room in a small queue", "[mock][consumer][stream]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    Consumer consumer(world.config({{"queued.max.messages.kbytes", "20"}}));
    for (int i = 0; i < 50; ++i)
        for (const int32_t partition : {0, 1})
            world.fill("t", partition, 20, std::string(100, 'x'));
    consumer.assign(both());
    auto idle = consumer.stream({"t", 0});
    CHECK(values_of(consumer, 1000).size() == 1000);
    CHECK(read(idle, 1000).size() == 1000);
}

TEST_CASE("the io_context may go before the consumer, with handlers that own streams", "[mock][consumer][stream]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    auto io = std::make_unique<asio::io_context>(1);
    Consumer consumer(world.config(), Engine(io->get_executor()));
    consumer.assign(both());
    for (const int32_t partition : {0, 1}) {
        const auto stream = std::make_shared<PartitionStream>(consumer.stream({"t", partition}));
        stream->async_poll_records([stream](error_code, const Records&) {}); // while it waits it has the stream
    }
    io->run_for(300ms);
    io.reset();
    CHECK(code_of([&] { consumer.poll(100ms); }) == Errc::_destroy);
}

TEST_CASE("who reads a partition no more does not set back what is committed of it", "[mock][group][stream]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 3, "a");
    Consumer consumer(world.config({{"group.id", "g"}, {"enable.auto.commit", "false"}}));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    SECTION("a stream, and then polls") {
        {
            auto stream = consumer.stream({"t", 0});
            Records records;
            REQUIRE(stream.poll_records(records, 10s));
            REQUIRE(records.count() == 3);
        }
        CHECK(consumer.current_lag({"t", 0}) == 0);
        world.fill("t", 0, 2, "b");
        CHECK(values_of(consumer, 2) == numbered("b", 2));
    }
    SECTION("polls, and then a stream") {
        const Records held = consumer.poll_records(10s);
        REQUIRE(held.count() == 3);
        auto stream = consumer.stream({"t", 0});
        world.fill("t", 0, 2, "b");
        Records records;
        REQUIRE(stream.poll_records(records, 10s));
        REQUIRE(records.count() == 2);
        stream.poll_records(records, 0ms); // they are done
        consumer.poll(0ms);
    }
    CHECK(consumer.commit().at(0).offset == 5);
}
