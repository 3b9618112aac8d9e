#include "catch.hpp"
#include "produce_world.hpp"
#include "record/record_parser.hpp"

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

TEST_CASE("a broker that has lost this producer's messages gets the rest under a new epoch, in order and once") {
    const auto error = GENERATE(Errc::out_of_order_sequence_number, Errc::unknown_producer_id);
    Ready world(settings(true));
    world.produce("a");
    world.produce("b");
    auto first = world.request();
    auto second = world.request();

    world.answer(first, error);
    CHECK(world.idle());
    world.answer(second, error);
    world.advance(200ms);

    auto again = world.request();
    CHECK(again.text() == "t0: a seq 0");
    CHECK(again.batches[0].header.producer_id == 42);
    CHECK(again.batches[0].header.producer_epoch == 1);
    CHECK(world.idle()); // the broker is to meet it first
    world.answer(again);
    CHECK(world.request().text() == "t0: b seq 1");
    CHECK(world.fatal.empty());
}

TEST_CASE("what may be stored is not sent again to a broker that has forgotten the producer") {
    Ready world(settings(true));
    world.produce("a");
    auto first = world.request();
    world.lose(first, true);
    world.advance(200ms);
    auto again = world.request();
    world.produce("b");

    world.answer(again, Errc::unknown_producer_id);

    CHECK(world.take_reports() == Lines{"t0 x1 UNKNOWN_PRODUCER_ID possibly"});
    world.advance(200ms);
    auto next = world.request();
    CHECK(next.text() == "t0: b seq 0");
    CHECK(next.batches[0].header.producer_epoch == 1);
}

TEST_CASE("after a batch with a number has failed the rest goes on under a new epoch") {
    Ready world(settings(true));
    world.produce("a");
    world.produce("b");
    auto first = world.request();
    auto second = world.request();

    world.answer(first, Errc::invalid_record);
    CHECK(world.take_reports() == Lines{"t0 x1 INVALID_RECORD not"});
    world.answer(second, Errc::out_of_order_sequence_number);
    CHECK(world.take_reports().empty());
    world.advance(200ms);

    auto again = world.request();
    CHECK(again.text() == "t0: b seq 0");
    CHECK(again.batches[0].header.producer_id == 42);
    CHECK(again.batches[0].header.producer_epoch == 1);
    world.answer(again);
    CHECK(world.take_reports() == Lines{"t0 x1 at 100"});
    CHECK(world.fatal.empty());
    CHECK(world.caller.waiting<msg::InitProducerIdRequest>() == 0);
}

TEST_CASE("when epochs are used up there is a new producer id") {
    ProduceWorld world(settings(true));
    world.produce("first");
    world.answer_metadata();
    world.answer_producer_id(42, Errc::no_error, INT16_MAX);
    auto first = world.request();

    world.answer(first, Errc::invalid_record);
    world.produce("b");
    world.answer_producer_id(43);

    auto again = world.request();
    CHECK(again.text() == "t0: b seq 0");
    CHECK(again.batches[0].header.producer_id == 43);
    CHECK(again.batches[0].header.producer_epoch == 0);
}

TEST_CASE("a fatal error is raised once and kept, and every message is reported once") {
    Ready world(settings(true));
    world.produce("a");
    world.produce("b");
    world.produce("c", 1);
    auto first = world.request();

    world.answer(first, Errc::invalid_producer_epoch);

    CHECK(world.fatal == Lines{"INVALID_PRODUCER_EPOCH"});
    CHECK(world.core->fatal().errc() == Errc::invalid_producer_epoch);
    CHECK(world.take_reports().size() == 3);
    CHECK(world.accumulator.outstanding() == 0);
    CHECK(world.produce("late") == Errc::_fatal);
}

TEST_CASE("gapless: a message that fails for good ends the producer, one that is late does not") {
    auto config = settings(true);
    config.gapless = true;
    SECTION("refused by the broker") {
        Ready world(config);
        world.produce("a");
        world.produce("b");
        auto first = world.request();
        world.answer(first, Errc::invalid_record);
        CHECK(world.fatal == Lines{"_GAPLESS_GUARANTEE"});
        CHECK(world.take_reports() == Lines{"t0 x1 _GAPLESS_GUARANTEE not", "t0 x1 _GAPLESS_GUARANTEE possibly"});
    }
    SECTION("late") {
        Ready world(config);
        world.produce("a");
        auto first = world.request();
        world.advance(9s);
        world.lose(first, true);
        world.advance(2s);
        CHECK(world.take_reports() == Lines{"t0 x1 _MSG_TIMED_OUT possibly"});
        CHECK(world.fatal.empty());
    }
}

