#include "catch.hpp"
#include "produce_world.hpp"

using namespace ottla;
using namespace ottla::test;
using Lines = std::vector<std::string>;

namespace {

config::ClientConfig settings(bool idempotent = false) {
    config::ClientConfig config;
    config.linger_ms = 0;
    config.enable_idempotence = idempotent;
    config.message_timeout = 10s;
    config.retry_backoff = 100ms;
    config.retry_backoff_max = 100ms;
    return config;
}

/// A world whose metadata and producer id are known.
struct Ready : ProduceWorld {
    explicit Ready(config::ClientConfig c = settings(), accumulator::AccumulatorConfig limits = {})
        : ProduceWorld(c, limits) {
        produce("first");
        answer_metadata();
        if (config.enable_idempotence)
            answer_producer_id(42);
        auto seen = request();
        answer(seen);
        take_reports();
    }
};

} // namespace

TEST_CASE("records wait for metadata, then leave in one request a leader with a batch a partition") {
    ProduceWorld world(settings());
    world.produce("a", 0);
    world.produce("b", 1);
    world.produce("c", 2);
    CHECK(world.idle());

    world.answer_metadata();

    auto first = world.request();
    auto second = world.request();
    CHECK(first.node == 1);
    CHECK(first.text() == "t0: a; t1: b");
    CHECK(second.node == 2);
    CHECK(second.text() == "t2: c");
    CHECK(first.request.acks == -1);
    world.answer(first);
    world.answer(second);
    CHECK(world.take_reports() == Lines{"t0 x1 at 100", "t1 x1 at 100", "t2 x1 at 100"});
}

TEST_CASE("the producer id is asked for at once, beside the metadata") {
    ProduceWorld world(settings(true));

    CHECK(world.caller.waiting<msg::MetadataRequest>() == 1);
    CHECK(world.caller.waiting<msg::InitProducerIdRequest>() == 1);
}

TEST_CASE("version 13 only if every topic of the request has an id") {
    const bool ids = GENERATE(true, false);
    ProduceWorld world(settings());
    world.topic_ids = ids;
    world.produce("a");
    world.answer_metadata();

    auto seen = world.request();

    CHECK((seen.call.max_version >= 13) == ids);
}

TEST_CASE("an open batch lingers, a flush sends it") {
    auto config = settings();
    config.linger_ms = 50;
    ProduceWorld slow(config);
    slow.produce("a");
    slow.answer_metadata();
    CHECK(slow.idle());

    slow.advance(49ms);
    slow.produce("b");
    CHECK(slow.idle());
    CHECK(slow.next == slow.now + 1ms);
    slow.advance(1ms);
    auto seen = slow.request();
    CHECK(seen.text() == "t0: a b");
    slow.answer(seen);

    slow.produce("c");
    CHECK(slow.idle());
    slow.flush();
    CHECK(slow.request().text() == "t0: c");
}

TEST_CASE("at most five batches of a partition are unresolved, one if max.in.flight is one") {
    const int limit = GENERATE(5, 1);
    auto config = settings(true);
    config.max_in_flight = limit;
    Ready world(config);
    for (int i = 0; i < 8; ++i)
        world.produce("v" + std::to_string(i));

    int in_flight = 0;
    std::vector<SeenProduce> seen;
    while (auto next = world.next_request()) {
        ++in_flight;
        seen.push_back(std::move(*next));
    }
    CHECK(in_flight == limit);

    world.answer(seen.front());
    CHECK(world.caller.waiting<msg::ProduceRequest>() == 1);
}

