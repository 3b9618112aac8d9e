// A consumer that has been ended for good, against the embedded cluster.
#include <boost/asio/use_future.hpp>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

struct FencedWorld : ConsumerWorld {
    FencedWorld() {
        REQUIRE_FALSE(cluster.create_topic("t", 1));
        fill("t", 0, 10);
    }

    Config member() const {
        return config({{"group.id", "g"}, {"group.instance.id", "one"}, {"heartbeat.interval.ms", "50"}, {"enable.auto.commit", "false"}});
    }
};

Errc code_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const KafkaException& e) {
        return e.error().fatal() ? e.error().code() : Errc::_fail;
    }
    return Errc::no_error;
}

/// The first event there is.
Error event_of(Consumer& consumer) {
    for (const auto deadline = Clock::now() + 20s; Clock::now() < deadline;)
        if (const auto message = consumer.poll(20ms); message && message->error())
            return message->error();
    return {};
}

} // namespace

TEST_CASE_METHOD(FencedWorld, "a static member whose name another took hears of it once, then all its calls fail") {
    std::vector<std::string> steps;
    std::vector<KafkaError> errors;
    Consumer first(member(), {.on_error = [&](const KafkaError& error) { errors.push_back(error); }});
    first.subscribe({"t"}, {.on_assign = [&](const auto&) { steps.emplace_back("assigned"); },
                            .on_revoke = [&](const auto&) { steps.emplace_back("revoked"); },
                            .on_lost = [&](const auto&) { steps.emplace_back("lost"); }});
    REQUIRE(values_of(first, 10).size() == 10);
    CHECK_FALSE(first.fatal_error());

    Consumer second(member());
    second.subscribe({"t"});
    REQUIRE(values_of(second, 10).size() == 10);

    const Error told = event_of(first);
    CHECK(told.errc() == Errc::_fatal);
    CHECK(flag_of(told.code) == ErrorFlag::fatal);
    CHECK(told.message().find("group.instance.id one") != std::string::npos);
    CHECK(first.fatal_error().errc() == Errc::fenced_instance_id);
    CHECK(steps == std::vector<std::string>{"assigned", "lost"});
    CHECK(errors.empty());

    CHECK(code_of([&] { first.poll(0ms); }) == Errc::_fatal);
    CHECK(code_of([&] { first.consume(1, 0ms); }) == Errc::_fatal);
    CHECK(code_of([&] { first.poll_records(0ms); }) == Errc::_fatal);
    CHECK(code_of([&] { first.subscribe({"t"}); }) == Errc::_fatal);
    CHECK(code_of([&] { first.commit({{{"t", 0, 5}}}); }) == Errc::_fatal);
    CHECK(code_of([&] { first.commit_async({{{"t", 0, 5}}}); }) == Errc::_fatal);
    const auto asked = first.async_poll_records(boost::asio::use_future([](error_code ec, const Records&) { return ec; })).get();
    CHECK(asked == Errc::_fatal);
    CHECK(flag_of(asked) == ErrorFlag::fatal);
    CHECK(first.async_commit({{{"t", 0, 5}}}, boost::asio::use_future([](error_code ec, const auto&) { return ec; })).get() == Errc::_fatal);
    CHECK(first.metrics().fatal->errc() == Errc::fenced_instance_id);
    CHECK(first.assignment().empty());
    first.close();
    CHECK(second.assignment().size() == 1);
}

TEST_CASE_METHOD(FencedWorld, "a commit that is fenced is fatal, too") {
    constexpr int16_t key_offset_commit = 8;
    Consumer consumer(member());
    consumer.subscribe({"t"});
    REQUIRE(values_of(consumer, 10).size() == 10);
    cluster.fail_next(key_offset_commit, 1, Errc::fenced_instance_id);
    CHECK_THROWS_AS(consumer.commit(), KafkaException);
    CHECK(consumer.fatal_error().errc() == Errc::fenced_instance_id);
    CHECK(event_of(consumer).errc() == Errc::_fatal);
    CHECK(code_of([&] { consumer.poll(0ms); }) == Errc::_fatal);
}
