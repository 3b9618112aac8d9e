// The consumer without a network: slices are put into its queue by hand, as the fetcher would.
#include "client/consumer_impl.hpp"

#include <future>
#include <malloc.h>

#include <boost/asio/io_context.hpp>

#include "allocation_count.hpp"
#include "catch.hpp"
#include "record/builder.hpp"

using namespace ottla;
using namespace ottla::client;
using namespace std::chrono_literals;

namespace {

Buffer batch(int64_t base, int count, Compression codec = Compression::none) {
    static const std::string value(100, 'x');
    std::vector<record::BuildRecord> records;
    for (int i = 0; i < count; ++i)
        records.push_back({.offset = base + i, .timestamp_ms = 1, .key = "k", .value = value});
    return record::build_batch({.base_offset = base, .compression = codec}, records).value();
}

// The loop is never run: what the consumer posts to it waits there.
struct World {
    explicit World(config::ClientConfig config = {})
        : driver(std::make_shared<ConsumerDriver>(
              Engine(io.get_executor()).loop(),
              std::move(config),
              [](int, std::string_view, std::string_view, std::string_view) {},
              [this](const KafkaError& e) {
                  errors.push_back(e.code());
                  if (throws)
                      throw std::runtime_error("the application's");
              }
          ))
        , consumer(std::make_shared<ConsumerImpl>(driver)) {}

    ~World() { consumer->close({.timeout = 0ms}); }

    void assign(int partitions) {
        std::vector<TopicPartitionOffset> all;
        for (int p = 0; p < partitions; ++p)
            all.push_back({.topic = "t", .partition = p, .offset = 0});
        consumer->assign(all);
        streams += partitions;
    }

    void deliver(core::StreamId stream, Buffer bytes, int64_t from, int64_t messages) {
        driver->queue().deliver(
            {stream,
             core::FetchedSlice{
                 .records = std::move(bytes), .from = from, .next = from + messages, .messages = messages}}
        );
    }

    /// "partition@offset" of each message there is, or "partition:ERROR@offset".
    std::vector<std::string> drain() {
        std::vector<std::string> seen;
        while (const auto message = consumer->poll(0ms))
            seen.push_back(
                std::to_string(message->partition()) +
                (message->error() ? ":" + error_name(message->error().errc()) : "") + "@" +
                std::to_string(message->offset())
            );
        return seen;
    }

    int64_t credited() {
        std::vector<core::Credit> credits;
        driver->queue().take_credits(credits, core::FetchSink::Wake::no);
        int64_t messages = 0;
        for (const auto& credit : credits)
            messages += credit.messages;
        return messages;
    }

    boost::asio::io_context io;
    std::vector<Errc> errors;
    bool throws = false; ///< the application, when it is told of an error
    std::shared_ptr<ConsumerDriver> driver;
    std::shared_ptr<ConsumerImpl> consumer;
    core::StreamId streams = 0;
};

using Seen = std::vector<std::string>;

size_t allocated_bytes() {
    return mallinfo2().uordblks;
}

} // namespace

TEST_CASE("partitions take turns slice by slice", "[consumer]") {
    World world;
    world.assign(2);
    world.deliver(1, batch(0, 2), 0, 2);
    world.deliver(1, batch(2, 2), 2, 2);
    world.deliver(2, batch(0, 2), 0, 2);
    CHECK(world.drain() == Seen{"0@0", "0@1", "1@0", "1@1", "0@2", "0@3"});
    CHECK(world.credited() == 6);
    CHECK(world.consumer->position({{"t", 0}, {"t", 1}, {"t", 7}}).at(0).offset == 4);
}

