#include "mock/transaction_coordinator.hpp"

#include <limits>

#include "catch.hpp"

using namespace ottla;
using namespace ottla::mock;

namespace {

using State = TransactionCoordinator::State;
using End = TransactionCoordinator::End;
using Protocol = TransactionCoordinator::Protocol;

constexpr int32_t minute = 60'000;

struct World {
    explicit World(Protocol cluster = Protocol::v2)
        : coordinator(cluster, next_id) {}

    ProducerIdentity init() {
        const auto answer = coordinator.init_producer_id("id", minute, {}, now);
        REQUIRE(answer.error == Errc::no_error);
        return answer.producer;
    }

    Errc init_error(ProducerIdentity expected) {
        return coordinator.init_producer_id("id", minute, expected, now).error;
    }

    Errc add(ProducerIdentity producer) { return coordinator.add_partitions("id", producer, {where}, now); }

    TransactionCoordinator::Answer end(ProducerIdentity producer, End how, Protocol protocol) {
        return coordinator.end("id", producer, how, protocol, now);
    }

    void write_marker() { coordinator.finish_partition("id", where, now); }

    const TransactionCoordinator::Transaction& transaction() const { return *coordinator.find("id"); }

    /// A producer whose epoch is the last that is given out.
    ProducerIdentity exhausted() {
        ProducerIdentity producer = init();
        while (producer.epoch < std::numeric_limits<int16_t>::max() - 1)
            producer = init();
        return producer;
    }

    int64_t next_id = 100;
    TimePoint now{};
    const TopicPartition where{"t", 0};
    TransactionCoordinator coordinator;
};

} // namespace

TEST_CASE("every InitProducerId without an identity bumps the epoch and fences what was before") {
    World world;
    CHECK(world.init() == ProducerIdentity{100, 0});
    CHECK(world.init() == ProducerIdentity{100, 1});
    CHECK(world.add({100, 0}) == Errc::producer_fenced);
    CHECK(world.add({100, 2}) == Errc::producer_fenced);
    CHECK(world.add({101, 1}) == Errc::invalid_producer_id_mapping);
    CHECK(world.init_error({100, 0}) == Errc::producer_fenced);
    CHECK(world.coordinator.add_partitions("other", {100, 1}, {world.where}, world.now) ==
          Errc::invalid_producer_id_mapping);
}

TEST_CASE("a producer that names its identity gets the next epoch, and the same one when it asks again") {
    World world;
    const ProducerIdentity first = world.init();
    for (int i = 0; i < 3; ++i) {
        const auto answer = world.coordinator.init_producer_id("id", minute, first, world.now);
        CHECK(answer.producer == ProducerIdentity{100, 1});
    }
    CHECK(world.coordinator.init_producer_id("id", minute, ProducerIdentity{100, 1}, world.now).producer ==
          ProducerIdentity{100, 2});
    CHECK(world.init_error({100, 0}) == Errc::producer_fenced);
    CHECK(world.init_error({77, 2}) == Errc::producer_fenced);
    world.init();
    CHECK(world.init_error({100, 2}) == Errc::producer_fenced);
}

TEST_CASE("timeouts must be above zero and at most a quarter of an hour") {
    World world;
    const auto error = [&](int32_t timeout) {
        return world.coordinator.init_producer_id("id", timeout, {}, world.now).error;
    };
    CHECK(error(0) == Errc::invalid_transaction_timeout);
    CHECK(error(-1) == Errc::invalid_transaction_timeout);
    CHECK(error(15 * minute + 1) == Errc::invalid_transaction_timeout);
    CHECK(error(15 * minute) == Errc::no_error);
    CHECK(world.coordinator.init_producer_id("", minute, {}, world.now).error == Errc::invalid_request);
}

