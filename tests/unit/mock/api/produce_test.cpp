#include "unit/mock/cluster_world.hpp"

using namespace ottla;
using namespace ottla::mock;

namespace {

constexpr int16_t version = 12;

auto produce(ClusterWorld& world, Buffer records, int16_t v = version) {
    return world.ask(produce_request("t", 0, std::move(records)), v)
        .responses.at(0)
        .partition_responses.at(0);
}

Buffer changed(const Buffer& batch, size_t at, uint8_t value) {
    Buffer copy = Buffer::copy_of(batch);
    copy.mutable_data()[at] = value;
    return copy;
}

Buffer joined(const Buffer& a, const Buffer& b) {
    return wire::Pieces({a, b}).flatten();
}

} // namespace

TEST_CASE("produced batches get the next offsets, in every version") {
    ClusterWorld world;
    world.create("t", 1);
    int64_t next = 0;
    for (int16_t v = 3; v <= 12; ++v) {
        const auto answer = produce(world, batch_of({"a", "b"}), v);
        CHECK(answer.error_code == 0);
        CHECK(answer.base_offset == next);
        next += 2;
    }
    auto by_id = produce_request("", 0, batch_of({"c"}));
    by_id.topic_data[0].topic_id = world.core.find_topic("t")->id;
    CHECK(world.ask(by_id, 13).responses[0].partition_responses[0].base_offset == next);
    by_id.topic_data[0].topic_id = Uuid{{1}};
    CHECK(
        world.ask(by_id, 13).responses[0].partition_responses[0].error_code == number(Errc::unknown_topic_id)
    );
}

TEST_CASE("a broker refuses batches that are damaged, foreign or too many") {
    ClusterWorld world;
    world.create("t", 1);
    const Buffer good = batch_of({"value"});

    struct Row {
        const char* what;
        Buffer records;
        Errc expected;
    };

    const Row rows[] = {
        {"nothing", Buffer::allocate(0), Errc::invalid_record},
        {"a bit flipped in the records", changed(good, good.size() - 2, 0xff), Errc::invalid_msg},
        {"another magic", changed(good, record::at::magic, 1), Errc::invalid_record},
        {"a base offset", changed(good, record::at::base_offset + 7, 1), Errc::invalid_record},
        {"cut short", good.slice(0, good.size() - 1), Errc::invalid_record},
        {"a header cut short", good.slice(0, 30), Errc::invalid_record},
        {"a length that cannot be", changed(good, record::at::batch_length + 3, 3), Errc::invalid_msg},
        {"a negative length", changed(good, record::at::batch_length, 0xff), Errc::invalid_msg},
        {"two batches", joined(good, good), Errc::invalid_record},
        {"a codec that nobody knows", changed(good, record::at::attributes + 1, 7), Errc::invalid_record},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const auto answer = produce(world, row.records);
        CHECK(answer.error_code == number(row.expected));
        CHECK(answer.base_offset == -1);
        CHECK(answer.error_message);
    }
    CHECK(world.partition("t", 0).log.end_offset() == 0);
}

TEST_CASE("a header that contradicts itself is refused though its crc is right") {
    ClusterWorld world;
    world.create("t", 1);
    record::BatchHeader header = record::read_batch_header(batch_of({"a"}).data());
    const auto with = [&](auto change) {
        Buffer batch = Buffer::copy_of(batch_of({"a"}));
        record::BatchHeader changed_header = header;
        change(changed_header);
        record::write_batch_header(batch.mutable_data(), changed_header);
        store_be(
            batch.mutable_data() + record::at::crc,
            crc32c(0, batch.data() + record::at::attributes, batch.size() - record::at::attributes)
        );
        return produce(world, batch).error_code;
    };
    CHECK(with([](auto& h) { h.record_count = 2; }) == number(Errc::invalid_record));
    CHECK(with([](auto& h) { h.last_offset_delta = 5; }) == number(Errc::invalid_record));
    CHECK(with([](auto& h) { h.attributes = record::control_bit; }) == number(Errc::invalid_record));
    CHECK(with([](auto& h) { h.producer_id = 4; }) == number(Errc::invalid_record));
    CHECK(with([](auto& h) { h.attributes = record::transactional_bit; }) == number(Errc::transactional_id_authorization_failed));
    CHECK(with([](auto&) {}) == 0);
}

TEST_CASE("batches beyond max.message.bytes are refused") {
    CoreOptions options;
    options.topic_defaults.max_message_bytes = 200;
    ClusterWorld world(1, options);
    world.create("t", 1);
    CHECK(produce(world, batch_of({std::string(300, 'x')})).error_code == number(Errc::msg_size_too_large));
    CHECK(produce(world, batch_of({std::string(50, 'x')})).error_code == 0);
}