TEST_CASE("slices of older streams are dropped, in the queue and half read", "[consumer]") {
    World world;
    world.assign(1);
    world.deliver(1, batch(0, 5), 0, 5);
    CHECK(world.consumer->poll(0ms)->offset() == 0);
    world.deliver(1, batch(5, 5), 5, 5);
    world.consumer->seek({.topic = "t", .partition = 0, .offset = 100});
    world.deliver(1, batch(10, 5), 10, 5); // was on its way
    CHECK(world.drain().empty());
    world.deliver(2, batch(100, 1), 100, 1);
    CHECK(world.drain() == Seen{"0@100"});
    world.assign(1);
    world.deliver(2, batch(101, 1), 101, 1);
    world.deliver(3, batch(0, 1), 0, 1);
    CHECK(world.drain() == Seen{"0@0"});
}

TEST_CASE("pause keeps what was fetched, half read or not", "[consumer]") {
    World world;
    world.assign(2);
    world.deliver(1, batch(0, 3), 0, 3);
    CHECK(world.consumer->poll(0ms)->offset() == 0);
    world.consumer->pause({{"t", 0}});
    world.deliver(1, batch(3, 1), 3, 1);
    world.deliver(2, batch(0, 1), 0, 1);
    CHECK(world.drain() == Seen{"1@0"});
    Records records;
    world.consumer->poll_records(records, 0ms);
    CHECK(records.empty());
    world.consumer->resume({{"t", 0}});
    CHECK(world.drain() == Seen{"0@1", "0@2", "0@3"});
}

TEST_CASE("events keep their place between messages", "[consumer]") {
    World world;
    world.assign(1);
    world.deliver(1, batch(0, 1), 0, 1);
    world.driver->queue().deliver({1, core::EndOfPartition{1}});
    world.driver->queue().deliver({1, core::PartitionFailure{Error(Errc::topic_authorization_failed), 1}});
    world.deliver(1, batch(1, 1), 1, 1);
    CHECK(world.drain() == Seen{"0@0", "0:_PARTITION_EOF@1", "0:TOPIC_AUTHORIZATION_FAILED@1", "0@1"});
}

TEST_CASE("a batch with a wrong checksum is an event, and reading begins anew there", "[consumer]") {
    World world;
    world.assign(1);
    const Buffer good = batch(0, 2);
    const Buffer bad = batch(2, 2);
    Buffer both = Buffer::allocate(good.size() + bad.size());
    std::memcpy(both.mutable_data(), good.data(), good.size());
    std::memcpy(both.mutable_data() + good.size(), bad.data(), bad.size());
    both.mutable_data()[both.size() - 1] ^= 1;
    world.deliver(1, both, 0, 4);
    world.deliver(1, batch(4, 1), 4, 1); // fetched ahead: comes again with the new stream
    CHECK(world.drain() == Seen{"0@0", "0@1", "0:_BAD_MSG@2"});
    world.deliver(2, batch(2, 2), 2, 2);
    CHECK(world.drain() == Seen{"0@2", "0@3"});
}

TEST_CASE("views and messages can be mixed", "[consumer]") {
    World world;
    world.assign(1);
    world.deliver(1, batch(0, 5, Compression::lz4), 0, 5);
    CHECK(world.consumer->poll(0ms)->offset() == 0);
    Records records;
    world.consumer->poll_records(records, 0ms);
    CHECK(records.count() == 4);
    CHECK(records.batches().at(0).begin()->offset() == 1);
    CHECK(world.consumer->position({{"t", 0}}).at(0).offset == 5);
    CHECK(world.credited() == 5);
}

TEST_CASE("views live as long as their Records, also when moved", "[consumer]") {
    World world;
    world.assign(1);
    Records kept;
    for (const auto codec : {Compression::none, Compression::zstd}) {
        world.deliver(1, batch(0, 3, codec), 0, 3);
        Records records;
        world.consumer->poll_records(records, 0ms);
        kept = std::move(records);
        world.deliver(1, batch(3, 50, codec), 3, 50);
        world.consumer->poll_records(records, 0ms);
        REQUIRE(kept.count() == 3);
        for (const auto& record : kept.batches().at(0))
            CHECK(record.value().text() == std::string(100, 'x'));
    }
}

