// Transactions as clients of the cluster meet them: fencing, markers, the last stable offset, what readers get.
#include "unit/mock/transaction_world.hpp"

#include <ottla/msg/list_offsets.hpp>

using namespace ottla;
using namespace ottla::mock;

namespace {

using State = TransactionCoordinator::State;
using namespace std::chrono_literals;

constexpr int8_t committed = 1;

/// Headers of the batches in a log: "0 data e0", "1 commit e1", ...
std::vector<std::string> contents(const PartitionLog& log) {
    std::vector<std::string> lines;
    for (const StoredBatch& batch : log.batches()) {
        const auto header = record::read_batch_header(batch.head.data());
        const char* what = batch.role == BatchRole::commit_marker  ? "commit"
                           : batch.role == BatchRole::abort_marker ? "abort"
                           : header.is_transactional()             ? "data"
                                                                   : "plain";
        lines.push_back(
            std::to_string(batch.base_offset) + " " + what + " e" + std::to_string(header.producer_epoch)
        );
    }
    return lines;
}

msg::fetch_response::PartitionData
read_committed(TransactionWorld& world, int64_t offset, FetchLimits limits = {.max_wait_ms = 0}) {
    auto request = fetch_request("t", 0, offset, limits);
    request.isolation_level = committed;
    return world.ask(request, 12, world.partition("t", 0).leader).responses.at(0).partitions.at(0);
}

int64_t latest(TransactionWorld& world, int8_t isolation) {
    msg::ListOffsetsRequest request;
    request.isolation_level = isolation;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.partitions.emplace_back().timestamp = -1;
    return world.ask(request, 7).topics.at(0).partitions.at(0).offset;
}

struct OnePartition : TransactionWorld {
    OnePartition() { create("t", 1); }
};

} // namespace

TEST_CASE("a classic transaction is invisible to careful readers until it is committed") {
    OnePartition world;
    const auto producer = world.producer("id");
    CHECK(world.add("id", producer, {{"t", 0}}) == std::vector{Errc::no_error});
    CHECK(world.produce("id", producer, 0, v1.produce) == Errc::no_error);
    CHECK(world.produce("id", producer, 1, v1.produce) == Errc::no_error);

    CHECK(world.log().last_stable_offset() == 0);
    CHECK(latest(world, 0) == 2);
    CHECK(latest(world, committed) == 0);
    const auto before = read_committed(world, 0);
    CHECK(before.high_watermark == 2);
    CHECK(before.last_stable_offset == 0);
    CHECK(before.records.size() == 0);
    CHECK(before.aborted_transactions->empty());

    CHECK(world.commit("id", producer, v1.end) == Errc::no_error);
    CHECK(contents(world.log()) == std::vector<std::string>{"0 data e0", "1 data e0", "2 commit e0"});
    CHECK(latest(world, committed) == 3);
    const auto after = read_committed(world, 0);
    CHECK(after.last_stable_offset == 3);
    CHECK(after.records.size() == world.log().size_bytes());
    CHECK(after.aborted_transactions->empty());
}

TEST_CASE("a transaction of version 2 adds what it writes to, and its marker has the next epoch") {
    OnePartition world;
    auto producer = world.producer("id");
    CHECK(world.produce("id", producer, 0, v2.produce) == Errc::no_error);
    auto ended = world.end("id", producer, true, v2.end);
    CHECK(ended.producer == ProducerIdentity{producer.id, 1});
    producer = ended.producer;
    CHECK(world.produce("id", producer, 1, v2.produce) == Errc::out_of_order_sequence_number);
    CHECK(world.produce("id", producer, 0, v2.produce) == Errc::no_error);
    CHECK(world.abort("id", producer, v2.end) == Errc::no_error);
    CHECK(contents(world.log()) ==
          std::vector<std::string>{"0 data e0", "1 commit e1", "2 data e1", "3 abort e2"});
}

