// Consumers that share topics as members of a group, classic protocol, against the embedded cluster.
#include <set>
#include <thread>

#include <ottla/msg/heartbeat.hpp>
#include <ottla/msg/offset_commit.hpp>

#include "catch.hpp"
#include "mock/group_workers.hpp"

using namespace ottla;
using namespace ottla::test;

TEST_CASE("a lonely member gets all partitions, and who comes after it goes on where it ended", "[mock][group]") {
    GroupWorld world;
    const auto strategy = GENERATE("range", "roundrobin", "cooperative-sticky");
    {
        Consumer consumer(world.member({{"partition.assignment.strategy", strategy}}));
        consumer.subscribe({"t"});
        CHECK(consumer.subscription() == std::vector<std::string>{"t"});
        auto values = values_of(consumer, 40);
        CHECK(std::set(values.begin(), values.end()).size() == 40);
        CHECK(consumer.assignment().size() == 4);
        CHECK_FALSE(consumer.member_id().empty());
        CHECK(consumer.group_metadata().generation_id > 0);
        consumer.close();
    }
    int64_t committed = 0;
    for (const auto& row : world.cluster.committed("g"))
        committed += row.offset;
    CHECK(committed == 40);
    world.fill("t", 2, 1, "late");
    Consumer consumer(world.member({{"partition.assignment.strategy", strategy}}));
    consumer.subscribe({"t"});
    CHECK(values_of(consumer, 1) == std::vector<std::string>{"late0"});
}

TEST_CASE("subscribing ends what was assigned by hand, and commits it", "[mock][group]") {
    GroupWorld world;
    const auto strategy = GENERATE("range", "cooperative-sticky");
    Consumer consumer(world.member({{"partition.assignment.strategy", strategy}}));
    consumer.assign({{.topic = "t", .partition = 1}, {.topic = "t", .partition = 2, .offset = offset_end}});
    CHECK(values_of(consumer, 10).front() == "p1-0");
    consumer.subscribe({"t"});
    CHECK(consumer.assignment().empty());
    auto values = values_of(consumer, 30); // all but those of t[1]
    CHECK(std::set(values.begin(), values.end()).size() == 30);
    CHECK(std::none_of(values.begin(), values.end(), [](const std::string& value) { return value.starts_with("p1"); }));
    CHECK(consumer.assignment().size() == 4);
}

TEST_CASE("members share, also as they come and go", "[mock][group]") {
    GroupWorld world;
    const auto strategy = GENERATE("range", "cooperative-sticky");
    const Config config = world.member({{"partition.assignment.strategy", strategy}});
    share_as_they_come_and_go(world, config);
}

TEST_CASE("handlers hear of each step and may say from where to read", "[mock][group]") {
    GroupWorld world;
    std::vector<std::string> heard;
    Consumer consumer(world.member());
    RebalanceHandlers handlers;
    handlers.on_assign = [&](const std::vector<TopicPartition>& partitions) {
        heard.push_back("assign " + std::to_string(partitions.size()));
        std::vector<TopicPartitionOffset> starts;
        for (const auto& p : partitions)
            starts.push_back({.topic = p.topic, .partition = p.partition, .offset = 8});
        consumer.assign(starts);
    };
    handlers.on_revoke = [&](const std::vector<TopicPartition>& partitions) { heard.push_back("revoke " + std::to_string(partitions.size())); };
    consumer.subscribe({"t"}, handlers);
    const auto values = values_of(consumer, 8);
    CHECK(std::set(values.begin(), values.end()) ==
          std::set<std::string>{"p0-8", "p0-9", "p1-8", "p1-9", "p2-8", "p2-9", "p3-8", "p3-9"});
    consumer.unsubscribe();
    CHECK(comes([&] { return consumer.poll(20ms), heard.size() >= 2; }));
    CHECK(heard == std::vector<std::string>{"assign 4", "revoke 4"});
    CHECK(consumer.assignment().empty());
    consumer.close();
}

TEST_CASE("what consume has collected is returned before its partitions are given up", "[mock][group]") {
    GroupWorld world;
    std::set<int32_t> held;
    RebalanceHandlers handlers;
    handlers.on_assign = [&](const auto& partitions) {
        for (const auto& p : partitions)
            held.insert(p.partition);
    };
    handlers.on_revoke = [&](const auto&) { held.clear(); };
    Consumer consumer(world.member());
    consumer.subscribe({"t"}, handlers);
    std::unique_ptr<Worker> other;
    std::thread joining([&] {
        comes([&] { return consumer.metrics().messages_received == 40; });
        other = std::make_unique<Worker>(world.member());
    });

    size_t seen = 0;
    size_t of_others = 0;
    while (seen < 40) { // a 41st never comes: the call ends because another wants its share
        const auto messages = consumer.consume(41, 20s);
        REQUIRE(!messages.empty());
        seen += messages.size();
        for (const auto& message : messages)
            of_others += !held.contains(message.partition());
    }
    joining.join();

    CHECK(of_others == 0);
    CHECK(comes([&] { return consumer.poll(5ms), other->assignment().size() == 2; }));
}

