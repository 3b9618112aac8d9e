// Offsets committed in the name of a group by a consumer that assigns partitions to itself.
#include <atomic>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <ottla/msg/offset_commit.hpp>
#include <ottla/msg/offset_fetch.hpp>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

struct CommitWorld : ConsumerWorld {
    CommitWorld() : ConsumerWorld({.default_partitions = 2}) {
        cluster.create_topic("t", 2);
        fill("t", 0, 20, "a");
        fill("t", 1, 20, "b");
    }

    Consumer join(std::initializer_list<std::pair<const std::string, std::string>> more = {}, ConsumerOptions options = {}) {
        Config all = config(more);
        all.set("group.id", "g");
        Consumer consumer(all, std::move(options));
        consumer.assign({{.topic = "t", .partition = 0}});
        return consumer;
    }
    int64_t committed(int32_t partition = 0) const {
        for (const auto& row : cluster.committed("g"))
            if (row.topic == "t" && row.partition == partition)
                return row.offset;
        return offset_invalid;
    }
    bool comes_to(int64_t offset) const {
        const auto deadline = Clock::now() + 10s;
        while (committed() != offset && Clock::now() < deadline)
            std::this_thread::sleep_for(5ms);
        return committed() == offset;
    }
};

Errc code_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const KafkaException& e) {
        return e.error().code();
    }
    return Errc::no_error;
}

constexpr auto metadata_api = static_cast<int16_t>(msg::ApiKey::metadata);

using Values = std::vector<std::string>;

} // namespace

TEST_CASE("a consumer begins where its group has got to, and closing commits", "[mock][group]") {
    CommitWorld world;
    {
        Consumer consumer = world.join({{"auto.commit.interval.ms", "0"}});
        CHECK(values_of(consumer, 3) == Values{"a0", "a1", "a2"});
        CHECK(world.committed() == offset_invalid);
        consumer.close();
        CHECK(world.committed() == 3);
    }
    {
        Consumer consumer = world.join();
        CHECK(values_of(consumer, 2) == Values{"a3", "a4"});
    } // unclosed
    CHECK(world.committed() == 5);
    {
        Consumer consumer = world.join({{"enable.auto.commit", "false"}});
        CHECK(values_of(consumer, 1) == Values{"a5"});
        consumer.close();
        CHECK(world.committed() == 5);
    }
    Consumer consumer = world.join();
    consumer.assign({{.topic = "t", .partition = 0, .offset = 1}, {.topic = "t", .partition = 1, .offset = offset_stored}});
    auto values = values_of(consumer, 39);
    std::sort(values.begin(), values.end());
    CHECK(values.front() == "a1");
    CHECK(values.back() == "b9"); // of which nothing was committed
}

TEST_CASE("stored offsets are committed as time goes by, and when the assignment changes", "[mock][group]") {
    CommitWorld world;
    std::vector<std::string> heard;
    ConsumerOptions options;
    options.on_commit = [&](const Error& error, const std::vector<CommittedOffset>& rows) {
        for (const auto& row : rows)
            heard.push_back(error_name(error.errc()) + " " + std::to_string(row.offset));
    };
    Consumer consumer = world.join({{"auto.commit.interval.ms", "20"}}, std::move(options));
    CHECK(values_of(consumer, 3).size() == 3);
    CHECK(world.comes_to(3));
    consumer.pause({{"t", 0}});
    for (const auto deadline = Clock::now() + 10s; (heard.empty() || heard.back() != "NO_ERROR 3") && Clock::now() < deadline;)
        consumer.poll(10ms);
    REQUIRE_FALSE(heard.empty());
    CHECK(heard.back() == "NO_ERROR 3");

    Consumer other = world.join({{"auto.commit.interval.ms", "0"}});
    CHECK(values_of(other, 4) == Values{"a3", "a4", "a5", "a6"});
    // Anew from what is committed: what was stored just now is, before it is asked for.
    other.assign({{.topic = "t", .partition = 0}});
    CHECK(values_of(other, 1) == Values{"a7"});
}

