// Records arrive, once and in order, and the application hears of it.
#include <algorithm>

#include <boost/asio/io_context.hpp>

#include "catch.hpp"
#include "producer_world.hpp"

using namespace ottla;
using namespace ottla::test;

TEST_CASE("records arrive in order and are reported with their offsets") {
    const std::string acks = GENERATE("0", "1", "all");
    CAPTURE(acks);
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    std::vector<int64_t> offsets;
    std::vector<void*> opaques;
    MessageStatus status{};
    Producer producer(
        world.config({{"acks", acks}}), {.on_delivery = [&](const Delivery& d) {
            REQUIRE_FALSE(d.error());
            offsets.push_back(d.offset());
            opaques.push_back(d.opaque());
            status = d.status();
            CHECK(d.topic() == "orders");
            CHECK(d.value().text() == "m" + std::to_string(opaques.size() - 1));
        }});

    const auto values = numbered(100);
    for (size_t i = 0; i < values.size(); ++i)
        producer.produce({.topic = "orders", .value = values[i]}, reinterpret_cast<void*>(i + 1));
    REQUIRE(producer.flush(10s) == 0);

    REQUIRE(opaques.size() == 100);
    for (size_t i = 0; i < 100; ++i) {
        CHECK(opaques[i] == reinterpret_cast<void*>(i + 1));
        CHECK(offsets[i] == (acks == "0" ? offset_invalid : static_cast<int64_t>(i)));
    }
    CHECK(status == (acks == "0" ? MessageStatus::possibly_persisted : MessageStatus::persisted));
    CHECK(producer.outstanding() == 0);
    if (acks == "0") // the reports came at the socket; the broker may need a moment more
        for (int i = 0; i < 200 && world.cluster.offsets("orders", 0)->second < 100; ++i)
            producer.poll(10ms);
    CHECK(world.values("orders", 0) == values);
}

TEST_CASE("every codec makes batches that a consumer reads") {
    const std::string codec = GENERATE("none", "gzip", "snappy", "lz4", "zstd");
    CAPTURE(codec);
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    Producer producer(world.config({{"compression.codec", codec}}));

    std::vector<std::string> values;
    for (int i = 0; i < 500; ++i)
        values.push_back(std::string(300, static_cast<char>('a' + i % 26)) + std::to_string(i));
    for (const auto& value : values)
        producer.produce({.topic = "orders", .value = value});
    REQUIRE(producer.flush(10s) == 0);

    CHECK(world.values("orders", 0) == values);
}

TEST_CASE("null and empty keys and values and headers arrive as they were") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    Producer producer(world.config());
    const Header headers[] = {{"trace", "1"}, {"empty", ""}, {"null", {}}};

    producer.produce({.topic = "orders", .value = {}, .key = "k", .timestamp_ms = 1234567, .headers = headers});
    producer.produce({.topic = "orders", .value = "", .key = ""});
    REQUIRE(producer.flush(10s) == 0);

    Consumer consumer({{"bootstrap.servers", world.cluster.bootstrap_servers()}});
    consumer.assign({{"orders", 0, offset_beginning}});
    const auto first = consumer.poll(5s);
    const auto second = consumer.poll(5s);
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->value().is_null());
    CHECK(first->key().text() == "k");
    CHECK(first->timestamp_ms() == 1234567);
    CHECK(std::vector<Header>(first->record().headers().begin(), first->record().headers().end()) == std::vector<Header>(headers, headers + 3));
    CHECK_FALSE(second->value().is_null());
    CHECK_FALSE(second->key().is_null());
    CHECK(second->value().size() == 0);
}

TEST_CASE("a topic that is made by its first record gets all that were waiting, in order") {
    ProducerWorld world;
    Producer producer(world.config());

    for (const auto& value : numbered(50))
        producer.produce({.topic = "new", .value = value, .key = "same"});
    REQUIRE(producer.flush(10s) == 0);

    std::vector<std::string> all;
    for (int32_t p = 0; p < 4; ++p)
        for (auto& value : world.values("new", p))
            all.push_back(value);
    CHECK(all == numbered(50));
}

TEST_CASE("a batch handler gets a whole batch at once") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    std::vector<size_t> sizes;
    std::vector<std::string> values;
    Producer producer(world.config({{"linger.ms", "1000"}}), {.on_batch_delivery = [&](std::span<const Delivery> batch) {
        sizes.push_back(batch.size());
        for (const Delivery& d : batch)
            values.emplace_back(d.value().text());
    }});

    for (const auto& value : numbered(20))
        producer.produce({.topic = "orders", .value = value});
    REQUIRE(producer.flush(10s) == 0);

    CHECK(values == numbered(20));
    CHECK(sizes.size() <= 2); // flushed in the middle at most
}

TEST_CASE("a handler of one message is called for that message alone") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    int global = 0;
    std::vector<int64_t> own;
    Producer producer(world.config(), {.on_delivery = [&](const Delivery&) { ++global; }});

    producer.produce({.topic = "orders", .value = "a"});
    producer.produce({.topic = "orders", .value = "b"}, [&](const Delivery& d) { own.push_back(d.offset()); });
    producer.produce({.topic = "orders", .value = "c"});
    REQUIRE(producer.flush(10s) == 0);

    CHECK(global == 2);
    CHECK(own == std::vector<int64_t>{1});
}

