// What the router counts, and how its brokers look from outside.
#include <algorithm>

#include <fmt/format.h>

#include "core/cluster/router.hpp"

namespace ottla::core {
namespace {

using std::chrono::microseconds;

microseconds to_us(Duration duration) { return std::chrono::duration_cast<microseconds>(duration); }

} // namespace

Router::Peer& Router::peer_of(const PeerKey& key) {
    Peer& peer = peers_[key];
    if (!peer.numbers)
        peer.numbers = &numbers_[key.node];
    return peer;
}

void Router::tell_request(const Queued& queued, const PendingCall::RawResult& result, int32_t node, TimePoint now) {
    stats::BrokerNumbers& numbers = numbers_[node];
    const Duration rtt = now - queued.sent;
    if (measures_ && result && queued.call.options.expects_response)
        numbers.rtt.add(rtt);
    events_.on_request(
        {.broker = numbers.name,
         .node = node,
         .api = msg::to_string(queued.call.api_key),
         .rtt = to_us(rtt),
         .response_bytes = result ? result->frame.size() : 0,
         .error = result ? error_code() : result.error().code});
}

// The best of its connections stands for the broker.
std::string_view Router::state_of(int32_t node) const {
    static constexpr std::string_view names[] = {"INIT", "DOWN", "TRY_CONNECT", "CONNECT", "APIVERSION_QUERY", "UP"};
    size_t best = 0;
    for (auto it = peers_.lower_bound({node, Lane::general, 0}); it != peers_.end() && it->first.node == node; ++it) {
        const Peer& peer = it->second;
        size_t state = peer.failures > 0 ? 1 : peer.wanted || !peer.waiting.empty() ? 2 : 0;
        if (peer.connection)
            switch (peer.connection->state()) {
            case Connection::State::opening:
                state = 3;
                break;
            case Connection::State::negotiating:
                state = 4;
                break;
            case Connection::State::ready:
                state = 5;
                break;
            case Connection::State::down:
                state = 1;
                break;
            }
        best = std::max(best, state);
    }
    return names[best];
}

void Router::note_state(int32_t node, TimePoint now) {
    stats::BrokerNumbers& numbers = numbers_[node];
    std::string_view state = state_of(node);
    if (state == "INIT" && numbers.counters.connects > 0)
        state = "DOWN"; // forgotten, not unheard of
    if (state == numbers.state && numbers.state_since != TimePoint())
        return;
    numbers.state = state;
    numbers.state_since = now;
}

void Router::gather(BrokerMetrics& one, const stats::BrokerNumbers& numbers, int32_t node, TimePoint now) const {
    const stats::BrokerCounters& counters = numbers.counters;
    if (const auto address = address_of(node)) {
        one.address = text_of(*address);
        one.name = node < 0 ? one.address + "/bootstrap" : fmt::format("{}/{}", one.address, node);
    } else {
        one.address = numbers.address;
        one.name = numbers.name.empty() ? fmt::format(":0/{}", node) : numbers.name;
    }
    one.node = node;
    one.state = numbers.state;
    one.state_age = to_us(now - numbers.state_since);
    bool up = false;
    for (auto it = peers_.lower_bound({node, Lane::general, 0}); it != peers_.end() && it->first.node == node; ++it) {
        const Peer& peer = it->second;
        one.requests_waiting += static_cast<int64_t>(peer.waiting.size());
        for (const Queued& queued : peer.waiting)
            one.messages_waiting += queued.call.options.messages;
        if (!peer.connection)
            continue;
        one.requests_in_flight += static_cast<int64_t>(peer.connection->in_flight());
        one.messages_in_flight += peer.connection->messages_in_flight();
        up = up || peer.connection->state() == Connection::State::ready;
    }
    one.requests_sent = counters.requests_sent;
    one.bytes_sent = counters.bytes_sent;
    one.send_errors = counters.send_errors;
    one.retries = counters.retries;
    one.timeouts = counters.timeouts;
    one.responses = counters.responses;
    one.bytes_received = counters.bytes_received;
    one.receive_errors = counters.receive_errors;
    one.correlation_errors = counters.correlation_errors;
    one.wakeups = counters.wakeups;
    one.connects = counters.connects;
    one.disconnects = counters.disconnects;
    if (up && counters.last_sent != TimePoint())
        one.since_sent = to_us(now - counters.last_sent);
    if (up && counters.last_received != TimePoint())
        one.since_received = to_us(now - counters.last_received);
    for (size_t api = 0; api < counters.sent_by_api.size(); ++api)
        if (counters.sent_by_api[api] > 0)
            one.requests.emplace(msg::to_string(static_cast<msg::ApiKey>(api)), counters.sent_by_api[api]);
    one.send_wait = numbers.send_wait.shown();
    one.rtt = numbers.rtt.shown();
    one.throttle_time = numbers.throttle_time.shown();
}

void Router::gather(Metrics& all, TimePoint now) {
    for (size_t i = 0; i < config_.bootstrap_servers.size(); ++i)
        note_state(-1 - static_cast<int32_t>(i), now);
    for (const auto& [node, broker] : metadata_->brokers())
        note_state(node, now);
    for (auto& [node, numbers] : numbers_) {
        note_state(node, now);
        BrokerMetrics& one = all.brokers[node];
        gather(one, numbers, node, now);
        all.requests_sent += one.requests_sent;
        all.bytes_sent += one.bytes_sent;
        all.responses += one.responses;
        all.bytes_received += one.bytes_received;
    }
    all.topics_known = static_cast<int64_t>(metadata_->topic_count());
}

void Router::roll() {
    for (auto& [node, numbers] : numbers_)
        numbers.roll();
}

} // namespace ottla::core
