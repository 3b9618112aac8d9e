// The transaction: its requests and their answers.
#include <algorithm>
#include <fmt/format.h>

#include "base/probe.hpp"
#include "core/txn/transaction.hpp"

namespace ottla::core::txn {

namespace {

constexpr int16_t first_with_identity = 3; // InitProducerId: takes the old one (KIP-360)
constexpr int16_t last_of_clients = 3;     // AddPartitionsToTxn: what follows is between brokers
constexpr int16_t first_with_member = 3;   // TxnOffsetCommit: KIP-447
constexpr int16_t first_joining_commit = 5; // TxnOffsetCommit: version 2 of transactions
constexpr int16_t first_raising_end = 5;   // EndTxn: likewise

/// The answer of many partitions as one: the worst that is in it, by `rank`.
template <class F>
void worst_of(Errc& worst, std::string& where, Errc code, Request request, F&& name) {
    if (worst == Errc::no_error || judge(code, request) > judge(worst, request)) {
        worst = code;
        where = name();
    }
}

} // namespace

CallOptions Transaction::options() const {
    CallOptions options;
    options.timeout = config_.socket_timeout;
    return options;
}

/// A request that did not come to an answer is made again: all of them may be done twice.
template <class Response>
bool Transaction::is_lost(const CallResult<Response>& result, Request request, Attempt& attempt, TimePoint now) {
    attempt.in_flight = false;
    strays_ = strays_ || (result ? result->sent_before : result.error().maybe_sent);
    if (result)
        return false;
    const Error& error = result.error();
    const Errc code = error.errc();
    if (code == Errc::_transport || code == Errc::_resolve || code == Errc::_timed_out || code == Errc::_bad_msg)
        retry(attempt, code, now);
    else // what looking for the coordinator came to; or a field that its version cannot carry
        settle(code == Errc::_invalid_arg ? Errc::_unsupported_feature : code, error.message(), request, attempt, now);
    return true;
}

void Transaction::ask_identity(TimePoint) {
    identity_attempt_.in_flight = true;
    msg::InitProducerIdRequest request;
    request.transactional_id = config_.transactional_id;
    request.transaction_timeout_ms = static_cast<int32_t>(config_.transaction_timeout.count());
    CallOptions with = options();
    with.max_version = 5; // 6 is for two-phase commits (KIP-939)
    if (identity_.producer_id >= 0) {
        request.producer_id = identity_.producer_id;
        request.producer_epoch = identity_.epoch;
        with.min_version = first_with_identity;
    }
    call<msg::InitProducerIdRequest>(
        ports_.caller, Coordinator{CoordinatorType::transaction, config_.transactional_id}, std::move(request), with, scope_,
        [this](CallResult<msg::InitProducerIdResponse> result, TimePoint now) {
            wake();
            if (is_lost(result, Request::init_producer_id, identity_attempt_, now))
                return;
            const auto& response = result->response;
            if (!settle(static_cast<Errc>(response.error_code), {}, Request::init_producer_id, identity_attempt_, now))
                return;
            identity_ = {response.producer_id, response.producer_epoch};
            log_.debug(LogContext::eos, "PID", "producer id {}, epoch {}", identity_.producer_id, identity_.epoch);
            bump_ = void_id_ = strays_ = false;
            can_bump_ = result->version >= first_with_identity;
            version_ = ports_.transaction_version() >= 2 ? int16_t{2} : int16_t{1};
            producer_.set_identity(identity_);
            failure_ = {};
            const CallKind kind = state_ == State::initializing ? CallKind::init
                                  : state_ == State::committing ? CallKind::commit
                                                                : CallKind::abort;
            if (kind == CallKind::commit)
                producer_.set_flushing(false);
            transition(State::ready);
            finish(kind, {});
        },
        coordinator_error<msg::InitProducerIdResponse>);
}

void Transaction::add_partitions(TimePoint) {
    partitions_attempt_.in_flight = true;
    asked_ = std::exchange(pending_, {});
    msg::AddPartitionsToTxnRequest request;
    request.v3_and_below_transactional_id = config_.transactional_id;
    request.v3_and_below_producer_id = identity_.producer_id;
    request.v3_and_below_producer_epoch = identity_.epoch;
    for (const auto& [name, partitions] : asked_) {
        auto& topic = request.v3_and_below_topics.emplace_back();
        topic.name = name;
        topic.partitions.assign(partitions.begin(), partitions.end());
    }
    CallOptions with = options();
    with.max_version = last_of_clients;
    call<msg::AddPartitionsToTxnRequest>(
        ports_.caller, Coordinator{CoordinatorType::transaction, config_.transactional_id}, std::move(request), with, scope_,
        [this](CallResult<msg::AddPartitionsToTxnResponse> result, TimePoint now) {
            wake();
            if (is_lost(result, Request::add_partitions, partitions_attempt_, now)) {
                perhaps_added_ = true;
                for (auto& [name, partitions] : std::exchange(asked_, {}))
                    pending_[name].insert(partitions.begin(), partitions.end());
                return;
            }
            on_partitions_added(result->response, now);
        },
        [](const msg::AddPartitionsToTxnResponse& response) {
            for (const auto& topic : response.results_by_topic_v3_and_below)
                for (const auto& partition : topic.results_by_partition)
                    if (const Errc code = if_coordinator_moved(static_cast<Errc>(partition.partition_error_code)); code != Errc::no_error)
                        return code;
            return Errc::no_error;
        });
}

void Transaction::on_partitions_added(const msg::AddPartitionsToTxnResponse& response, TimePoint now) {
    Errc worst = Errc::no_error;
    std::string where;
    bool not_tried = false; // which says nothing about the partition itself
    for (const auto& topic : response.results_by_topic_v3_and_below)
        for (const auto& partition : topic.results_by_partition) {
            const auto code = static_cast<Errc>(partition.partition_error_code);
            if (code == Errc::no_error)
                added_[topic.name].insert(partition.partition_index);
            else if (state_ == State::open || state_ == State::committing)
                pending_[topic.name].insert(partition.partition_index);
            if (code == Errc::operation_not_attempted)
                not_tried = true;
            else
                worst_of(worst, where, code, Request::add_partitions, [&] {
                    return fmt::format("{}[{}]: {}", topic.name, partition.partition_index, error_text(code));
                });
        }
    asked_.clear();
    if (worst == Errc::no_error && not_tried)
        worst = Errc::operation_not_attempted;
    if (settle(worst, where, Request::add_partitions, partitions_attempt_, now))
        producer_.wake();
}

// ---- offsets of a group

void Transaction::serve_offsets(TimePoint now) {
    if (!offsets_attempt_.due(now))
        return;
    offsets_attempt_.in_flight = true;
    if (joins_by_produce() || groups_.contains(offsets_->group_id))
        commit_offsets();
    else
        add_offsets();
}

void Transaction::add_offsets() {
    msg::AddOffsetsToTxnRequest request;
    request.transactional_id = config_.transactional_id;
    request.producer_id = identity_.producer_id;
    request.producer_epoch = identity_.epoch;
    request.group_id = offsets_->group_id;
    offsets_joined_ = true; // perhaps: then it must be ended at the coordinator
    call<msg::AddOffsetsToTxnRequest>(
        ports_.caller, Coordinator{CoordinatorType::transaction, config_.transactional_id}, std::move(request), options(), offsets_scope_,
        [this](CallResult<msg::AddOffsetsToTxnResponse> result, TimePoint now) {
            wake();
            if (is_lost(result, Request::add_offsets, offsets_attempt_, now))
                return;
            if (settle(static_cast<Errc>(result->response.error_code), {}, Request::add_offsets, offsets_attempt_, now))
                groups_.insert(offsets_->group_id);
        },
        coordinator_error<msg::AddOffsetsToTxnResponse>);
}

void Transaction::commit_offsets() {
    const GroupOffsets& offsets = *offsets_;
    msg::TxnOffsetCommitRequest request;
    request.transactional_id = config_.transactional_id;
    request.producer_id = identity_.producer_id;
    request.producer_epoch = identity_.epoch;
    request.group_id = offsets.group_id;
    CallOptions with = options();
    if (offsets.generation_id >= 0 || !offsets.member_id.empty() || offsets.group_instance_id) {
        request.generation_id = offsets.generation_id;
        request.member_id = offsets.member_id;
        request.group_instance_id = offsets.group_instance_id;
        with.min_version = first_with_member;
    }
    if (joins_by_produce())
        with.min_version = first_joining_commit;
    else
        with.max_version = first_joining_commit - 1;
    for (const auto& row : offsets.rows) {
        auto topic = std::find_if(request.topics.begin(), request.topics.end(), [&](const auto& t) { return t.name == row.topic; });
        if (topic == request.topics.end()) {
            topic = request.topics.emplace(topic);
            topic->name = row.topic;
        }
        auto& partition = topic->partitions.emplace_back();
        partition.partition_index = row.partition;
        partition.committed_offset = row.offset;
        partition.committed_leader_epoch = row.leader_epoch;
        partition.committed_metadata = row.metadata;
    }
    offsets_joined_ = true;
    call<msg::TxnOffsetCommitRequest>(
        ports_.caller, Coordinator{CoordinatorType::group, offsets.group_id}, std::move(request), with, offsets_scope_,
        [this](CallResult<msg::TxnOffsetCommitResponse> result, TimePoint now) {
            wake();
            if (!result && probe::planted("lost_offsets_are_done")) {
                offsets_attempt_ = {};
                offsets_.reset();
                finish(CallKind::send_offsets, {});
                return;
            }
            if (is_lost(result, Request::commit_offsets, offsets_attempt_, now))
                return;
            Errc worst = Errc::no_error;
            std::string where;
            for (const auto& topic : result->response.topics)
                for (const auto& partition : topic.partitions)
                    worst_of(worst, where, static_cast<Errc>(partition.error_code), Request::commit_offsets, [&] {
                        return fmt::format(
                            "{}[{}]: {}", topic.name, partition.partition_index, error_text(static_cast<Errc>(partition.error_code)));
                    });
            if (!settle(worst, where, Request::commit_offsets, offsets_attempt_, now))
                return;
            offsets_.reset();
            finish(CallKind::send_offsets, {});
        },
        [](const msg::TxnOffsetCommitResponse& response) {
            for (const auto& topic : response.topics)
                for (const auto& partition : topic.partitions)
                    if (const Errc code = if_coordinator_moved(static_cast<Errc>(partition.error_code)); code != Errc::no_error)
                        return code;
            return Errc::no_error;
        });
}

// ---- the end

void Transaction::end_transaction() {
    const bool commits = state_ == State::committing;
    end_attempt_.in_flight = true;
    msg::EndTxnRequest request;
    request.transactional_id = config_.transactional_id;
    request.producer_id = identity_.producer_id;
    request.producer_epoch = identity_.epoch;
    request.committed = commits != probe::planted("commit_is_abort", 5);
    CallOptions with = options();
    if (joins_by_produce())
        with.min_version = first_raising_end;
    else
        with.max_version = first_raising_end - 1;
    call<msg::EndTxnRequest>(
        ports_.caller, Coordinator{CoordinatorType::transaction, config_.transactional_id}, std::move(request), with, scope_,
        [this, commits](CallResult<msg::EndTxnResponse> result, TimePoint now) {
            wake();
            const Request which = commits ? Request::end_commit : Request::end_abort;
            if (!result && probe::planted("lost_end_is_done")) {
                end_attempt_ = {};
                on_ended();
                return;
            }
            if (is_lost(result, which, end_attempt_, now))
                return;
            const auto& response = result->response;
            const auto code = static_cast<Errc>(response.error_code);
            if (!commits && code == Errc::invalid_txn_state && added_.empty() && groups_.empty()) {
                // What was lost on its way has not begun it there. A new epoch, lest it arrive later.
                bump_ = true;
                end_attempt_ = {};
                on_ended();
                return;
            }
            if (!settle(code, {}, which, end_attempt_, now))
                return;
            if (result->version >= first_raising_end && response.producer_id >= 0 && !probe::planted("epoch_of_end_ignored")) {
                identity_ = {response.producer_id, response.producer_epoch};
                producer_.set_identity(identity_);
                bump_ = strays_ = false;
            }
            on_ended();
        },
        coordinator_error<msg::EndTxnResponse>);
}

} // namespace ottla::core::txn
