// Transactions as clients of the cluster meet them: fencing, markers, the last stable offset, what readers get.
#include "unit/mock/transaction_world.hpp"

#include <ottla/msg/api_versions.hpp>
#include <ottla/msg/list_offsets.hpp>

using namespace ottla;
using namespace ottla::mock;

namespace {

using State = TransactionCoordinator::State;
using namespace std::chrono_literals;

constexpr int8_t committed = 1;

msg::fetch_response::PartitionData
read_committed(TransactionWorld& world, int64_t offset, FetchLimits limits = {.max_wait_ms = 0}) {
    auto request = fetch_request("t", 0, offset, limits);
    request.isolation_level = committed;
    return world.ask(request, 12, world.partition("t", 0).leader).responses.at(0).partitions.at(0);
}

constexpr int64_t largest_timestamp = -3;

int64_t offset_at(TransactionWorld& world, int8_t isolation, int64_t timestamp) {
    msg::ListOffsetsRequest request;
    request.isolation_level = isolation;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.partitions.emplace_back().timestamp = timestamp;
    return world.ask(request, 7).topics.at(0).partitions.at(0).offset;
}

int64_t latest(TransactionWorld& world, int8_t isolation) {
    return offset_at(world, isolation, -1);
}

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
    CHECK(offset_at(world, 0, 0) == 0);
    CHECK(offset_at(world, committed, 0) == -1);
    CHECK(offset_at(world, committed, largest_timestamp) == -1);
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
    CHECK(read_committed(world, 0).aborted_transactions->empty()); // nothing can be read
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

TEST_CASE("ApiVersions tells the version of transactions, and a new epoch when it changes") {
    CoreOptions options;
    options.transaction_version = 1;
    TransactionWorld world(1, options);
    const auto features = [&](int16_t version) {
        msg::ApiVersionsRequest request;
        request.client_software_name = "test";
        request.client_software_version = "1";
        return world.ask(request, version);
    };
    const auto before = features(3);
    REQUIRE(before.finalized_features.size() == 1);
    CHECK(before.finalized_features[0].name == "transaction.version");
    CHECK(before.finalized_features[0].min_version_level == 1);
    CHECK(before.finalized_features[0].max_version_level == 1);
    CHECK(before.supported_features.empty());

    world.core.set_transaction_version(2);
    const auto after = features(4);
    CHECK(after.finalized_features_epoch == before.finalized_features_epoch + 1);
    CHECK(after.finalized_features.at(0).max_version_level == 2);
    REQUIRE(after.supported_features.size() == 1);
    CHECK(after.supported_features[0].max_version == 2);

    world.core.set_transaction_version(0);
    CHECK(features(4).finalized_features.empty());
    CHECK(features(4).supported_features.size() == 1);
    CHECK(features(2).finalized_features_epoch == -1);
}

TEST_CASE("a producer may go from one protocol to the other between transactions") {
    OnePartition world;
    auto producer = world.producer("id");
    world.add("id", producer, {{"t", 0}});
    CHECK(world.produce("id", producer, 0, 11) == Errc::no_error);
    CHECK(world.commit("id", producer, 4) == Errc::no_error);
    CHECK(world.produce("id", producer, 1, 12) == Errc::no_error);
    producer = world.end("id", producer, true, 5).producer;
    CHECK(producer.epoch == 1);
    world.add("id", producer, {{"t", 0}});
    CHECK(world.produce("id", producer, 0, 11) == Errc::no_error);
    CHECK(world.commit("id", producer, 4) == Errc::no_error);
    CHECK(world.log().last_stable_offset() == 6);
}

TEST_CASE("injected errors stand for what a broker without this fault would not say") {
    OnePartition world;
    const auto producer = world.producer("id");
    world.core.faults().add(
        24, every_broker, 1, {Faults::Kind::error, Errc::transactional_id_authorization_failed}
    );
    CHECK(world.add("id", producer, {{"t", 0}}) ==
          std::vector{Errc::transactional_id_authorization_failed});
    world.core.faults().add(26, every_broker, 1, {Faults::Kind::error, Errc::transaction_abortable});
    CHECK(world.abort("id", producer, 5) == Errc::transaction_abortable);
    CHECK(world.state("id") == State::empty);
}

TEST_CASE("brokers may ask for many transactions at once, and whether partitions are in them") {
    OnePartition world;
    const auto a = world.producer("a");
    const auto b = world.producer("b");
    msg::AddPartitionsToTxnRequest request;
    const auto want = [&](const char* id, ProducerIdentity producer, bool verify, int32_t partition) {
        auto& wanted = request.transactions.emplace_back();
        wanted.transactional_id = id;
        wanted.producer_id = producer.id;
        wanted.producer_epoch = producer.epoch;
        wanted.verify_only = verify;
        auto& topic = wanted.topics.emplace_back();
        topic.name = "t";
        topic.partitions = {partition};
    };
    want("a", a, false, 0);
    want("a", a, true, 0);
    want("b", b, true, 0);
    want("b", {b.id, 5}, false, 0);
    want("b", b, false, 9);
    std::vector<Errc> errors;
    for (const auto& result : world.ask(request, 4).results_by_transaction)
        errors.push_back(
            static_cast<Errc>(result.topic_results.at(0).results_by_partition.at(0).partition_error_code)
        );
    CHECK(errors == std::vector{
                        Errc::no_error,
                        Errc::no_error,
                        Errc::transaction_abortable,
                        Errc::producer_fenced,
                        Errc::unknown_topic_or_part});
}

TEST_CASE("markers of a topic that stamps records say so") {
    TransactionWorld world;
    ClusterCore::NewTopic topic;
    topic.name = "t";
    topic.partitions = 1;
    topic.config.timestamp_type = TimestampType::log_append_time;
    REQUIRE_FALSE(world.core.create_topic(topic));
    const auto producer = world.producer("id");
    world.advance(5s);
    world.produce("id", producer, 0, 12);
    world.commit("id", producer, 5);
    const auto header = record::read_batch_header(world.log().batches().back().head.data());
    CHECK(header.timestamp_type() == TimestampType::log_append_time);
    CHECK(header.max_timestamp == 5000);
    CHECK(header.is_control());
    CHECK(world.log().last_stable_offset() == 2);
}
