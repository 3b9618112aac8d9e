// The statistics JSON, in the shape that librdkafka gave it: docs/statistics.schema.json.
#include <nlohmann/json.hpp>
#include <ottla/metrics.hpp>

namespace ottla {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::microseconds;
using std::chrono::milliseconds;

int64_t us(auto duration) { return std::chrono::duration_cast<microseconds>(duration).count(); }
int64_t ms(auto duration) { return std::chrono::duration_cast<milliseconds>(duration).count(); }

Json window(const Distribution& d) {
    return {
        {"min", d.min}, {"max", d.max}, {"avg", d.mean}, {"sum", d.sum}, {"stddev", d.stddev},
        {"p50", d.p50}, {"p75", d.p75}, {"p90", d.p90}, {"p95", d.p95}, {"p99", d.p99}, {"p99_99", d.p99_99},
        {"outofrange", d.out_of_range}, {"hdrsize", d.histogram_bytes}, {"cnt", d.count}};
}

Json broker(const BrokerMetrics& b, const Metrics& all) {
    Json out{
        {"name", b.name},
        {"nodeid", b.node < 0 ? -1 : b.node},
        {"nodename", b.address},
        {"source", b.node < 0 ? "configured" : "learned"},
        {"state", b.state},
        {"stateage", us(b.state_age)},
        {"outbuf_cnt", b.requests_waiting},
        {"outbuf_msg_cnt", b.messages_waiting},
        {"waitresp_cnt", b.requests_in_flight},
        {"waitresp_msg_cnt", b.messages_in_flight},
        {"tx", b.requests_sent},
        {"txbytes", b.bytes_sent},
        {"txerrs", b.send_errors},
        {"txretries", b.retries},
        {"txidle", b.since_sent ? us(*b.since_sent) : -1},
        {"req_timeouts", b.timeouts},
        {"rx", b.responses},
        {"rxbytes", b.bytes_received},
        {"rxerrs", b.receive_errors},
        {"rxcorriderrs", b.correlation_errors},
        {"rxpartial", 0},
        {"rxidle", b.since_received ? us(*b.since_received) : -1},
        {"zbuf_grow", 0},
        {"buf_grow", 0},
        {"wakeups", b.wakeups},
        {"connects", b.connects},
        {"disconnects", b.disconnects},
        {"int_latency", window(b.queue_time)},
        {"outbuf_latency", window(b.send_wait)},
        {"rtt", window(b.rtt)},
        {"throttle", window(b.throttle_time)},
        {"req", Json::object()},
        {"toppars", Json::object()}};
    for (const auto& [api, count] : b.requests)
        out["req"][api] = count;
    if (b.node >= 0)
        for (const auto& [name, topic] : all.topics)
            for (const auto& [index, partition] : topic.partitions)
                if (partition.broker == b.node)
                    out["toppars"][name + "-" + std::to_string(index)] = {{"topic", name}, {"partition", index}};
    return out;
}

Json partition(int32_t index, const PartitionMetrics& p) {
    return {
        {"partition", index},
        {"broker", p.broker},
        {"leader", p.leader},
        {"desired", p.desired},
        {"unknown", p.unknown},
        {"msgq_cnt", p.messages_queued},
        {"msgq_bytes", p.bytes_queued},
        {"xmit_msgq_cnt", 0},
        {"xmit_msgq_bytes", 0},
        {"fetchq_cnt", p.messages_fetched_ahead},
        {"fetchq_size", p.bytes_fetched_ahead},
        {"fetch_state", p.fetch_state},
        {"query_offset", p.query_offset},
        {"next_offset", p.next_offset},
        {"app_offset", p.position},
        {"stored_offset", p.stored_offset},
        {"stored_leader_epoch", p.stored_leader_epoch},
        {"commited_offset", p.committed_offset},
        {"committed_offset", p.committed_offset},
        {"committed_leader_epoch", p.committed_leader_epoch},
        {"eof_offset", p.end_offset_told},
        {"lo_offset", p.low},
        {"hi_offset", p.high},
        {"ls_offset", p.last_stable},
        {"consumer_lag", p.lag_committed},
        {"consumer_lag_stored", p.lag_stored},
        {"leader_epoch", p.leader_epoch},
        {"txmsgs", p.messages_sent},
        {"txbytes", p.bytes_sent},
        {"rxmsgs", p.messages_received},
        {"rxbytes", p.bytes_received},
        {"msgs", p.messages_accepted + p.messages_received},
        {"rx_ver_drops", p.stale_drops},
        {"msgs_inflight", p.messages_in_flight},
        {"next_ack_seq", std::max(p.oldest_sequence, 0)},
        {"next_err_seq", std::max(p.oldest_sequence, 0)},
        {"acked_msgid", p.messages_delivered}};
}

Json topic(const std::string& name, const TopicMetrics& t) {
    Json out{
        {"topic", name},
        {"age", ms(t.age)},
        {"metadata_age", ms(t.metadata_age)},
        {"batchsize", window(t.batch_bytes)},
        {"batchcnt", window(t.batch_messages)},
        {"partitions", Json::object()}};
    for (const auto& [index, p] : t.partitions)
        out["partitions"][std::to_string(index)] = partition(index, p);
    return out;
}

} // namespace