TEST_CASE("commits by hand: what is stored, a message, offsets", "[mock][group]") {
    CommitWorld world;
    Consumer consumer = world.join({{"enable.auto.commit", "false"}});
    CHECK(code_of([&] { consumer.commit(); }) == Errc::_no_offset);
    CHECK(values_of(consumer, 3).size() == 3);
    const auto rows = consumer.commit();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].offset == 3);
    CHECK(world.committed() == 3);
    CHECK(code_of([&] { consumer.commit(); }) == Errc::_no_offset); // nothing new

    const auto message = consumer.poll(10s);
    REQUIRE(message);
    consumer.poll(10s);
    consumer.commit(*message);
    CHECK(world.committed() == 4);

    CommittedOffset other;
    other.topic = "t";
    other.partition = 1;
    other.offset = 11;
    other.metadata = "eleven";
    CommittedOffset logical = other;
    logical.offset = offset_end;
    CHECK(consumer.commit({other, logical}).size() == 1);
    CHECK(world.committed(1) == 11);
    CHECK(consumer.committed({{"t", 1}}, 10s)[0].metadata == "eleven");
    CHECK(code_of([&] { consumer.commit(std::vector{logical}); }) == Errc::_no_offset);

    other.topic = "not there";
    CHECK(code_of([&] { consumer.commit(std::vector{other}); }) == Errc::unknown_topic_or_part);
    CommittedOffset good = other;
    good.topic = "t";
    good.offset = 12;
    const auto mixed = consumer.commit({other, good});
    CHECK(mixed[0].error.errc() == Errc::unknown_topic_or_part);
    CHECK_FALSE(mixed[1].error);
    CHECK(world.committed(1) == 12);
}

TEST_CASE("commits without waiting, in the order of the calls", "[mock][group]") {
    CommitWorld world;
    std::vector<std::string> heard;
    ConsumerOptions options;
    options.on_commit = [&](const Error& error, const std::vector<CommittedOffset>& rows) {
        heard.push_back(error_name(error.errc()) + (rows.empty() ? "" : " " + std::to_string(rows[0].offset)));
    };
    Consumer consumer = world.join({{"enable.auto.commit", "false"}}, std::move(options));
    consumer.commit_async(); // there is nothing
    CommittedOffset row;
    row.topic = "t";
    row.partition = 0;
    for (row.offset = 1; row.offset <= 5; ++row.offset)
        consumer.commit_async({row});
    row.offset = 9;
    auto token = consumer.async_commit({row}, boost::asio::use_future([](error_code ec, const std::vector<CommittedOffset>& rows) {
        return std::pair(ec, rows.size());
    }));
    CHECK(token.get() == std::pair(error_code(), size_t{1}));
    CHECK(world.committed() == 9);
    for (const auto deadline = Clock::now() + 10s; heard.size() < 6 && Clock::now() < deadline;)
        consumer.poll(10ms);
    CHECK(heard == std::vector<std::string>{"_NO_OFFSET", "NO_ERROR 1", "NO_ERROR 2", "NO_ERROR 3", "NO_ERROR 4", "NO_ERROR 5"});
}

TEST_CASE("of records handed out together nothing is committed by itself while they are held", "[mock][group]") {
    CommitWorld world;
    {
        Consumer consumer = world.join({{"auto.commit.interval.ms", "10"}});
        Records records;
        while (records.count() < 20) {
            Records more = consumer.poll_records(10s);
            REQUIRE(more.count() > 0);
            records = std::move(more);
        }
        std::this_thread::sleep_for(50ms); // several intervals
        CHECK(world.committed() == offset_invalid);
        records = Records();
        CHECK(world.comes_to(20));
    }
    CommittedOffset back;
    back.topic = "t";
    back.partition = 0;
    back.offset = 0;
    Consumer consumer = world.join({{"enable.auto.commit", "false"}});
    consumer.commit({back});
    consumer.assign({{.topic = "t", .partition = 0}});
    const Records records = consumer.poll_records(10s);
    CHECK(consumer.commit()[0].offset == static_cast<int64_t>(records.count())); // whoever commits has done his work
}

