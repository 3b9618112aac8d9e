// Fetch v4-18. v5 adds log start offsets, v7 sessions, v9 leader epochs, v12 the last fetched epoch
// (truncation shows as a diverging epoch), v13 topic ids, v15 moves the replica id, v16 adds addresses of
// leaders (KIP-951). Sessions are never granted: every answer has session id 0, which is a broker's right
// when its cache is full. Readers of committed records get nothing at or beyond the last stable offset, and are told
// which transactions were aborted.
#include <algorithm>

#include <ottla/msg/fetch.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

using msg::fetch_request::FetchPartition;
using msg::fetch_response::PartitionData;

/// Whatever the client allows: fetch.max.bytes of the broker.
constexpr int32_t largest_answer = 55 * 1024 * 1024;

struct Budget {
    size_t left;
    bool empty = true; ///< nothing was read yet: the first batch may exceed every limit
};

void read(
    const Call& call,
    const PartitionLog& log,
    const FetchPartition& wanted,
    ReadLevel level,
    Budget& budget,
    PartitionData& out
) {
    out.high_watermark = log.end_offset();
    out.last_stable_offset = log.last_stable_offset();
    out.log_start_offset = log.start_offset();
    if (call.version >= 12 && wanted.last_fetched_epoch >= 0) {
        const EpochEnd end = log.end_of_epoch(wanted.last_fetched_epoch);
        if (end.epoch < wanted.last_fetched_epoch || end.end_offset < wanted.fetch_offset) {
            out.diverging_epoch.epoch = end.epoch;
            out.diverging_epoch.end_offset = end.end_offset;
            return;
        }
    }
    if (wanted.fetch_offset < log.start_offset() || wanted.fetch_offset > log.end_offset()) {
        out.error_code = code(Errc::offset_out_of_range);
        out.high_watermark = -1;
        out.last_stable_offset = -1;
        out.log_start_offset = -1;
        return;
    }
    const auto own_limit = static_cast<size_t>(std::max(wanted.partition_max_bytes, 0));
    const auto first =
        budget.empty ? PartitionLog::FirstBatch::always : PartitionLog::FirstBatch::within_limit;
    const size_t size =
        log.read(wanted.fetch_offset, std::min(own_limit, budget.left), first, out.records.pieces, level);
    budget.left -= std::min(size, budget.left);
    budget.empty = budget.empty && size == 0;
    if (level == ReadLevel::uncommitted)
        return;
    auto& aborted = out.aborted_transactions.emplace();
    if (size == 0)
        return;
    for (const AbortedTransaction& transaction : log.aborted_in(wanted.fetch_offset, size)) {
        auto& entry = aborted.emplace_back();
        entry.producer_id = transaction.producer_id;
        entry.first_offset = transaction.first_offset;
    }
}

/// The whole answer as things stand now, and how much is in it.
struct Gathered {
    msg::FetchResponse response;
    size_t bytes = 0;
    bool has_news = false; ///< an error or a diverging epoch, for which nobody should wait
    std::vector<PartitionRef> partitions;
};

void gather_one(
    ClusterCore& cluster,
    const Call& call,
    Topic* topic,
    const FetchPartition& wanted,
    ReadLevel level,
    Budget& budget,
    Gathered& all,
    PartitionData& out
) {
    out.partition_index = wanted.partition;
    out.high_watermark = -1;
    out.records.null = false;
    Partition* partition = topic ? topic->find(wanted.partition) : nullptr;
    if (partition)
        out.aborted_transactions = std::nullopt;
    Errc error = call.injected;
    if (error == Errc::no_error && !topic && call.version >= 13)
        error = Errc::unknown_topic_id;
    if (error == Errc::no_error)
        error = check_leader(call, partition, wanted.current_leader_epoch);
    out.error_code = code(error);
    if (error == Errc::no_error) {
        read(call, partition->log, wanted, level, budget, out);
        all.has_news = all.has_news || out.error_code != 0 || out.diverging_epoch.epoch >= 0;
        all.partitions.push_back({topic->id, wanted.partition});
        return;
    }
    all.has_news = true;
    const bool tells_leader = error == Errc::not_leader_for_partition || error == Errc::fenced_leader_epoch;
    if (tells_leader && partition && call.version >= 16) {
        out.current_leader.leader_id = partition->leader;
        out.current_leader.leader_epoch = partition->leader_epoch;
        add_endpoint(cluster, partition->leader, all.response.node_endpoints);
    }
}

ReadLevel level_of(const msg::FetchRequest& request) {
    return request.isolation_level == 1 ? ReadLevel::committed : ReadLevel::uncommitted;
}

Gathered gather(ClusterCore& cluster, const Call& call, const msg::FetchRequest& request) {
    Gathered all;
    const auto limit = static_cast<size_t>(std::clamp(request.max_bytes, 0, largest_answer));
    Budget budget{limit};
    for (const auto& wanted : request.topics) {
        Topic* topic = find_topic(cluster, call.version >= 13, wanted.topic, wanted.topic_id);
        auto& out = all.response.responses.emplace_back();
        out.topic = wanted.topic;
        out.topic_id = wanted.topic_id;
        for (const auto& partition : wanted.partitions)
            gather_one(cluster, call, topic, partition, level_of(request), budget, all, out.partitions.emplace_back());
    }
    for (const auto& topic : all.response.responses)
        for (const auto& partition : topic.partitions)
            all.bytes += partition.records.size();
    return all;
}

/// An error of the whole answer. An injected error is one when it speaks of sessions, else every partition's.
Errc check_session(const Call& call, const msg::FetchRequest& request) {
    const bool is_of_session = call.injected == Errc::fetch_session_id_not_found ||
                               call.injected == Errc::invalid_fetch_session_epoch ||
                               call.injected == Errc::fetch_session_topic_id_error;
    if (is_of_session)
        return call.injected;
    const bool full = request.session_epoch == 0 || request.session_epoch == -1;
    return full || request.session_id == 0 ? Errc::no_error : Errc::fetch_session_id_not_found;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::FetchRequest& request) {
    if (const Errc error = check_session(call, request); error != Errc::no_error && call.version >= 7) {
        msg::FetchResponse response;
        response.error_code = code(error);
        return reply(call, response);
    }
    Gathered now = gather(cluster, call, request);
    const bool enough = static_cast<int64_t>(now.bytes) >= request.min_bytes || request.max_wait_ms <= 0;
    if (enough || now.has_news || now.partitions.empty())
        return reply(call, now.response);

    cluster.wait_for(
        call.connection,
        std::move(now.partitions),
        request.min_bytes - static_cast<int64_t>(now.bytes),
        level_of(request)
    );
    Outcome outcome;
    outcome.kind = Outcome::Kind::parked;
    outcome.deadline = call.now + std::chrono::milliseconds(request.max_wait_ms);
    outcome.resume = [&cluster, call, request = std::move(request)](TimePoint when) {
        Call later = call;
        later.now = when;
        Gathered then = gather(cluster, later, request);
        return reply(later, then.response);
    };
    return outcome;
}

} // namespace

const Api fetch{1, 4, 18, 4, decoded<msg::FetchRequest, act>};

} // namespace ottla::mock::api
