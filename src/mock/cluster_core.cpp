#include "mock/cluster_core.hpp"

#include <algorithm>

#include "base/endian.hpp"
#include "mock/api/api_versions.hpp"
#include "mock/api/handler.hpp"

namespace ottla::mock {

ClusterCore::ClusterCore(CoreOptions options, Outlet& outlet)
    : options_(std::move(options))
    , outlet_(outlet)
    , rng_(options_.seed)
    , transactions_(TransactionCoordinator::protocol_of(options_.transaction_version), next_producer_id_)
    , groups_(options_.groups, options_.seed)
    , consumer_groups_(groups_, *this, options_.consumer_groups, options_.seed)
    , transaction_version_(options_.transaction_version) {
    cluster_id_ = new_id().to_string();
    next_leader_ = rng_.below(1024);
}

ConnectionId ClusterCore::connect(int32_t broker) {
    const ConnectionId id = next_connection_++;
    connections_[id].broker = broker;
    ++connection_counts_[broker];
    return id;
}

void ClusterCore::on_frame(ConnectionId id, Buffer frame, TimePoint now) {
    const auto found = connections_.find(id);
    if (found == connections_.end())
        return;
    found->second.backlog_bytes += frame.size();
    found->second.requests.push_back(std::move(frame));
    pump(id, now);
    settle(now);
}

void ClusterCore::on_closed(ConnectionId id) {
    const auto found = connections_.find(id);
    if (found != connections_.end())
        forget(found);
}

TimePoint ClusterCore::poll(TimePoint now) {
    settle(now);
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        go_on(deadlines_.begin()->second, now);
        settle(now);
    }
    const TimePoint transactions = end_transactions(now);
    settle(now);
    const TimePoint next = std::min(transactions, next_of_groups(now));
    return deadlines_.empty() ? next : std::min(next, deadlines_.begin()->first);
}

size_t ClusterCore::backlog_bytes(ConnectionId id) const {
    const auto found = connections_.find(id);
    return found == connections_.end() ? 0 : found->second.backlog_bytes;
}

void ClusterCore::pump(ConnectionId id, TimePoint now) {
    for (;;) {
        const auto found = connections_.find(id);
        if (found == connections_.end())
            return;
        Connection& connection = found->second;
        if (connection.state != Connection::State::idle || connection.requests.empty())
            return;
        const Buffer frame = std::move(connection.requests.front());
        connection.requests.pop_front();
        connection.backlog_bytes -= frame.size();
        take(id, connection, handle(id, connection, frame, now), now);
    }
}

Outcome ClusterCore::handle(ConnectionId id, Connection& connection, const Buffer& frame, TimePoint now) {
    constexpr size_t smallest_header = 8;
    if (frame.size() < smallest_header)
        return {};
    Call call;
    call.connection = id;
    call.broker = connection.broker;
    call.version = load_be<int16_t>(frame.data() + 2);
    call.correlation_id = load_be<int32_t>(frame.data() + 4);
    call.now = now;
    const auto key = load_be<int16_t>(frame.data());
    const api::Api* api = api::find(key);
    if (!api)
        return {};
    ++request_counts_[{key, call.broker}];

    const auto fault = faults_.take(key, call.broker);
    if (fault && fault->kind == Faults::Kind::drop_request)
        return {};
    if (fault && fault->kind == Faults::Kind::error)
        call.injected = fault->error;
    if (fault && fault->kind == Faults::Kind::late_error)
        (key == api::produce.key ? call.injected_late : call.injected) = fault->error;
    call.throttle_ms = static_cast<int32_t>(faults_.throttle(call.broker).count());
    connection.api_key = key;
    connection.drop_reply = fault && fault->kind == Faults::Kind::drop_reply;
    connection.throttle_ms = call.throttle_ms;

    const auto [min, max] = versions(key, api->min_version, api->max_version);
    if (call.version < min || call.version > max) {
        if (api == &api::api_versions)
            return api::answer_unsupported_version(*this, call);
        return {};
    }
    wire::RequestHead head;
    if (wire::decode_request_head(head, frame))
        return {};
    call.client_id = head.client_id ? std::string_view(*head.client_id) : std::string_view();
    return api->handle(*this, call, head.body);
}

/// Acts on what a handler decided. The connection may be gone afterwards.
void ClusterCore::take(ConnectionId id, Connection& connection, Outcome outcome, TimePoint now) {
    switch (outcome.kind) {
    case Outcome::Kind::close:
        outlet_.close(id, Outlet::Closing::after_sending);
        forget(connections_.find(id));
        return;
    case Outcome::Kind::silent:
        connection.acknowledges.clear(); // nobody is told
        return;
    case Outcome::Kind::parked:
        connection.resume = std::move(outcome.resume);
        set_due(id, connection, Connection::State::parked, outcome.deadline);
        return;
    case Outcome::Kind::reply: {
        const auto wait = faults_.delay(connection.api_key, connection.broker);
        if (wait.count() <= 0)
            return deliver(id, connection, std::move(outcome.frame), now);
        connection.reply = std::move(outcome.frame);
        set_due(id, connection, Connection::State::delayed, now + wait);
        return;
    }
    }
}