TEST_CASE("of what consume returned nothing is committed by itself before the next call", "[mock][group]") {
    CommitWorld world;
    Consumer consumer = world.join({{"auto.commit.interval.ms", "10"}});
    REQUIRE(consumer.consume(20, 10s).size() == 20);
    std::this_thread::sleep_for(50ms); // several intervals
    CHECK(world.committed() == offset_invalid);

    SECTION("a poll") { CHECK_FALSE(consumer.poll(0ms)); }
    SECTION("the end of the assignment") { consumer.unassign(); }
    SECTION("closing") { consumer.close(); }
    SECTION("a commit") { consumer.commit_async(); }
    CHECK(world.comes_to(20));
}

TEST_CASE("offsets that are stored by hand", "[mock][group]") {
    CommitWorld world;
    Consumer consumer = world.join({{"enable.auto.offset.store", "false"}, {"auto.commit.interval.ms", "0"}});
    const auto first = consumer.poll(10s);
    REQUIRE(first);
    CHECK(values_of(consumer, 4).size() == 4);
    CHECK(code_of([&] { consumer.commit(); }) == Errc::_no_offset);
    consumer.store_offsets(*first);
    CHECK(consumer.commit()[0].offset == 1);
    CHECK(code_of([&] { consumer.store_offsets({{.topic = "t", .partition = 1, .offset = 3}}); }) == Errc::_state);
    consumer.store_offsets({{.topic = "t", .partition = 0, .offset = 4}});
    consumer.close();
    CHECK(world.committed() == 4);

    Consumer automatic = world.join();
    CHECK(code_of([&] { automatic.store_offsets({{.topic = "t", .partition = 0, .offset = 4}}); }) == Errc::_invalid_arg);
}

TEST_CASE("commits without a group, of events, of closed consumers, and to a coordinator that is mute", "[mock][group]") {
    CommitWorld world;
    Consumer lonely(world.config({{"enable.partition.eof", "true"}}));
    CHECK(code_of([&] { lonely.commit(); }) == Errc::_unknown_group);
    CHECK(code_of([&] { lonely.commit_async(); }) == Errc::_unknown_group);
    lonely.assign({{.topic = "t", .partition = 0, .offset = offset_end}});
    const auto end = lonely.poll(10s);
    REQUIRE(end);
    CHECK(code_of([&] { lonely.commit(*end); }) == Errc::_invalid_arg);

    constexpr auto api = static_cast<int16_t>(msg::ApiKey::offset_commit);
    world.cluster.fail_next(api, 1, Errc::not_coordinator);
    Consumer consumer = world.join({{"socket.timeout.ms", "1000"}});
    CommittedOffset row;
    row.topic = "t";
    row.partition = 0;
    row.offset = 6;
    consumer.commit({row}); // asked again
    CHECK(world.committed() == 6);
    world.cluster.fail_next(api, 1, Errc::group_authorization_failed);
    CHECK(code_of([&] { consumer.commit(std::vector{row}); }) == Errc::group_authorization_failed);

    world.cluster.delay(api, 60s);
    auto waiting = consumer.async_commit({row}, boost::asio::use_future([](error_code ec, const std::vector<CommittedOffset>&) { return ec; }));
    CHECK(code_of([&] { consumer.commit(std::vector{row}); }) == Errc::_timed_out);
    CHECK(waiting.get() == Errc::_timed_out);
    auto dropped = consumer.async_commit({row}, boost::asio::use_future([](error_code ec, const std::vector<CommittedOffset>&) { return ec; }));
    consumer.close(0ms);
    CHECK(dropped.get() == Errc::_destroy);
    CHECK(code_of([&] { consumer.commit(std::vector{row}); }) == Errc::_state);
    CHECK(code_of([&] { consumer.commit_async(); }) == Errc::_state);
}