TEST_CASE("sequences count records; a lost answer is asked for again with the same sequence, first and alone") {
    Ready world(settings(true));
    world.produce("a");
    world.produce("b");
    auto first = world.request();
    auto second = world.request();
    CHECK(first.text() == "t0: a seq 1");
    CHECK(second.text() == "t0: b seq 2");

    world.lose(first, true);
    world.lose(second, true);
    CHECK(world.idle()); // backing off
    world.advance(200ms);
    auto again = world.request();
    CHECK(again.text() == "t0: a seq 1");
    CHECK(again.batches[0].header.producer_id == 42);
    CHECK(world.idle()); // the second waits for it

    world.answer(again, Errc::duplicate_sequence_number);
    auto then = world.request();
    CHECK(then.text() == "t0: b seq 2");
    world.answer(then, Errc::no_error, 7);
    CHECK(world.take_reports() == Lines{"t0 x1 at -1001", "t0 x1 at 7"});
}

TEST_CASE("the first batch of a partition goes alone until the broker knows the producer") {
    ProduceWorld world(settings(true), {.limits = {.bytes = 1'000'000, .records = 1}});
    world.produce("a");
    world.produce("b");
    world.answer_metadata();
    world.answer_producer_id(42);
    auto first = world.request();
    CHECK(first.text() == "t0: a seq 0");
    CHECK(world.idle()); // a broker that refused a would take b as the first

    world.answer(first, Errc::not_enough_replicas);
    world.advance(200ms);
    auto again = world.request();
    CHECK(again.text() == "t0: a seq 0");
    CHECK(world.idle());
    world.answer(again);
    world.produce("c");

    CHECK(world.request().text() == "t0: b seq 1");
    CHECK(world.request().text() == "t0: c seq 2");
}

TEST_CASE("a batch refused for the gap of the one before it is sent again after that one") {
    Ready world(settings(true));
    world.produce("a");
    world.produce("b");
    auto first = world.request();
    auto second = world.request();

    world.answer(first, Errc::not_enough_replicas);
    world.answer(second, Errc::out_of_order_sequence_number);
    world.advance(200ms);
    auto again = world.request();
    CHECK(again.text() == "t0: a seq 1");
    CHECK(world.idle());
    world.answer(again);

    world.advance(200ms);
    auto then = world.request();
    CHECK(then.text() == "t0: b seq 2");
    world.answer(then);
    CHECK(world.take_reports() == Lines{"t0 x1 at 100", "t0 x1 at 100"});
    CHECK(world.fatal.empty());
}

TEST_CASE("a gap that nothing explains is fatal: raised once, every message reported once") {
    Ready world(settings(true));
    world.produce("a");
    world.produce("b");
    world.produce("c", 1);
    auto first = world.request();

    world.answer(first, Errc::out_of_order_sequence_number);

    CHECK(world.fatal == Lines{"OUT_OF_ORDER_SEQUENCE_NUMBER"});
    CHECK(world.take_reports().size() == 3);
    CHECK(world.accumulator.outstanding() == 0);
    CHECK(world.produce("late") == Errc::_fatal);
}

TEST_CASE("after a batch with a number has failed the rest goes on under a new identity") {
    Ready world(settings(true));
    world.produce("a");
    world.produce("b");
    auto first = world.request();
    auto second = world.request();

    world.answer(first, Errc::msg_size_too_large);
    CHECK(world.take_reports() == Lines{"t0 x1 MSG_SIZE_TOO_LARGE not"});
    world.answer(second, Errc::out_of_order_sequence_number);
    CHECK(world.take_reports().empty());
    world.answer_producer_id(43);
    world.advance(200ms);

    auto again = world.request();
    CHECK(again.text() == "t0: b seq 0");
    CHECK(again.batches[0].header.producer_id == 43);
    world.answer(again);
    CHECK(world.take_reports() == Lines{"t0 x1 at 100"});
    CHECK(world.fatal.empty());
}