TEST_CASE("a batch that the broker finds too large goes again in halves, in order, under the numbers it had") {
    const bool idempotent = GENERATE(true, false);
    auto config = settings(idempotent);
    config.linger_ms = 10;
    ProduceWorld world(config);
    for (const char* value : {"a", "b", "c", "d"})
        world.produce(value);
    world.answer_metadata();
    if (idempotent)
        world.answer_producer_id(42);
    world.advance(20ms);
    auto whole = world.request();
    CHECK(whole.text() == (idempotent ? "t0: a b c d seq 0" : "t0: a b c d"));

    world.answer(whole, Errc::msg_size_too_large);
    auto half = world.request();
    CHECK(half.text() == (idempotent ? "t0: a b seq 0" : "t0: a b"));
    CHECK(world.idle());
    world.answer(half, Errc::msg_size_too_large);
    auto quarter = world.request();
    CHECK(quarter.text() == (idempotent ? "t0: a seq 0" : "t0: a"));
    world.answer(quarter);
    auto next = world.request();
    CHECK(next.text() == (idempotent ? "t0: b seq 1" : "t0: b"));
    world.answer(next, Errc::msg_size_too_large);
    CHECK(world.take_reports() == Lines{"t0 x1 at 100", "t0 x1 MSG_SIZE_TOO_LARGE not"});
    auto behind = world.request();
    CHECK(behind.text() == (idempotent ? "t0: c d seq 2" : "t0: c d"));
    if (idempotent) {
        world.answer(behind, Errc::out_of_order_sequence_number);
        world.advance(200ms);
        auto rest = world.request();
        CHECK(rest.text() == "t0: c d seq 0");
        CHECK(rest.batches[0].header.producer_epoch == 1);
    }
}

TEST_CASE("halves keep tokens, headers and timestamps of their records") {
    accumulator::Accumulator accumulator({}, [] {});
    const Header header{"h", Bytes("1")};
    for (uintptr_t i = 0; i < 5; ++i)
        REQUIRE(
            accumulator.append(
                {.topic = "t", .key = "k", .value = std::string(i * 100, 'x'), .headers = std::span(&header, 1),
                 .timestamp_ms = static_cast<int64_t>(1000 + i), .partition = 0, .token = {.value = i + 1}}) == Errc::no_error);
    accumulator::BatchList rejected;
    accumulator.set_partitions(*accumulator.topics().front(), 1, rejected);
    accumulator::BatchList taken = accumulator.take_everything();
    accumulator::Batch* whole = taken.pop();
    whole->base_sequence = INT32_MAX - 1;

    accumulator::BatchList halves = accumulator.halve(whole);

    std::vector<uintptr_t> tokens;
    std::vector<int64_t> times;
    std::vector<int32_t> sequences;
    for (; !halves.empty();) {
        accumulator::Batch* half = halves.pop();
        sequences.push_back(half->base_sequence);
        RecordView view;
        int32_t index = 0;
        for (const auto& chunk : half->chunks)
            for (const uint8_t* at = chunk.records().data(); at != chunk.records().data() + chunk.records().size(); ++index) {
                at = record::RecordParser::parse(
                    at, chunk.records().data() + chunk.records().size(), {.base_timestamp = half->base_timestamp_ms}, view);
                tokens.push_back(half->token(index).value);
                times.push_back(view.timestamp_ms());
                CHECK(view.headers().size() == 1);
                CHECK(view.key().text() == "k");
            }
        accumulator.finish(half);
    }
    CHECK(tokens == std::vector<uintptr_t>{1, 2, 3, 4, 5});
    CHECK(times == std::vector<int64_t>{1000, 1001, 1002, 1003, 1004});
    CHECK(sequences == std::vector<int32_t>{INT32_MAX - 1, 2}); // 4 records: sequences go on at 0
    CHECK(accumulator.outstanding() == 0);
}

TEST_CASE("a topic that was made again takes what is left under a new epoch; messages of lost partitions fail") {
    // Also one that may have been stored: nobody is left to tell.
    const auto [refusal, status] = GENERATE(
        std::pair{Errc::unknown_topic_id, "not"}, std::pair{Errc::not_leader_for_partition, "possibly"});
    Ready world(settings(true));
    world.produce("a", 2);
    auto old = world.request();
    world.produce("b", 1);
    auto other = world.request();
    world.answer(other);
    world.take_reports();
    world.leaders["t"] = {1};
    world.topic_id = 8;
    world.answer(old, refusal);
    world.advance(20ms);
    world.answer_metadata();
    CHECK(world.take_reports() == Lines{fmt::format("t2 x1 _UNKNOWN_PARTITION {}", status)});
    CHECK(world.produce("c", 1) == Errc::_unknown_partition);
    world.produce("d", 0);

    auto anew = world.request();
    CHECK(anew.text() == "t0: d seq 0");
    CHECK(anew.batches[0].header.producer_epoch == 1);
}