TEST_CASE("while a transaction ends everything is told to come again") {
    World world;
    ProducerIdentity producer = world.init();
    for (const Protocol protocol : {Protocol::v1, Protocol::v2}) {
        CHECK(world.add(producer) == Errc::no_error);
        CHECK(world.transaction().state == State::ongoing);
        const auto ended = world.end(producer, End::commit, protocol);
        CHECK(ended.error == Errc::no_error);
        CHECK(world.transaction().state == State::prepare_commit);
        producer = ended.producer;

        CHECK(world.add(producer) == Errc::concurrent_transactions);
        CHECK(world.coordinator.add_group("id", producer, "g", world.now) == Errc::concurrent_transactions);
        CHECK(world.end(producer, End::commit, protocol).error == Errc::concurrent_transactions);
        CHECK(world.init_error(producer) == Errc::concurrent_transactions);
        CHECK(world.coordinator.verify("id", producer, world.where) == Errc::concurrent_transactions);

        world.write_marker();
        CHECK(world.transaction().state == State::complete_commit);
        CHECK(world.coordinator.is_idle());
    }
    CHECK(producer == ProducerIdentity{100, 1});
}

TEST_CASE("in version 1 an end may be repeated with the same epoch, and only the same end") {
    World world;
    const ProducerIdentity producer = world.init();
    CHECK(world.end(producer, End::commit, Protocol::v1).error == Errc::invalid_txn_state);
    CHECK(world.end(producer, End::abort, Protocol::v1).error == Errc::invalid_txn_state);
    world.add(producer);
    world.end(producer, End::abort, Protocol::v1);
    world.write_marker();
    CHECK(world.end(producer, End::abort, Protocol::v1).error == Errc::no_error);
    CHECK(world.end(producer, End::commit, Protocol::v1).error == Errc::invalid_txn_state);
    CHECK(world.end({100, 1}, End::abort, Protocol::v1).error == Errc::producer_fenced);
    CHECK(world.end({77, 0}, End::abort, Protocol::v1).error == Errc::invalid_producer_id_mapping);
}

TEST_CASE("in version 2 an end bumps the epoch and may be repeated with the epoch before") {
    World world;
    const ProducerIdentity first = world.init();
    world.add(first);
    const auto ended = world.end(first, End::commit, Protocol::v2);
    CHECK(ended.producer == ProducerIdentity{100, 1});
    world.write_marker();
    CHECK(world.end(first, End::commit, Protocol::v2).producer == ended.producer);
    CHECK(world.end(first, End::abort, Protocol::v2).error == Errc::invalid_txn_state);
    CHECK(world.end(ended.producer, End::commit, Protocol::v2).error == Errc::invalid_txn_state);

    const auto aborted = world.end(ended.producer, End::abort, Protocol::v2);
    CHECK(aborted.producer == ProducerIdentity{100, 2});
    CHECK(world.transaction().state == State::complete_abort);
    CHECK(world.end(first, End::abort, Protocol::v2).error == Errc::producer_fenced);
    CHECK(world.end({77, 2}, End::abort, Protocol::v2).error == Errc::invalid_producer_id_mapping);
}

TEST_CASE("an abort of version 2 needs no transaction") {
    World world;
    const ProducerIdentity producer = world.init();
    CHECK(world.end(producer, End::commit, Protocol::v2).error == Errc::invalid_txn_state);
    CHECK(world.end(producer, End::abort, Protocol::v2).producer == ProducerIdentity{100, 1});
}

TEST_CASE("a new producer ends what the one before it left open, and is then told its epoch") {
    World world;
    const ProducerIdentity first = world.init();
    world.add(first);
    const auto wait = world.coordinator.init_producer_id("id", minute, {}, world.now);
    CHECK(wait.error == Errc::concurrent_transactions);
    CHECK(world.transaction().state == State::prepare_abort);
    CHECK(world.transaction().producer.epoch == 1);
    CHECK(world.coordinator.init_producer_id("id", minute, {}, world.now).error ==
          Errc::concurrent_transactions);
    world.write_marker();
    CHECK(world.init() == ProducerIdentity{100, 2});
    CHECK(world.end(first, End::commit, Protocol::v1).error == Errc::producer_fenced);
    CHECK(world.end(first, End::commit, Protocol::v2).error == Errc::producer_fenced);
}

