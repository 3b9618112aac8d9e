// What is asked next, and of whom: partitions that were touched are put into the session of their broker or taken out.
#include <algorithm>

#include "core/fetch/fetcher.hpp"

namespace ottla::core {
namespace {

constexpr int16_t first_with_sessions = 7; // KIP-227

/// What brokers that do not know of last epochs can be sent.
msg::FetchRequest adapted(const msg::FetchRequest& request, int16_t version) {
    msg::FetchRequest out = request;
    if (version < first_telling_truncation)
        for (auto& topic : out.topics)
            for (auto& partition : topic.partitions)
                partition.last_fetched_epoch = -1;
    return out;
}

} // namespace

void Fetcher::touch(Partition& partition) {
    if (const int32_t node = partition.node(); node != partition.placed) {
        set_starved(partition, false);
        if (partition.placed >= 0) {
            leaders_[partition.placed].touched.push_back(partition.stream);
            --leaders_[partition.placed].placed;
        }
        if (node >= 0)
            ++leaders_[node].placed;
        partition.placed = node;
        partition.touched = false;
        partition.fresh = true;
    }
    if (partition.placed >= 0 && !std::exchange(partition.touched, true))
        leaders_[partition.placed].touched.push_back(partition.stream);
    if (partition.fresh && partition.placed >= 0 && partition.state == State::reading)
        if (Leader& leader = leaders_[partition.placed]; leader.in_flight)
            leader.hurried.push_back(partition.stream);
}

void Fetcher::set_starved(Partition& partition, bool starved) {
    if (partition.starved == starved)
        return;
    partition.starved = starved;
    held_back_ |= starved;
    size_t& count = leaders_[partition.placed].starved;
    count = starved ? count + 1 : count - 1;
}

void Fetcher::touch_due(TimePoint now) {
    while (!due_.empty() && due_.begin()->first <= now) {
        if (Partition* partition = find(due_.begin()->second))
            touch(*partition);
        due_.erase(due_.begin());
    }
}

// While a request is under way its session must stay as it was asked for.
void Fetcher::settle(TimePoint now) {
    for (bool again = true; std::exchange(again, false);)
        for (auto& [node, leader] : leaders_) {
            if (leader.in_flight || leader.touched.empty())
                continue;
            again = true; // it may have touched others
            for (const StreamId stream : std::exchange(leader.touched, {})) {
                Partition* partition = find(stream);
                if (partition && partition->placed == node)
                    settle(node, leader, *partition, now);
                else
                    leader.session.take_out(stream);
            }
        }
}

void Fetcher::settle(int32_t node, Leader& leader, Partition& partition, TimePoint now) {
    partition.touched = false;
    if (partition.replica >= 0 && partition.replica_until <= now) {
        partition.replica = -1; // the leader is asked again which one is best
        touch(partition);
    }
    bool reads = partition.placed == node && partition.state == State::reading && !partition.paused;
    if (reads && partition.not_before > now) {
        due_.emplace(partition.not_before, partition.stream);
        reads = false;
    }
    if (reads && is_ahead_of_leader(partition, now))
        reads = false;
    if (reads && !is_checked(partition) && leader.version >= 0 && leader.version < first_telling_truncation) {
        check_position(partition);
        reads = false;
    }
    if (partition.placed == node)
        set_starved(partition, reads && is_starved(partition));
    if (!reads || partition.starved)
        return leader.session.take_out(partition.stream);
    partition.fresh = false;
    leader.session.put(partition.where, partition.topic_id, line_of(partition));
}

FetchLine Fetcher::line_of(const Partition& partition) const {
    return {
        .stream = partition.stream,
        .offset = partition.offset,
        .max_bytes = static_cast<int32_t>(partition.max_bytes),
        .leader_epoch = partition.leader_epoch,
        .last_epoch = partition.epoch,
        .served = partition.served,
    };
}

TimePoint Fetcher::plan_fetches(TimePoint now) {
    settle(now);
    TimePoint next = due_.empty() ? never : due_.begin()->first;
    std::vector<std::pair<const int32_t, Leader>*> ready;
    bool starving = false;
    for (auto& entry : leaders_) {
        Leader& leader = entry.second;
        if (leader.in_flight) {
            if (!leader.hurried.empty() && !leader.beside)
                next = std::min(next, plan_beside(entry.first, leader, now));
            continue;
        }
        starving |= leader.starved != 0;
        if (leader.placed == 0)
            end_session(entry.first, leader, config_.socket_timeout);
        if (leader.session.empty())
            continue;
        if (leader.not_before > now)
            next = std::min(next, leader.not_before);
        else if (has_room())
            ready.push_back(&entry);
        else
            starving = true;
    }
    if (starving) {
        apply_credits(FetchSink::Wake::on_next_credit);
        if (!credits_.empty())
            return plan_fetches(now); // credits only ever add demand, so this ends
    }
    if (memory_) // there may not be room for all: who was asked longest ago goes first
        std::stable_sort(ready.begin(), ready.end(), [](const auto* a, const auto* b) { return a->second.asked < b->second.asked; });
    for (auto* entry : ready) {
        const int64_t max_bytes = allowance();
        if (max_bytes == 0) { // memory that is given back wakes this, and so do credits
            apply_credits(FetchSink::Wake::on_next_credit);
            return credits_.empty() ? next : plan_fetches(now);
        }
        send_fetch(entry->first, entry->second, max_bytes, now);
    }
    return next;
}

int64_t Fetcher::allowance() {
    const int64_t most = config_.fetch_max_bytes;
    if (!memory_)
        return std::max<int64_t>(most, 1);
    const int64_t one = std::max<int64_t>(memory_->limit() / 16, 1); // what is asked for and does not come is lost to others
    const int64_t room = memory_->room_to_receive(reserved_, one);
    if (room == 0 && waiting_bytes_ == 0 && memory_->used() > memory_->limit() / 2) // it is not ours
        memory_->tell_spent();
    return std::min({most, one, room});
}

void Fetcher::send_fetch(int32_t node, Leader& leader, int64_t max_bytes, TimePoint now) {
    using namespace std::chrono;
    auto wait = config_.fetch_wait_max;
    const bool left_out = leader.starved != 0;
    if (left_out) {
        if (leader.short_wait == Duration::zero())
            leader.short_wait = milliseconds(10);
        wait = std::min(wait, duration_cast<milliseconds>(leader.short_wait));
    }
    msg::FetchRequest request = request_of(wait, max_bytes);
    leader.reserved = max_bytes;
    reserved_ += max_bytes;
    leader.session.write(request);
    leader.in_flight = true;
    leader.asked = now;
    CallOptions options{.timeout = config_.socket_timeout + wait, .lane = Lane::fetch, .client = client_, .retry = false};
    if (leader.session.by_name())
        options.max_version = last_by_name;
    send(node, std::move(request), options, leader.version, [this, node, left_out](CallResult<FetchAnswer> result, TimePoint when) {
        on_fetch(node, left_out, std::move(result), when);
        wake();
    });
}

msg::FetchRequest Fetcher::request_of(Duration wait, int64_t max_bytes) const {
    msg::FetchRequest request;
    request.max_wait_ms = static_cast<int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(wait).count());
    request.min_bytes = config_.fetch_min_bytes;
    request.max_bytes = static_cast<int32_t>(max_bytes);
    request.isolation_level = config_.isolation == config::Isolation::read_committed ? 1 : 0;
    request.rack_id = config_.client_rack;
    return request;
}

