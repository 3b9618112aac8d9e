#include "sim/trouble.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <ottla/msg/api_key.hpp>

namespace ottla::sim {
namespace {

using enum Errc;

constexpr int16_t number(msg::ApiKey key) {
    return static_cast<int16_t>(key);
}

constexpr std::array produce_passing{
    not_leader_for_partition,
    leader_not_available,
    unknown_topic_or_part,
    not_enough_replicas,
    not_enough_replicas_after_append,
    request_timed_out,
    kafka_storage_error,
    network_exception,
    replica_not_available,
};
/// What a leader answers, with acks=all, although it has stored the batch: it waited for its followers and then gave up or lost its place.
constexpr bool may_come_late(Errc error) {
    return error == not_leader_for_partition || error == not_enough_replicas_after_append || error == request_timed_out ||
           error == kafka_storage_error;
}
constexpr std::array produce_staying{
    topic_authorization_failed, msg_size_too_large, invalid_record, unknown_producer_id, unknown_producer_id};
constexpr std::array produce_fatal{cluster_authorization_failed, producer_fenced, invalid_producer_epoch};
constexpr std::array fetch_passing{
    not_leader_for_partition,
    leader_not_available,
    fenced_leader_epoch,
    unknown_leader_epoch,
    kafka_storage_error,
    replica_not_available,
    unknown_topic_or_part,
    fetch_session_id_not_found,
    invalid_fetch_session_epoch,
};
constexpr std::array list_passing{
    not_leader_for_partition,
    leader_not_available,
    kafka_storage_error,
    fenced_leader_epoch,
    request_timed_out};
constexpr std::array identity_passing{
    coordinator_load_in_progress, coordinator_not_available, request_timed_out};
constexpr std::array<Errc, 4> transaction_passing{
    coordinator_load_in_progress, coordinator_not_available, not_coordinator, concurrent_transactions};
constexpr std::array coordinator_apis{
    msg::ApiKey::find_coordinator,
    msg::ApiKey::init_producer_id,
    msg::ApiKey::add_partitions_to_txn,
    msg::ApiKey::end_txn,
    msg::ApiKey::add_offsets_to_txn,
    msg::ApiKey::txn_offset_commit,
};


struct GroupApi {
    msg::ApiKey key;
    std::vector<Errc> passing;
};
const GroupApi commits{
    msg::ApiKey::offset_commit,
    {coordinator_load_in_progress, coordinator_not_available, not_coordinator, request_timed_out, rebalance_in_progress,
     unknown_member_id, illegal_generation}};
const std::array group_apis{
    GroupApi{msg::ApiKey::find_coordinator, {coordinator_load_in_progress, coordinator_not_available, request_timed_out}},
    GroupApi{msg::ApiKey::join_group, {coordinator_load_in_progress, coordinator_not_available, not_coordinator, unknown_member_id}},
    GroupApi{
        msg::ApiKey::sync_group,
        {coordinator_load_in_progress, coordinator_not_available, not_coordinator, rebalance_in_progress, unknown_member_id,
         illegal_generation}},
    GroupApi{
        msg::ApiKey::heartbeat,
        {coordinator_not_available, not_coordinator, rebalance_in_progress, unknown_member_id, illegal_generation}},
    GroupApi{msg::ApiKey::leave_group, {coordinator_load_in_progress, coordinator_not_available, not_coordinator}},
    commits,
    GroupApi{
        msg::ApiKey::offset_fetch,
        {coordinator_load_in_progress, not_coordinator, unstable_offset_commit}},
};

const GroupApi commits_by_epoch{
    msg::ApiKey::offset_commit,
    {coordinator_load_in_progress, coordinator_not_available, not_coordinator, request_timed_out, unknown_member_id,
     stale_member_epoch}};
const GroupApi consumer_heartbeat{
    msg::ApiKey::consumer_group_heartbeat,
    {coordinator_load_in_progress, coordinator_not_available, not_coordinator, unknown_member_id, fenced_member_epoch}};

bool is_of_classic_members(const GroupApi& api) {
    return api.key == msg::ApiKey::join_group || api.key == msg::ApiKey::sync_group || api.key == msg::ApiKey::heartbeat ||
           api.key == msg::ApiKey::leave_group;
}

} // namespace

void Trouble::begin(const Options& options) {
    options_ = options;
    healed_ = false;
    // A seed knows only some kinds, so that single ones and combinations of few are met alone too.
    std::vector<Fault> kinds;
    const int share = static_cast<int>(world_.between(15, 90));
    for (size_t i = 0; i < fault_kinds; ++i) {
        const auto kind = static_cast<Fault>(i);
        if ((kind == Fault::crash_lost_tail && !options.lose_tails) ||
            (kind == Fault::fatal_error && !options.fatal_errors))
            continue;
        if (world_.chance(share))
            kinds.push_back(kind);
    }
    if (kinds.empty())
        return;
    const Duration span = options.until - world_.now();
    const int64_t most = world_.chance(25) ? 80 : 20;
    for (int64_t left = world_.between(0, most); left > 0; --left) {
        const Fault kind = kinds[world_.rng.below(kinds.size())];
        world_.queue.after(world_.within(span), [this, kind] { strike(kind); });
    }
}

void Trouble::strike(Fault fault) {
    if (healed_)
        return;
    const bool done = strike_stream(fault) || strike_broker(fault) || strike_request(fault);
    if (!done)
        return;
    ++world_.faults[fault];
    world_.network.settle_cluster();
}

bool Trouble::strike_stream(Fault fault) {
    if (fault == Fault::partial_read || fault == Fault::partial_write) { // counted where it takes effect
        world_.note(
            "sockets take {} in pieces", fault == Fault::partial_read ? "what comes" : "what is written"
        );
        if (fault == Fault::partial_read)
            world_.network.set_partial_reads(true);
        else
            world_.network.set_partial_writes(true);
        return false;
    }
    if (fault > Fault::slow_link)
        return false;
    const auto stream = world_.network.any_open();
    if (!stream)
        return false;
    world_.note(
        "{}: link {} to broker {}",
        fault_names[static_cast<size_t>(fault)],
        stream->number(),
        stream->broker()
    );
    switch (fault) {
    case Fault::cut:
        stream->cut();
        break;
    case Fault::cut_answer:
        stream->cut_answer();
        break;
    case Fault::half_open:
        stream->half_open();
        break;
    case Fault::mute:
        stream->mute();
        break;
    case Fault::clog: {
        const auto direction = world_.chance(50) ? Stream::Direction::up : Stream::Direction::down;
        stream->clog(direction, world_.now() + world_.ms_between(1, world_.chance(30) ? 10'000 : 500));
        break;
    }
    default:
        stream->set_latency(world_.ms_between(1, world_.chance(30) ? 800 : 50));
        break;
    }
    return true;
}

int32_t Trouble::any_broker() {
    return static_cast<int32_t>(1 + world_.rng.below(world_.cluster.brokers().size()));
}

bool Trouble::strike_broker(Fault fault) {
    const auto later = [this](auto action) {
        world_.queue.after(world_.ms_between(1, world_.chance(20) ? 6000 : 800), [this, action] {
            if (!healed_)
                action();
        });
    };
    switch (fault) {
    case Fault::refuse:
    case Fault::black_hole: {
        const int32_t broker = any_broker();
        world_.note(
            "broker {}: {}",
            broker,
            fault == Fault::refuse ? "refuses connections" : "is a black hole to new connections"
        );
        world_.network.set_door(
            broker, fault == Fault::refuse ? Network::Door::refusing : Network::Door::black_hole
        );
        later([this, broker] { world_.network.set_door(broker, Network::Door::open); });
        return true;
    }
    case Fault::crash:
    case Fault::crash_lost_tail: {
        const int32_t broker = any_broker();
        if (!world_.cluster.brokers().at(broker).up)
            return false;
        const bool silently = world_.chance(30);
        if (silently)
            world_.network.fall_silent(broker);
        const auto tail =
            fault == Fault::crash ? mock::ClusterCore::Tail::kept : mock::ClusterCore::Tail::lost;
        const size_t lost_before = world_.cluster.lost_batches();
        world_.cluster.stop(broker, world_.now(), tail);
        const size_t lost = world_.cluster.lost_batches() - lost_before;
        world_.note("broker {} ends{}, {} batches lost", broker, silently ? " silently" : "", lost);
        later([this, broker] {
            world_.note("broker {} is back", broker);
            world_.network.speak(broker);
            world_.cluster.start(broker, world_.now());
            world_.network.settle_cluster();
        });
        return true;
    }
    case Fault::move_leader:
        if (!options_.transactional_id.empty() && world_.chance(40))
            return move_coordinator(mock::ClusterCore::CoordinatorOf::transaction, options_.transactional_id);
        if (!options_.group.empty() && world_.chance(60))
            return move_coordinator(mock::ClusterCore::CoordinatorOf::group, options_.group);
        return move_leader();
    case Fault::late_turn: {
        ClientLoop* loop = loops_[world_.rng.below(loops_.size())];
        const auto time = world_.ms_between(1, world_.chance(30) ? 4000 : 300);
        world_.note("a loop stands still for {} ms", time.count());
        loop->stall(time);
        return true;
    }
    case Fault::clock_jump:
        world_.wall_clock_off_ms = world_.between(-1, 1) * world_.between(1, world_.chance(50) ? 5'000 : 86'400'000);
        world_.note("the clients' wall clock is off by {} ms", world_.wall_clock_off_ms);
        return true;
    case Fault::slow_broker: {
        const std::array apis{
            number(msg::ApiKey::produce),
            number(msg::ApiKey::produce),
            number(msg::ApiKey::metadata),
            number(msg::ApiKey::fetch),
            number(msg::ApiKey::init_producer_id),
            number(msg::ApiKey::api_versions)};
        const int16_t api = apis[world_.rng.below(apis.size())];
        const int32_t broker = any_broker();
        const auto wait = world_.ms_between(1, world_.chance(20) ? 6000 : 200);
        world_.note("broker {} takes {} ms for api {}", broker, wait.count(), api);
        world_.cluster.faults().set_delay(api, broker, wait);
        later([this, api, broker] { world_.cluster.faults().set_delay(api, broker, {}); });
        return true;
    }
    case Fault::throttle: {
        const int32_t broker = any_broker();
        const auto time = world_.ms_between(1, 300);
        world_.note("broker {} throttles {} ms", broker, time.count());
        world_.cluster.faults().set_throttle(broker, time);
        later([this, broker] { world_.cluster.faults().set_throttle(broker, {}); });
        return true;
    }
    default:
        return false;
    }
}

bool Trouble::move_coordinator(mock::ClusterCore::CoordinatorOf kind, const std::string& key) {
    const int32_t to = any_broker();
    if (world_.cluster.move_coordinator(kind, key, to, world_.now()))
        return false;
    world_.note("broker {} is the coordinator of {} now", to, key);
    return true;
}

bool Trouble::move_leader() {
    auto& topics = world_.cluster.topics();
    if (topics.empty())
        return false;
    auto topic = topics.begin();
    std::advance(topic, static_cast<std::ptrdiff_t>(world_.rng.below(topics.size())));
    const auto partition = static_cast<int32_t>(world_.rng.below(topic->second.partitions.size()));
    const auto& replicas = topic->second.partitions[static_cast<size_t>(partition)].replicas;
    const int32_t to = replicas[world_.rng.below(replicas.size())];
    if (to == topic->second.partitions[static_cast<size_t>(partition)].leader)
        return false;
    if (world_.cluster.move_leader(topic->first, partition, to, world_.now()))
        return false;
    world_.note("{}[{}] is led by broker {} now", topic->first, partition, to);
    return true;
}

bool Trouble::strike_request(Fault fault) {
    using Kind = mock::Faults::Kind;
    const auto pick = [this](std::span<const Errc> from) { return from[world_.rng.below(from.size())]; };
    const int32_t broker = world_.chance(30) ? mock::every_broker : any_broker();
    const int count = static_cast<int>(world_.between(1, 3));
    auto& faults = world_.cluster.faults();
    const auto add_error = [&](msg::ApiKey api, Errc error) {
        injected_.insert(error);
        world_.note(
            "broker {} answers the next {} of api {} with {}", broker, count, number(api), error_name(error)
        );
        const bool late = api == msg::ApiKey::produce && may_come_late(error) && world_.chance(80);
        if (late)
            world_.note("when they are done");
        faults.add(number(api), broker, count, {late ? Kind::late_error : Kind::error, error});
        return true;
    };
    if (!options_.group.empty() && world_.chance(70) && strike_group(fault, broker, count))
        return true;
    if (!options_.transactional_id.empty() && world_.chance(50)) {
        const auto api = coordinator_apis[world_.rng.below(coordinator_apis.size())];
        switch (fault) {
        case Fault::error:
            return add_error(api, pick(api == msg::ApiKey::find_coordinator ? std::span<const Errc>(identity_passing) : std::span<const Errc>(transaction_passing)));
        case Fault::drop_request:
        case Fault::drop_answer:
            world_.note("broker {} loses {} of api {}", broker, fault == Fault::drop_request ? "requests" : "answers", number(api));
            faults.add(number(api), broker, count, {fault == Fault::drop_request ? Kind::drop_request : Kind::drop_reply});
            return true;
        default:
            break;
        }
    }
    switch (fault) {
    case Fault::fatal_error:
        return add_error(msg::ApiKey::produce, pick(produce_fatal));
    case Fault::error:
        switch (world_.rng.below(8)) {
        case 0:
            return add_error(msg::ApiKey::fetch, pick(fetch_passing));
        case 1:
            return add_error(msg::ApiKey::list_offsets, pick(list_passing));
        case 2:
            return add_error(msg::ApiKey::init_producer_id, pick(identity_passing));
        case 3:
            return add_error(msg::ApiKey::metadata, leader_not_available);
        case 4:
        case 5:
        case 6:
            if (options_.errors_that_stay)
                return add_error(msg::ApiKey::produce, pick(produce_staying));
            [[fallthrough]];
        default:
            return add_error(msg::ApiKey::produce, pick(produce_passing));
        }
    case Fault::drop_request:
    case Fault::drop_answer: {
        const std::array apis{
            number(msg::ApiKey::produce),
            number(msg::ApiKey::produce),
            number(msg::ApiKey::metadata),
            number(msg::ApiKey::fetch),
            number(msg::ApiKey::init_producer_id),
            number(msg::ApiKey::api_versions),
            number(msg::ApiKey::list_offsets)};
        const int16_t api = apis[world_.rng.below(apis.size())];
        world_.note(
            "broker {} loses {} of api {}", broker, fault == Fault::drop_request ? "requests" : "answers", api
        );
        faults.add(
            api, broker, count, {fault == Fault::drop_request ? Kind::drop_request : Kind::drop_reply}
        );
        return true;
    }
    default:
        return false;
    }
}

bool Trouble::strike_group(Fault fault, int32_t broker, int count) {
    using Kind = mock::Faults::Kind;
    const GroupApi* hit = world_.chance(30) ? &commits : &group_apis[world_.rng.below(group_apis.size())];
    if (options_.consumer_members && (!options_.classic_members || world_.chance(50)))
        hit = hit == &commits || hit->key == commits.key ? &commits_by_epoch : is_of_classic_members(*hit) ? &consumer_heartbeat : hit;
    const GroupApi& api = *hit;
    const int16_t key = number(api.key);
    const bool is_error = fault == Fault::error && !api.passing.empty();
    if (!is_error && fault != Fault::drop_request && fault != Fault::drop_answer)
        return false;
    if (!is_error) {
        world_.note("broker {} loses {} of api {}", broker, fault == Fault::drop_request ? "requests" : "answers", key);
        world_.cluster.faults().add(
            key, broker, count, {fault == Fault::drop_request ? Kind::drop_request : Kind::drop_reply}
        );
        return true;
    }
    const Errc error = api.passing[world_.rng.below(api.passing.size())];
    injected_.insert(error);
    world_.note("broker {} answers the next {} of api {} with {}", broker, count, key, error_name(error));
    world_.cluster.faults().add(key, broker, count, {Kind::error, error});
    return true;
}

void Trouble::heal() {
    healed_ = true;
    world_.note("everything heals");
    world_.cluster.faults() = {};
    world_.network.heal();
    for (const auto& [id, broker] : world_.cluster.brokers())
        if (!broker.up)
            world_.cluster.start(id, world_.now());
    world_.network.settle_cluster();
}

} // namespace ottla::sim