TEST_CASE("a transaction that takes too long is aborted under an epoch of the coordinator") {
    for (const Protocol cluster : {Protocol::v1, Protocol::v2}) {
        World world(cluster);
        const ProducerIdentity producer = world.init();
        world.now += std::chrono::seconds(50);
        world.add(producer);
        const TimePoint due = world.now + std::chrono::minutes(1);
        CHECK(world.coordinator.next_timeout(world.now) == due);
        CHECK(world.coordinator.timed_out(due - std::chrono::milliseconds(1)).empty());
        CHECK(world.coordinator.timed_out(due) == std::vector<std::string>{"id"});

        world.coordinator.expire("id", due);
        world.write_marker();
        CHECK(world.transaction().state == State::complete_abort);
        CHECK(world.coordinator.next_timeout(world.now) == TimePoint::max());
        CHECK(world.add(producer) == Errc::producer_fenced);
        CHECK(world.end(producer, End::commit, Protocol::v1).error == Errc::producer_fenced);
        CHECK(world.end(producer, End::abort, Protocol::v1).error == Errc::producer_fenced);
        CHECK(world.end(producer, End::commit, Protocol::v2).error == Errc::invalid_txn_state);
        CHECK(world.end(producer, End::abort, Protocol::v2).producer == ProducerIdentity{100, 1});
        // Only a cluster of version 2 lets the producer learn its epoch.
        const auto again = world.coordinator.init_producer_id("id", minute, producer, world.now);
        CHECK(again.error == (cluster == Protocol::v2 ? Errc::no_error : Errc::producer_fenced));
    }
}

TEST_CASE("when the epochs have run out the producer gets a new id") {
    World world;
    const ProducerIdentity last = world.exhausted();
    REQUIRE(last.epoch == 32766);
    const auto next = world.coordinator.init_producer_id("id", minute, last, world.now);
    CHECK(next.producer == ProducerIdentity{101, 0});
    CHECK(world.coordinator.init_producer_id("id", minute, last, world.now).producer == next.producer);
    CHECK(world.init_error({100, 32765}) == Errc::producer_fenced);
}

TEST_CASE("when the epochs have run out in version 2 the end of a transaction gives the new id") {
    World world;
    const ProducerIdentity last = world.exhausted();
    world.add(last);
    const auto ended = world.end(last, End::commit, Protocol::v2);
    CHECK(ended.producer == ProducerIdentity{101, 0});
    CHECK(world.transaction().producer == ProducerIdentity{100, 32767}); // the marker's
    world.write_marker();
    CHECK(world.end(last, End::commit, Protocol::v2).producer == ended.producer);
    CHECK(world.end(last, End::abort, Protocol::v2).error == Errc::invalid_txn_state);
    world.add(ended.producer);
    CHECK(world.end(last, End::commit, Protocol::v2).error == Errc::invalid_producer_id_mapping);
    CHECK(world.end(ended.producer, End::commit, Protocol::v1).error == Errc::no_error);
    world.write_marker();
    CHECK(world.end(last, End::commit, Protocol::v2).error == Errc::invalid_producer_id_mapping);
    CHECK(world.init_error(last) == Errc::producer_fenced);
    CHECK(world.end(ended.producer, End::abort, Protocol::v2).producer == ProducerIdentity{101, 1});
}

TEST_CASE("what was not added cannot be verified") {
    World world;
    const ProducerIdentity producer = world.init();
    CHECK(world.coordinator.verify("id", producer, world.where) == Errc::transaction_abortable);
    world.add(producer);
    CHECK(world.coordinator.verify("id", producer, world.where) == Errc::no_error);
    CHECK(world.coordinator.verify("id", producer, {"t", 1}) == Errc::transaction_abortable);
    CHECK(world.coordinator.verify("id", {100, 5}, world.where) == Errc::producer_fenced);
    CHECK(world.coordinator.verify("other", producer, world.where) == Errc::invalid_producer_id_mapping);
    CHECK(world.coordinator.verify("", producer, world.where) == Errc::invalid_request);
    CHECK(world.coordinator.verify_group("id", producer, "g") == Errc::transaction_abortable);
    CHECK(world.coordinator.add_group("id", producer, "g", world.now) == Errc::no_error);
    CHECK(world.coordinator.verify_group("id", producer, "g") == Errc::no_error);
}
