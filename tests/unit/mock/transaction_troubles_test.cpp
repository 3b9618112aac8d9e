// Transactions that do not end at once: slow markers, missing leaders, coordinators that move, timeouts, lost tails and
// answers.
#include "unit/mock/transaction_world.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

using State = TransactionCoordinator::State;

} // namespace

TEST_CASE("markers may take their time, and the next transaction must wait for them") {
    OnePartition world;
    world.delay_markers(40ms);
    auto producer = world.producer("id");
    world.produce("id", producer, 0, v2.produce);
    const auto ended = world.end("id", producer, true, v2.end);
    CHECK(ended.error == Errc::no_error);
    CHECK(world.state("id") == State::prepare_commit);
    CHECK(world.log().last_stable_offset() == 0);
    CHECK(world.produce("id", ended.producer, 0, 11) == Errc::not_enough_replicas);
    CHECK(world.add("id", ended.producer, {{"t", 0}}) == std::vector{Errc::concurrent_transactions});
    CHECK(world.init("id").error == Errc::concurrent_transactions);
    CHECK(world.core.poll(world.now) == world.now + 40ms);
    world.advance(39ms);
    CHECK(world.state("id") == State::prepare_commit);
    world.advance(1ms);
    CHECK(world.state("id") == State::complete_commit);
    CHECK(world.log().last_stable_offset() == 2);
    CHECK(world.produce("id", ended.producer, 0, 12) == Errc::no_error);
}

TEST_CASE("markers wait for partitions without a leader") {
    TransactionWorld world(2);
    ClusterCore::NewTopic topic;
    topic.name = "t";
    topic.assignment = {{2}};
    REQUIRE_FALSE(world.core.create_topic(topic));
    world.core.move_coordinator(ClusterCore::CoordinatorOf::transaction, "id", 1, world.now);
    const auto producer = world.producer("id");
    world.produce("id", producer, 0, v2.produce);
    world.core.stop(2, world.now);
    CHECK(world.commit("id", producer, v2.end) == Errc::no_error);
    world.advance(1h);
    CHECK(world.state("id") == State::prepare_commit);
    CHECK(world.init("id").error == Errc::concurrent_transactions);
    world.core.start(2, world.now);
    CHECK(world.state("id") == State::complete_commit);
    CHECK(contents(world.log()) == std::vector<std::string>{"0 data e0", "1 commit e1"});
}

TEST_CASE("nobody waits for the markers of a deleted topic") {
    OnePartition world;
    const auto producer = world.producer("id");
    world.produce("id", producer, 0, v2.produce);
    REQUIRE_FALSE(world.core.delete_topic("t"));
    CHECK(world.commit("id", producer, v2.end) == Errc::no_error);
    CHECK(world.state("id") == State::complete_commit);
}

TEST_CASE("a transaction that takes too long is aborted in the logs too") {
    OnePartition world;
    const auto producer = world.producer("id", 1000);
    world.advance(5s);
    world.produce("id", producer, 0, v2.produce);
    CHECK(world.core.poll(world.now) == world.now + 1s);
    world.advance(999ms);
    CHECK(world.log().last_stable_offset() == 0);
    world.advance(1ms);
    CHECK(contents(world.log()) == std::vector<std::string>{"0 data e0", "1 abort e1"});
    CHECK(world.log().last_stable_offset() == 2);
    CHECK(world.produce("id", producer, 1, 12) == Errc::invalid_producer_epoch);
    CHECK(world.produce("id", producer, 1, 11) == Errc::invalid_producer_epoch);
    CHECK(world.commit("id", producer, 5) == Errc::invalid_txn_state);
    CHECK(world.commit("id", producer, 4) == Errc::producer_fenced);
}