TEST_CASE("a record larger than message.max.bytes is refused, a full queue asks to poll") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    world.cluster.delay(0, 300ms);
    Producer producer(
        world.config({{"message.max.bytes", "2000"}, {"queue.buffering.max.messages", "2"}}),
        {.on_delivery = [](const Delivery&) {}});
    error_code ec;

    producer.produce({.topic = "orders", .value = std::string(3000, 'x')}, nullptr, ec);
    CHECK(ec == Errc::msg_size_too_large);
    producer.produce({.topic = "orders", .value = "1"}, nullptr, ec);
    producer.produce({.topic = "orders", .value = "2"}, nullptr, ec);
    CHECK_FALSE(ec);
    producer.produce({.topic = "orders", .value = "3"}, nullptr, ec);
    CHECK(to_errc(ec) == Errc::_queue_full);
    CHECK(flag_of(ec) == ErrorFlag::retriable);
    try {
        producer.produce({.topic = "orders", .value = "3"});
        FAIL("accepted");
    } catch (const KafkaException& e) {
        CHECK(e.error().code() == Errc::_queue_full);
        CHECK(e.error().retriable());
    }

    CHECK(producer.poll(10s) == 2);
    producer.produce({.topic = "orders", .value = "3"}, nullptr, ec);
    CHECK_FALSE(ec);
    producer.produce({.topic = "orders", .value = "4", .partition = 7}, nullptr, ec);
    CHECK(ec == Errc::_unknown_partition);
    CHECK(producer.flush(10s) == 0);
}

TEST_CASE("the first message is acknowledged within milliseconds, idempotent or not") {
    const std::string idempotent = GENERATE("false", "true");
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    auto shortest = std::chrono::steady_clock::duration::max();

    for (int i = 0; i < 5; ++i) { // a timer in the way would show each time, a busy machine only now and then
        const auto begin = std::chrono::steady_clock::now();
        Producer producer(world.config({{"linger.ms", "0"}, {"enable.idempotence", idempotent}}));
        producer.produce({.topic = "orders", .value = "first"});
        REQUIRE(producer.flush(10s) == 0);
        shortest = std::min(shortest, std::chrono::steady_clock::now() - begin);
    }

    CHECK(shortest < 250ms);
}

TEST_CASE("close reports what is left as failed, and ends the producer") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    world.cluster.stop(1);
    std::vector<error_code> reports;
    Producer producer(world.config(), {.on_delivery = [&](const Delivery& d) { reports.push_back(d.error()); }});
    for (const auto& value : numbered(5))
        producer.produce({.topic = "orders", .value = value});

    producer.close(100ms);

    REQUIRE(reports.size() == 5);
    CHECK(reports.front().failed());
    CHECK(producer.outstanding() == 0);
    error_code ec;
    producer.produce({.topic = "orders", .value = "late"}, nullptr, ec);
    CHECK(ec == Errc::_state);
}

TEST_CASE("destroying a producer with messages left warns and does not hang") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    world.cluster.stop(1);
    int warnings = 0;
    {
        Producer producer(world.config(), {.on_log = [&](int level, std::string_view, std::string_view, std::string_view text) {
            if (level == 4 && text.find("messages not reported") != std::string_view::npos)
                ++warnings;
        }});
        producer.produce({.topic = "orders", .value = "lost"}, [](const Delivery&) { FAIL("nobody polls"); });
    }
    CHECK(warnings == 1);
}

TEST_CASE("records of a producer that ends before it began are reported") {
    boost::asio::io_context io;
    Producer producer({{"bootstrap.servers", "127.0.0.1:1"}}, Engine(io.get_executor()));
    std::vector<Errc> reports;
    const auto note = [&](const Delivery& delivery) { reports.push_back(to_errc(delivery.error())); };
    producer.produce({.topic = "orders", .value = "one"}, note);
    producer.produce({.topic = "others", .value = "two"}, note);

    producer.close(0ms);
    CHECK(reports.empty());
    io.run_for(1s);
    producer.poll(0ms);

    CHECK(reports == std::vector{Errc::_destroy, Errc::_destroy});
    CHECK(producer.outstanding() == 0);
}

TEST_CASE("a topic whose name no request can carry fails, and holds up no other") {
    ProducerWorld world;
    world.cluster.create_topic("t", 1);
    std::map<std::string, Errc> ended;
    Producer producer(world.config({{"message.timeout.ms", "20000"}}), {.on_delivery = [&](const Delivery& delivery) {
        ended[std::string(delivery.topic())] = static_cast<Errc>(delivery.error().value());
    }});
    const std::string bad = "t\xff";
    producer.produce({.topic = bad, .value = "v"});
    producer.produce({.topic = "t", .value = "v"});
    CHECK(producer.flush(10s) == 0);
    CHECK(ended == std::map<std::string, Errc>{{"t", Errc::no_error}, {bad, Errc::topic_exception}});
}