TEST_CASE("a detached message keeps nothing else alive", "[consumer]") {
    World world;
    world.assign(1);
    const size_t before = allocated_bytes();
    world.deliver(1, batch(0, 5000), 0, 5000);
    auto message = world.consumer->poll(0ms);
    REQUIRE(message);
    message->detach();
    CHECK(message->value().text() == std::string(100, 'x'));
    CHECK(message->key().text() == "k");
    world.consumer->assign({});
    CHECK(allocated_bytes() < before + 400'000); // the slice alone was more
    CHECK(message->value().text() == std::string(100, 'x'));
}

TEST_CASE("credits ring the fetcher only when it asked for them", "[consumer]") {
    int rung = 0;
    ConsumerQueue queue([&] { ++rung; });
    std::vector<core::Credit> credits;
    queue.give_back({1, 5, 50});
    queue.give_back({1, 5, 50});
    queue.give_back({2, 1, 10});
    CHECK(rung == 0);
    queue.take_credits(credits, core::FetchSink::Wake::on_next_credit); // there are some: no need to wake
    REQUIRE(credits.size() == 2);
    CHECK(credits[0].messages == 10);
    queue.give_back({1, 1, 1});
    CHECK(rung == 0);
    queue.take_credits(credits, core::FetchSink::Wake::no);
    queue.take_credits(credits, core::FetchSink::Wake::on_next_credit);
    queue.give_back({1, 1, 1});
    queue.give_back({1, 1, 1});
    CHECK(rung == 1);
}

TEST_CASE("in steady state nothing is allocated per message", "[consumer]") {
    World world;
    world.assign(1);
    Records records;
    std::vector<Buffer> slices;
    constexpr int per_slice = 1000;
    for (int64_t i = 0; i < 20; ++i)
        slices.push_back(batch(i * per_slice, per_slice, i % 2 ? Compression::lz4 : Compression::none));
    int64_t next = 0;
    const auto read = [&](size_t slice, bool views) {
        world.deliver(1, slices[slice], next, per_slice);
        const int64_t before = test::allocation_count();
        int64_t seen = 0;
        if (views) {
            world.consumer->poll_records(records, 0ms);
            seen = static_cast<int64_t>(records.count());
        } else {
            while (world.consumer->poll(0ms))
                ++seen;
        }
        CHECK(seen == per_slice);
        next += per_slice;
        return test::allocation_count() - before;
    };
    for (const bool views : {true, false})
        for (size_t i = 0; i < 10; ++i) {
            const int64_t count = read(static_cast<size_t>(next / per_slice), views);
            if (i >= 4) // the first ones grow what is kept
                CHECK(count <= 4);
        }
}

TEST_CASE("only asking for messages is polling: a commit does not put off max.poll.interval.ms", "[group]") {
    config::ClientConfig config;
    config.group_id = "g";
    World world(std::move(config));
    const auto& calls = world.driver->poll_clock().calls;
    world.consumer->poll(0ms);
    world.consumer->consume(1, 0ms);
    Records records;
    world.consumer->poll_records(records, 0ms);
    CHECK(calls == 3);
    world.consumer->stored();
    world.consumer->commit_async({});
    CHECK(calls == 3);
}

TEST_CASE("consume ends when its own messages have spent the memory budget", "[consumer][memory]") {
    config::ClientConfig config;
    config.memory_budget = 90'000;
    World world(std::move(config));
    world.assign(1);
    for (int64_t i = 0; i < 3; ++i)
        world.deliver(1, batch(i * 500, 500, Compression::lz4), i * 500, 500); // 60 kB each
    auto some = std::async(std::launch::async, [&] { return world.consumer->consume(1500, -1ms).size(); });
    const bool came = some.wait_for(10s) == std::future_status::ready;
    world.consumer->wakeup();
    CHECK(came);
    CHECK(some.get() == 500);
}

TEST_CASE("what a callback throws in the midst of consume costs no messages", "[consumer]") {
    World world;
    world.throws = true;
    world.assign(1);
    world.deliver(1, batch(0, 3), 0, 3);
    Seen seen;
    std::thread application([&] {
        try {
            for (const auto& message : world.consumer->consume(10, -1ms))
                seen.push_back("0@" + std::to_string(message.offset()));
            world.consumer->consume(10, 0ms);
        } catch (const std::runtime_error& e) {
            seen.emplace_back(e.what());
        }
    });
    while (world.consumer->position({{"t", 0}}).front().offset != 3)
        std::this_thread::yield();
    world.driver->events().on_error(Error(Errc::_transport));
    application.join();
    CHECK(seen == Seen{"0@0", "0@1", "0@2", "the application's"});
    world.throws = false;
    CHECK(world.drain().empty());
}

TEST_CASE("the lag of a partition that is read from its beginning again counts from there", "[consumer]") {
    World world;
    world.assign(1);
    world.driver->queue().on_end(1, 1000, 2000);
    CHECK(world.consumer->current_lag({"t", 0}) == 1000);
    world.driver->queue().on_end(1, 0, 490); // the topic was created again
    world.deliver(1, batch(0, 10), 0, 10);
    CHECK(world.consumer->poll(0ms)->offset() == 0);
    CHECK(world.consumer->current_lag({"t", 0}) == 489);
}

TEST_CASE("whoever seeks back has not worked off what lies behind", "[group]") {
    config::ClientConfig config;
    config.group_id = "g";
    World world(std::move(config));
    world.assign(1);
    world.deliver(1, batch(0, 10), 0, 10);
    Records records;
    if (GENERATE(true, false)) {
        world.consumer->poll_records(records, 0ms);
        REQUIRE(records.count() == 10);
    } else {
        REQUIRE(world.drain().size() == 10);
    }
    const auto seek = [&](int64_t offset) {
        world.consumer->seek({.topic = "t", .partition = 0, .offset = offset});
        CHECK_FALSE(world.consumer->poll(0ms)); // what was handed out before it is over
        const auto rows = world.consumer->stored();
        return rows.empty() ? offset_invalid : rows[0].offset;
    };
    SECTION("back") { CHECK(seek(4) == 4); }
    SECTION("back behind what is committed") {
        world.consumer->stored(); // for a commit
        CHECK(seek(4) == offset_invalid);
        world.deliver(2, batch(4, 1), 4, 1);
        CHECK(world.drain() == Seen{"0@4"});
        CHECK(world.consumer->stored().at(0).offset == 5);
    }
    SECTION("on") { CHECK(seek(20) == 10); }
    SECTION("to the end") { CHECK(seek(offset_end) == 10); }
    SECTION("to the beginning") { CHECK(seek(offset_beginning) == offset_invalid); }
    SECTION("to what is committed") { CHECK(seek(offset_stored) == offset_invalid); }
}

TEST_CASE("of two asynchronous polls one goes on, also when the first is about to look again", "[consumer]") {
    World world;
    world.assign(1);
    std::vector<std::string> ended;
    const auto poll = [&] {
        world.consumer->start_poll(Handler<Message>([&](error_code ec, const Message& message) {
            ended.push_back(ec == Errc::_in_progress ? "_IN_PROGRESS" : ec ? ec.message() : std::to_string(message.offset()));
        }));
    };
    poll();
    world.driver->queue().interrupt(); // there may be something to serve
    poll();
    world.io.poll();
    CHECK(ended == Seen{"_IN_PROGRESS"});
    world.deliver(1, batch(0, 1), 0, 1);
    world.io.restart();
    world.io.poll();
    CHECK(ended == Seen{"_IN_PROGRESS", "0"});
}

TEST_CASE("the longest time limit that there is is no short one", "[consumer]") {
    const auto deadline = ConsumerImpl::deadline_of(std::chrono::milliseconds::max());
    CHECK(deadline > engine::Loop::now() + std::chrono::hours(24));
}
