// Interceptors of consumers, against the embedded cluster.
#include <mutex>

#include <boost/asio/use_future.hpp>
#include <ottla/consumer_interceptor.hpp>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

/// Keeps what it hears, in words.
class Ear : public ConsumerInterceptor {
public:
    void on_consume(const Message& message) override { add("m " + std::string(message.value().text())); }
    void on_consume(const Records& records) override { add("r " + std::to_string(records.count())); }
    void on_commit(const Error& error, const std::vector<CommittedOffset>& offsets) override {
        std::string text = "c " + (error ? error_name(error.errc()) : std::string("ok"));
        for (const auto& offset : offsets)
            text += " " + std::to_string(offset.offset);
        add(text);
    }
    void on_close() override { add("end"); }

    std::vector<std::string> take() {
        std::lock_guard lock(mutex_);
        return std::exchange(heard_, {});
    }

private:
    void add(std::string text) {
        std::lock_guard lock(mutex_);
        heard_.push_back(std::move(text));
    }
    std::mutex mutex_;
    std::vector<std::string> heard_;
};

class Thrower : public ConsumerInterceptor {
public:
    void on_consume(const Message&) override { throw std::runtime_error("not this one"); }
    void on_consume(const Records&) override { throw 7; }
    void on_commit(const Error&, const std::vector<CommittedOffset>&) override { throw std::runtime_error("nor that"); }
    void on_close() override { throw std::runtime_error("not now"); }
};

struct InterceptedWorld : ConsumerWorld {
    InterceptedWorld() {
        REQUIRE_FALSE(cluster.create_topic("t", 1));
        fill("t", 0, 5);
    }

    Config reader() const { return config({{"group.id", "g"}, {"enable.auto.commit", "false"}, {"enable.partition.eof", "true"}}); }
};

using Strings = std::vector<std::string>;

} // namespace

TEST_CASE_METHOD(InterceptedWorld, "interceptors see what is handed out and what is committed") {
    const auto ear = std::make_shared<Ear>();
    {
        Consumer consumer(reader(), {.interceptors = {nullptr, ear}});
        consumer.assign({{"t", 0, offset_beginning}});
        REQUIRE(consumer.poll(10s)->value().text() == "v0");
        CHECK(ear->take() == Strings{"m v0"});
        REQUIRE(consumer.consume(2, 10s).size() == 2);
        CHECK(ear->take() == Strings{"m v1", "m v2"});
        REQUIRE(consumer.poll_records(10s).count() == 2);
        CHECK(ear->take() == Strings{"r 2"});
        const auto end = consumer.poll(200ms); // if it did not come along with the records
        CHECK((!end || end->error()));
        CHECK(ear->take() == Strings{});

        consumer.commit();
        CHECK(ear->take() == Strings{"c ok 5"});
        cluster.fail_next(8, 1, Errc::group_authorization_failed);
        consumer.seek({"t", 0, 3});
        CHECK(consumer.async_poll(boost::asio::use_future).get().value().text() == "v3");
        CHECK_THROWS_AS(consumer.commit(), KafkaException);
        CHECK(ear->take() == Strings{"m v3", "c GROUP_AUTHORIZATION_FAILED 4"});
        CHECK(consumer.async_poll_records(boost::asio::use_future).get().count() == 1);
        CHECK(ear->take() == Strings{"r 1"});
    }
    CHECK(ear->take() == Strings{"end"});
}

TEST_CASE_METHOD(InterceptedWorld, "automatic commits are seen, too") {
    const auto ear = std::make_shared<Ear>();
    Config config = reader();
    config.set("enable.auto.commit", "true");
    config.set("auto.commit.interval.ms", "20");
    Consumer consumer(config, {.interceptors = {ear}});
    consumer.assign({{"t", 0, 2}});
    REQUIRE(consumer.consume(3, 10s).size() == 3);
    for (const auto deadline = Clock::now() + 10s; Clock::now() < deadline;) {
        consumer.poll(10ms);
        if (const auto heard = ear->take(); !heard.empty() && heard.back() == "c ok 5")
            return;
    }
    FAIL("no commit was seen");
}

TEST_CASE_METHOD(InterceptedWorld, "an interceptor that throws is logged, and disturbs neither the others nor the application") {
    const auto ear = std::make_shared<Ear>();
    std::mutex mutex;
    Strings lines;
    {
        ConsumerOptions options;
        options.interceptors = {std::make_shared<Thrower>(), ear};
        options.on_log = [&](int, std::string_view facility, std::string_view, std::string_view text) {
            std::lock_guard lock(mutex);
            if (facility == "INTERCEPT")
                lines.emplace_back(text);
        };
        Consumer consumer(reader(), options);
        consumer.assign({{"t", 0, offset_beginning}});
        REQUIRE(consumer.poll(10s)->value().text() == "v0");
        REQUIRE(consumer.poll_records(10s).count() == 4);
        consumer.commit();
    }
    CHECK(ear->take() == Strings{"m v0", "r 4", "c ok 5", "end"});
    std::lock_guard lock(mutex);
    REQUIRE_FALSE(lines.empty()); // once a second
    CHECK(lines.front() == "on_consume of an interceptor threw: not this one (0 more since the last such line)");
}
