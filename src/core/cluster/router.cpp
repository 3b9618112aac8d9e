#include "core/cluster/router.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/probe.hpp"
#include "core/cluster/throttle.hpp"

namespace ottla::core {
namespace {

// An opening connection that takes longer is not waited for where another broker would do.
constexpr Duration hedge_after = std::chrono::seconds(1);
constexpr uint32_t shared_lane = 0;

PendingCall::RawResult failure(Error error, bool maybe_sent) {
    return CallError(std::move(error), maybe_sent);
}

bool is_transport(Errc code) {
    switch (code) {
    case Errc::_transport:
    case Errc::_timed_out:
    case Errc::_resolve:
    case Errc::_bad_msg:
        return true;
    default:
        return false;
    }
}

} // namespace

Router::Router(LinkFactory& links, const config::ClientConfig& config, ClusterEvents& events, uint64_t seed)
    : links_(links), config_(config), events_(events), log_(events, config.debug), measures_(config.statistics_interval.count() > 0), rng_(seed) {}

Router::~Router() = default;

void Router::set_metadata(Metadata& metadata) {
    metadata_ = &metadata;
    metadata.on_change(scope_, [this](TimePoint now) {
        for (auto& queued : unplaced_)
            if (queued.not_before == never)
                queued.not_before = now;
        wake();
    });
}

void Router::submit(PendingCall call) {
    incoming_.push_back(std::move(call));
    wake();
}

TimePoint Router::poll(TimePoint now) {
    graveyard_.clear();
    for (auto& call : std::exchange(incoming_, {})) {
        Queued queued{.call = std::move(call)};
        queued.deadline = now + queued.call.options.timeout;
        queued.metadata_version = metadata_->version();
        place(std::move(queued), now);
    }
    // Calls whose wait is over are placed again; placing may put them back.
    std::list<Queued> due;
    for (auto it = unplaced_.begin(); it != unplaced_.end();) {
        const auto next = std::next(it);
        if (it->not_before <= now)
            due.splice(due.end(), unplaced_, it);
        it = next;
    }
    for (auto& queued : due)
        place(std::move(queued), now);

    TimePoint next = expire(now);
    for (auto it = peers_.begin(); it != peers_.end();) {
        const auto& key = it->first;
        Peer& peer = it->second;
        if (peer.connection) {
            const bool bootstrap = key.node < 0;
            const bool idle = peer.waiting.empty() && peer.connection->in_flight() == 0;
            const bool moved = has_moved(key.node, peer);
            if ((bootstrap && idle && !metadata_->brokers().empty() && peer.connection->state() == Connection::State::ready) || moved) {
                graveyard_.push_back(std::move(peer.connection));
                graveyard_.back()->shut(Error(Errc::_transport, moved ? "the broker has another address now" : "no longer needed"), now);
            }
        }
        pump(key, peer, now);
        if (peer.connection)
            next = std::min(next, peer.connection->poll(now));
        if (!peer.connection && (!peer.waiting.empty() || peer.wanted))
            next = std::min(next, peer.not_before);
        if (peer.connection && !peer.waiting.empty() && peer.quiet_until > now)
            next = std::min(next, peer.quiet_until);
        const bool forgotten = !peer.connection && peer.waiting.empty() && !peer.wanted && peer.failures == 0;
        it = forgotten ? peers_.erase(it) : std::next(it);
    }
    for (const auto& queued : unplaced_)
        next = std::min(next, queued.not_before);
    return next;
}

// ---- where a call goes

void Router::place(Queued queued, TimePoint now) {
    if (queued.call.scope.expired()) {
        end_interest(queued);
        return;
    }
    if (closed_) {
        fail(std::move(queued), Error(Errc::_destroy, "the client is closed"), now);
        return;
    }
    if (now >= queued.deadline) {
        Error error = late(queued);
        fail(std::move(queued), std::move(error), now);
        return;
    }
    if (queued.await_metadata && metadata_->version() == queued.metadata_version) {
        queued.not_before = never;
        unplaced_.push_back(std::move(queued));
        return;
    }
    queued.await_metadata = false;
    Target target = find_target(queued, now);
    if (target.error) {
        fail(std::move(queued), std::move(*target.error), now);
        return;
    }
    if (!target.node) {
        queued.not_before = target.not_before;
        unplaced_.push_back(std::move(queued));
        return;
    }
    const auto& options = queued.call.options;
    const PeerKey key{*target.node, options.lane, options.lane == Lane::general ? shared_lane : options.client};
    Peer& peer = peer_of(key);
    queued.waiting = now;
    peer.waiting.push_back(std::move(queued));
    pump(key, peer, now);
}

Router::Target Router::find_target(Queued& queued, TimePoint now) {
    const auto known_node = [this](int32_t node) -> Target {
        if (metadata_->brokers().contains(node))
            return {.node = node};
        metadata_->refresh("broker {} is not known", node);
        return {};
    };
    return std::visit(
        [&]<class R>(const R& route) -> Target {
            if constexpr (std::is_same_v<R, AnyBroker>)
                return pick_any(now);
            else if constexpr (std::is_same_v<R, Leader>)
                return find_leader(queued, route, now);
            else if constexpr (std::is_same_v<R, Coordinator>)
                return find_coordinator(route, now);
            else if constexpr (std::is_same_v<R, Controller>)
                return metadata_->names_controller() ? known_node(metadata_->controller_id()) : pick_any(now);
            else {
                Target target = known_node(route.id);
                if (!target.node && !queued.call.options.retry)
                    target.error = Error(Errc::_unknown_broker, fmt::format("broker {} is not in the cluster's metadata", route.id));
                return target;
            }
        },
        queued.call.route);
}

Router::Target Router::pick_any(TimePoint now) {
    std::vector<int32_t> candidates;
    for (const auto& [id, broker] : metadata_->brokers())
        candidates.push_back(id);
    const size_t known = candidates.size();
    for (size_t i = 0; i < config_.bootstrap_servers.size(); ++i)
        candidates.push_back(-1 - static_cast<int32_t>(i));

    // A connection that is up and not throttled wins, the least busy one first.
    const Connection* best = nullptr;
    for (int32_t node : candidates) {
        const PeerKey key{node, Lane::general, shared_lane};
        const Connection* connection = ready_connection(key);
        if (connection && now >= peers_[key].quiet_until && (!best || connection->in_flight() < best->in_flight()))
            best = connection;
    }
    if (best)
        return {.node = best->node()};

    // Otherwise one is opened: a broker of the metadata, or the addresses we began with when those do not answer.
    Target target;
    const auto choose = [&](size_t from, size_t to) {
        std::vector<int32_t> free;
        bool opening = false;
        for (size_t i = from; i < to; ++i) {
            const auto it = peers_.find({candidates[i], Lane::general, shared_lane});
            if (it == peers_.end() || (!it->second.connection && it->second.not_before <= now))
                free.push_back(candidates[i]);
            else if (!it->second.connection)
                target.not_before = std::min(target.not_before, it->second.not_before);
            else if (now < it->second.quiet_until)
                target.not_before = std::min(target.not_before, it->second.quiet_until);
            else if (!it->second.connection->opening_longer_than(hedge_after, now))
                opening = true;
        }
        if (!opening && !free.empty()) {
            peer_of({free[rng_.below(free.size())], Lane::general, shared_lane}).wanted = true;
            wake();
            opening = true;
        }
        if (opening)
            target.not_before = std::min(target.not_before, now + hedge_after);
        return opening;
    };
    const bool throttled = std::any_of(candidates.begin(), candidates.end(), [&](int32_t node) {
        const auto it = peers_.find({node, Lane::general, shared_lane});
        return it != peers_.end() && now < it->second.quiet_until;
    });
    if (!choose(0, known) && !throttled) // the cluster answers: its first addresses are no way around its quotas
        choose(known, candidates.size());
    return target;
}

Router::Target Router::find_leader(Queued& queued, const Leader& route, TimePoint) {
    if (queued.wanted_topic.empty()) {
        queued.wanted_topic = route.topic;
        metadata_->want(route.topic);
    }
    const TopicInfo* topic = metadata_->find(route.topic);
    if (!topic)
        return {};
    const bool fresh = metadata_->version() != queued.metadata_version;
    const auto give_up = [&](Errc code) -> Target {
        return {.error = Error(code, fmt::format("{}[{}]: {}", route.topic, route.partition, error_text(code)))};
    };
    if (topic->error != Errc::no_error) {
        if (topic->error != Errc::leader_not_available && fresh)
            return give_up(topic->error);
    } else if (const PartitionInfo* partition = metadata_->find(route.topic, route.partition)) {
        if (partition->leader >= 0 && metadata_->brokers().contains(partition->leader))
            return {.node = partition->leader};
    } else if (fresh) {
        return give_up(Errc::_unknown_partition);
    }
    metadata_->refresh("{}[{}] has no known leader", route.topic, route.partition);
    return {};
}

Router::Target Router::find_coordinator(const Coordinator& route, TimePoint now) {
    CoordinatorState& state = coordinators_[{route.type, route.key}];
    if (state.node >= 0 && metadata_->brokers().contains(state.node))
        return {.node = state.node};
    if (state.last_error && !is_retriable(state.last_error.errc()) && !is_transport(state.last_error.errc()))
        return {.error = std::exchange(state.last_error, {})};
    if (!state.asking) {
        if (now < state.not_before)
            return {.not_before = state.not_before};
        look_up_coordinator(route, now);
    }
    return {};
}

std::optional<TimePoint> Router::coordinator_known_since(const Coordinator& route) const {
    const auto found = coordinators_.find({route.type, route.key});
    return found == coordinators_.end() || found->second.node < 0 ? std::nullopt : std::optional(found->second.since);
}

void Router::look_up_coordinator(const Coordinator& route, TimePoint) {
    coordinators_[{route.type, route.key}].asking = true;
    msg::FindCoordinatorRequest request;
    request.key = route.key;
    request.key_type = static_cast<int8_t>(route.type);
    CallOptions options;
    options.timeout = config_.socket_timeout;
    options.max_version = 3; // from 4 on many keys at once, which lookups of one client do not need
    call<msg::FindCoordinatorRequest>(
        *this, AnyBroker{}, std::move(request), options, scope_,
        [this, route](CallResult<msg::FindCoordinatorResponse> result, TimePoint when) {
            CoordinatorState& state = coordinators_[{route.type, route.key}];
            state.asking = false;
            state.last_error = {};
            if (!result) {
                state.last_error = result.error();
            } else if (result->response.error_code != 0) {
                const auto code = static_cast<Errc>(result->response.error_code);
                state.last_error = Error(code, fmt::format("coordinator of {}: {}", route.key, error_text(code)));
            } else {
                const auto& found = result->response;
                state.node = found.node_id;
                state.since = when;
                state.tries = 0;
                if (found.port > 0 && found.port <= 65535)
                    metadata_->hint_broker({found.node_id, found.host, static_cast<uint16_t>(found.port), ""});
            }
            if (state.last_error)
                state.not_before = when + backoff({config_.retry_backoff, config_.retry_backoff_max}, state.tries++, rng_);
            for (auto& queued : unplaced_)
                queued.not_before = std::min(queued.not_before, when);
            wake();
        });
}

std::optional<config::HostPort> Router::address_of(int32_t node) const {
    if (node < 0) {
        const auto index = static_cast<size_t>(-1 - node);
        if (index < config_.bootstrap_servers.size())
            return config_.bootstrap_servers[index];
        return std::nullopt;
    }
    const auto it = metadata_->brokers().find(node);
    if (it == metadata_->brokers().end())
        return std::nullopt;
    return config::HostPort{it->second.host, it->second.port};
}

std::string Router::text_of(const config::HostPort& address) { return fmt::format("{}:{}", address.host, address.port); }

/// Asked in every turn of every peer.
bool Router::has_moved(int32_t node, const Peer& peer) const {
    const auto it = metadata_->brokers().find(node);
    return it != metadata_->brokers().end() && (it->second.host != peer.opened_to.host || it->second.port != peer.opened_to.port);
}

Connection* Router::ready_connection(const PeerKey& key) const {
    const auto it = peers_.find(key);
    if (it == peers_.end() || !it->second.connection || it->second.connection->state() != Connection::State::ready)
        return nullptr;
    return it->second.connection.get();
}

int16_t Router::usable_version(int32_t node, msg::ApiKey api) const {
    const VersionRange ours = {msg::min_version(api), msg::max_version(api)};
    for (auto it = peers_.lower_bound({node, Lane::general, 0}); it != peers_.end() && it->first.node == node; ++it) {
        const auto& connection = it->second.connection;
        if (!connection || connection->state() != Connection::State::ready)
            continue;
        const VersionRange theirs = connection->versions().of(api);
        const int16_t best = std::min(ours.max, theirs.max);
        return best >= std::max(ours.min, theirs.min) ? best : int16_t{-1};
    }
    return -1;
}

// ---- connections

void Router::prepare(int32_t node, Lane lane, uint32_t client) {
    Peer& peer = peer_of({node, lane, lane == Lane::general ? shared_lane : client});
    if (!peer.connection)
        peer.wanted = true;
    wake();
}

size_t Router::unsent(int32_t node, Lane lane, uint32_t client) const {
    const auto peer = peers_.find({node, lane, lane == Lane::general ? shared_lane : client});
    return peer == peers_.end() ? 0 : peer->second.waiting.size();
}

void Router::open(const PeerKey& key, Peer& peer, TimePoint now) {
    const auto address = address_of(key.node);
    peer.wanted = false;
    if (!address)
        return;
    peer.opened_to = *address;
    const std::string where = text_of(*address);
    ConnectionConfig config{
        .client_id = config_.client_id,
        .software_name = config_.client_software_name,
        .software_version = config_.client_software_version.empty() ? OTTLA_VERSION : config_.client_software_version,
        .setup_timeout = config_.socket_setup_timeout,
        .versions_timeout = config_.api_version_request_timeout,
        .max_idle = config_.connections_max_idle,
        .max_response = static_cast<size_t>(config_.receive_message_max_bytes),
        .max_in_flight = static_cast<size_t>(config_.max_in_flight),
        .read_ahead = key.lane == Lane::fetch || key.lane == Lane::fetch_beside ? size_t{4096} : FrameReader::block_size,
        .assumed_versions = {},
    };
    const auto old = assumed_old_.find(where);
    if (!config_.api_version_request || (old != assumed_old_.end() && now < old->second))
        if (auto versions = ApiVersions::of_release(config_.broker_version_fallback))
            config.assumed_versions = *versions;
    std::string name = key.node < 0 ? fmt::format("{}/bootstrap", where) : fmt::format("{}/{}", where, key.node);
    log_.debug(LogContext::broker, "CONNECT", "{}: connecting", name);
    peer.numbers->name = name;
    peer.numbers->address = where;
    peer.connection = std::make_unique<Connection>(std::move(config), key.node, std::move(name), *this, peer.numbers->counters);
    peer.quiet_until = {}; // that was said to the connection before it
    peer.connection->open(links_, address->host, address->port, now);
    note_state(key.node, now);
}

void Router::on_throttle(
    int32_t node, const CallOptions& options, msg::ApiKey api, int16_t version, int32_t time_ms, TimePoint now) {
    const std::chrono::milliseconds time(time_ms);
    stats::BrokerNumbers& numbers = numbers_[node];
    events_.on_throttle(numbers.name, node, time);
    if (measures_)
        numbers.throttle_time.add(time_ms);
    if (!client_throttles(api, version))
        return; // it has been waited for already
    const auto peer = peers_.find({node, options.lane, options.lane == Lane::general ? shared_lane : options.client});
    if (peer != peers_.end())
        peer->second.quiet_until = std::max(peer->second.quiet_until, now + time);
    wake();
}

void Router::pump(const PeerKey& key, Peer& peer, TimePoint now) {
    if (!peer.connection) {
        if (!peer.waiting.empty() && !address_of(key.node)) // the cluster has lost it while they waited
            give_back(peer, Error(Errc::_unknown_broker, fmt::format("broker {} has left the cluster's metadata", key.node)), now);
        if ((peer.wanted || !peer.waiting.empty()) && now >= peer.not_before && !closed_)
            open(key, peer, now);
        return;
    }
    while (!peer.waiting.empty() && peer.connection && now >= peer.quiet_until && peer.connection->has_room()) {
        Queued queued = std::move(peer.waiting.front());
        peer.waiting.pop_front();
        send(*peer.connection, std::move(queued), now);
    }
    room_wanted_ = room_wanted_ || (peer.connection && peer.connection->state() == Connection::State::ready && now >= peer.quiet_until &&
                                    !peer.waiting.empty());
}

void Router::send(Connection& connection, Queued queued, TimePoint now) {
    PendingCall& call = queued.call;
    if (call.scope.expired()) {
        end_interest(queued);
        return;
    }
    const VersionRange theirs = connection.versions().of(call.api_key);
    const int16_t version = std::min(call.max_version, theirs.max);
    if (!theirs.present() || version < std::max(call.min_version, theirs.min)) {
        Error error = lack(connection, call);
        fail(std::move(queued), std::move(error), now);
        return;
    }
    auto frame = call.encode(version, connection.next_correlation_id(), config_.client_id);
    if (!frame) {
        fail(std::move(queued), std::move(frame).error(), now);
        return;
    }
    queued.sent = now;
    stats::BrokerNumbers& numbers = numbers_[connection.node()];
    numbers.counters.retries += queued.tries > 0;
    if (measures_)
        numbers.send_wait.add(now - queued.waiting);
    const int32_t messages = call.options.messages;
    log_.debug(
        LogContext::protocol,
        "SEND",
        "{}: {} v{}, {} bytes, correlation id {}",
        connection.name(),
        msg::to_string(call.api_key),
        version,
        frame->size(),
        connection.next_correlation_id());
    const Duration limit =
        call.options.request_timeout > Duration::zero() ? call.options.request_timeout : Duration(config_.socket_timeout);
    connection.send(
        {.api_key = call.api_key,
         .version = version,
         .frame = std::move(*frame),
         .deadline = std::min(queued.deadline, now + limit),
         .expects_response = call.options.expects_response,
         .done = [this, node = connection.node(), queued = std::move(queued)](PendingCall::RawResult result, TimePoint when) mutable {
             tell_request(queued, result, node, when);
             on_result(std::move(queued), std::move(result), when);
         },
         .messages = messages},
        now);
}

Error Router::lack(const Connection& connection, const PendingCall& call) {
    const auto api = msg::to_string(call.api_key);
    const VersionRange theirs = connection.versions().of(call.api_key);
    std::string text = theirs.present() ? fmt::format(
                                              "{} speaks {} {}-{}, needed is {}-{}",
                                              connection.name(), api, theirs.min, theirs.max, call.min_version, call.max_version)
                                        : fmt::format("{} does not have {}", connection.name(), api);
    if (const auto release = release_with(call.api_key, call.min_version); !release.empty())
        text += fmt::format(" (Kafka {} or later)", release);
    if (connection.assumes_versions())
        text += ", says broker.version.fallback";
    return {Errc::_unsupported_feature, std::move(text)};
}

void Router::on_ready(Connection& connection, TimePoint now) {
    if (connection.versions().features_epoch() >= features_epoch_) {
        features_epoch_ = connection.versions().features_epoch();
        transaction_version_ = connection.versions().transaction_version();
    }
    log_ready(connection, now);
    for (auto& [key, peer] : peers_)
        if (peer.connection.get() == &connection)
            peer.failures = 0;
    note_state(connection.node(), now);
    all_down_told_ = false;
    for (auto& queued : unplaced_)
        queued.not_before = std::min(queued.not_before, now);
    wake();
}

void Router::log_ready(const Connection& connection, TimePoint now) const {
    const auto time = std::chrono::duration<double, std::milli>(now - connection.opened()).count();
    const auto range = [&](msg::ApiKey api) {
        const VersionRange versions = connection.versions().of(api);
        return versions.present() ? fmt::format("{} {}-{}", msg::to_string(api), versions.min, versions.max)
                                  : fmt::format("no {}", msg::to_string(api));
    };
    if (log_.wants(LogContext::broker))
        log_.debug(
            LogContext::broker,
            "CONNECTED",
            "{}: ready after {:.1f} ms; it speaks {}, {}, {}",
            connection.name(),
            time,
            range(msg::ApiKey::produce),
            range(msg::ApiKey::fetch),
            range(msg::ApiKey::metadata));
    if (!log_.wants(LogContext::feature))
        return;
    std::string all;
    for (int16_t api = 0; api < ApiVersions::room; ++api)
        if (connection.versions().of(static_cast<msg::ApiKey>(api)).present())
            all += (all.empty() ? "" : ", ") + range(static_cast<msg::ApiKey>(api));
    log_.debug(LogContext::feature, "APIVERSION", "{}: {}", connection.name(), all);
}

// Nobody misses an idle connection; one that was in use not long ago is told of unless log.connection.close is off.
bool Router::ended_quietly(const Connection& connection, TimePoint now) const {
    if (!connection.ended_idle())
        return false;
    const auto idle = config_.connections_max_idle.count() > 0 ? std::min(config_.connections_max_idle, config_.socket_timeout)
                                                               : config_.socket_timeout;
    return !config_.log_connection_close || now - connection.last_used() >= idle;
}

void Router::on_down(Connection& connection, const Error& error, TimePoint now) {
    wake();
    const auto it = std::find_if(peers_.begin(), peers_.end(), [&](const auto& entry) {
        return entry.second.connection.get() == &connection;
    });
    if (it == peers_.end())
        return; // closed by ourselves
    const PeerKey key = it->first;
    Peer& peer = it->second;
    graveyard_.push_back(std::move(peer.connection));

    const BackoffRange range{config_.reconnect_backoff, config_.reconnect_backoff_max, 0.75, 1.5};
    if (now - peer.last_failure > config_.reconnect_backoff_max * 2)
        peer.failures = 0;
    peer.last_failure = now;
    peer.not_before = now + (config_.reconnect_backoff.count() ? backoff(range, peer.failures, rng_) : Duration::zero());
    const bool first = peer.failures++ == 0;
    if (connection.died_unanswered()) {
        const auto versions = ApiVersions::of_release(config_.broker_version_fallback);
        if (versions && !versions->of(msg::ApiKey::api_versions).present()) {
            assumed_old_[text_of(peer.opened_to)] = now + std::max(config_.api_version_fallback, std::chrono::milliseconds(60'000));
            peer.not_before = now;
        }
    }
    note_state(key.node, now);
    last_failure_ = error;
    const bool quiet = ended_quietly(connection, now);
    if (first && !quiet)
        events_.on_error(error);
    else
        log_.debug(LogContext::broker, "FAIL", "{}", error.message());
    if (key.node >= 0 && !closed_)
        metadata_->refresh("a connection was lost");
    // Another broker may do for those that any will do for.
    for (auto& queued : unplaced_)
        if (queued.not_before == never || std::holds_alternative<AnyBroker>(queued.call.route))
            queued.not_before = std::min(queued.not_before, now);

    give_back(peer, error, now);
    if (!quiet)
        judge_all_down(error);
}

// Calls that wait for a connection which is not to be had: perhaps another broker is the one to ask by now.
void Router::give_back(Peer& peer, const Error& why, TimePoint now) {
    for (auto& queued : std::exchange(peer.waiting, {})) {
        if (probe::planted("drop_waiting_call"))
            continue;
        if (!queued.call.options.retry || closed_) {
            fail(std::move(queued), why, now);
            continue;
        }
        queued.last_error = why;
        queued.not_before = now;
        unplaced_.push_back(std::move(queued));
        wake();
    }
}

void Router::judge_all_down(const Error& error) {
    if (all_down_told_ || closed_)
        return;
    size_t count = 0;
    const auto is_down = [&](int32_t node) {
        bool tried = false;
        for (auto it = peers_.lower_bound({node, Lane::general, 0}); it != peers_.end() && it->first.node == node; ++it) {
            if (it->second.connection)
                return false;
            tried = tried || it->second.failures > 0;
        }
        ++count;
        return tried;
    };
    if (metadata_->brokers().empty()) {
        for (size_t i = 0; i < config_.bootstrap_servers.size(); ++i)
            if (!is_down(-1 - static_cast<int32_t>(i)))
                return;
    } else {
        for (const auto& [id, broker] : metadata_->brokers())
            if (!is_down(id))
                return;
    }
    all_down_told_ = true;
    events_.on_error(Error(Errc::_all_brokers_down, fmt::format("{0}/{0} brokers are down; the last to fail: {1}", count, error.message())));
}

// ---- how a call ends

void Router::on_result(Queued queued, PendingCall::RawResult result, TimePoint now) {
    if (std::exchange(room_wanted_, false))
        wake(); // a connection has room again
    if (queued.call.scope.expired()) {
        end_interest(queued);
        return;
    }
    const bool may_retry = queued.call.options.retry && !closed_ && now < queued.deadline;
    if (log_.wants(LogContext::protocol)) [[unlikely]] {
        const auto time = std::chrono::duration<double, std::milli>(now - queued.sent).count();
        const auto api = msg::to_string(queued.call.api_key);
        if (result)
            log_.debug(
                LogContext::protocol,
                "RECV",
                "broker {}: {} v{}, {} bytes after {:.2f} ms",
                result->node,
                api,
                result->version,
                result->frame.size(),
                time);
        else
            log_.debug(LogContext::protocol, "RECV", "no answer to {} after {:.2f} ms: {}", api, time, result.error().message());
    }
    if (!result) {
        queued.maybe_sent = queued.maybe_sent || result.error().maybe_sent;
        if (may_retry && is_transport(result.error().errc()))
            retry_later(std::move(queued), result.error(), now);
        else
            fail(std::move(queued), result.error(), now);
        return;
    }
    result->sent_before = queued.maybe_sent;
    if (queued.call.deliver(std::move(result), now, may_retry) == PendingCall::Judged::done) {
        end_interest(queued);
        return;
    }
    if (const auto* coordinator = std::get_if<Coordinator>(&queued.call.route)) {
        coordinators_[{coordinator->type, coordinator->key}].node = -1;
    } else if (!std::holds_alternative<AnyBroker>(queued.call.route)) {
        metadata_->refresh("a request went to the wrong broker");
        queued.await_metadata = true;
    }
    queued.metadata_version = metadata_->version();
    retry_later(std::move(queued), {}, now);
}

void Router::retry_later(Queued queued, Error why, TimePoint now) {
    queued.last_error = std::move(why);
    queued.not_before = now + backoff({config_.retry_backoff, config_.retry_backoff_max}, queued.tries++, rng_);
    unplaced_.push_back(std::move(queued));
    wake();
}

void Router::fail(Queued queued, Error error, TimePoint now) {
    end_interest(queued);
    if (!queued.call.scope.expired())
        queued.call.deliver(failure(std::move(error), queued.maybe_sent), now, false);
}

void Router::end_interest(Queued& queued) {
    if (!queued.wanted_topic.empty())
        metadata_->drop(std::exchange(queued.wanted_topic, {}));
}

Error Router::late(const Queued& queued) const {
    const auto api = msg::to_string(queued.call.api_key);
    const Error& last = queued.last_error ? queued.last_error : last_failure_;
    if (config_.bootstrap_servers.empty() && metadata_->brokers().empty())
        return {Errc::_timed_out, fmt::format("{}: no broker is known: bootstrap.servers is empty", api)};
    if (last && is_transport(last.errc()) && !last.detail.empty())
        return {last.code, fmt::format("{} found no broker to answer it in time; the last failure: {}", api, last.message())};
    for (const auto& [key, peer] : peers_)
        if (peer.connection && peer.connection->state() != Connection::State::ready)
            return {Errc::_timed_out, fmt::format("{} was not sent in time: {}", api, peer.connection->what_it_waits_for())};
    return {Errc::_timed_out, fmt::format("{} was not answered in time", api)};
}

TimePoint Router::expire(TimePoint now) {
    TimePoint next = never;
    std::vector<Queued> expired;
    const auto sift = [&](auto& queue) {
        for (auto it = queue.begin(); it != queue.end();) {
            if (it->deadline <= now || it->call.scope.expired()) {
                expired.push_back(std::move(*it));
                it = queue.erase(it);
            } else {
                next = std::min(next, it->deadline);
                ++it;
            }
        }
    };
    sift(unplaced_);
    for (auto& [key, peer] : peers_)
        sift(peer.waiting);
    for (auto& queued : expired) {
        Error error = late(queued);
        fail(std::move(queued), std::move(error), now);
    }
    return next;
}

void Router::close(TimePoint now) {
    closed_ = true;
    const Error gone(Errc::_destroy, "the client is closed");
    for (auto& [key, peer] : peers_) {
        if (peer.connection) {
            graveyard_.push_back(std::move(peer.connection));
            graveyard_.back()->shut(gone, now);
        }
        for (auto& queued : std::exchange(peer.waiting, {}))
            fail(std::move(queued), gone, now);
    }
    for (auto& queued : std::exchange(unplaced_, {}))
        fail(std::move(queued), gone, now);
    for (auto& call : std::exchange(incoming_, {}))
        fail(Queued{.call = std::move(call)}, gone, now);
}

} // namespace ottla::core
