// Committed offsets, and consume-transform-produce, against the embedded cluster.
#include <future>

#include <boost/asio/use_future.hpp>
#include <ottla/consumer_interceptor.hpp>
#include <ottla/msg/api_key.hpp>
#include <ottla/transform.hpp>

#include "catch.hpp"
#include "producer_world.hpp"

using namespace ottla;
using namespace ottla::test;
using Values = std::vector<std::string>;

namespace {

struct TransformWorld : ProducerWorld {
    TransformWorld() : ProducerWorld({.brokers = 3}) {
        REQUIRE_FALSE(cluster.create_topic("from", 2, 3));
        REQUIRE_FALSE(cluster.create_topic("to", 1, 3));
    }

    void fill(int count, int first = 0) {
        Producer producer(config());
        for (int i = first; i < first + count; ++i)
            producer.produce({.topic = "from", .value = "m" + std::to_string(i), .partition = i % 2});
        REQUIRE(producer.flush(10s) == 0);
    }

    Consumer consumer() const {
        return Consumer(config(
            {{"group.id", "g"}, {"auto.offset.reset", "earliest"}, {"enable.auto.commit", "false"}, {"fetch.wait.max.ms", "20"}}));
    }

    Transform transform(Transform::Function function, std::string id = "copy", size_t max_records = 10) const {
        return Transform(
            consumer(), Producer(config({{"transactional.id", std::move(id)}, {"log_level", "0"}})),
            {.from = {{"from", 0}, {"from", 1}}, .max_records = max_records, .max_wait = 50ms}, std::move(function));
    }

    /// What a reader of committed messages sees of the topic `to`, sorted.
    Values copies() {
        Consumer reader(config({{"enable.partition.eof", "true"}, {"fetch.wait.max.ms", "20"}, {"auto.offset.reset", "earliest"}}));
        reader.assign({{"to", 0, offset_beginning}});
        Values all;
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (std::chrono::steady_clock::now() < deadline) {
            auto message = reader.poll(100ms);
            if (message && message->error().errc() == Errc::_partition_eof)
                break;
            if (message)
                all.emplace_back(message->value().text());
        }
        std::sort(all.begin(), all.end());
        return all;
    }
};

void copy(const Message& in, Producer& out) {
    out.produce({.topic = "to", .value = in.value(), .key = in.key()}, 10s);
}

void run_until(Transform& transform, uint64_t count) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (transform.committed() < count && std::chrono::steady_clock::now() < deadline)
        transform.step(200ms);
    CHECK(transform.committed() == count);
}

Values sorted(int count) {
    Values all = numbered(count);
    std::sort(all.begin(), all.end());
    return all;
}

Errc code_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const KafkaException& e) {
        return e.error().code();
    }
    return Errc::no_error;
}

} // namespace

TEST_CASE("what a group has committed, asked blocking and by a token", "[transform]") {
    TransformWorld world;
    Producer producer(world.config({{"transactional.id", "t"}}));
    producer.init_transactions(10s);
    producer.begin_transaction();
    Consumer consumer = world.consumer();
    producer.send_offsets_to_transaction({{"from", 1, 12, 3}}, consumer.group_metadata(), 10s);
    // The transaction is open: its offset is not stable, and not known yet.
    const Errc pending = code_of([&] { throw KafkaException(consumer.committed({{"from", 1}}, 300ms).at(0).error); });
    CHECK((pending == Errc::_timed_out || pending == Errc::unstable_offset_commit)); // whichever comes first at the limit
    producer.commit_transaction(10s);

    const auto blocking = consumer.committed({{"from", 0}, {"from", 1}}, 10s);
    REQUIRE(blocking.size() == 2);
    CHECK(blocking[0].offset == offset_invalid);
    CHECK_FALSE(blocking[0].error);
    CHECK(blocking[1].offset == 12);
    CHECK(blocking[1].leader_epoch == 3);

    auto later = consumer.async_committed(
        {{"from", 1}}, boost::asio::use_future([](error_code ec, std::vector<CommittedOffset> all) {
            return std::make_pair(ec, std::move(all));
        }));
    const auto [ec, all] = later.get();
    CHECK_FALSE(ec);
    REQUIRE(all.size() == 1);
    CHECK(all[0].offset == 12);
    CHECK(consumer.committed({}, 1s).empty());
}

TEST_CASE("committed offsets without a group, of a closed consumer, of a cluster that is not there", "[transform]") {
    TransformWorld world;
    Consumer lonely(world.config());
    CHECK(code_of([&] { lonely.committed({{"from", 0}}, 1s); }) == Errc::_unknown_group);
    CHECK(code_of([&] { lonely.group_metadata(); }) == Errc::_unknown_group);

    Consumer consumer = world.consumer();
    world.cluster.delay(static_cast<int16_t>(msg::ApiKey::offset_fetch), 3s);
    CHECK(code_of([&] { consumer.committed({{"from", 0}}, 200ms); }) == Errc::_timed_out);
    auto waiting = consumer.async_committed(
        {{"from", 0}}, boost::asio::use_future([](error_code ec, const std::vector<CommittedOffset>&) { return ec; }));
    consumer.close();
    CHECK(waiting.get() == Errc::_destroy);
    CHECK(code_of([&] { consumer.committed({{"from", 0}}, 1s); }) == Errc::_state);
    auto refused = consumer.async_committed(
        {{"from", 0}}, boost::asio::use_future([](error_code ec, const std::vector<CommittedOffset>&) { return ec; }));
    CHECK(refused.get() == Errc::_state);
}