TEST_CASE("a marker is a control batch with the epoch of the coordinator") {
    OnePartition world;
    const auto producer = world.producer("id");
    world.core.move_coordinator(ClusterCore::CoordinatorOf::transaction, "id", 1, world.now);
    world.produce("id", producer, 0, v2.produce);
    world.abort("id", producer, v2.end);
    const Buffer bytes = whole(world.log().batches().back());
    const auto header = record::read_batch_header(bytes.data());
    CHECK(header.attributes == (record::transactional_bit | record::control_bit));
    CHECK(header.producer_id == producer.id);
    CHECK(header.base_sequence == -1);
    CHECK(header.record_count == 1);
    record::BatchWalker walker(bytes);
    record::BatchView view;
    record::BatchDecoder decoder;
    std::vector<RecordView> records;
    Buffer decompressed;
    REQUIRE(*walker.next(view) == record::BatchWalker::Step::batch);
    REQUIRE_FALSE(decoder.decode(view, true, records, decompressed));
    const auto key = records.at(0).key().span();
    const auto value = records.at(0).value().span();
    CHECK(std::vector<uint8_t>(key.begin(), key.end()) == std::vector<uint8_t>{0, 0, 0, 0});
    CHECK(std::vector<uint8_t>(value.begin(), value.end()) == std::vector<uint8_t>{0, 0, 0, 0, 0, 1});
}

TEST_CASE("readers are told which transactions were aborted in what they read") {
    OnePartition world;
    std::vector<ProducerIdentity> producers;
    for (const char* id : {"a", "b"})
        producers.push_back(world.producer(id));
    world.produce("a", producers[0], 0, v2.produce);
    world.produce("b", producers[1], 0, v2.produce);
    world.abort("b", producers[1], v2.end); // marker at 2
    CHECK(world.log().last_stable_offset() == 0);
    world.abort("a", producers[0], v2.end); // marker at 3
    CHECK(world.log().last_stable_offset() == 4);

    const auto aborted = [&](int64_t offset) {
        std::vector<std::pair<int64_t, int64_t>> found;
        const auto answer = read_committed(world, offset);
        for (const auto& one : *answer.aborted_transactions)
            found.emplace_back(one.producer_id, one.first_offset);
        return found;
    };
    const std::pair<int64_t, int64_t> a(producers[0].id, 0);
    const std::pair<int64_t, int64_t> b(producers[1].id, 1);
    CHECK(aborted(0) == std::vector{b, a});
    CHECK(aborted(2) == std::vector{b, a});
    CHECK(aborted(3) == std::vector{a});
    CHECK(aborted(4).empty());
    CHECK_FALSE(world.ask(fetch_request("t", 0, 0), 12).responses[0].partitions[0].aborted_transactions);
}

TEST_CASE("a reader of committed records that waits is woken by the marker") {
    OnePartition world;
    const auto producer = world.producer("id");
    const ConnectionId reader = world.core.connect(1);
    auto request = fetch_request("t", 0, 0, {.max_wait_ms = 1000});
    request.isolation_level = committed;
    world.put(reader, request, 12);
    world.produce("id", producer, 0, v2.produce);
    CHECK_FALSE(world.take<msg::FetchRequest>(reader, 12));
    world.commit("id", producer, v2.end);
    const auto answer = world.take<msg::FetchRequest>(reader, 12);
    REQUIRE(answer);
    CHECK(answer->responses[0].partitions[0].records.size() == world.log().size_bytes());
}

TEST_CASE("in version 1 a partition must have been added before it is written to") {
    OnePartition world;
    const auto producer = world.producer("id");
    CHECK(world.produce("id", producer, 0, 11) == Errc::transaction_abortable);
    CHECK(world.produce("id", producer, 0, 10) == Errc::invalid_txn_state);
    CHECK(world.produce("id", producer, 0, 3) == Errc::invalid_txn_state);
    CHECK(world.produce("other", producer, 0, 11) == Errc::invalid_producer_id_mapping);
    CHECK(world.log().end_offset() == 0);
    world.add("id", producer, {{"t", 0}});
    CHECK(world.produce("id", producer, 0, 11) == Errc::no_error);
    world.commit("id", producer, v1.end);
    CHECK(world.produce("id", producer, 1, 11) == Errc::transaction_abortable);
}

