#include "core/cluster/metadata.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "config/value.hpp"
#include "core/cluster/metadata_request.hpp"
#include "wire/utf8.hpp"

namespace ottla::core {
namespace {

// Errors of a topic or partition that pass by themselves: worth asking again soon.
bool is_passing(Errc error) {
    switch (error) {
    case Errc::leader_not_available:
    case Errc::unknown_topic_or_part:
    case Errc::unknown_topic_id:
    case Errc::replica_not_available:
    case Errc::not_leader_for_partition:
        return true;
    default:
        return false;
    }
}

/// Why the topic cannot be used (in full) but may be later; empty if there is no such reason.
std::string hindrance_of(const TopicInfo& topic) {
    if (topic.error != Errc::no_error)
        return is_passing(topic.error) ? fmt::format("{}: {}", topic.name, error_text(topic.error)) : "";
    for (size_t i = 0; i < topic.partitions.size(); ++i)
        if (topic.partitions[i].leader < 0)
            return fmt::format("{}[{}] has no leader", topic.name, i);
    return {};
}

constexpr int16_t first_version_with_controller = 1;

/// How long a topic may take to be made, or to change its leader, before anyone is told.
constexpr Duration hindrance_told_after = std::chrono::seconds(2);

} // namespace

Metadata::Metadata(Caller& caller, MetadataConfig config, uint64_t seed, Log log)
    : caller_(caller), config_(std::move(config)), rng_(seed), log_(log) {
    for (const std::string_view pattern : config::split(config_.excluded))
        excluded_.emplace_back(pattern.begin(), pattern.end(), std::regex::extended | std::regex::optimize);
}

bool Metadata::is_excluded(const std::string& topic) const {
    return std::any_of(excluded_.begin(), excluded_.end(), [&](const std::regex& pattern) { return std::regex_search(topic, pattern); });
}

const TopicInfo* Metadata::find(const std::string& topic) const {
    const auto it = topics_.find(topic);
    return it == topics_.end() ? nullptr : &it->second;
}

const PartitionInfo* Metadata::find(const std::string& topic, int32_t partition) const {
    const TopicInfo* info = find(topic);
    if (!info || partition < 0 || static_cast<size_t>(partition) >= info->partitions.size())
        return nullptr;
    return &info->partitions[static_cast<size_t>(partition)];
}

std::string Metadata::topic_of(const Uuid& id) const {
    const auto it = names_.find(id);
    return it == names_.end() ? std::string() : it->second;
}

void Metadata::want(const std::string& topic) {
    Want& want = wants_[topic];
    if (want.count++ == 0 && !find(topic)) {
        refresh_asked_ = true;
        not_before_ = {}; // a new topic need not wait for the backoff of others
        wake();
    }
}

void Metadata::drop(const std::string& topic) {
    const auto it = wants_.find(topic);
    if (it == wants_.end() || --it->second.count > 0)
        return;
    wants_.erase(it);
    const TopicInfo* info = find(topic);
    if (info && all_wanted_ == 0) {
        names_.erase(info->id);
        topics_.erase(topic);
    }
}

void Metadata::want_all() {
    if (all_wanted_++ != 0)
        return;
    refresh_asked_ = true;
    not_before_ = {};
    wake();
}

void Metadata::drop_all() {
    if (--all_wanted_ != 0)
        return;
    knows_all_ = false;
    forget_unwanted();
}

void Metadata::forget_unwanted() {
    std::erase_if(topics_, [this](const auto& known) {
        if (wants_.contains(known.first))
            return false;
        names_.erase(known.second.id);
        return true;
    });
}

void Metadata::hint_leader(const std::string& topic, int32_t partition, int32_t leader, int32_t leader_epoch) {
    const auto it = topics_.find(topic);
    if (it == topics_.end() || leader < 0 || partition < 0 ||
        static_cast<size_t>(partition) >= it->second.partitions.size() || !brokers_.contains(leader))
        return;
    PartitionInfo& info = it->second.partitions[static_cast<size_t>(partition)];
    if (leader_epoch <= info.leader_epoch)
        return;
    log_.debug(LogContext::topic, "LEADER", "{}[{}]: leader {} instead of {}, says a broker (epoch {})", topic, partition, leader, info.leader, leader_epoch);
    info.leader = leader;
    info.leader_epoch = leader_epoch;
    ++version_;
}

void Metadata::hint_broker(BrokerInfo broker) {
    if (broker.id >= 0 && !broker.host.empty())
        brokers_.insert_or_assign(broker.id, std::move(broker));
}

void Metadata::on_change(const CallScope& scope, MoveOnlyFunction<void(TimePoint)> f) {
    listeners_.push_back({scope.token(), std::move(f)});
}

bool Metadata::all_answered() const {
    return std::all_of(wants_.begin(), wants_.end(), [this](const auto& want) {
        const TopicInfo* info = find(want.first);
        return info && hindrance_of(*info).empty();
    });
}

void Metadata::judge_hindrances(TimePoint now) {
    for (auto& [name, want] : wants_) {
        const TopicInfo* info = find(name);
        const std::string hindrance = info ? hindrance_of(*info) : std::string();
        if (hindrance.empty()) {
            want.hindered_since.reset();
            want.hindrance_told = false;
        } else if (!want.hindered_since) {
            want.hindered_since = now;
        } else if (now - *want.hindered_since >= hindrance_told_after && !std::exchange(want.hindrance_told, true)) {
            if (tell_hindrance_)
                tell_hindrance_(hindrance);
        }
    }
}

TimePoint Metadata::poll(TimePoint now) {
    if (in_flight_)
        return never;
    if (!refresh_asked_) {
        const Duration age =
            config_.refresh_interval > Duration::zero() ? std::min(config_.refresh_interval, config_.max_age) : config_.max_age;
        const TimePoint due = last_answer_ + age;
        if (now < due)
            return due;
    }
    if (now < not_before_)
        return not_before_;
    ask();
    return never;
}

void Metadata::ask() {
    in_flight_ = true;
    refresh_asked_ = false;
    msg::MetadataRequest request;
    auto& topics = request.topics.emplace();
    for (auto& [name, want] : wants_) {
        if (wire::fits_string(name)) // else there is no request, and so nothing is heard of the rest
            topics.emplace_back().name = name;
        want.asked = true;
    }
    const bool asks_all = all_wanted_ > 0;
    if (asks_all)
        request.topics.reset();
    request.allow_auto_topic_creation = config_.allow_auto_create;
    CallOptions options;
    options.timeout = config_.request_timeout;
    call<msg::MetadataRequest>(
        caller_, AnyBroker{}, std::move(request), options, scope_,
        [this, asks_all](CallResult<msg::MetadataResponse> result, TimePoint when) {
            in_flight_ = false;
            last_answer_ = when;
            if (result) {
                names_controller_ = result->version >= first_version_with_controller;
                if (asks_all && all_wanted_ > 0) {
                    knows_all_ = true;
                    forget_missing(result->response);
                }
                adopt(std::move(result->response), when);
                if (all_answered() && !refresh_asked_)
                    tries_ = 0;
                else
                    refresh_asked_ = true;
            } else {
                refresh_asked_ = true;
                log_.debug(LogContext::metadata, "METADATA", "no answer: {}", result.error().message());
            }
            // Whatever asks for the next refresh, it backs off from this answer; but a topic that was not asked for yet
            // need not wait for the others.
            const bool unasked = std::any_of(wants_.begin(), wants_.end(), [](const auto& want) { return !want.second.asked; });
            not_before_ = unasked ? when : when + backoff(config_.retry, refresh_asked_ ? tries_++ : 0, rng_);
            wake();
        },
        nullptr, metadata_request_for);
}

/// Of all topics that nobody wants by name, those that the answer leaves out are gone.
void Metadata::forget_missing(const msg::MetadataResponse& response) {
    std::set<std::string_view> named;
    for (const auto& topic : response.topics)
        if (topic.name)
            named.insert(*topic.name);
    std::erase_if(topics_, [&](const auto& known) {
        if (wants_.contains(known.first) || named.contains(known.first))
            return false;
        names_.erase(known.second.id);
        return true;
    });
}

void Metadata::log_changes(const TopicInfo* known, const TopicInfo& fresh) const {
    if (!log_.wants(LogContext::topic))
        return;
    if (fresh.error != Errc::no_error && (!known || known->error != fresh.error))
        log_.debug(LogContext::topic, "TOPIC", "{}: {}", fresh.name, error_name(fresh.error));
    const size_t before = known ? known->partitions.size() : 0;
    if (fresh.partitions.size() != before)
        log_.debug(LogContext::topic, "PARTCNT", "{}: {} partitions instead of {}", fresh.name, fresh.partitions.size(), before);
    for (size_t i = 0; i < fresh.partitions.size(); ++i) {
        const int32_t old = i < before ? known->partitions[i].leader : -1;
        const PartitionInfo& now = fresh.partitions[i];
        if (now.leader != old)
            log_.debug(LogContext::topic, "LEADER", "{}[{}]: leader {} instead of {} (epoch {})", fresh.name, i, now.leader, old, now.leader_epoch);
    }
}

void Metadata::adopt(msg::MetadataResponse response, TimePoint now) {
    if (!excluded_.empty())
        std::erase_if(response.topics, [this](const auto& topic) { return topic.name && is_excluded(*topic.name); });
    // Asked for all topics, a broker leaves out those that are not there.
    for (const auto& [name, want] : wants_) {
        const auto is_it = [&name = name](const auto& topic) { return topic.name == name; };
        if (!want.asked || std::any_of(response.topics.begin(), response.topics.end(), is_it))
            continue;
        auto& missing = response.topics.emplace_back();
        missing.name = name;
        missing.error_code = static_cast<int16_t>(wire::fits_string(name) ? Errc::unknown_topic_or_part : Errc::topic_exception);
    }
    std::map<int32_t, BrokerInfo> brokers;
    for (const auto& broker : response.brokers)
        if (broker.node_id >= 0 && broker.port > 0 && broker.port <= 65535)
            brokers[broker.node_id] = {
                broker.node_id, broker.host, static_cast<uint16_t>(broker.port), broker.rack.value_or("")};
    if (!brokers.empty())
        brokers_ = std::move(brokers);
    if (response.controller_id >= 0)
        controller_ = response.controller_id;
    if (response.cluster_id)
        cluster_id_ = *response.cluster_id;

    for (const auto& topic : response.topics) {
        if (!topic.name || (all_wanted_ == 0 && !wants_.contains(*topic.name)))
            continue;
        TopicInfo fresh{.name = *topic.name, .id = topic.topic_id, .error = static_cast<Errc>(topic.error_code), .internal = topic.is_internal, .partitions = {}};
        const auto known = topics_.find(fresh.name);
        for (const auto& partition : topic.partitions) {
            const auto index = static_cast<size_t>(partition.partition_index);
            if (partition.partition_index < 0 || index >= topic.partitions.size())
                continue; // ids of a topic are 0..n-1; anything else is not Kafka's
            if (fresh.partitions.size() <= index)
                fresh.partitions.resize(topic.partitions.size());
            PartitionInfo& info = fresh.partitions[index];
            info = {
                .leader = partition.leader_id,
                .leader_epoch = partition.leader_epoch,
                .error = static_cast<Errc>(partition.error_code),
                .replicas = partition.replica_nodes,
                .isr = partition.isr_nodes,
            };
            // A broker that lags behind must not take back what a fresher one has told.
            if (known != topics_.end() && known->second.id == fresh.id && index < known->second.partitions.size()) {
                const PartitionInfo& old = known->second.partitions[index];
                if (info.leader_epoch >= 0 && info.leader_epoch < old.leader_epoch)
                    info = old;
            }
        }
        if (known != topics_.end()) {
            // A topic that seems to vanish keeps what is known of its partitions until the answer is final.
            if (fresh.partitions.empty() && is_passing(fresh.error) && !known->second.partitions.empty() &&
                fresh.error == Errc::leader_not_available)
                continue;
            names_.erase(known->second.id);
        }
        log_changes(known == topics_.end() ? nullptr : &known->second, fresh);
        if (!fresh.id.is_zero())
            names_[fresh.id] = fresh.name;
        topics_.insert_or_assign(fresh.name, std::move(fresh));
    }
    judge_hindrances(now);
    log_.debug(
        LogContext::metadata,
        "METADATA",
        "{} brokers, controller {}, {} topics asked for",
        brokers_.size(),
        controller_,
        response.topics.size());
    ++version_;
    std::erase_if(listeners_, [](const Listener& l) { return l.scope.expired(); });
    for (size_t i = 0; i < listeners_.size(); ++i) // by index: a listener may add another
        listeners_[i].f(now);
}

} // namespace ottla::core