TEST_CASE("being refused for another's gap is no retry that counts") {
    auto config = settings(true);
    config.retries = 0;
    Ready world(config);
    world.produce("a");
    world.produce("b");
    auto first = world.request();
    auto second = world.request();

    world.answer(first, Errc::not_enough_replicas);
    CHECK(world.take_reports() == Lines{"t0 x1 NOT_ENOUGH_REPLICAS not"});
    world.answer(second, Errc::out_of_order_sequence_number);
    world.answer_producer_id(43);
    world.advance(200ms);

    auto again = world.request();
    CHECK(again.text() == "t0: b seq 0");
    world.answer(again);
    CHECK(world.take_reports() == Lines{"t0 x1 at 100"});
}

TEST_CASE("nothing goes to a new leader before all on the old one is answered") {
    Ready world(settings(true));
    world.produce("a");
    world.produce("b");
    auto first = world.request();
    auto second = world.request();
    CHECK(first.node == 1);

    world.leaders["t"] = {2, 1, 2};
    world.answer(first, Errc::not_leader_for_partition);
    world.advance(200ms);
    world.answer_metadata();
    world.produce("c");
    CHECK(world.idle()); // b is still at the old leader

    world.answer(second, Errc::not_leader_for_partition);
    world.advance(200ms);
    world.answer_metadata();
    auto again = world.request();
    CHECK(again.node == 2);
    CHECK(again.text() == "t0: a seq 1");
}

TEST_CASE("a hint of the new leader in the answer is followed without asking") {
    Ready world(settings());
    world.produce("a");
    auto seen = world.request();
    msg::ProduceResponse response;
    auto& topic = response.responses.emplace_back();
    topic.name = "t";
    topic.topic_id = seen.request.topic_data[0].topic_id;
    auto& partition = topic.partition_responses.emplace_back();
    partition.error_code = static_cast<int16_t>(Errc::not_leader_for_partition);
    partition.current_leader.leader_id = 2;
    partition.current_leader.leader_epoch = 1000;
    world.caller.answer(seen.call, response, world.now);
    world.run();

    world.advance(200ms);

    CHECK(world.request().node == 2);
}

TEST_CASE("at message.timeout.ms batches fail in order from the head") {
    auto config = settings();
    config.message_timeout = 1s;
    Ready world(config);
    world.produce("a");
    world.produce("b");
    auto first = world.request();
    auto second = world.request();
    world.lose(first, true);
    world.produce("c");

    world.advance(2s);
    CHECK(world.take_reports() == Lines{"t0 x1 _MSG_TIMED_OUT possibly"}); // b is in flight and may still succeed
    CHECK(world.idle());
    world.answer(second);

    CHECK(world.take_reports() == Lines{"t0 x1 at 100", "t0 x1 _MSG_TIMED_OUT not"});
    CHECK(world.accumulator.outstanding() == 0);
}

TEST_CASE("messages that were never sent time out plainly, in order, and only when late") {
    auto config = settings();
    config.message_timeout = 1s;
    ProduceWorld world(config, {.limits = {.bytes = 1'000'000, .records = 1}});
    for (const char* value : {"a", "b", "c"})
        world.produce(value);

    world.advance(900ms);
    CHECK(world.take_reports().empty());
    CHECK(world.next == world.now + 100ms);
    world.advance(100ms);

    CHECK(world.take_reports() == Lines{"t-1 x1 _MSG_TIMED_OUT not", "t-1 x1 _MSG_TIMED_OUT not", "t-1 x1 _MSG_TIMED_OUT not"});
}

TEST_CASE("a topic that stays unknown is given up after its propagation time") {
    auto config = settings();
    config.topic_propagation_max = 2s;
    ProduceWorld world(config);
    world.produce("a", 0, "nowhere");
    for (int i = 0; i < 30; ++i) {
        world.answer_metadata();
        world.advance(100ms);
    }

    CHECK(world.take_reports() == Lines{"nowhere-1 x1 _UNKNOWN_TOPIC not"});
    CHECK(world.produce("b", 0, "nowhere") == Errc::_unknown_topic);
}

