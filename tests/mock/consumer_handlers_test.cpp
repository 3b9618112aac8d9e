// What applications do in and around rebalance handlers, and how members end, against the embedded cluster.
#include <future>
#include <thread>

#include <boost/asio/io_context.hpp>

#include "catch.hpp"
#include "mock/group_workers.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

using Strings = std::vector<std::string>;

/// Classic, eager and cooperative, and new.
Config any_member(const GroupWorld& world) {
    const int kind = GENERATE(0, 1, 2);
    return kind == 2   ? world.new_member()
           : kind == 1 ? world.member({{"partition.assignment.strategy", "cooperative-sticky"}})
                       : world.member();
}

int64_t committed(const GroupWorld& world) {
    int64_t sum = 0;
    for (const auto& row : world.cluster.committed("g"))
        sum += row.offset;
    return sum;
}

/// One that has read everything, and not yet been told that it has nothing any more.
struct Unsubscribed {
    Unsubscribed() : consumer(any_member(world)) {
        consumer.subscribe({"t"}, {.on_revoke = [this](const auto& partitions) { revoked += partitions.size(); }});
        CHECK(values_of(consumer, 40).size() == 40);
        consumer.unsubscribe();
    }

    GroupWorld world;
    Consumer consumer;
    size_t revoked = 0;
};

} // namespace

TEST_CASE("a member closes while an asynchronous poll waits on the engine's thread", "[mock][group]") {
    GroupWorld world;
    Consumer consumer(any_member(world));
    std::vector<std::thread::id> revoked_on;
    consumer.subscribe({"t"}, {.on_revoke = [&](const auto&) { revoked_on.push_back(std::this_thread::get_id()); }});
    CHECK(values_of(consumer, 40).size() == 40);
    std::promise<error_code> promise;
    auto ended = promise.get_future();
    consumer.async_poll([&](error_code ec, const Message&) { promise.set_value(ec); });
    consumer.close();
    CHECK(ended.get() == Errc::_destroy);
    CHECK(revoked_on == std::vector{std::this_thread::get_id()});
    CHECK(world.cluster.group("g")->state == "Empty");
    CHECK(committed(world) == 40);
}

TEST_CASE("names that no request can carry are refused", "[mock][group]") {
    GroupWorld world;
    Consumer consumer(world.member());
    for (const std::string& name : {std::string("t\xff"), std::string(40'000, 't')}) {
        CHECK_THROWS_AS(consumer.subscribe({name}), KafkaException);
        CHECK_THROWS_AS(consumer.assign({{.topic = name, .partition = 0}}), KafkaException);
        CHECK_THROWS_AS(consumer.incremental_assign({{.topic = name, .partition = 0}}), KafkaException);
    }
    consumer.subscribe({"t"});
    CHECK(values_of(consumer, 40).size() == 40);
}

TEST_CASE_METHOD(Unsubscribed, "closing right after unsubscribing leaves the group, too", "[mock][group]") {
    consumer.close();
    CHECK(revoked == 4);
    CHECK(world.cluster.group("g")->state == "Empty");
    CHECK(committed(world) == 40);
}

TEST_CASE("what a handler has not taken of its share need not be given up", "[mock][group]") {
    GroupWorld world;
    const bool is_new = GENERATE(true, false);
    Consumer consumer(is_new ? world.new_member() : world.member({{"partition.assignment.strategy", "cooperative-sticky"}}));
    consumer.subscribe({"t"}, {.on_assign = [&](const auto& partitions) {
        if (!partitions.empty())
            consumer.incremental_assign({{.topic = "t", .partition = partitions.front().partition, .offset = 0}});
    }});
    CHECK(values_of(consumer, 10).size() == 10);
    CHECK(consumer.assignment().size() == 1);
    consumer.unsubscribe();
    CHECK(comes([&] { return consumer.poll(20ms), consumer.assignment().empty(); }));
    CHECK(comes([&] { return consumer.poll(20ms), world.cluster.group("g")->state == "Empty"; }));
}

TEST_CASE_METHOD(Unsubscribed, "what is assigned by hand right after unsubscribing stays", "[mock][group]") {
    consumer.assign({{.topic = "t", .partition = 1, .offset = 5}});
    std::vector<std::string> values;
    CHECK(comes([&] {
        if (const auto message = consumer.poll(20ms))
            values.emplace_back(message->value().text());
        return values.size() >= 5 && world.cluster.group("g")->state == "Empty";
    }));
    CHECK(values == Strings{"p1-5", "p1-6", "p1-7", "p1-8", "p1-9"});
    CHECK(revoked == 4);
    CHECK(consumer.assignment() == std::vector<TopicPartition>{{"t", 1}});
}

TEST_CASE("a handler may close the consumer", "[mock][group]") {
    GroupWorld world;
    Consumer consumer(any_member(world));
    RebalanceHandlers handlers;
    const bool when_given = GENERATE(true, false);
    (when_given ? handlers.on_assign : handlers.on_revoke) = [&](const auto&) { consumer.close(); };
    consumer.subscribe({"t"}, handlers);
    const auto before = Clock::now();
    if (!when_given) {
        CHECK(values_of(consumer, 40).size() == 40);
        consumer.unsubscribe();
    }
    Errc ended = Errc::no_error;
    CHECK(comes([&] {
        try {
            consumer.poll(20ms);
        } catch (const KafkaException& e) {
            ended = e.error().code();
        }
        return ended != Errc::no_error;
    }));
    CHECK(ended == Errc::_state);
    CHECK(Clock::now() - before < 20s); // it waits for nothing, which would take 30
    CHECK(world.cluster.group("g")->state == "Empty");
    CHECK(committed(world) == (when_given ? 0 : 40));
}

TEST_CASE("a handler may close a consumer that lives in the application's loop", "[mock][group]") {
    GroupWorld world;
    boost::asio::io_context io(1);
    Consumer consumer(any_member(world), Engine(io.get_executor()));
    consumer.subscribe({"t"}, {.on_assign = [&](const auto&) { consumer.close(); }});
    error_code ended;
    consumer.async_poll([&](error_code ec, const Message&) { ended = ec; });
    io.run_for(10s);
    CHECK(ended == Errc::_destroy);
    CHECK(world.cluster.group("g")->state == "Empty");
}

TEST_CASE("what a handler throws does not come out of the destructor", "[mock][group]") {
    GroupWorld world;
    {
        Consumer consumer(world.member());
        consumer.subscribe({"t"}, {.on_revoke = [](const auto&) { throw std::runtime_error("no"); }});
        CHECK(values_of(consumer, 40).size() == 40);
    }
    CHECK(committed(world) == 40);
}