TEST_CASE("partitions that do not exist keep all others from being added") {
    OnePartition world;
    const auto producer = world.producer("id");
    CHECK(world.add("id", producer, {{"t", 0}, {"t", 9}, {"no", 0}}) ==
          std::vector{
              Errc::operation_not_attempted, Errc::unknown_topic_or_part, Errc::unknown_topic_or_part});
    CHECK(world.state("id") == State::empty);
}

TEST_CASE("fenced producers are told so in words of their version") {
    OnePartition world;
    const auto old = world.producer("id");
    const auto fresh = world.producer("id");
    CHECK(fresh.epoch == 1);
    for (const int16_t version : std::initializer_list<int16_t>{0, 1, 2, 3}) {
        const Errc expected = version < 2 ? Errc::invalid_producer_epoch : Errc::producer_fenced;
        CHECK(world.add("id", old, {{"t", 0}}, version) == std::vector{expected});
    }
    for (const int16_t version : std::initializer_list<int16_t>{0, 1, 2, 3, 4, 5})
        CHECK(world.commit("id", old, version) ==
              (version < 2 ? Errc::invalid_producer_epoch : Errc::producer_fenced));
    for (const int16_t version : std::initializer_list<int16_t>{3, 4})
        CHECK(world.init("id", {old.id, 7}, version).error ==
              (version < 4 ? Errc::invalid_producer_epoch : Errc::producer_fenced));
    for (const int16_t version : std::initializer_list<int16_t>{9, 11, 12})
        CHECK(world.produce("id", old, 0, version) == Errc::invalid_producer_epoch);
}

TEST_CASE("a transactional batch needs a transactional id") {
    OnePartition world;
    const auto producer = world.producer("id");
    auto request = produce_request("t", 0, batch_of({"a"}, {producer.id, 0, 0, true}));
    CHECK(world.ask(request, 12).responses[0].partition_responses[0].error_code ==
          number(Errc::transactional_id_authorization_failed));
    CHECK(world.produce("", producer, 0, 12) == Errc::invalid_request);
}

TEST_CASE("a producer with a transaction open cannot write beside it") {
    OnePartition world;
    const auto producer = world.producer("id");
    world.produce("id", producer, 0, v2.produce);
    auto request = produce_request("t", 0, batch_of({"a"}, {producer.id, producer.epoch, 1}));
    CHECK(world.ask(request, 12).responses[0].partition_responses[0].error_code ==
          number(Errc::invalid_txn_state));
}

TEST_CASE("until a first batch is appended none beyond the lowest one that came is in order") {
    OnePartition world;
    const auto producer = world.producer("id");
    CHECK(world.produce("id", producer, 3, 11) == Errc::transaction_abortable);
    CHECK(world.produce("id", producer, 2, 11) == Errc::transaction_abortable);
    world.add("id", producer, {{"t", 0}});
    CHECK(world.produce("id", producer, 3, 11) == Errc::out_of_order_sequence_number);
    CHECK(world.produce("id", producer, 2, 11) == Errc::no_error);
    CHECK(world.produce("id", producer, 3, 11) == Errc::no_error);
    CHECK(world.produce("id", producer, 5, 11) == Errc::out_of_order_sequence_number);
}

TEST_CASE("in version 2 a producer begins each partition with sequence 0") {
    OnePartition world;
    const auto producer = world.producer("id");
    CHECK(world.produce("id", producer, 3, v2.produce) == Errc::out_of_order_sequence_number);
    CHECK(world.produce("id", producer, 0, v2.produce) == Errc::no_error);
}

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
