// The member's rebalances: JoinGroup, dealing out, SyncGroup.
#include <algorithm>
#include <fmt/format.h>
#include <iterator>

#include "base/backoff.hpp"
#include "base/probe.hpp"
#include "core/group/classic_member.hpp"
#include "core/group/consumer_protocol.hpp"

namespace ottla::core::group {
namespace {

using namespace std::chrono_literals;

constexpr auto join_slack = 5s;              // the coordinator answers at the end of the rebalance timeout, and then some
constexpr int16_t first_with_instance = 5;   // JoinGroup: KIP-345
constexpr std::string_view protocol_type = "consumer";

std::vector<uint8_t> bytes_of(const Buffer& buffer) { return {buffer.data(), buffer.data() + buffer.size()}; }

Buffer buffer_of(const std::vector<uint8_t>& bytes) { return Buffer::copy_of(Bytes(bytes.data(), bytes.size())); }

} // namespace

void ClassicMember::begin_join(TimePoint) {
    rejoin_ = false;
    become(State::giving); // before the application is asked, which may answer at once
    std::vector<TopicPartition> gone;
    if (!wants_in() || !cooperative())
        gone = held_;
    else // what belongs to topics that are not subscribed to any more
        std::copy_if(held_.begin(), held_.end(), std::back_inserter(gone), [&](const TopicPartition& partition) {
            return !std::binary_search(topics_.begin(), topics_.end(), partition.topic);
        });
    if (!gone.empty())
        give_up(std::move(gone), Rebalance::Kind::revoke, cooperative());
}

void ClassicMember::join(TimePoint now) {
    become(State::joining);
    rejoin_ = false; // what has called for it since the application was asked is in this round
    join_scope_.reset();
    joining_ = true;
    if (!probe::planted("old_beat_counts"))
        beat_scope_.reset(); // an answer to a heartbeat says nothing of the generation that comes now
    beating_ = false;
    leader_ = false;
    msg::JoinGroupRequest request;
    request.group_id = config_.group_id;
    request.session_timeout_ms = static_cast<int32_t>(config_.session_timeout.count());
    request.rebalance_timeout_ms = static_cast<int32_t>(config_.max_poll_interval.count());
    request.member_id = member_id_;
    request.group_instance_id = instance_;
    request.protocol_type = protocol_type;
    request.reason = reason_;
    for (const auto& assignor : assignors_) {
        GroupMember self{
            .id = member_id_,
            .instance_id = instance_,
            .topics = topics_,
            .owned = held_,
            .generation = generation_,
            .rack = config_.client_rack.empty() ? std::nullopt : std::optional(config_.client_rack),
            .user_data = assignor->user_data(topics_),
        };
        auto metadata = encode_subscription(self);
        if (!metadata) {
            join_failed(metadata.error().errc(), metadata.error(), now);
            return;
        }
        request.protocols.push_back({.name = assignor->name(), .metadata = bytes_of(*metadata), .unknown_tags = {}});
    }
    auto with = options(config_.max_poll_interval + join_slack, Lane::group);
    with.request_timeout = with.timeout;
    if (instance_)
        with.min_version = first_with_instance;
    call<msg::JoinGroupRequest>(
        ports_.caller, Coordinator{CoordinatorType::group, config_.group_id}, std::move(request), with, join_scope_,
        [this](CallResult<msg::JoinGroupResponse> result, TimePoint when) { on_joined(std::move(result), when); },
        coordinator_error<msg::JoinGroupResponse>
    );
}

void ClassicMember::on_joined(CallResult<msg::JoinGroupResponse> result, TimePoint now) {
    wake();
    joining_ = false;
    if (state_ == State::giving) { // it leaves meanwhile: what is committed last is to be of the generation that there is now
        if (result && result->response.error_code == 0 && result->response.leader != result->response.member_id) {
            generation_ = result->response.generation_id;
            beat_scope_.reset();
            beating_ = false;
            ports_.events.on_heard();
        }
        return;
    }
    if (!result) {
        join_failed(result.error().errc(), result.error(), now);
        return;
    }
    auto& response = result->response;
    if (const auto code = static_cast<Errc>(response.error_code); code != Errc::no_error) {
        if (code == Errc::member_id_required) { // KIP-394: come again by this name
            member_id_ = response.member_id;
            join(now);
        } else {
            join_failed(code, Error(code, fmt::format("group {}: joining: {}", config_.group_id, error_text(code))), now);
        }
        return;
    }
    member_id_ = response.member_id;
    generation_ = response.generation_id;
    assignor_ = response.protocol_name.value_or("");
    beaten_ = now;
    next_beat_ = now + config_.heartbeat_interval;
    log_.debug(
        LogContext::cgrp, "JOINED", "group {}: member {}, generation {}, {}{}", config_.group_id, member_id_, generation_, assignor_,
        response.leader == member_id_ ? ", leads" : ""
    );
    ports_.events.on_heard();
    if (response.leader != member_id_) {
        leader_ = false;
        unwatch_topics();
        sync({}, now);
        return;
    }
    leader_ = true;
    deals_ = !response.skip_assignment;
    members_.clear();
    for (const auto& member : response.members) {
        auto read = decode_subscription(member.member_id, member.group_instance_id, buffer_of(member.metadata));
        if (!read) {
            join_failed(read.error().errc(), read.error(), now);
            return;
        }
        members_.push_back(std::move(*read));
    }
    watch_topics();
    become(State::electing);
}

// --- dealing out

void ClassicMember::watch_topics() {
    std::set<std::string> topics;
    for (const auto& member : members_)
        topics.insert(member.topics.begin(), member.topics.end());
    for (const auto& topic : topics)
        ports_.metadata.want(topic);
    unwatch_topics(); // after, so that what is known stays
    watched_ = std::move(topics);
}

void ClassicMember::unwatch_topics() {
    for (const auto& topic : watched_)
        ports_.metadata.drop(topic);
    watched_.clear();
}

bool ClassicMember::all_topics_known() const {
    return std::all_of(watched_.begin(), watched_.end(), [&](const auto& topic) { return ports_.metadata.find(topic) != nullptr; });
}

std::map<std::string, size_t> ClassicMember::partition_counts() const {
    std::map<std::string, size_t> counts;
    for (const auto& topic : watched_)
        if (const TopicInfo* info = ports_.metadata.find(topic); info && info->error == Errc::no_error)
            counts[topic] = info->partitions.size();
    return counts;
}

void ClassicMember::elect(TimePoint now) {
    if (!all_topics_known())
        return;
    dealt_counts_ = partition_counts();
    if (!deals_) { // a static member that is back: all keep what they have (KIP-814)
        sync({}, now);
        return;
    }
    auto assignment = deal_out();
    if (!assignment) {
        join_failed(assignment.error().errc(), assignment.error(), now);
        return;
    }
    sync(*assignment, now);
}

Result<GroupAssignment> ClassicMember::deal_out() {
    const auto assignor = std::find_if(assignors_.begin(), assignors_.end(), [&](const auto& a) { return a->name() == assignor_; });
    if (assignor == assignors_.end())
        return Error(Errc::inconsistent_group_protocol, fmt::format("group {}: there is no assignor \"{}\" here", config_.group_id, assignor_));
    std::vector<TopicLayout> layouts;
    for (const auto& [topic, count] : dealt_counts_) {
        auto& layout = layouts.emplace_back(TopicLayout{.name = topic, .partitions = static_cast<int32_t>(count)});
        for (const auto& partition : ports_.metadata.find(topic)->partitions) {
            auto& racks = layout.racks_of_partition.emplace_back();
            for (const int32_t replica : partition.replicas)
                if (const auto broker = ports_.metadata.brokers().find(replica); broker != ports_.metadata.brokers().end())
                    if (!broker->second.rack.empty())
                        racks.push_back(broker->second.rack);
        }
    }
    return (*assignor)->assign(layouts, members_);
}

void ClassicMember::sync(const GroupAssignment& assignment, TimePoint now) {
    become(State::syncing);
    msg::SyncGroupRequest request;
    request.group_id = config_.group_id;
    request.generation_id = generation_;
    request.member_id = member_id_;
    request.group_instance_id = instance_;
    request.protocol_type = protocol_type;
    request.protocol_name = assignor_;
    for (const auto& [member, given] : assignment) {
        auto bytes = encode_assignment(given);
        if (!bytes) {
            join_failed(bytes.error().errc(), bytes.error(), now);
            return;
        }
        request.assignments.push_back({.member_id = member, .assignment = bytes_of(*bytes), .unknown_tags = {}});
    }
    auto with = options(config_.max_poll_interval + join_slack, Lane::group);
    with.request_timeout = with.timeout;
    call<msg::SyncGroupRequest>(
        ports_.caller, Coordinator{CoordinatorType::group, config_.group_id}, std::move(request), with, join_scope_,
        [this](CallResult<msg::SyncGroupResponse> result, TimePoint when) { on_synced(std::move(result), when); },
        coordinator_error<msg::SyncGroupResponse>
    );
}

void ClassicMember::on_synced(CallResult<msg::SyncGroupResponse> result, TimePoint now) {
    wake();
    if (!result) {
        join_failed(result.error().errc(), result.error(), now);
        return;
    }
    if (const auto code = static_cast<Errc>(result->response.error_code); code != Errc::no_error) {
        join_failed(code, Error(code, fmt::format("group {}: waiting for partitions: {}", config_.group_id, error_text(code))), now);
        return;
    }
    // No bytes: the leader has left this member out.
    const auto& bytes = result->response.assignment;
    auto given = bytes.empty() ? Result<MemberAssignment>(MemberAssignment()) : decode_assignment(buffer_of(bytes));
    if (!given) {
        join_failed(given.error().errc(), given.error(), now);
        return;
    }
    failures_ = 0;
    trouble_is_over();
    beaten_ = now;
    ports_.events.on_heard();
    for (const auto& assignor : assignors_)
        if (assignor->name() == assignor_)
            assignor->on_assignment(*given, {config_.group_id, generation_, member_id_, instance_});
    std::sort(given->partitions.begin(), given->partitions.end());
    take(std::move(given->partitions));
}

void ClassicMember::take(std::vector<TopicPartition> given) {
    become(State::taking);
    if (!cooperative()) {
        held_ = given;
        tell({Rebalance::Kind::assign, false, std::move(given)});
        return;
    }
    std::vector<TopicPartition> gone;
    std::vector<TopicPartition> fresh;
    std::set_difference(held_.begin(), held_.end(), given.begin(), given.end(), std::back_inserter(gone));
    std::set_difference(given.begin(), given.end(), held_.begin(), held_.end(), std::back_inserter(fresh));
    if (!gone.empty()) {
        if (!probe::planted("no_round_after_giving"))
            rejoin("partitions were given up for others to take"); // KIP-429: the round that hands them out
        give_up(std::move(gone), Rebalance::Kind::revoke, true);
    }
    held_ = std::move(given);
    tell({Rebalance::Kind::assign, true, std::move(fresh)});
}

// --- what goes wrong

void ClassicMember::join_failed(Errc code, const Error& error, TimePoint now) {
    switch (code) {
    case Errc::unknown_member_id:
    case Errc::illegal_generation:
        lose(error.message());
        retry_join(now);
        return;
    case Errc::rebalance_in_progress:
        retry_join(now);
        return;
    case Errc::fenced_instance_id:
        lose(error.message());
        become(State::dead);
        ports_.events.on_trouble(Error(make_error_code(code, ErrorFlag::fatal), fmt::format("group {}: another consumer has come with group.instance.id {}", config_.group_id, *instance_)));
        return;
    default:
        break;
    }
    tell_trouble(code, error);
    retry_join(now);
}

void ClassicMember::retry_join(TimePoint now) {
    join_scope_.reset();
    joining_ = false;
    not_before_ = probe::planted("forget_join_retry") ? never : now + backoff({config_.retry_backoff, config_.retry_backoff_max}, failures_++, rng_);
    begin_join(now);
}

} // namespace ottla::core::group
