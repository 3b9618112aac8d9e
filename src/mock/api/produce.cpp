// Produce v3-13 (0-2 are announced because old librdkafka looks for them, and refused, as in Kafka 4). v5
// adds the log start offset, v8 error texts, v10 the present leader and addresses in errors (KIP-951), v13
// topic ids. acks=0 has no answer; a failure then ends the connection.
#include <ottla/msg/produce.hpp>

#include "mock/api/handler.hpp"
#include "mock/batch_check.hpp"

namespace ottla::mock::api {
namespace {

using msg::produce_request::PartitionProduceData;
using msg::produce_response::PartitionProduceResponse;

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
    if (checked.is_transactional)
        return {Errc::invalid_txn_state, "the partition is not part of a transaction"};

    const bool stamps = topic.config.timestamp_type == TimestampType::log_append_time;
    const int64_t stamp = stamps ? cluster.timestamp_ms(call.now) : -1;
    const bool idempotent = checked.producer.producer_id >= 0;
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
        if (Error error = partition.producers.check(checked.producer, cluster.options().first_sequence))
            return error;
    }
    const size_t size = checked.batch.bytes.size();
    out.base_offset = partition.log.append(
        stamps ? with_append_time(checked.batch, stamp) : std::move(checked.batch), partition.leader_epoch
    );
    out.log_append_time_ms = stamp;
    cluster.will_acknowledge(call.connection, {topic.id, index}, partition.log.end_offset());
    if (idempotent)
        partition.producers.note(checked.producer, out.base_offset, stamp);
    cluster.on_appended(partition, size);
    return {};
}

Error produce_one(
    ClusterCore& cluster,
    const Call& call,
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
    const bool has_records = data.records.pieces.size() == 1;
    if (Error error = append(
            cluster, call, *topic, data.index, *partition, has_records ? data.records.pieces.front() : Buffer(), out
        ))
        return error;
    out.log_start_offset = partition->log.start_offset();
    return {};
}

Outcome act(ClusterCore& cluster, const Call& call, msg::ProduceRequest& request) {
    const bool acks_known = request.acks >= -1 && request.acks <= 1;
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
            const Error error = acks_known ? produce_one(cluster, call, topic, partition, out)
                                           : Error(Errc::invalid_required_acks, "acks must be -1, 0 or 1");
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

} // namespace

const Api produce{0, 3, 13, 0, decoded<msg::ProduceRequest, act>};

} // namespace ottla::mock::api
