// Interceptors of a producer against the embedded cluster.
#include <ottla/interceptor.hpp>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <boost/asio/use_future.hpp>

#include "catch.hpp"
#include "producer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

/// Notes every call by its name and a word.
class Noting : public ProducerInterceptor {
public:
    explicit Noting(std::string name) : name_(std::move(name)) {}

    void on_send(ProducerRecord& record, Memory) override { note("send " + std::string(record.value.text())); }
    void on_acknowledgement(const Delivery& delivery) override {
        acknowledged_by = std::this_thread::get_id();
        note("ack " + std::string(delivery.value().text()) + " " + error_name(to_errc(delivery.error())));
    }
    void on_error(const ProducerRecord& record, error_code error) override {
        note("error " + std::string(record.value.text()) + " " + error_name(to_errc(error)));
    }
    void on_close() override { note("close"); }

    std::vector<std::string> notes() {
        std::lock_guard lock(mutex_);
        return notes_;
    }
    std::atomic<std::thread::id> acknowledged_by{};

protected:
    void note(std::string text) {
        std::lock_guard lock(mutex_);
        notes_.push_back(name_ + std::move(text));
    }

private:
    const std::string name_;
    std::mutex mutex_;
    std::vector<std::string> notes_;
};

/// Tells each record where it comes from, and its value in capitals.
class Tagging : public ProducerInterceptor {
public:
    void on_send(ProducerRecord& record, Memory memory) override {
        auto* const headers = memory.allocate_object<Header>(record.headers.size() + 1);
        Header* end = std::uninitialized_copy(record.headers.begin(), record.headers.end(), headers);
        *end++ = {.key = "origin", .value = "test"};
        record.headers = {headers, end};

        const size_t size = record.value.size();
        auto* const capitals = static_cast<uint8_t*>(memory.allocate_bytes(size, 1));
        for (size_t i = 0; i < size; ++i)
            capitals[i] = static_cast<uint8_t>(record.value[i] - 'a' + 'A');
        record.value = {capitals, size};
        record.partition = 1;
    }
};

class Throwing : public ProducerInterceptor {
public:
    void on_send(ProducerRecord&, Memory) override { throw std::runtime_error("out of order"); }
    void on_acknowledgement(const Delivery&) override { throw 5; }
    void on_error(const ProducerRecord&, error_code) override { throw std::runtime_error("out of order"); }
    void on_close() override { throw std::runtime_error("out of order"); }
};

std::vector<Message> all_of(ProducerWorld& world, const std::string& topic, int32_t partition, size_t count) {
    Consumer consumer({{"bootstrap.servers", world.cluster.bootstrap_servers()}});
    consumer.assign({{topic, partition, offset_beginning}});
    return consumer.consume(count, 10s);
}

using Notes = std::vector<std::string>;

} // namespace

TEST_CASE("interceptors see each record on its way out and its outcome, before the application and on another thread") {
    ProducerWorld world;
    const auto noting = std::make_shared<Noting>("");
    bool acknowledged_first = false;
    Producer producer(
        world.config(),
        {.on_delivery = [&](const Delivery&) { acknowledged_first = noting->notes().back() == "ack a NO_ERROR"; },
         .interceptors = {noting}});
    producer.produce({.topic = "t", .value = "a", .partition = 0});
    CHECK(noting->notes() == Notes{"send a"});
    CHECK(producer.flush(10s) == 0);
    CHECK(acknowledged_first);
    CHECK(noting->acknowledged_by.load() != std::this_thread::get_id());
    CHECK(noting->acknowledged_by.load() != std::thread::id());
    producer.close();
    CHECK(noting->notes() == Notes{"send a", "ack a NO_ERROR", "close"});
}