void Fetcher::send(int32_t node, msg::FetchRequest request, CallOptions options, int16_t last_version, Reply<FetchAnswer> reply) {
    call<msg::FetchRequest>(
        caller_, Node{node}, std::move(request), options, scope_, std::move(reply), nullptr,
        last_version < first_telling_truncation ? adapted : nullptr
    );
}

// --- the end

// Best effort: a broker drops the sessions that it has no room for. A request that is under way may wait there for long, so the
// end goes another way then.
void Fetcher::end_session(int32_t node, Leader& leader, Duration limit) {
    msg::FetchRequest request = request_of(Duration::zero(), config_.fetch_max_bytes);
    if (!leader.session.write_end(request))
        return;
    ++ending_;
    call<msg::FetchRequest>(
        caller_,
        Node{node},
        std::move(request),
        {.timeout = limit, .lane = leader.in_flight ? Lane::general : Lane::fetch, .client = client_, .retry = false, .min_version = first_with_sessions},
        scope_,
        [this](const CallResult<FetchAnswer>&, TimePoint) {
            if (--ending_ == 0 && finished_)
                std::exchange(finished_, {})();
        }
    );
}

void Fetcher::finish(Duration limit, MoveOnlyFunction<void()> done) {
    finishing_ = true;
    for (auto& [node, leader] : leaders_)
        end_session(node, leader, limit);
    if (ending_ == 0)
        return done();
    finished_ = std::move(done);
}

} // namespace ottla::core
