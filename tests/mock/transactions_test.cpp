// Transactions of the client against the embedded cluster.
#include <future>
#include <thread>

#include <boost/asio/use_future.hpp>

#include "catch.hpp"
#include "producer_world.hpp"

using namespace ottla;
using namespace ottla::test;
using Values = std::vector<std::string>;

namespace {

struct TransactionWorld : ProducerWorld {
    explicit TransactionWorld(int16_t version = 2, MockClusterOptions options = {.brokers = 3}) : ProducerWorld([&] {
        options.transaction_version = version;
        return options;
    }()) {
        cluster.create_topic("orders", 2, 3);
    }
    Config transactional(std::string id = "letters") const { return config({{"transactional.id", std::move(id)}, {"log_level", "0"}}); }
    /// What a read_committed reader sees of a partition up to its last stable offset.
    Values committed(int32_t partition) {
        Consumer consumer(
            {{"bootstrap.servers", cluster.bootstrap_servers()}, {"enable.partition.eof", "true"}, {"fetch.wait.max.ms", "10"}});
        consumer.assign({{"orders", partition, offset_beginning}});
        Values all;
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (std::chrono::steady_clock::now() < deadline) {
            auto message = consumer.poll(100ms);
            if (!message)
                continue;
            if (message->error().errc() == Errc::_partition_eof)
                return all;
            REQUIRE_FALSE(message->error());
            all.emplace_back(message->value().text());
        }
        FAIL("no end of the partition");
        return all;
    }
};

Errc code_of(const std::function<void()>& call, ErrorFlag expected = ErrorFlag::none) {
    try {
        call();
    } catch (const KafkaException& e) {
        CHECK(flag_of(e.error().ec()) == expected);
        return e.error().code();
    }
    return Errc::no_error;
}

} // namespace

TEST_CASE("what is committed is seen whole, what is aborted never", "[transactions]") {
    TransactionWorld world(GENERATE(int16_t{1}, int16_t{2}));
    uint64_t reported = 0;
    Producer producer(world.transactional(), {.on_delivery = [&](const Delivery&) { ++reported; }});
    producer.init_transactions(10s);
    for (int round = 0; round < 6; ++round) {
        producer.begin_transaction();
        for (int i = 0; i < 10; ++i)
            producer.produce({.topic = "orders", .value = std::to_string(round) + "." + std::to_string(i), .partition = i % 2});
        if (round % 2) {
            if (round % 4 == 1)
                producer.flush(10s);
            producer.abort_transaction(10s);
        } else {
            producer.commit_transaction(10s);
        }
        CHECK(producer.outstanding() == 0);
        CHECK(reported == static_cast<uint64_t>(round + 1) * 10);
    }
    Values expected;
    for (int round = 0; round < 6; round += 2)
        for (int i = 0; i < 10; i += 2)
            expected.push_back(std::to_string(round) + "." + std::to_string(i));
    CHECK(world.committed(0) == expected);
}

TEST_CASE("an open transaction holds readers back, and a newer producer of the id ends it", "[transactions]") {
    TransactionWorld world(GENERATE(int16_t{1}, int16_t{2}));
    Producer old(world.transactional());
    old.init_transactions(10s);
    old.begin_transaction();
    old.produce({.topic = "orders", .value = "zombie", .partition = 0});
    REQUIRE(old.flush(10s) == 0);
    CHECK(world.committed(0).empty());

    Producer fresh(world.transactional());
    fresh.init_transactions(10s);
    fresh.begin_transaction();
    fresh.produce({.topic = "orders", .value = "fresh", .partition = 0});
    fresh.commit_transaction(10s);
    CHECK(world.committed(0) == Values{"fresh"});

    CHECK(code_of([&] { old.commit_transaction(10s); }, ErrorFlag::fatal) == Errc::_fenced);
    CHECK(old.fatal_error().errc() == Errc::_fenced);
    CHECK(code_of([&] { old.produce({.topic = "orders", .value = "x"}); }, ErrorFlag::fatal) == Errc::_fatal);
    old.close(1s);
}

TEST_CASE("transactional calls out of turn, and without the property", "[transactions]") {
    TransactionWorld world;
    Producer plain(world.config());
    CHECK(code_of([&] { plain.init_transactions(1s); }) == Errc::_not_configured);
    CHECK(code_of([&] { plain.begin_transaction(); }) == Errc::_not_configured);

    Producer producer(world.transactional());
    CHECK(code_of([&] { producer.begin_transaction(); }) == Errc::_state);
    CHECK(code_of([&] { producer.produce({.topic = "orders", .value = "x"}); }) == Errc::_state);
    producer.init_transactions(10s);
    CHECK(code_of([&] { producer.init_transactions(1s); }) == Errc::_state);
    CHECK(code_of([&] { producer.commit_transaction(1s); }) == Errc::_state);
    CHECK(code_of([&] { producer.abort_transaction(1s); }) == Errc::_state);
    producer.begin_transaction();
    CHECK(code_of([&] { producer.begin_transaction(); }) == Errc::_state);
    CHECK(code_of([&] { producer.send_offsets_to_transaction({{"orders", 0, 1}}, {}, 1s); }) == Errc::_invalid_arg);
    producer.close(10s); // aborts
    CHECK(code_of([&] { producer.begin_transaction(); }) == Errc::_state);
}