TEST_CASE("a group that may not be asked is told of, and reading begins once it may", "[mock][group]") {
    CommitWorld world;
    constexpr auto api = static_cast<int16_t>(msg::ApiKey::offset_fetch);
    world.cluster.fail_next(api, 1, Errc::group_authorization_failed);
    Consumer consumer = world.join();
    const auto refused = consumer.poll(10s);
    REQUIRE(refused);
    CHECK(refused->error().errc() == Errc::group_authorization_failed);
    CHECK(values_of(consumer, 1) == Values{"a0"});
    // Moved away from while it waits.
    world.cluster.delay(api, 300ms);
    consumer.assign({{.topic = "t", .partition = 1}});
    consumer.seek({.topic = "t", .partition = 1, .offset = 15});
    CHECK(values_of(consumer, 2) == Values{"b15", "b16"});
}

TEST_CASE("offsets go by topic ids: what was read of a topic is not committed to one made anew", "[mock][group]") {
    CommitWorld world;
    const auto only_by_id = [&](msg::ApiKey api) { world.cluster.limit_versions(static_cast<int16_t>(api), 10, 10); };
    only_by_id(msg::OffsetCommitRequest::api_key);
    {
        Consumer consumer = world.join();
        CHECK(values_of(consumer, 4) == Values{"a0", "a1", "a2", "a3"});
        consumer.close();
        CHECK(world.committed() == 4);
    }
    Consumer consumer = world.join({{"enable.auto.commit", "false"}});
    CHECK(values_of(consumer, 1) == Values{"a4"});
    only_by_id(msg::OffsetFetchRequest::api_key);
    CHECK(consumer.committed({{.topic = "t", .partition = 0}}, 10s).at(0).offset == 4);
    world.cluster.fail_next(metadata_api, 1000, Errc::leader_not_available); // the new id is not heard of
    REQUIRE_FALSE(world.cluster.delete_topic("t"));
    REQUIRE_FALSE(world.cluster.create_topic("t", 2));
    std::this_thread::sleep_for(50ms); // for a refresh to come, and to be refused
    std::vector<CommittedOffset> offsets(1);
    offsets[0].topic = "t";
    offsets[0].partition = 0;
    offsets[0].offset = 5;
    CHECK(code_of([&] { consumer.commit(offsets); }) == Errc::unknown_topic_id);
    CHECK(world.committed() == offset_invalid);
}

TEST_CASE("closing waits for the commits that are under way, and tells what became of them", "[mock][group]") {
    CommitWorld world;
    Values heard;
    ConsumerOptions options;
    options.on_commit = [&](const Error& error, const std::vector<CommittedOffset>& rows) {
        heard.push_back(error_name(error.errc()) + " " + std::to_string(rows.at(0).offset));
    };
    const bool by_itself = GENERATE(true, false);
    Consumer consumer =
        world.join({{"enable.auto.commit", by_itself ? "true" : "false"}, {"auto.commit.interval.ms", "0"}}, std::move(options));
    CHECK(values_of(consumer, 3).size() == 3);
    world.cluster.delay(static_cast<int16_t>(msg::ApiKey::offset_commit), 200ms);
    if (by_itself)
        consumer.unassign(); // which commits
    else
        consumer.commit_async();
    consumer.close();
    CHECK(world.committed() == 3);
    CHECK(heard == Values{"NO_ERROR 3"});
}

TEST_CASE("a commit ends when the execution context goes before it has begun", "[mock][group]") {
    CommitWorld world;
    auto io = std::make_unique<boost::asio::io_context>(1);
    Consumer consumer(world.config({{"group.id", "g"}}), Engine(io->get_executor()));
    std::atomic<Errc> ended{Errc::no_error};
    std::atomic<bool> begun{false};
    std::thread caller([&] {
        begun = true;
        ended = code_of([&] { consumer.commit({{{"t", 0, 5}}}); });
    });
    while (!begun)
        std::this_thread::yield();
    std::this_thread::sleep_for(50ms); // so that it waits, as a rule
    io.reset();
    caller.join();
    CHECK(ended == Errc::_destroy);
}
