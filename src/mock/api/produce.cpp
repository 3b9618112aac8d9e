// Produce v3-13 (0-2 are announced because old librdkafka looks for them, and refused, as in Kafka 4). v5
// adds the log start offset, v8 error texts, v10 the present leader and addresses in errors (KIP-951), v13
// topic ids. acks=0 has no answer; a failure then ends the connection.
// Transactions (KIP-890): the coordinator is asked whether the partition is in the transaction, from v12 on to add it.
// Then v11 may be answered TRANSACTION_ABORTABLE.
#include <optional>

#include <ottla/msg/produce.hpp>

#include "mock/api/handler.hpp"
#include "mock/batch_check.hpp"
#include "record/batch_header.hpp"

namespace ottla::mock::api {
namespace {

using msg::produce_request::PartitionProduceData;
using msg::produce_response::PartitionProduceResponse;

/// Produce of transaction version 2: a partition is added by writing to it.
constexpr int16_t first_of_transaction_version_2 = 12;

/// The header of a transactional batch; nothing else of the batch is checked yet.
std::optional<record::BatchHeader> transactional_header(const Buffer& records) {
    if (records.size() < record::batch_header_size || records.data()[record::at::magic] != 2)
        return std::nullopt;
    if (!(load_be<int16_t>(records.data() + record::at::attributes) & record::transactional_bit))
        return std::nullopt;
    return record::read_batch_header(records.data());
}

/// What the coordinator says, as the leader passes it on: in words that the client's version knows.
Errc as_told(Errc error, int16_t version) {
    switch (error) {
    case Errc::producer_fenced:
        return Errc::invalid_producer_epoch;
    case Errc::transaction_abortable:
        return version >= 11 ? error : Errc::invalid_txn_state;
    case Errc::concurrent_transactions:
        return version >= first_of_transaction_version_2 ? error : Errc::not_enough_replicas;
    case Errc::coordinator_not_available:
    case Errc::coordinator_load_in_progress:
        return Errc::not_enough_replicas;
    default:
        return error;
    }
}

bool is_in_transaction(const Partition& partition, ProducerIdentity producer) {
    return partition.log.transactions().is_open(producer.id) &&
           partition.producers.epoch(producer.id) == producer.epoch;
}

/// Whether the producer's transaction holds the partition, or can take it in.
Errc check_transaction(
    ClusterCore& cluster,
    const Call& call,
    const std::string& transactional_id,
    const record::BatchHeader& header,
    const TopicPartition& where,
    Partition& partition
) {
    const ProducerIdentity producer{header.producer_id, header.producer_epoch};
    if (is_in_transaction(partition, producer))
        return Errc::no_error;
    partition.producers.note_verification(
        {producer.id, producer.epoch, header.base_sequence, header.last_offset_delta}
    );
    if (const Errc error = cluster.coordinator_state(transactional_id, call.now); error != Errc::no_error)
        return as_told(error, call.version);
    auto& transactions = cluster.transactions();
    const Errc error = call.version >= first_of_transaction_version_2
                           ? transactions.add_partitions(transactional_id, producer, {where}, call.now)
                           : transactions.verify(transactional_id, producer, where);
    return as_told(error, call.version);
}

Error append(
    ClusterCore& cluster,
    const Call& call,
    const Topic& topic,
    int32_t index,
    Partition& partition,
    const Buffer& records,
    PartitionProduceResponse& out
) {
    CheckedBatch checked;
    if (Error error = check_produced(records, call.version, topic.config, checked))
        return error;
    const bool stamps = topic.config.timestamp_type == TimestampType::log_append_time;
    const int64_t stamp = stamps ? cluster.timestamp_ms(call.now) : -1;
    const bool idempotent = checked.producer.producer_id >= 0;
    const bool is_transactional = checked.batch.role == BatchRole::transactional;
    if (idempotent) {
        if (const auto original = partition.producers.find_repeat(checked.producer)) {
            out.base_offset = original->base_offset;
            cluster.will_acknowledge(
                call.connection,
                {topic.id, index},
                original->base_offset + checked.producer.last_offset_delta + 1
            );
            out.log_append_time_ms = original->timestamp_ms;
            return {};
        }
        const auto rule = is_transactional && call.version >= first_of_transaction_version_2
                              ? ProducerTable::FirstSequence::zero
                              : cluster.options().first_sequence;
        if (Error error = partition.producers.check(checked.producer, rule))
            return error;
        if (!is_transactional && partition.log.transactions().is_open(checked.producer.producer_id))
            return {Errc::invalid_txn_state, "the producer has a transaction open here"};
    }
    const int64_t stable_before = partition.log.last_stable_offset();
    const size_t size = checked.batch.bytes.size();
    out.base_offset = partition.log.append(
        stamps ? with_append_time(checked.batch, stamp) : std::move(checked.batch), partition.leader_epoch
    );
    out.log_append_time_ms = stamp;
    cluster.will_acknowledge(call.connection, {topic.id, index}, partition.log.end_offset());
    if (idempotent)
        partition.producers.note(checked.producer, out.base_offset, stamp);
    if (is_transactional)
        partition.producers.end_verification(checked.producer.producer_id);
    cluster.on_appended(partition, size, stable_before);
    return {};
}

Buffer records_of(const PartitionProduceData& data) {
    return data.records.pieces.size() == 1 ? data.records.pieces.front() : Buffer();
}

/// An error of every partition.
Error check(const Call& call, const msg::ProduceRequest& request) {
    if (request.acks < -1 || request.acks > 1)
        return {Errc::invalid_required_acks, "acks must be -1, 0 or 1"};
    if (request.transactional_id || call.injected != Errc::no_error)
        return {};
    for (const auto& topic : request.topic_data)
        for (const auto& partition : topic.partition_data)
            if (transactional_header(records_of(partition)))
                return Errc::transactional_id_authorization_failed;
    return {};
}

Error produce_one(
    ClusterCore& cluster,
    const Call& call,
    const std::string& transactional_id,
    Topic* topic,
    PartitionProduceData& data,
    PartitionProduceResponse& out
) {
    if (call.injected != Errc::no_error)
        return call.injected;
    if (!topic && call.version >= 13)
        return Errc::unknown_topic_id;
    Partition* partition = topic ? topic->find(data.index) : nullptr;
    if (const Errc error = check_leader(call, partition, -1); error != Errc::no_error)
        return error;
    const Buffer records = records_of(data);
    if (const auto header = transactional_header(records)) {
        const Errc error = check_transaction(
            cluster, call, transactional_id, *header, {topic->name, data.index}, *partition
        );
        if (error == Errc::invalid_txn_state || error == Errc::transaction_abortable)
            return {error, "the partition is not in the transaction"};
        if (error != Errc::no_error)
            return error;
    }
    if (Error error = append(cluster, call, *topic, data.index, *partition, records, out))
        return error;
    out.log_start_offset = partition->log.start_offset();
    return {};
}

/// Whether a partition must be added while the producer's last transaction still ends: brokers try this again
/// themselves, for a while.
bool should_wait(ClusterCore& cluster, const Call& call, const msg::ProduceRequest& request) {
    if (call.version < first_of_transaction_version_2 || !request.transactional_id ||
        call.injected != Errc::no_error)
        return false;
    const auto* known = cluster.transactions().find(*request.transactional_id);
    if (!known || !known->is_ending())
        return false;
    for (const auto& data : request.topic_data) {
        Topic* topic = find_topic(cluster, call.version >= 13, data.name, data.topic_id);
        for (const auto& one : data.partition_data) {
            const Partition* partition = topic ? topic->find(one.index) : nullptr;
            const auto header = transactional_header(records_of(one));
            if (header && check_leader(call, partition, -1) == Errc::no_error &&
                !is_in_transaction(*partition, {header->producer_id, header->producer_epoch}))
                return true;
        }
    }
    return false;
}

Outcome attempt(ClusterCore& cluster, const Call& call, msg::ProduceRequest& request, TimePoint first) {
    constexpr std::chrono::milliseconds pause(20); // add.partitions.to.txn.retry.backoff.ms
    constexpr std::chrono::milliseconds longest(100); // add.partitions.to.txn.retry.backoff.max.ms
    if (call.now < first + longest && should_wait(cluster, call, request)) {
        Outcome later;
        later.kind = Outcome::Kind::parked;
        later.deadline = call.now + pause;
        later.resume = [&cluster, call, first, request = std::move(request)](TimePoint when) mutable {
            Call again = call;
            again.now = when;
            return attempt(cluster, again, request, first);
        };
        return later;
    }
    const Error common = check(call, request);
    const std::string transactional_id = request.transactional_id.value_or("");
    bool failed = false;
    msg::ProduceResponse response;
    for (auto& data : request.topic_data) {
        Topic* topic = find_topic(cluster, call.version >= 13, data.name, data.topic_id);
        auto& out_topic = response.responses.emplace_back();
        out_topic.name = data.name;
        out_topic.topic_id = data.topic_id;
        for (auto& partition : data.partition_data) {
            auto& out = out_topic.partition_responses.emplace_back();
            out.index = partition.index;
            Error error =
                common ? common : produce_one(cluster, call, transactional_id, topic, partition, out);
            if (!error && call.injected_late != Errc::no_error)
                error = call.injected_late;
            if (!error)
                continue;
            failed = true;
            out.base_offset = -1;
            out.error_code = code(error.errc());
            out.error_message = error.message();
            if (error.errc() != Errc::not_leader_for_partition || call.version < 10 || !topic)
                continue;
            if (const Partition* known = topic->find(partition.index)) {
                out.current_leader.leader_id = known->leader;
                out.current_leader.leader_epoch = known->leader_epoch;
                add_endpoint(cluster, known->leader, response.node_endpoints);
            }
        }
    }
    if (request.acks == 0)
        return {
            .kind = failed ? Outcome::Kind::close : Outcome::Kind::silent,
            .frame = {},
            .deadline = {},
            .resume = {}};
    return reply(call, response);
}

Outcome act(ClusterCore& cluster, const Call& call, msg::ProduceRequest& request) {
    return attempt(cluster, call, request, call.now);
}

} // namespace

const Api produce{0, 3, 13, 0, decoded<msg::ProduceRequest, act>};

} // namespace ottla::mock::api