TEST_CASE("only the coordinator answers, and not before it has loaded") {
    TransactionWorld world(3);
    world.create("t", 1);
    const auto producer = world.producer("id");
    const int32_t first = world.coordinator("id");
    const int32_t other = first % 3 + 1;
    msg::EndTxnRequest request;
    request.transactional_id = "id";
    CHECK(world.ask(request, 4, other).error_code == number(Errc::not_coordinator));

    world.core.set_failover({.election = 20ms, .load = 30ms});
    world.core.move_coordinator(ClusterCore::CoordinatorOf::transaction, "id", other, world.now);
    CHECK(world.coordinator("id") == -1);
    CHECK(world.ask(request, 4, first).error_code == number(Errc::not_coordinator));
    CHECK(world.ask(request, 4, other).error_code == number(Errc::not_coordinator));
    CHECK(world.produce("id", producer, 0, 12) == Errc::not_enough_replicas);
    world.advance(20ms);
    CHECK(world.coordinator("id") == other);
    CHECK(world.ask(request, 4, other).error_code == number(Errc::coordinator_load_in_progress));
    CHECK(world.produce("id", producer, 0, 12) == Errc::not_enough_replicas);
    world.advance(30ms);
    CHECK(world.produce("id", producer, 0, 12) == Errc::no_error);
    CHECK(world.commit("id", producer, 5) == Errc::no_error);
    CHECK(world.ask(request, 4, first).error_code == number(Errc::not_coordinator));
}

TEST_CASE("when a coordinator ends another one goes on with what it knew") {
    TransactionWorld world(3);
    world.create("t", 1, 3);
    world.delay_markers(10ms);
    const auto producer = world.producer("id");
    world.produce("id", producer, 0, v2.produce);
    const int32_t first = world.coordinator("id");
    world.commit("id", producer, v2.end);
    world.core.set_failover({.load = 100ms});
    world.core.stop(first, world.now);
    CHECK(world.coordinator("id") != first);
    world.advance(50ms);
    CHECK(world.state("id") == State::prepare_commit);
    CHECK(world.core.poll(world.now) == world.now + 50ms);
    world.advance(50ms);
    CHECK(world.state("id") == State::complete_commit);
}

TEST_CASE("with no broker left transactions wait, and the first one back takes them") {
    TransactionWorld world(2);
    world.create("t", 1, 2);
    const auto producer = world.producer("id", 1000);
    world.produce("id", producer, 0, v2.produce);
    world.core.stop(1, world.now);
    world.core.stop(2, world.now);
    world.advance(10s);
    CHECK(world.core.poll(world.now) == TimePoint::max());
    CHECK(world.state("id") == State::ongoing);
    world.core.start(2, world.now);
    CHECK(world.coordinator("id") == 2);
    CHECK(world.state("id") == State::complete_abort);
}

TEST_CASE("what a broker had not acknowledged is gone from the transaction too") {
    TransactionWorld world(2);
    ClusterCore::NewTopic topic;
    topic.name = "t";
    topic.assignment = {{2, 1}};
    REQUIRE_FALSE(world.core.create_topic(topic));
    const auto producer = world.producer("id");
    world.core.faults().set_delay(0, 2, 1s); // no answer leaves
    const auto put = [&](int32_t sequence) {
        auto request = produce_request("t", 0, batch_of({"a"}, {producer.id, producer.epoch, sequence, true}));
        request.transactional_id = "id";
        world.put(world.core.connect(2), request, 12);
    };
    put(0);
    CHECK(world.log().end_offset() == 1);
    CHECK(world.log().last_stable_offset() == 0);
    world.core.stop(2, world.now, ClusterCore::Tail::lost);
    CHECK(world.log().end_offset() == 0);
    CHECK(world.log().transactions().open_count() == 0);
    CHECK(world.state("id") == State::ongoing);

    CHECK(world.produce("id", producer, 1, 12) == Errc::out_of_order_sequence_number);
    CHECK(world.produce("id", producer, 0, 12) == Errc::no_error);
    CHECK(world.commit("id", producer, 5) == Errc::no_error);
    CHECK(contents(world.log()) == std::vector<std::string>{"0 data e0", "1 commit e1"});
}

TEST_CASE("a marker outlives its broker, and so does what lies before it") {
    TransactionWorld world(2);
    ClusterCore::NewTopic topic;
    topic.name = "t";
    topic.assignment = {{2, 1}};
    REQUIRE_FALSE(world.core.create_topic(topic));
    const auto producer = world.producer("id");
    world.core.faults().set_delay(0, 2, 1s);
    auto request = produce_request("t", 0, batch_of({"a"}, {producer.id, producer.epoch, 0, true}));
    request.transactional_id = "id";
    world.put(world.core.connect(2), request, 12);
    world.abort("id", producer, 5);
    world.core.stop(2, world.now, ClusterCore::Tail::lost);
    CHECK(contents(world.log()) == std::vector<std::string>{"0 data e0", "1 abort e1"});
    CHECK(world.partition("t", 0).producers.epoch(producer.id) == 1);
    CHECK(world.produce("id", producer, 1, 11) == Errc::invalid_producer_epoch);
}