TEST_CASE("each record is transformed once, also by one transform after the other", "[transform]") {
    TransformWorld world;
    world.fill(40);
    {
        Transform first = world.transform(copy);
        run_until(first, 40);
        CHECK(first.aborted() == 0);
        CHECK(first.step(100ms) == 0);
        first.close();
    }
    world.fill(10, 40);
    Transform second = world.transform(copy);
    run_until(second, 10);
    CHECK(world.copies() == sorted(50));
}

TEST_CASE("a transform that is fenced says so and has doubled nothing", "[transform]") {
    TransformWorld world;
    world.fill(40);
    Transform old = world.transform(copy);
    CHECK(old.step(10s) > 0);
    Transform fresh = world.transform(copy);
    CHECK(fresh.step(10s) > 0);
    CHECK(code_of([&] {
        for (int i = 0; i < 5; ++i)
            old.step(1s);
    }) == Errc::_fenced);
    run_until(fresh, 40 - old.committed());
    CHECK(world.copies() == sorted(40));
}

TEST_CASE("transactions that fail are done again from their beginning", "[transform]") {
    TransformWorld world;
    world.fill(60);
    Transform transform = world.transform(copy);
    CHECK(transform.step(10s) > 0);
    const auto before = transform.committed();
    if (GENERATE(true, false))
        world.cluster.fail_next(static_cast<int16_t>(msg::ApiKey::produce), 1, Errc::invalid_producer_epoch);
    else
        world.cluster.fail_next(static_cast<int16_t>(msg::ApiKey::txn_offset_commit), 1, Errc::illegal_generation);
    run_until(transform, 60);
    CHECK(before < 60);
    CHECK(transform.aborted() >= 1);
    CHECK(world.copies() == sorted(60));
}

TEST_CASE("what the function throws aborts and comes out, and the next call does it again", "[transform]") {
    TransformWorld world;
    world.fill(20);
    int left = 2;
    Transform transform = world.transform([&](const Message& in, Producer& out) {
        copy(in, out);
        if (in.value() == Bytes("m13") && left-- > 0)
            throw std::runtime_error("no luck with 13");
    });
    int thrown = 0;
    for (int i = 0; i < 20 && transform.committed() < 20; ++i) {
        try {
            transform.step(500ms);
        } catch (const std::runtime_error& e) {
            CHECK(std::string(e.what()) == "no luck with 13");
            ++thrown;
        }
    }
    CHECK(thrown == 2);
    CHECK(transform.aborted() == 2);
    CHECK(world.copies() == sorted(20));
}

TEST_CASE("a transform refuses what cannot work", "[transform]") {
    TransformWorld world;
    const auto make = [&](TransformOptions options, Transform::Function function, bool group = true) {
        return code_of([&] {
            Transform(
                group ? world.consumer() : Consumer(world.config()), Producer(world.config({{"transactional.id", "x"}})),
                std::move(options), std::move(function));
        });
    };
    CHECK(make({}, copy) == Errc::_invalid_arg);
    CHECK(make({.from = {{"from", 0}}}, {}) == Errc::_invalid_arg);
    CHECK(make({.from = {{"from", 0}}, .max_records = 0}, copy) == Errc::_invalid_arg);
    CHECK(make({.from = {{"from", 0}}}, copy, false) == Errc::_unknown_group);
    CHECK(code_of([&] {
        Transform(Consumer(world.config({{"group.id", "g"}})), Producer(world.config({{"transactional.id", "x"}})), {.from = {{"from", 0}}}, copy);
    }) == Errc::_invalid_arg);
    Transform plain(world.consumer(), Producer(world.config()), {.from = {{"from", 0}}}, copy);
    CHECK(code_of([&] { plain.step(1s); }) == Errc::_not_configured);
}

TEST_CASE("a callback that throws while more is waited for costs no record", "[transform]") {
    TransformWorld world;
    world.fill(1);
    struct Read : ConsumerInterceptor {
        void on_consume(const Message&) override { any = true; }
        std::atomic<bool> any{false};
    };
    const auto read = std::make_shared<Read>();
    bool thrown = false;
    ConsumerOptions options;
    options.interceptors = {read};
    options.on_statistics = [&](std::string_view) {
        if (read->any && !std::exchange(thrown, true))
            throw std::runtime_error("the application's");
    };
    Transform transform(
        Consumer(
            world.config(
                {{"group.id", "g"}, {"auto.offset.reset", "earliest"}, {"enable.auto.commit", "false"}, {"fetch.wait.max.ms", "20"},
                 {"statistics.interval.ms", "20"}}),
            options),
        Producer(world.config({{"transactional.id", "copy"}, {"log_level", "0"}})),
        {.from = {{"from", 0}, {"from", 1}}, .max_records = 10, .max_wait = 2s}, copy);
    CHECK_THROWS_AS(transform.step(10s), std::runtime_error);
    world.fill(1, 1);
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (transform.committed() < 1 && std::chrono::steady_clock::now() < deadline)
        transform.step(200ms);
    CHECK(world.copies().front() == "m0");
    transform.close();
}
