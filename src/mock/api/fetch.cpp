// Fetch v4-18. v5 adds log start offsets, v7 sessions, v9 leader epochs, v12 the last fetched epoch
// (truncation shows as a diverging epoch), v13 topic ids, v15 moves the replica id, v16 adds addresses of
// leaders (KIP-951). What sessions keep is in fetch_sessions.hpp. Readers of committed records get nothing at or beyond the last stable offset, and are told
// which transactions were aborted.
#include <algorithm>
#include <list>
#include <memory>

#include <ottla/msg/fetch.hpp>

#include "mock/api/handler.hpp"
#include "mock/fetch_sessions.hpp"

namespace ottla::mock::api {
namespace {

using msg::fetch_request::FetchPartition;
using msg::fetch_response::PartitionData;

/// Whatever the client allows: fetch.max.bytes of the broker.
constexpr int32_t largest_answer = 55 * 1024 * 1024;
constexpr int16_t first_with_sessions = 7;
constexpr int16_t first_by_id = 13;
constexpr int16_t first_from_followers = 11;

ReadLevel level_of(const msg::FetchRequest& request) {
    return request.isolation_level == 1 ? ReadLevel::committed : ReadLevel::uncommitted;
}

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
        if (end.epoch < 0) { // that far back nothing is known
            out.error_code = code(Errc::offset_out_of_range);
            out.high_watermark = out.last_stable_offset = out.log_start_offset = -1;
            return;
        }
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

/// The replica that is nearest to a reader in `rack` (KIP-392); the leader if none is nearer.
int32_t nearest_replica(const ClusterCore& cluster, const Partition& partition, const std::string& rack) {
    const auto is_near = [&](int32_t id) {
        const auto found = cluster.brokers().find(id);
        return found != cluster.brokers().end() && found->second.up && found->second.rack == rack;
    };
    if (rack.empty() || is_near(partition.leader))
        return partition.leader;
    const auto near = std::find_if(partition.replicas.begin(), partition.replicas.end(), is_near);
    return near == partition.replicas.end() ? partition.leader : *near;
}

/// What is read, as things stand now.
struct Gathered {
    /// With the partition of the session it is, if any.
    std::vector<std::pair<const FetchedPartition*, PartitionData>> partitions;
    std::vector<msg::fetch_response::NodeEndpoint> endpoints;
    size_t bytes = 0;
    bool has_news = false; ///< an error or a diverging epoch, for which nobody should wait
    std::vector<PartitionRef> waits_in;
};

void gather_one(
    ClusterCore& cluster,
    const Call& call,
    Topic* topic,
    const FetchPartition& wanted,
    const msg::FetchRequest& request,
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
    if (error == Errc::no_error && !topic && call.version >= first_by_id)
        error = Errc::unknown_topic_id;
    if (error == Errc::no_error)
        error = call.version >= first_from_followers ? check_replica(call, partition, wanted.current_leader_epoch)
                                                     : check_leader(call, partition, wanted.current_leader_epoch);
    out.error_code = code(error);
    if (error == Errc::no_error) {
        read(call, partition->log, wanted, level_of(request), budget, out);
        if (out.error_code == 0 && partition->leader == call.broker && call.version >= first_from_followers)
            if (const int32_t near = nearest_replica(cluster, *partition, request.rack_id); near != partition->leader) {
                out.preferred_read_replica = near;
                out.records.pieces.clear(); // they are to be read there
                all.has_news = true;
            }
        all.has_news = all.has_news || out.error_code != 0 || out.diverging_epoch.epoch >= 0;
        all.waits_in.push_back({topic->id, wanted.partition});
        return;
    }
    all.has_news = true;
    const bool tells_leader = error == Errc::not_leader_for_partition || error == Errc::fenced_leader_epoch;
    if (tells_leader && partition && call.version >= 16) {
        out.current_leader.leader_id = partition->leader;
        out.current_leader.leader_epoch = partition->leader_epoch;
        add_endpoint(cluster, partition->leader, all.endpoints);
    }
}

/// A request, with what is read by it: as it says itself, or as its session says.
struct Reading {
    msg::FetchRequest request;
    std::shared_ptr<FetchSession> session; ///< that it goes on with
    int32_t epoch = 0;                     ///< of the session then
    std::list<FetchedPartition> own;       ///< without one

