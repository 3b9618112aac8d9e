// Who begins to read while a request waits at the broker, after a seek say, need not wait for its answer: he is asked for beside it.
#include "core/fetch/fetcher.hpp"

namespace ottla::core {
namespace {

/// A request that has been under way for so long has probably nothing to bring.
constexpr Duration patience = std::chrono::milliseconds(10);

} // namespace

// A broker answers a connection in order, and a session takes one request at a time. So this one goes over a connection of its own,
// which is opened when it is first needed, in no session, and does not wait: its partitions go into the session as soon as that is free.
TimePoint Fetcher::plan_beside(int32_t node, Leader& leader, TimePoint now) {
    if (now < leader.asked + patience)
        return leader.asked + patience;
    auto beside = std::make_unique<Beside>();
    for (const StreamId stream : std::exchange(leader.hurried, {}))
        if (const Partition* partition = find(stream); partition && reads_beside(*partition, node, leader, now))
            beside->session.put(partition->where, partition->topic_id, line_of(*partition));
    const int64_t max_bytes = beside->session.empty() || !has_room() ? 0 : allowance();
    if (max_bytes == 0)
        return never;
    beside->reserved = max_bytes;
    reserved_ += max_bytes;
    msg::FetchRequest request = request_of(Duration::zero(), max_bytes);
    beside->session.write(request);
    request.session_epoch = FetchSession::no_session;
    CallOptions options{.timeout = config_.socket_timeout, .lane = Lane::fetch_beside, .client = client_, .retry = false};
    if (beside->session.by_name())
        options.max_version = last_by_name;
    leader.beside = std::move(beside);
    send(node, std::move(request), options, leader.version, [this, node](CallResult<FetchAnswer> result, TimePoint when) {
        on_beside(node, std::move(result), when);
        wake();
    });
    return never;
}

bool Fetcher::reads_beside(const Partition& partition, int32_t node, const Leader& leader, TimePoint now) const {
    const bool reads = partition.fresh && partition.placed == node && partition.state == State::reading && !partition.paused;
    const bool knows_leader = partition.leader_epoch < 0 || partition.epoch <= partition.leader_epoch;
    return reads && knows_leader && partition.not_before <= now && leader.not_before <= now && !is_starved(partition) &&
           (is_checked(partition) || leader.version >= first_telling_truncation);
}

// Who got records goes on so. What else came of it the request under way finds out, too.
void Fetcher::on_beside(int32_t node, CallResult<FetchAnswer> result, TimePoint now) {
    Leader& leader = leaders_[node];
    const auto asked = std::exchange(leader.beside, nullptr);
    reserved_ -= asked->reserved;
    if (result && result->response.error_code == 0)
        take_answer(asked->session, *result, node, now);
    asked->session.each([&](const FetchSession::Held& held) {
        if (Partition* partition = find(held.line.stream); partition && partition->offset == held.line.offset)
            partition->fresh = false;
    });
}

} // namespace ottla::core