void ClusterCore::deliver(ConnectionId id, Connection& connection, std::vector<Buffer> frame, TimePoint now) {
    const auto acknowledges = std::exchange(connection.acknowledges, {});
    if (connection.drop_reply) {
        outlet_.close(id, Outlet::Closing::after_sending);
        forget(connections_.find(id));
        return;
    }
    for (const auto& [where, end_offset] : acknowledges)
        if (Topic* topic = find_topic(where.topic))
            if (Partition* partition = topic->find(where.partition))
                partition->acknowledged_end = std::max(partition->acknowledged_end, end_offset);
    outlet_.send(id, std::move(frame));
    if (connection.throttle_ms > 0)
        set_due(id, connection, Connection::State::muted, now + Milliseconds(connection.throttle_ms));
}

void ClusterCore::set_due(ConnectionId id, Connection& connection, Connection::State state, TimePoint due) {
    connection.state = state;
    connection.due = due;
    deadlines_.insert({due, id});
}

/// What the connection waits for is there, or its time is up.
void ClusterCore::go_on(ConnectionId id, TimePoint now) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second.state == Connection::State::idle)
        return;
    Connection& connection = found->second;
    const auto state = std::exchange(connection.state, Connection::State::idle);
    deadlines_.erase({connection.due, id});
    if (state == Connection::State::parked) {
        stop_waiting(id, connection);
        auto resume = std::move(connection.resume);
        take(id, connection, resume(now), now);
    } else if (state == Connection::State::delayed) {
        deliver(id, connection, std::move(connection.reply), now);
    }
    pump(id, now);
}

void ClusterCore::will_acknowledge(ConnectionId id, PartitionRef where, int64_t end_offset) {
    const auto found = connections_.find(id);
    if (found != connections_.end())
        found->second.acknowledges.emplace_back(where, end_offset);
}

void ClusterCore::wait_for(
    ConnectionId id, std::vector<PartitionRef> partitions, int64_t missing_bytes, ReadLevel level
) {
    const auto found = connections_.find(id);
    if (found == connections_.end())
        return;
    for (const PartitionRef& where : partitions)
        if (Topic* topic = find_topic(where.topic))
            if (Partition* partition = topic->find(where.partition))
                partition->waiting.push_back(id);
    found->second.waits_in = std::move(partitions);
    found->second.missing_bytes = missing_bytes;
    found->second.level = level;
}

void ClusterCore::stop_waiting(ConnectionId id, Connection& connection) {
    for (const PartitionRef& where : std::exchange(connection.waits_in, {}))
        if (Topic* topic = find_topic(where.topic))
            if (Partition* partition = topic->find(where.partition))
                std::erase(partition->waiting, id);
}

void ClusterCore::on_appended(Partition& partition, size_t bytes, int64_t stable_before) {
    if (partition.waiting.empty())
        return;
    const size_t stable = partition.log.bytes_between(stable_before, partition.log.last_stable_offset());
    for (const ConnectionId id : partition.waiting) {
        const auto found = connections_.find(id);
        if (found == connections_.end())
            continue;
        int64_t& missing = found->second.missing_bytes;
        const bool was_short = missing > 0;
        missing -= static_cast<int64_t>(found->second.level == ReadLevel::committed ? stable : bytes);
        if (was_short && missing <= 0)
            woken_.push_back(id);
    }
}

void ClusterCore::wake_all(Partition& partition) {
    woken_.insert(woken_.end(), partition.waiting.begin(), partition.waiting.end());
}

void ClusterCore::settle(TimePoint now) {
    end_transactions(now);
    run_groups(now);
    while (!woken_.empty()) {
        for (const ConnectionId id : std::exchange(woken_, {})) {
            const auto found = connections_.find(id);
            if (found != connections_.end() && found->second.state == Connection::State::parked)
                go_on(id, now);
        }
        wake_members();
    }
}

void ClusterCore::forget(Connections::iterator connection) {
    stop_waiting(connection->first, connection->second);
    groups_.forget(connection->first);
    deadlines_.erase({connection->second.due, connection->first});
    connections_.erase(connection);
}

void ClusterCore::drop_connections(int32_t broker) {
    for (auto at = connections_.begin(); at != connections_.end();) {
        const auto connection = at++;
        if (connection->second.broker != broker)
            continue;
        outlet_.close(connection->first, Outlet::Closing::at_once);
        forget(connection);
    }
}

FetchSessions& ClusterCore::fetch_sessions(int32_t broker) {
    const auto known = fetch_sessions_.find(broker);
    return known != fetch_sessions_.end()
               ? known->second
               : fetch_sessions_.try_emplace(broker, options_.fetch_sessions, options_.seed + static_cast<uint64_t>(broker)).first->second;
}

std::pair<int16_t, int16_t> ClusterCore::versions(int16_t api_key, int16_t min, int16_t max) const {
    const auto limit = limits_.find(api_key);
    if (limit == limits_.end())
        return {min, max};
    return {std::max(min, limit->second.first), std::min(max, limit->second.second)};
}

uint64_t ClusterCore::request_count(int16_t api_key, int32_t broker) const {
    uint64_t count = 0;
    for (const auto& [where, number] : request_counts_)
        if (where.first == api_key && (broker == every_broker || where.second == broker))
            count += number;
    return count;
}

uint64_t ClusterCore::connection_count(int32_t broker) const {
    uint64_t count = 0;
    for (const auto& [where, number] : connection_counts_)
        if (broker == every_broker || where == broker)
            count += number;
    return count;
}

int64_t ClusterCore::timestamp_ms(TimePoint now) const {
    return options_.start_timestamp_ms +
           std::chrono::duration_cast<Milliseconds>(now - options_.start).count();
}

} // namespace ottla::mock