TEST_CASE("a rebalance waits for no commits of partitions that are kept, however many and slow", "[mock][group]") {
    GroupWorld world;
    const Config config = world.member({{"partition.assignment.strategy", "cooperative-sticky"}, {"enable.auto.commit", "false"}});
    Consumer first(config);
    first.subscribe({"t"});
    values_of(first, 40);
    constexpr auto commits = static_cast<int16_t>(msg::ApiKey::offset_commit);
    world.cluster.delay(commits, 50ms);
    Worker second(config);
    CommittedOffset done;
    done.topic = "t";
    done.partition = 0;
    CHECK(comes([&] {
        done.offset = (done.offset + 1) % 10;
        first.commit_async(std::vector{done});
        first.poll(5ms);
        return second.assignment().size() == 2;
    }));
    world.cluster.delay(commits, 0ms);
}

TEST_CASE("what a handler throws comes out of the poll, and the rebalance goes on", "[mock][group]") {
    GroupWorld world;
    Consumer consumer(world.member());
    bool thrown = false;
    RebalanceHandlers handlers;
    handlers.on_assign = [&](const auto&) {
        thrown = true;
        throw std::runtime_error("no");
    };
    consumer.subscribe({"t"}, handlers);
    CHECK_THROWS_AS(
        [&] {
            comes([&] { return consumer.poll(20ms), false; });
        }(),
        std::runtime_error);
    CHECK(thrown);
    CHECK(values_of(consumer, 40).size() == 40);
}

TEST_CASE("a member that the coordinator has forgotten loses its partitions and joins anew", "[mock][group]") {
    GroupWorld world;
    std::vector<std::string> heard;
    Consumer consumer(world.member());
    RebalanceHandlers handlers;
    handlers.on_assign = [&](const auto& partitions) { heard.push_back("assign " + std::to_string(partitions.size())); };
    handlers.on_revoke = [&](const auto& partitions) { heard.push_back("revoke " + std::to_string(partitions.size())); };
    handlers.on_lost = [&](const auto& partitions) { heard.push_back("lost " + std::to_string(partitions.size())); };
    consumer.subscribe({"t"}, handlers);
    CHECK(values_of(consumer, 40).size() == 40);
    world.cluster.fail_next(static_cast<int16_t>(msg::ApiKey::heartbeat), 1, Errc::unknown_member_id);
    CHECK(comes([&] { return consumer.poll(20ms), heard.size() >= 3; }));
    CHECK(heard == std::vector<std::string>{"assign 4", "lost 4", "assign 4"});
}

TEST_CASE("an application that polls too seldom is told so, is out, and comes back when it polls", "[mock][group]") {
    GroupWorld world;
    Consumer consumer(world.member({{"max.poll.interval.ms", "300"}, {"session.timeout.ms", "300"}}));
    consumer.subscribe({"t"});
    CHECK(values_of(consumer, 1).size() == 1);
    std::this_thread::sleep_for(600ms);
    std::vector<Errc> errors;
    size_t messages = 0;
    for (const auto deadline = Clock::now() + 20s; Clock::now() < deadline && (errors.empty() || messages < 40);) {
        const auto message = consumer.poll(100ms);
        if (message && message->error())
            errors.push_back(message->error().errc());
        else if (message)
            ++messages;
    }
    CHECK(errors == std::vector{Errc::_max_poll_exceeded});
    CHECK(messages >= 40);
}

TEST_CASE("subscribing wants a group, topics with names, and patterns that can be read", "[mock][group]") {
    GroupWorld world;
    const auto code_of = [](const std::function<void()>& call) {
        try {
            call();
        } catch (const KafkaException& e) {
            return e.error().code();
        }
        return Errc::no_error;
    };
    Consumer lonely(world.config());
    CHECK(code_of([&] { lonely.subscribe({"t"}); }) == Errc::_unknown_group);
    Consumer consumer(world.member());
    CHECK(code_of([&] { consumer.subscribe({""}); }) == Errc::_invalid_arg);
    CHECK(code_of([&] { consumer.subscribe({"^t("}); }) == Errc::_invalid_arg);
    CHECK(consumer.member_id().empty());
    consumer.incremental_assign({{.topic = "t", .partition = 0, .offset = 9}});
    CHECK(code_of([&] { consumer.incremental_assign({{.topic = "t", .partition = 0}}); }) == Errc::_conflict);
    CHECK(code_of([&] { consumer.incremental_unassign({{"t", 1}}); }) == Errc::_invalid_arg);
    consumer.incremental_assign({{.topic = "t", .partition = 1, .offset = 9}});
    CHECK(values_of(consumer, 2).size() == 2);
    consumer.incremental_unassign({{"t", 0}});
    CHECK(consumer.assignment() == std::vector<TopicPartition>{{"t", 1}});
    consumer.close();
    CHECK(code_of([&] { consumer.subscribe({"t"}); }) == Errc::_state);
}