TEST_CASE("a write of version 2 waits a little for the last transaction to end") {
    OnePartition world;
    const auto put = [&](ConnectionId connection, ProducerIdentity producer) {
        auto request = produce_request("t", 0, batch_of({"a"}, {producer.id, producer.epoch, 0, true}));
        request.transactional_id = "id";
        world.put(connection, request, 12);
    };
    const auto error_of = [&](ConnectionId connection) -> std::optional<Errc> {
        const auto answer = world.take<msg::ProduceRequest>(connection, 12);
        if (!answer)
            return std::nullopt;
        return static_cast<Errc>(answer->responses.at(0).partition_responses.at(0).error_code);
    };
    const ConnectionId connection = world.core.connect(1);

    world.delay_markers(30ms);
    auto producer = world.producer("id");
    world.produce("id", producer, 0, 12);
    producer = world.end("id", producer, true, 5).producer;
    put(connection, producer);
    world.advance(20ms);
    CHECK_FALSE(error_of(connection));
    world.advance(20ms);
    CHECK(error_of(connection) == Errc::no_error);

    world.delay_markers(1s);
    producer = world.end("id", producer, true, 5).producer;
    put(connection, producer);
    for (int i = 0; i < 4; ++i)
        world.advance(20ms);
    CHECK_FALSE(error_of(connection));
    world.advance(20ms);
    CHECK(error_of(connection) == Errc::concurrent_transactions);
}

TEST_CASE("an end whose answer was lost is repeated without harm") {
    OnePartition world;
    const auto end_lost = [&](ProducerIdentity producer, int16_t version) {
        world.core.faults().add(26, every_broker, 1, {Faults::Kind::drop_reply});
        msg::EndTxnRequest request;
        request.transactional_id = "id";
        request.producer_id = producer.id;
        request.producer_epoch = producer.epoch;
        request.committed = true;
        const ConnectionId connection = world.core.connect(1);
        world.put(connection, request, version);
        CHECK(world.closed.contains(connection));
    };
    auto producer = world.producer("id");
    world.produce("id", producer, 0, v2.produce);
    end_lost(producer, v2.end);
    const auto again = world.end("id", producer, true, v2.end);
    CHECK(again.producer == ProducerIdentity{producer.id, 1});

    producer = again.producer;
    world.add("id", producer, {{"t", 0}});
    world.produce("id", producer, 0, v1.produce);
    end_lost(producer, v1.end);
    CHECK(world.commit("id", producer, v1.end) == Errc::no_error);
    CHECK(contents(world.log()) ==
          std::vector<std::string>{"0 data e0", "1 commit e1", "2 data e1", "3 commit e1"});
}

TEST_CASE("a classic producer goes on with its sequences after a lost tail") {
    TransactionWorld world(2);
    ClusterCore::NewTopic topic;
    topic.name = "t";
    topic.assignment = {{2, 1}};
    REQUIRE_FALSE(world.core.create_topic(topic));
    const auto producer = world.producer("id");
    world.add("id", producer, {{"t", 0}});
    world.produce("id", producer, 0, v1.produce);
    world.commit("id", producer, v1.end);
    world.core.stop(2, world.now, ClusterCore::Tail::lost);
    world.add("id", producer, {{"t", 0}});
    CHECK(world.produce("id", producer, 2, v1.produce) == Errc::out_of_order_sequence_number);
    CHECK(world.produce("id", producer, 1, v1.produce) == Errc::no_error);
}

TEST_CASE("a repeat that comes in the next transaction blocks the partition until the marker, as in a broker") {
    OnePartition world;
    const auto producer = world.producer("id");
    world.add("id", producer, {{"t", 0}});
    world.produce("id", producer, 0, v1.produce);
    world.commit("id", producer, v1.end);
    world.add("id", producer, {{"t", 0}});
    CHECK(world.produce("id", producer, 0, v1.produce) == Errc::no_error);
    CHECK(world.log().end_offset() == 2);
    CHECK(world.produce("id", producer, 1, v1.produce) == Errc::out_of_order_sequence_number);
    world.abort("id", producer, v1.end);
    world.add("id", producer, {{"t", 0}});
    CHECK(world.produce("id", producer, 1, v1.produce) == Errc::no_error);
}