TEST_CASE("zstd needs version 7") {
    ClusterWorld world;
    world.create("t", 1);
    const Buffer batch = batch_of({std::string(100, 'x')}, {}, Compression::zstd);
    CHECK(produce(world, batch, 6).error_code == number(Errc::unsupported_compression_type));
    CHECK(produce(world, batch, 7).error_code == 0);
}

TEST_CASE("a repeated batch of an idempotent producer is acknowledged with its first offset") {
    ClusterWorld world;
    world.create("t", 1);
    produce(world, batch_of({"x"}));
    const Sequence sequence{1000, 0, 0};
    CHECK(produce(world, batch_of({"a", "b"}, sequence)).base_offset == 1);
    const auto again = produce(world, batch_of({"a", "b"}, sequence));
    CHECK(again.error_code == 0);
    CHECK(again.base_offset == 1);
    CHECK(world.partition("t", 0).log.end_offset() == 3);

    CHECK(
        produce(world, batch_of({"d"}, {1000, 0, 3})).error_code == number(Errc::out_of_order_sequence_number)
    );
    CHECK(produce(world, batch_of({"c"}, {1000, 0, 2})).base_offset == 3);
    CHECK(produce(world, batch_of({"e"}, {1000, 1, 0})).base_offset == 4);
    CHECK(produce(world, batch_of({"d"}, {1000, 0, 3})).error_code == number(Errc::invalid_producer_epoch));
}

TEST_CASE("who is not the leader says who is") {
    ClusterWorld world(2);
    world.create("t", 1, 2);
    REQUIRE_FALSE(world.core.move_leader("t", 0, 2, world.now));

    const auto old = world.ask(produce_request("t", 0, batch_of({"a"})), 9);
    CHECK(old.responses[0].partition_responses[0].error_code == number(Errc::not_leader_for_partition));
    const auto answer = world.ask(produce_request("t", 0, batch_of({"a"})), 10);
    const auto& partition = answer.responses[0].partition_responses[0];
    CHECK(partition.error_code == number(Errc::not_leader_for_partition));
    CHECK(partition.current_leader.leader_id == 2);
    CHECK(partition.current_leader.leader_epoch == world.partition("t", 0).leader_epoch);
    REQUIRE(answer.node_endpoints.size() == 1);
    CHECK(answer.node_endpoints[0].node_id == 2);
    CHECK(answer.node_endpoints[0].port == 9002);
    CHECK(
        world.ask(produce_request("t", 0, batch_of({"a"})), 10, 2)
            .responses[0]
            .partition_responses[0]
            .error_code == 0
    );
}

TEST_CASE("acks=0 has no answer, and a failure ends the connection") {
    ClusterWorld world;
    world.create("t", 1);
    auto request = produce_request("t", 0, batch_of({"a"}));
    request.acks = 0;
    const ConnectionId connection = world.connections[1];
    world.put(connection, request, version);
    CHECK(world.answers[connection].empty());
    CHECK(world.partition("t", 0).log.end_offset() == 1);
    CHECK(world.closed.empty());

    request.topic_data[0].name = "missing";
    world.put(connection, request, version);
    CHECK(world.closed.contains(connection));
}

TEST_CASE("unknown topics, partitions and acks are errors of the partition") {
    ClusterWorld world;
    world.create("t", 1);
    const auto error = [&](msg::ProduceRequest request) {
        return world.ask(request, version).responses[0].partition_responses[0].error_code;
    };
    CHECK(error(produce_request("missing", 0, batch_of({"a"}))) == number(Errc::unknown_topic_or_part));
    CHECK(error(produce_request("t", 1, batch_of({"a"}))) == number(Errc::unknown_topic_or_part));
    CHECK(error(produce_request("t", -1, batch_of({"a"}))) == number(Errc::unknown_topic_or_part));
    auto strange = produce_request("t", 0, batch_of({"a"}));
    strange.acks = 2;
    CHECK(error(strange) == number(Errc::invalid_required_acks));
}

TEST_CASE("with LogAppendTime the broker's clock is in the answer and in the batch") {
    CoreOptions options;
    options.topic_defaults.timestamp_type = TimestampType::log_append_time;
    options.start_timestamp_ms = 1700000000000;
    ClusterWorld world(1, options);
    world.create("t", 1);
    world.advance(std::chrono::milliseconds(250));
    const auto answer = produce(world, batch_of({"a"}));
    CHECK(answer.log_append_time_ms == 1700000000250);

    const Buffer stored = whole(world.partition("t", 0).log.batches().front());
    const record::BatchHeader header = record::read_batch_header(stored.data());
    CHECK(header.timestamp_type() == TimestampType::log_append_time);
    CHECK(header.max_timestamp == 1700000000250);
    CHECK(
        header.crc ==
        crc32c(0, stored.data() + record::at::attributes, stored.size() - record::at::attributes)
    );
}