    const std::list<FetchedPartition>& partitions() const { return session ? session->partitions : own; }
};

Gathered gather(ClusterCore& cluster, const Call& call, const Reading& reading) {
    Gathered all;
    const auto limit = static_cast<size_t>(std::clamp(reading.request.max_bytes, 0, largest_answer));
    Budget budget{limit};
    const FetchedPartition* before = nullptr;
    Topic* topic = nullptr;
    for (const FetchedPartition& wanted : reading.partitions()) {
        if (!before || before->topic != wanted.topic || before->topic_id != wanted.topic_id)
            topic = find_topic(cluster, call.version >= first_by_id, wanted.topic, wanted.topic_id);
        before = &wanted;
        auto& out = all.partitions.emplace_back(&wanted, PartitionData{}).second;
        gather_one(cluster, call, topic, wanted.asked, reading.request, budget, all, out);
        all.bytes += out.records.size();
    }
    return all;
}

void add(msg::FetchResponse& response, const FetchedPartition& wanted, PartitionData data) {
    auto& topics = response.responses;
    if (topics.empty() || topics.back().topic != wanted.topic || topics.back().topic_id != wanted.topic_id) {
        auto& out = topics.emplace_back();
        out.topic = wanted.topic;
        out.topic_id = wanted.topic_id;
    }
    topics.back().partitions.push_back(std::move(data));
}

Outcome fail(const Call& call, Errc error) {
    msg::FetchResponse response;
    response.error_code = code(error);
    return reply(call, response);
}

/// The answer: in a session only what the reader does not know, else everything, and a session if it wants one and may.
Outcome answer(ClusterCore& cluster, const Call& call, Reading& reading, Gathered now) {
    msg::FetchResponse response;
    response.node_endpoints = std::move(now.endpoints);
    if (reading.session) {
        FetchSession& session = *reading.session;
        if (session.epoch != reading.epoch)
            return fail(call, Errc::invalid_fetch_session_epoch); // another request went on with it meanwhile
        response.session_id = session.partitions.empty() ? 0 : session.id;
        auto place = session.partitions.begin();
        for (auto& [wanted, data] : now.partitions) {
            const auto here = place++; // which `note` may move to the end
            if (session.note(here, data))
                add(response, *wanted, std::move(data));
        }
        return reply(call, response);
    }
    std::shared_ptr<FetchSession> session;
    if (call.version >= first_with_sessions && reading.request.session_epoch == 0)
        session = cluster.fetch_sessions(call.broker).begin(now.partitions.size(), call.version >= first_by_id, call.now);
    for (auto& [wanted, data] : now.partitions) {
        if (session)
            session->add(
                {wanted->topic, wanted->topic_id, wanted->asked, data.error_code == 0 ? data.high_watermark : -1, data.log_start_offset}
            );
        add(response, *wanted, std::move(data));
    }
    response.session_id = session ? session->id : 0;
    return reply(call, response);
}

bool is_of_session(Errc error) {
    return error == Errc::fetch_session_id_not_found || error == Errc::invalid_fetch_session_epoch ||
           error == Errc::fetch_session_topic_id_error;
}

/// Goes on with the request's session, or ends it when the request is for a new one, or for none.
Result<Reading> begin(ClusterCore& cluster, const Call& call, msg::FetchRequest& request) {
    Reading reading;
    FetchSessions& sessions = cluster.fetch_sessions(call.broker);
    const bool full = request.session_epoch == 0 || request.session_epoch == -1 || call.version < first_with_sessions;
    if (full) {
        sessions.end(request.session_id);
        for (const auto& topic : request.topics)
            for (const auto& asked : topic.partitions)
                reading.own.push_back({topic.topic, topic.topic_id, asked});
    } else {
        auto session = sessions.go_on(request, call.version >= first_by_id, call.now);
        if (!session)
            return session.error();
        reading.session = std::move(*session);
        reading.epoch = reading.session->epoch;
    }
    reading.request = std::move(request);
    return reading;
}

Outcome act(ClusterCore& cluster, const Call& call, msg::FetchRequest& request) {
    if (is_of_session(call.injected) && call.version >= first_with_sessions)
        return fail(call, call.injected);
    auto begun = begin(cluster, call, request);
    if (!begun)
        return fail(call, begun.error().errc());
    Reading& reading = *begun;
    Gathered now = gather(cluster, call, reading);
    const int32_t min_bytes = reading.request.min_bytes;
    const int32_t max_wait_ms = reading.request.max_wait_ms;
    const bool enough = static_cast<int64_t>(now.bytes) >= min_bytes || max_wait_ms <= 0;
    if (enough || now.has_news || now.waits_in.empty())
        return answer(cluster, call, reading, std::move(now));

    cluster.wait_for(
        call.connection,
        std::move(now.waits_in),
        min_bytes - static_cast<int64_t>(now.bytes),
        level_of(reading.request)
    );
    Outcome outcome;
    outcome.kind = Outcome::Kind::parked;
    outcome.deadline = call.now + std::chrono::milliseconds(max_wait_ms);
    outcome.resume = [&cluster, call, reading = std::move(reading)](TimePoint when) mutable {
        Call later = call;
        later.now = when;
        Gathered then = gather(cluster, later, reading);
        return answer(cluster, later, reading, std::move(then));
    };
    return outcome;
}

} // namespace

const Api fetch{1, 4, 18, 4, decoded<msg::FetchRequest, act>};

} // namespace ottla::mock::api