std::string to_json(const Metrics& m) {
    Json out{
        {"name", m.name},
        {"client_id", m.client_id},
        {"type", m.type},
        {"ts", us(m.taken.time_since_epoch())},
        {"time", std::chrono::duration_cast<std::chrono::seconds>(m.wall_time.time_since_epoch()).count()},
        {"age", us(m.age)},
        {"replyq", m.events_waiting},
        {"msg_cnt", m.messages},
        {"msg_size", m.bytes},
        {"msg_max", m.messages_max},
        {"msg_size_max", m.bytes_max},
        {"simple_cnt", 0},
        {"metadata_cache_cnt", m.topics_known},
        {"brokers", Json::object()},
        {"topics", Json::object()}};
    for (const auto& [node, b] : m.brokers)
        out["brokers"][b.name] = broker(b, m);
    for (const auto& [name, t] : m.topics)
        out["topics"][name] = topic(name, t);
    if (m.idempotence) {
        const IdempotenceMetrics& e = *m.idempotence;
        out["eos"] = {
            {"idemp_state", e.id_state},
            {"idemp_stateage", ms(e.id_state_age)},
            {"txn_state", e.transaction_state},
            {"txn_stateage", ms(e.transaction_state_age)},
            {"txn_may_enq", e.takes_messages},
            {"producer_id", e.producer_id},
            {"producer_epoch", e.producer_epoch},
            {"epoch_cnt", e.identities}};
    }
    if (m.group) {
        const GroupMetrics& g = *m.group;
        out["cgrp"] = {
            {"state", g.state},
            {"stateage", ms(g.state_age)},
            {"join_state", g.join_state},
            {"rebalance_age", ms(g.rebalance_age)},
            {"rebalance_cnt", g.rebalances},
            {"rebalance_reason", g.rebalance_reason},
            {"assignment_size", g.assigned}};
    }
    if (m.fatal)
        out["fatal"] = {{"error", error_name(m.fatal->errc())}, {"reason", m.fatal->message()}, {"cnt", 1}};
    out["tx"] = m.requests_sent;
    out["tx_bytes"] = m.bytes_sent;
    out["rx"] = m.responses;
    out["rx_bytes"] = m.bytes_received;
    out["txmsgs"] = m.messages_sent;
    out["txmsg_bytes"] = m.message_bytes_sent;
    out["rxmsgs"] = m.messages_received;
    out["rxmsg_bytes"] = m.message_bytes_received;
    // Names come from the application and the cluster: what is no UTF-8 is replaced.
    return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace ottla