TEST_CASE("a commit that takes too long is taken up again by calling it again", "[transactions]") {
    TransactionWorld world;
    Producer producer(world.transactional());
    producer.init_transactions(10s);
    producer.begin_transaction();
    producer.produce({.topic = "orders", .value = "a", .partition = 0});
    world.cluster.delay(26, 300ms); // EndTxn
    CHECK(code_of([&] { producer.commit_transaction(50ms); }, ErrorFlag::retriable) == Errc::_timed_out);
    CHECK(code_of([&] { producer.abort_transaction(50ms); }) == Errc::_conflict);
    std::thread second([&] {
        std::this_thread::sleep_for(50ms);
        CHECK(code_of([&] { producer.commit_transaction(1s); }, ErrorFlag::retriable) == Errc::_prev_in_progress);
    });
    producer.commit_transaction(10s);
    second.join();
    CHECK(world.committed(0) == Values{"a"});
}

TEST_CASE("lost requests and answers, moved leaders and dropped connections change nothing", "[transactions]") {
    TransactionWorld world(GENERATE(int16_t{1}, int16_t{2}));
    Producer producer(world.transactional());
    producer.init_transactions(10s);
    Values expected;
    for (int round = 0; round < 12; ++round) {
        const std::array apis{int16_t{0}, int16_t{22}, int16_t{24}, int16_t{26}, int16_t{10}};
        if (round % 2)
            world.cluster.drop_reply_next(apis[static_cast<size_t>(round) % apis.size()], 1);
        else
            world.cluster.drop_request_next(apis[static_cast<size_t>(round) % apis.size()], 1);
        producer.begin_transaction();
        for (int i = 0; i < 5; ++i)
            producer.produce({.topic = "orders", .value = std::to_string(round * 5 + i), .partition = 0});
        if (round % 3 == 0)
            world.cluster.move_leader("orders", 0, 1 + round % 3);
        if (round % 4 == 3)
            world.cluster.drop_connections(1 + round % 3);
        if (round % 3 == 2) {
            producer.abort_transaction(20s);
            continue;
        }
        producer.commit_transaction(20s);
        for (int i = 0; i < 5; ++i)
            expected.push_back(std::to_string(round * 5 + i));
    }
    CHECK(world.committed(0) == expected);
}

TEST_CASE("a message that fails wants the transaction aborted, then all goes on", "[transactions]") {
    TransactionWorld world;
    Producer producer(world.transactional());
    producer.init_transactions(10s);
    producer.begin_transaction();
    world.cluster.fail_next(0, 1, Errc::invalid_record);
    producer.produce({.topic = "orders", .value = "bad", .partition = 0});
    CHECK(code_of([&] { producer.commit_transaction(10s); }, ErrorFlag::txn_requires_abort) == Errc::invalid_record);
    producer.abort_transaction(10s);
    producer.begin_transaction();
    producer.produce({.topic = "orders", .value = "good", .partition = 0});
    producer.commit_transaction(10s);
    CHECK(world.committed(0) == Values{"good"});
}

TEST_CASE("transactions by completion tokens, from several threads' view one after the other", "[transactions]") {
    TransactionWorld world;
    Producer producer(world.transactional());
    const auto token = boost::asio::use_future([](error_code ec) { return ec; }); // errors as values
    const auto ok = [](std::future<error_code> future) { return !future.get(); };
    REQUIRE(ok(producer.async_init_transactions(token)));
    for (int i = 0; i < 20; ++i) {
        REQUIRE(ok(producer.async_begin_transaction(token)));
        auto sent = producer.async_send({.topic = "orders", .value = std::to_string(i), .partition = 1},
            boost::asio::use_future([](error_code ec, const DeliveryReport& r) { return std::pair(ec, r); }));
        if (i % 2)
            REQUIRE(ok(producer.async_abort_transaction(token)));
        else
            REQUIRE(ok(producer.async_commit_transaction(token)));
        const auto [ec, report] = sent.get();
        CHECK((report.status == MessageStatus::persisted) == (i % 2 == 0));
        CHECK(ec.failed() == (i % 2 == 1));
    }
    CHECK(world.committed(1) == Values{"0", "2", "4", "6", "8", "10", "12", "14", "16", "18"});
    CHECK(producer.async_commit_transaction(token).get() == Errc::_state);
}

TEST_CASE("produce that waits for room is served by its own reports", "[transactions]") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    int reported = 0;
    Producer producer(
        world.config({{"queue.buffering.max.messages", "10"}}), {.on_delivery = [&](const Delivery&) { ++reported; }});
    for (int i = 0; i < 200; ++i)
        producer.produce({.topic = "orders", .value = "x"}, 10s);
    producer.flush(10s);
    CHECK(reported == 200);
    world.cluster.stop(1);
    const auto start = std::chrono::steady_clock::now();
    CHECK(code_of([&] {
        for (int i = 0; i < 20; ++i)
            producer.produce({.topic = "orders", .value = "x"}, 100ms);
    }, ErrorFlag::retriable) == Errc::_queue_full);
    CHECK(std::chrono::steady_clock::now() - start < 5s);
    producer.purge();
    producer.poll(0ms);
    CHECK(producer.outstanding() == 0);
    CHECK(code_of([&] { producer.purge({.queued = false, .in_flight = false}); }) == Errc::_invalid_arg);
}