TEST_CASE("an interceptor may change the record, and the next sees it changed") {
    ProducerWorld world;
    world.cluster.create_topic("t", 2);
    const auto noting = std::make_shared<Noting>("");
    Producer producer(world.config(), {.interceptors = {std::make_shared<Tagging>(), noting}});
    const std::array<Header, 1> headers{{{.key = "trace", .value = "4711"}}};
    producer.produce({.topic = "t", .value = "a", .partition = 0, .headers = headers});
    producer.produce({.topic = "t", .value = std::string(10'000, 'b')}); // more than there is room for at first
    auto sent = producer.async_send({.topic = "t", .value = "c"}, boost::asio::use_future);
    CHECK(sent.get().partition == 1);
    producer.produce({.topic = "t", .value = "d"}, [](const Delivery&) {});
    producer.produce({.topic = "t", .value = "e"}, 1s);
    REQUIRE(producer.flush(10s) == 0);

    CHECK(noting->notes().front() == "send A");
    const auto messages = all_of(world, "t", 1, 5);
    REQUIRE(messages.size() == 5);
    CHECK(messages[0].value() == Bytes("A"));
    CHECK(messages[1].value() == Bytes(std::string(10'000, 'B')));
    CHECK(messages[2].value() == Bytes("C"));
    CHECK(messages[3].value() == Bytes("D"));
    CHECK(messages[4].value() == Bytes("E"));
    Notes names;
    for (const Header& header : messages[0].record().headers())
        names.emplace_back(header.key);
    CHECK(names == Notes{"trace", "origin"});
}

TEST_CASE("interceptors are called in their order") {
    ProducerWorld world;
    struct Both : Noting {
        Both(std::string name, std::vector<std::string>& all) : Noting(name), mine(std::move(name)), order(all) {}
        void on_send(ProducerRecord&, Memory) override { order.push_back(mine + "send"); }
        void on_acknowledgement(const Delivery&) override { order.push_back(mine + "ack"); }
        void on_close() override { order.push_back(mine + "close"); }
        std::string mine;
        std::vector<std::string>& order;
    };
    Notes order; // the loop writes only between flush and its end
    Producer producer(
        world.config(), {.interceptors = {std::make_shared<Both>("1 ", order), nullptr, std::make_shared<Both>("2 ", order)}});
    producer.produce({.topic = "t", .value = "a"});
    CHECK(producer.flush(10s) == 0);
    producer.close();
    CHECK(order == Notes{"1 send", "2 send", "1 ack", "2 ack", "1 close", "2 close"});
}

TEST_CASE("a record that is not accepted is an error once, and has no acknowledgement") {
    ProducerWorld world;
    const auto noting = std::make_shared<Noting>("");
    {
        Producer producer(world.config({{"message.max.bytes", "1000"}}), {.interceptors = {noting}});
        error_code ec;
        const std::string large(2000, 'x');
        producer.produce({.topic = "t", .value = "", .key = large}, nullptr, ec);
        CHECK(ec == Errc::msg_size_too_large);
        CHECK_THROWS_AS(producer.produce({.topic = "t", .value = "", .key = large}, 1s), KafkaException);
        auto sent = producer.async_send(
            {.topic = "t", .value = "", .key = large}, boost::asio::use_future([](error_code e, const DeliveryReport&) { return e; }));
        CHECK(sent.get() == Errc::msg_size_too_large);
    }
    const std::string refused = "error  MSG_SIZE_TOO_LARGE";
    CHECK(noting->notes() == Notes{"send ", refused, "send ", refused, "send ", refused, "close"});
}

TEST_CASE("what waits for room is intercepted once, and when the producer ends it was not accepted") {
    ProducerWorld world;
    world.cluster.create_topic("t", 1);
    world.cluster.delay(0, 300ms);
    const auto noting = std::make_shared<Noting>("");
    const auto code = [](error_code ec, const DeliveryReport&) { return ec; };
    Producer producer(world.config({{"queue.buffering.max.messages", "1"}}), {.interceptors = {noting}});
    producer.produce({.topic = "t", .value = "a", .partition = 0});
    producer.produce({.topic = "t", .value = "b", .partition = 0}, 10s); // waits for the answer to a
    auto later = producer.async_send({.topic = "t", .value = "c", .partition = 0}, boost::asio::use_future(code));
    CHECK(!later.get());
    world.cluster.delay(0, 10s);
    producer.produce({.topic = "t", .value = "d", .partition = 0});
    auto never = producer.async_send({.topic = "t", .value = "e", .partition = 0}, boost::asio::use_future(code));
    producer.close(50ms);
    CHECK(never.get() == Errc::_state); // d makes room when it is dropped, but the producer is closed
    CHECK(
        noting->notes() == Notes{
                               "send a",
                               "send b",
                               "ack a NO_ERROR",
                               "send c",
                               "ack b NO_ERROR",
                               "ack c NO_ERROR",
                               "send d",
                               "send e",
                               "ack d _DESTROY",
                               "error e _STATE",
                               "close",
                           });
}

TEST_CASE("an exception of an interceptor is logged, once a second, and hurts nobody") {
    ProducerWorld world;
    world.cluster.create_topic("t", 1);
    const auto noting = std::make_shared<Noting>("");
    std::mutex mutex;
    Notes lines;
    const auto on_log = [&](int, std::string_view facility, std::string_view, std::string_view text) {
        std::lock_guard lock(mutex);
        if (facility == "INTERCEPT")
            lines.emplace_back(text);
    };
    uint64_t reports = 0;
    const auto start = std::chrono::steady_clock::now();
    {
        Producer producer(
            world.config(),
            {.on_delivery = [&](const Delivery& d) { reports += !d.error(); },
             .on_log = on_log,
             .interceptors = {std::make_shared<Throwing>(), noting}});
        for (int i = 0; i < 100; ++i)
            producer.produce({.topic = "t", .value = "v", .partition = 0});
        CHECK(producer.flush(10s) == 0);
        producer.close();
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count();
    CHECK(reports == 100);
    CHECK(noting->notes().size() == 201); // sent, acknowledged, closed
    REQUIRE(!lines.empty());
    CHECK(lines.front() == "on_send of an interceptor threw: out of order (0 more since the last such line)");
    CHECK(lines.size() <= static_cast<size_t>(seconds) + 1);
}

TEST_CASE("messages that a producer drops are acknowledged with what happened") {
    ProducerWorld world;
    world.cluster.create_topic("t", 1);
    world.cluster.delay(0, 10s);
    const auto noting = std::make_shared<Noting>("");
    Producer producer(world.config({{"linger.ms", "1000"}}), {.interceptors = {noting}});
    producer.produce({.topic = "t", .value = "a", .partition = 0});
    producer.purge();
    producer.close(10s);
    CHECK(noting->notes() == Notes{"send a", "ack a _PURGE_QUEUE", "close"});
}