TEST_CASE("retries end at their limit, with what is known of the message") {
    auto config = settings();
    config.retries = 2;
    const bool maybe_sent = GENERATE(true, false);
    Ready world(config);
    world.produce("a");
    for (int i = 0; i < 3; ++i) {
        auto seen = world.request();
        if (maybe_sent)
            world.lose(seen, true);
        else
            world.answer(seen, Errc::not_enough_replicas);
        world.advance(200ms);
    }

    CHECK(world.take_reports() == Lines{maybe_sent ? "t0 x1 _TRANSPORT possibly" : "t0 x1 NOT_ENOUGH_REPLICAS not"});
    CHECK(world.idle());
}

TEST_CASE("a batch refused on a later try may be stored by an earlier one whose answer was lost") {
    const bool idempotent = GENERATE(false, true);
    Ready world(settings(idempotent));
    world.produce("a");
    auto first = world.request();
    world.lose(first, true);
    world.advance(200ms);
    auto second = world.request();

    world.answer(second, Errc::topic_authorization_failed);

    CHECK(world.take_reports() == Lines{"t0 x1 TOPIC_AUTHORIZATION_FAILED possibly"});
}

TEST_CASE("with acks=0 the report comes at the socket, without an offset") {
    auto config = settings();
    config.acks = 0;
    ProduceWorld world(config);
    world.produce("a");
    world.answer_metadata();
    auto seen = world.request();

    CHECK_FALSE(seen.call.options.expects_response);
    seen.call.deliver(core::PendingCall::RawAnswer{{}, 9, 1}, world.now, false);

    CHECK(world.take_reports() == Lines{"t0 x1 at -1001"});
}

TEST_CASE("an asynchronous flush ends with what was accepted before it, whatever comes after") {
    auto config = settings();
    config.linger_ms = 1e6;
    ProduceWorld world(config);
    world.produce("a");
    world.answer_metadata();
    bool done = false;
    world.core->flush(world.now, [&] { done = true; });
    world.run();

    auto seen = world.request();
    world.advance(1ms);
    world.produce("later");
    CHECK_FALSE(done);
    world.answer(seen);

    CHECK(done);
}

TEST_CASE("exactly one report a message, whenever the connection breaks and the producer ends") {
    const bool idempotent = GENERATE(false, true);
    const int steps = GENERATE(range(0, 8));
    const bool purge = GENERATE(false, true);
    CAPTURE(idempotent, steps, purge);
    ProduceWorld world(settings(idempotent), {.limits = {.bytes = 1'000'000, .records = 2}});
    size_t reported = 0;
    const auto count = [&] {
        for (const auto& line : world.take_reports())
            reported += static_cast<size_t>(std::stoi(line.substr(line.find('x') + 1)));
    };

    for (int i = 0; i < 10; ++i)
        world.produce("v", i % 3);
    for (int step = 0; step < steps; ++step) {
        world.answer_metadata();
        if (world.caller.waiting<msg::InitProducerIdRequest>())
            world.answer_producer_id(step);
        if (auto seen = world.next_request()) {
            if (step % 2)
                world.lose(*seen, step % 4 == 1);
            else
                world.answer(*seen);
        }
        world.advance(50ms);
        count();
    }
    if (purge)
        world.core->purge(world.now);
    else
        world.core->close(Error(Errc::_destroy), world.now);
    count();

    CHECK(reported == 10);
    CHECK(world.accumulator.outstanding() == 0);
    while (auto late = world.next_request()) // their answers find nobody
        world.answer(*late);
    count();
    CHECK(reported == 10);
}

TEST_CASE("brokers before 0.11 get message sets") {
    const int16_t version = GENERATE(int16_t{2}, int16_t{1});
    ProduceWorld world(settings());
    world.produce_version = version;
    world.produce("a");
    world.answer_metadata();

    auto seen = world.request();

    CHECK(seen.call.max_version == version);
    CHECK(seen.batches[0].header.magic == (version == 2 ? 1 : 0));
    CHECK(seen.text() == "t0: a");
}