TEST_CASE("nothing is batched for a broker while requests wait unsent for it") {
    Ready world(settings());
    world.unsent = 1;
    world.produce("a");
    world.produce("b");
    CHECK(world.idle());
    world.unsent = 0;
    world.core->wake();
    world.run();
    CHECK(world.request().text() == "t0: a b");
}

TEST_CASE("purge drops what is queued, what is in flight, or both") {
    using Purge = core::produce::ProducerCore::Purge;
    Ready world(settings(true));
    world.produce("a");
    auto flying = world.request();
    for (int i = 0; i < 6; ++i)
        world.produce("q", 1);
    auto introduced = world.request();
    world.core->purge(Purge::queued, world.now);
    CHECK(world.take_reports() == Lines{"t1 x5 _PURGE_QUEUE not"});
    world.core->purge(Purge::in_flight, world.now);
    CHECK(world.take_reports() == Lines{"t0 x1 _PURGE_INFLIGHT possibly", "t1 x1 _PURGE_INFLIGHT possibly"});
    CHECK(world.accumulator.outstanding() == 0);
    world.answer(flying);
    world.answer(introduced);
    CHECK(world.take_reports().empty());
    world.produce("b");
    auto next = world.request();
    CHECK(next.text() == "t0: b seq 0");
    CHECK(next.batches[0].header.producer_epoch == 1);
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
        world.core->purge(core::produce::ProducerCore::Purge::all, world.now);
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

TEST_CASE("brokers before 2.1 get no zstd, and a warning tells so once") {
    const int16_t version = GENERATE(int16_t{1}, int16_t{2}, int16_t{6}, int16_t{7});
    CAPTURE(version);
    config::ClientConfig config = settings();
    config.compression = Compression::zstd;
    ProduceWorld world(config);
    world.produce_version = version;
    const std::string value(1000, 'a');
    world.produce(value, 0);
    world.produce(value, 1);
    world.answer_metadata();

    auto seen = world.request();

    CHECK(seen.batches[0].header.compression() == (version >= 7 ? Compression::zstd : Compression::none));
    CHECK(seen.call.min_version == (version < 3 ? 0 : version < 7 ? 3 : 7));
    CHECK(seen.batches[0].values == std::vector{value});
    CHECK(world.warnings.size() == (version < 7 ? 1 : 0));
}

TEST_CASE("what a codec only makes larger goes out as it is, in every format") {
    const int16_t version = GENERATE(int16_t{1}, int16_t{2}, int16_t{9});
    CAPTURE(version);
    config::ClientConfig config = settings();
    config.compression = Compression::gzip;
    ProduceWorld world(config);
    world.produce_version = version;
    world.produce("a", 0);
    world.produce(std::string(1000, 'a'), 1);
    world.answer_metadata();

    auto seen = world.request();

    REQUIRE(seen.batches.size() == 2);
    CHECK(seen.batches[0].header.compression() == Compression::none);
    CHECK(seen.batches[1].header.compression() == Compression::gzip);
}

// Found by tests/chaos: two messages of 37,000 that a real cluster had stored were reported as surely not stored.
TEST_CASE("what a leader that lost its place had taken may be stored") {
    auto config = settings(true);
    Ready world(config);
    world.produce("a");
    auto first = world.request();
    world.answer(first, Errc::not_leader_for_partition);
    world.advance(11s);
    CHECK(world.take_reports() == Lines{"t0 x1 _MSG_TIMED_OUT possibly"});
}

TEST_CASE("what a leader that lost its place had taken is not sent under a new identity") {
    Ready world(settings(true));
    world.produce("a", 0);
    world.produce("b", 1);
    auto first = world.request();
    auto second = world.request();
    REQUIRE(first.text() == "t0: a seq 1");
    world.answer(second, Errc::out_of_order_sequence_number); // the identity ends
    world.answer(first, Errc::not_leader_for_partition);
    world.answer_metadata();
    world.advance(150ms);
    auto again = world.request();
    CHECK(again.text() == "t0: a seq 1");
    CHECK(again.batches[0].header.producer_epoch == 0); // under which the broker would know a copy
    CHECK(world.idle());
    world.answer(again);
    CHECK(world.take_reports() == Lines{"t0 x1 at 100"});
    auto renumbered = world.request();
    CHECK(renumbered.text() == "t1: b seq 0");
    CHECK(renumbered.batches[0].header.producer_epoch == 1);
}
