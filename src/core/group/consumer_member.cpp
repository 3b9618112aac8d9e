#include "core/group/consumer_member.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/backoff.hpp"
#include "base/endian.hpp"
#include "base/probe.hpp"
#include "core/group/topic_pattern.hpp"

namespace ottla::core::group {
namespace {

using namespace std::chrono_literals;

constexpr int32_t joins = 0; // as member epochs say it
constexpr int32_t leaves = -1;
constexpr int32_t leaves_for_now = -2;
constexpr Duration first_interval = 5s; // until the coordinator tells another
constexpr int16_t first_with_regex = 1;

std::string new_member_id(Rng& rng) {
    Uuid id;
    store_be(id.bytes.data(), rng.next());
    store_be(id.bytes.data() + sizeof(uint64_t), rng.next());
    return id.to_string();
}

} // namespace

ConsumerMember::ConsumerMember(Ports ports, const config::ClientConfig& config, uint64_t seed, Log log)
    : Membership(ports, config, log)
    , rng_(seed)
    , member_id_(new_member_id(rng_))
    , interval_(first_interval) {
    if (!config_.group_instance_id.empty())
        instance_ = config_.group_instance_id;
    ports_.metadata.on_change(scope_, [this](TimePoint) { wake(); });
}

ConsumerMember::~ConsumerMember() = default;

void ConsumerMember::become(State to) {
    probe::step("consumer_member", state_, to);
    state_ = to;
    wake();
}

Committer ConsumerMember::committer() const {
    if (epoch_ <= 0)
        return {-1, {}, instance_};
    const bool is_old = epoch_ > 1 && probe::planted("old_epoch_in_commits");
    return {is_old ? epoch_ - 1 : epoch_, member_id_, instance_};
}

bool ConsumerMember::may_commit() const {
    return is_nobody() || epoch_ > 0 || probe::planted("commit_as_nobody");
}

Membership::Phase ConsumerMember::phase() const {
    switch (state_) {
    case State::joining:
        return Phase::joining;
    case State::giving:
        return Phase::giving;
    case State::member:
        return is_telling() ? Phase::taking : Phase::stable;
    case State::out:
    case State::expelled:
    case State::dead:
        break;
    }
    return Phase::out;
}

// --- what the application wants

void ConsumerMember::subscribe(std::vector<std::string> topics, const std::string& reason, TimePoint now) {
    std::sort(topics.begin(), topics.end());
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    if (state_ == State::dead || (topics == topics_ && state_ != State::out))
        return;
    watch_topics(std::move(topics));
    reason_ = reason;
    says_all_ = true;
    switch (state_) {
    case State::out:
        polled_ = now;
        if (!topics_.empty())
            become(State::joining);
        break;
    case State::joining:
    case State::member:
        if (topics_.empty())
            begin_leaving();
        else
            beat_soon();
        break;
    case State::giving: // it joins again when it is out
    case State::expelled:
        if (topics_.empty() && state_ == State::expelled)
            become(State::out);
        break;
    case State::dead:
        break;
    }
    wake();
}

void ConsumerMember::rejoin(const std::string& reason) {
    if (state_ != State::member)
        return;
    log_.debug(LogContext::cgrp, "REJOIN", "group {}: {}", config_.group_id, reason);
    reason_ = reason;
    says_all_ = true;
    beat_soon();
}

void ConsumerMember::on_application_poll(TimePoint now) {
    polled_ = now;
    if (state_ == State::expelled)
        become(State::joining);
}

void ConsumerMember::when_out(MoveOnlyFunction<void()> done) {
    when_out_ = std::move(done);
    wake();
}

void ConsumerMember::watch_topics(std::vector<std::string> topics) {
    for (const auto& topic : topics)
        is_pattern(topic) ? ports_.metadata.want_all() : ports_.metadata.want(topic);
    for (const auto& topic : topics_) // after, so that what is known stays
        is_pattern(topic) ? ports_.metadata.drop_all() : ports_.metadata.drop(topic);
    topics_ = std::move(topics);
}

// --- the turn

TimePoint ConsumerMember::poll(TimePoint now) {
    if (state_ == State::out || state_ == State::dead) {
        if (when_out_ && !leaving_ && !is_telling())
            std::exchange(when_out_, {})();
        return never;
    }
    TimePoint next = watch_polls(now, interval_);
    if (state_ == State::expelled)
        return never;
    if (state_ == State::giving && !is_telling()) {
        leave(last_epoch());
        become(topics_.empty() ? State::out : State::joining);
        return now;
    }
    if (state_ == State::member)
        reconcile();
    // Who joins has given up what was lost; who leaves does not join.
    const bool may_join = state_ == State::joining && (!is_telling() || probe::planted("join_before_lost_is_gone"));
    const bool may_beat = may_join || (state_ != State::joining && epoch_ != joins);
    if (!beating_ && !leaving_ && may_beat) {
        const TimePoint due = std::max(state_ == State::joining ? now : next_beat_, not_before_);
        if (now >= due)
            beat(now);
        else
            next = std::min(next, due);
    }
    return next;
}

void ConsumerMember::expel() {
    leave(leaves); // a static member, too: nobody works off what it has
    lose("the application has not polled");
    become(topics_.empty() ? State::out : State::expelled);
}

// --- heartbeats

void ConsumerMember::beat_soon() {
    next_beat_ = {};
    wake();
}

ConsumerMember::Request ConsumerMember::next_request() {
    Request request;
    request.group_id = config_.group_id;
    request.member_id = member_id_;
    request.member_epoch = epoch_;
    request.instance_id = instance_;
    if (epoch_ == joins)
        request.topic_partitions.emplace(); // it has nothing
    else if (says_all_ || (says_owned_ && (!is_telling() || probe::planted("acknowledge_too_early"))))
        say_owned(request); // always with all the rest: only then is the assignment told again
    if (!says_all_ || state_ == State::giving) // who leaves may come back under its name, and then has what it had
        return request;
    if (!config_.client_rack.empty())
        request.rack_id = config_.client_rack;
    request.rebalance_timeout_ms = static_cast<int32_t>(config_.max_poll_interval.count());
    if (!config_.group_remote_assignor.empty())
        request.server_assignor = config_.group_remote_assignor;
    auto& names = request.subscribed_topic_names.emplace();
    std::copy_if(topics_.begin(), topics_.end(), std::back_inserter(names), [](const auto& topic) { return !is_pattern(topic); });
    if (const std::string pattern = pattern_for_broker(topics_); !pattern.empty() || epoch_ != joins)
        request.subscribed_topic_regex = pattern;
    return request;
}

void ConsumerMember::say_owned(Request& request) const {
    auto& topics = request.topic_partitions.emplace();
    Owned all = owned_;
    if (is_telling() && reconciling_ && !probe::planted("acknowledge_too_early"))
        all.insert(before_.begin(), before_.end()); // what it gives up it still has
    for (const auto& [id, partition] : all) {
        if (topics.empty() || topics.back().topic_id != id.first)
            topics.emplace_back().topic_id = id.first;
        topics.back().partitions.push_back(id.second);
    }
}

void ConsumerMember::send(Request request, const CallScope& scope, Reply<Response> reply) {
    CallOptions options{.timeout = config_.socket_timeout, .lane = Lane::group, .client = ports_.client};
    if (request.subscribed_topic_regex && !request.subscribed_topic_regex->empty())
        options.min_version = first_with_regex;
    call<Request>(
        ports_.caller, Coordinator{CoordinatorType::group, config_.group_id}, std::move(request), options, scope, std::move(reply),
        coordinator_error<Response>,
        [](const Request& asked, int16_t version) {
            Request out = asked;
            if (version < first_with_regex)
                out.subscribed_topic_regex.reset();
            return out;
        }
    );
}

void ConsumerMember::beat(TimePoint now) {
    beating_ = true;
    next_beat_ = now + interval_;
    Request request = next_request();
    says_all_ = false;
    if (request.topic_partitions && !is_telling())
        says_owned_ = false;
    send(std::move(request), beat_scope_, [this](CallResult<Response> result, TimePoint when) { on_beaten(std::move(result), when); });
}

void ConsumerMember::on_beaten(CallResult<Response> result, TimePoint now) {
    beating_ = false;
    wake();
    if (!result) {
        on_refused(result.error().errc(), result.error(), now);
        ports_.events.on_heard();
        return;
    }
    Response& response = result->response;
    if (const auto code = static_cast<Errc>(response.error_code); code != Errc::no_error) {
        const std::string why = response.error_message.value_or(error_text(code));
        on_refused(code, Error(code, fmt::format("group {}: {}", config_.group_id, why)), now);
        ports_.events.on_heard();
        return;
    }
    failures_ = 0;
    trouble_is_over();
    if (response.member_id)
        member_id_ = *response.member_id;
    if (response.member_epoch != epoch_)
        log_.debug(LogContext::cgrp, "JOINED", "group {}: member {}, epoch {}", config_.group_id, member_id_, response.member_epoch);
    epoch_ = response.member_epoch;
    if (response.heartbeat_interval_ms > 0)
        interval_ = std::chrono::milliseconds(response.heartbeat_interval_ms);
    if (next_beat_ != TimePoint{}) // else it is wanted at once
        next_beat_ = now + interval_;
    if (state_ == State::joining)
        become(State::member);
    ports_.events.on_heard();
    if (!response.assignment) {
        if (result->sent_before) { // and the answer that went lost may have told one
            says_all_ = true;
            beat_soon();
        }
        return;
    }
    target_.clear();
    for (const auto& topic : response.assignment->topic_partitions)
        for (const int32_t partition : topic.partitions)
            target_.emplace_back(topic.topic_id, partition);
    std::sort(target_.begin(), target_.end());
    has_target_ = true;
    reason_ = "the coordinator has assigned";
}

/// For good.
void ConsumerMember::end(Errc code, std::string why) {
    lose(why);
    become(State::dead);
    ports_.events.on_trouble(Error(make_error_code(code, ErrorFlag::fatal), std::move(why)));
}

void ConsumerMember::on_refused(Errc code, const Error& error, TimePoint now) {
    says_all_ = says_owned_ = true; // what arrived of it is not known
    if (code == Errc::group_id_not_found && epoch_ != joins)
        code = Errc::unknown_member_id; // it was deleted, or became one of the other protocol: a member can begin it anew
    switch (code) {
    case Errc::fenced_member_epoch:
    case Errc::unknown_member_id:
        lose(error.message());
        if (state_ == State::member)
            become(State::joining);
        return;
    case Errc::fenced_instance_id:
        end(code, fmt::format("group {}: another consumer has come with group.instance.id {}", config_.group_id, instance_.value_or("")));
        return;
    case Errc::invalid_group_id:
    case Errc::group_authorization_failed:
    case Errc::group_max_size_reached:
    case Errc::invalid_request:
    case Errc::invalid_regular_expression:
    case Errc::unsupported_assignor:
    case Errc::unsupported_version:
    case Errc::_unsupported_feature: // the same request would be refused again
        end(code, error.message());
        return;
    default:
        break;
    }
    tell_trouble(code, error);
    not_before_ = now + backoff({config_.retry_backoff, config_.retry_backoff_max}, failures_++, rng_);
    beat_soon();
}

// --- what it shall have, and has

void ConsumerMember::reconcile() {
    if (!has_target_ || is_telling())
        return;
    has_target_ = false;
    Owned next;
    std::vector<TopicPartition> fresh;
    for (const IdPartition& id : target_) {
        if (const auto known = owned_.find(id); known != owned_.end()) {
            next.insert(*known);
            continue;
        }
        std::string topic = ports_.metadata.topic_of(id.first);
        if (topic.empty()) { // it will be taken when it is known
            has_target_ = true;
            ports_.metadata.refresh("group {}: a topic with id {} was assigned", config_.group_id, id.first.to_string());
            continue;
        }
        const auto& taken = next[id] = {std::move(topic), id.second};
        fresh.push_back(taken);
    }
    std::vector<TopicPartition> gone;
    for (const auto& [id, partition] : owned_)
        if (!next.contains(id))
            gone.push_back(partition);
    if (gone.empty() && fresh.empty())
        return;
    before_ = std::exchange(owned_, std::move(next));
    reconciling_ = true;
    says_owned_ = !probe::planted("forget_to_acknowledge");
    std::sort(gone.begin(), gone.end());
    std::sort(fresh.begin(), fresh.end());
    if (!gone.empty())
        give_up(std::move(gone), Rebalance::Kind::revoke, true);
    if (fresh.empty())
        return;
    held_.insert(held_.end(), fresh.begin(), fresh.end());
    std::sort(held_.begin(), held_.end());
    tell({Rebalance::Kind::assign, true, std::move(fresh)});
}

void ConsumerMember::on_steps_done() {
    reconciling_ = false;
    if (state_ == State::member && says_owned_)
        beat_soon(); // the coordinator waits for it, to give to others
}

// The group goes on without this member: what it holds may be another's already.
void ConsumerMember::lose(const std::string& why) {
    log_.debug(LogContext::cgrp, "LOST", "group {}: {}", config_.group_id, why);
    reason_ = why;
    beat_scope_.reset();
    beating_ = false;
    if (!probe::planted("keep_epoch_when_fenced"))
        epoch_ = joins;
    says_all_ = true;
    says_owned_ = has_target_ = reconciling_ = false;
    target_.clear();
    owned_.clear();
    if (!held_.empty() && !probe::planted("keep_when_fenced"))
        give_up(std::vector(held_), Rebalance::Kind::lost, true);
}

void ConsumerMember::begin_leaving() {
    become(State::giving);
    has_target_ = false;
    if (!held_.empty())
        give_up(std::vector(held_), Rebalance::Kind::revoke, true);
}

/// What the last heartbeat says; nothing: there is none, and the session ends by itself.
std::optional<int32_t> ConsumerMember::last_epoch() const {
    switch (departure_) {
    case CloseMembership::by_default:
        return instance_ ? leaves_for_now : leaves;
    case CloseMembership::leave:
        return leaves;
    case CloseMembership::remain:
        break;
    }
    return instance_ ? std::optional(leaves_for_now) : std::nullopt;
}

void ConsumerMember::leave(std::optional<int32_t> epoch) {
    beat_scope_.reset();
    beating_ = false;
    if (epoch)
        send_last(*epoch);
    epoch_ = joins;
    says_all_ = true;
    says_owned_ = has_target_ = reconciling_ = false;
    owned_.clear();
    target_.clear();
    ports_.events.on_heard();
}

void ConsumerMember::send_last(int32_t epoch) {
    leaving_ = true;
    Request request;
    request.group_id = config_.group_id;
    request.member_id = member_id_;
    request.member_epoch = epoch;
    request.instance_id = instance_;
    send(std::move(request), scope_, [this](CallResult<Response>, TimePoint) {
        leaving_ = false;
        wake();
    });
}

} // namespace ottla::core::group
