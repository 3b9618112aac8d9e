#include "core/txn/transaction.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/backoff.hpp"
#include "base/probe.hpp"

namespace ottla::core::txn {

namespace {

std::string_view name_of(Transaction::State state) {
    using enum Transaction::State;
    switch (state) {
    case created:
        return "before init_transactions";
    case initializing:
        return "during init_transactions";
    case ready:
        return "outside a transaction";
    case open:
        return "in a transaction";
    case committing:
        return "during commit_transaction";
    case abortable:
        return "in a transaction that must be aborted";
    case aborting:
        return "during abort_transaction";
    case fatal:
        return "after a fatal error";
    }
    return "";
}

std::string_view name_of(Request request) {
    switch (request) {
    case Request::init_producer_id:
        return "InitProducerId";
    case Request::add_partitions:
        return "AddPartitionsToTxn";
    case Request::add_offsets:
        return "AddOffsetsToTxn";
    case Request::commit_offsets:
        return "TxnOffsetCommit";
    case Request::end_commit:
    case Request::end_abort:
        return "EndTxn";
    }
    return "";
}

} // namespace

Transaction::Transaction(
    Ports ports,
    const config::ClientConfig& config,
    accumulator::Accumulator& accumulator,
    produce::ProducerCore& producer,
    ClusterEvents& events,
    uint64_t seed)
    : ports_(std::move(ports))
    , config_(config)
    , accumulator_(accumulator)
    , producer_(producer)
    , events_(events)
    , log_(events, config.debug)
    , rng_(seed) {
    accumulator_.refuse(Errc::_state);
    producer_.set_gate(this);
}

Transaction::~Transaction() { producer_.set_gate(nullptr); }

// ---- states

bool Transaction::may_follow(State from, State to) {
    using enum State;
    switch (to) {
    case created:
        return false;
    case initializing:
        return from == created;
    case ready:
        return from == initializing || from == committing || from == aborting;
    case open:
        return from == ready;
    case committing:
        return from == open;
    case abortable:
        return from == open || from == committing;
    case aborting:
        return from == open || from == abortable;
    case fatal:
        return from != fatal;
    }
    return false;
}

void Transaction::transition(State to) {
    OTTLA_ASSERT(may_follow(state_, to));
    probe::step("transaction", state_, to);
    log_.debug(LogContext::eos, "TXNSTATE", "{}, now {}", name_of(state_), name_of(to));
    state_ = to;
    since_ = turn_;
    wake();
    producer_.wake();
}

void Transaction::go_abortable(Error error) {
    if (state_ != State::open && state_ != State::committing)
        return;
    failure_ = Error(make_error_code(error.errc(), ErrorFlag::txn_requires_abort), error.message());
    events_.on_log(5, "TXNABORT", "the transaction must be aborted: " + failure_.message());
    const bool committing = state_ == State::committing;
    accumulator_.refuse(Errc::_state);
    forget_offsets();
    if (committing)
        producer_.set_flushing(false);
    transition(State::abortable);
    finish(committing ? CallKind::commit : CallKind::send_offsets, failure_);
}

void Transaction::go_fatal(Error error, TimePoint now) {
    if (state_ == State::fatal)
        return;
    failure_ = Error(make_error_code(error.errc(), ErrorFlag::fatal), error.message());
    if (state_ == State::committing)
        producer_.set_flushing(false);
    transition(State::fatal);
    producer_.go_fatal(failure_, now);
    finish(running_.kind, failure_);
}

void Transaction::close(const Error& error) {
    closed_ = true;
    scope_.reset();
    offsets_scope_.reset();
    finish(running_.kind, error);
}

// ---- the calls

Error Transaction::not_now(CallKind kind) const {
    constexpr std::string_view names[] = {"", "init_transactions", "send_offsets_to_transaction", "commit_transaction", "abort_transaction"};
    return Error(Errc::_state, fmt::format("{} {}", names[static_cast<size_t>(kind)], name_of(state_)));
}

bool Transaction::start(CallKind kind, Done& done, std::initializer_list<State> states) {
    if (state_ == State::fatal) {
        done(failure_);
        return false;
    }
    if (running_.kind != CallKind::none) {
        if (running_.kind != kind) {
            done(Error(Errc::_conflict, fmt::format("{} while another call is unfinished", not_now(kind).message())));
        } else if (running_.waiter) {
            done(Error(make_error_code(Errc::_prev_in_progress, ErrorFlag::retriable), "the same call is running on another thread"));
        } else if (running_.result) {
            const Error result = *std::exchange(running_, {}).result;
            done(result);
        } else {
            running_.waiter = std::move(done);
        }
        return false;
    }
    if (std::find(states.begin(), states.end(), state_) == states.end()) {
        done(state_ == State::abortable ? failure_ : not_now(kind));
        return false;
    }
    running_.kind = kind;
    running_.waiter = std::move(done);
    wake();
    return true;
}

void Transaction::finish(CallKind kind, Error error) {
    if (kind == CallKind::none || running_.kind != kind || running_.result)
        return;
    if (!running_.waiter) {
        running_.result = std::move(error);
        return;
    }
    Done waiter = std::move(running_.waiter);
    running_ = {};
    waiter(std::move(error));
}

bool Transaction::detach() {
    if (!running_.waiter)
        return false;
    running_.waiter = {};
    if (running_.kind == CallKind::send_offsets) { // made again it sends again, perhaps something else
        forget_offsets();
        running_ = {};
    }
    return true;
}

void Transaction::forget_offsets() {
    offsets_scope_.reset();
    offsets_.reset();
    offsets_attempt_ = {};
}

void Transaction::init(Done done) {
    if (start(CallKind::init, done, {State::created}))
        transition(State::initializing);
}

Error Transaction::begin() {
    if (state_ == State::fatal)
        return failure_;
    if (running_.kind != CallKind::none)
        return Error(Errc::_conflict, "begin_transaction while another call is unfinished");
    if (state_ != State::ready)
        return Error(
            state_ == State::abortable ? make_error_code(Errc::_state, ErrorFlag::txn_requires_abort) : make_error_code(Errc::_state),
            fmt::format("begin_transaction {}", name_of(state_)));
    transition(State::open);
    accumulator_.accept();
    return {};
}

void Transaction::send_offsets(GroupOffsets offsets, Done done) {
    std::erase_if(offsets.rows, [](const auto& row) { return row.offset < 0; });
    if (!start(CallKind::send_offsets, done, {State::open}))
        return;
    if (offsets.rows.empty()) {
        finish(CallKind::send_offsets, {});
        return;
    }
    offsets_ = std::move(offsets);
    offsets_attempt_ = {};
}

void Transaction::commit(Done done) {
    if (!start(CallKind::commit, done, {State::open}))
        return;
    accumulator_.refuse(Errc::_state);
    end_attempt_ = {};
    ending_told_ = false;
    producer_.set_flushing(true);
    transition(State::committing);
}

void Transaction::abort(Done done) {
    if (!start(CallKind::abort, done, {State::open, State::abortable}))
        return;
    accumulator_.refuse(Errc::_state);
    end_attempt_ = {};
    ending_told_ = false;
    pending_.clear();
    transition(State::aborting);
}

// ---- the turn

void Transaction::gather(IdempotenceMetrics& all, TimePoint now) const {
    constexpr std::string_view names[] = {
        "Init", "WaitPID", "Ready", "InTransaction", "CommittingTransaction", "AbortableError", "AbortingTransaction", "FatalError"};
    all.transaction_state = names[static_cast<size_t>(state_)];
    all.transaction_state_age = std::chrono::duration_cast<std::chrono::milliseconds>(now - since_);
    all.takes_messages = state_ == State::open;
}

TimePoint Transaction::poll(TimePoint now) {
    turn_ = now;
    if (since_ == TimePoint())
        since_ = now;
    if (fatal_to_come_)
        go_fatal(*std::exchange(fatal_to_come_, {}), now);
    TimePoint next = never;
    const auto consider = [&](const Attempt& attempt) {
        if (!attempt.in_flight && attempt.not_before > now)
            next = std::min(next, attempt.not_before);
    };
    switch (state_) {
    case State::initializing:
        if (identity_attempt_.due(now))
            ask_identity(now);
        consider(identity_attempt_);
        break;
    case State::open:
    case State::committing:
        if (!pending_.empty() && partitions_attempt_.due(now))
            add_partitions(now);
        consider(partitions_attempt_);
        if (offsets_)
            serve_offsets(now);
        consider(offsets_attempt_);
        if (state_ == State::committing)
            next = std::min(next, serve_end(now));
        break;
    case State::aborting:
        next = serve_end(now);
        break;
    default:
        break;
    }
    return next;
}

TimePoint Transaction::serve_end(TimePoint now) {
    const bool commits = state_ == State::committing;
    if (!ending_told_) {
        if (!commits && !producer_.empty())
            producer_.purge(produce::ProducerCore::Purge::all, now);
        if (accumulator_.unsettled() > 0 && !(commits && probe::planted("commit_without_flush")))
            // What the producer has wakes us. Else another thread is in the middle of a call, which does not last.
            return producer_.empty() ? now + std::chrono::milliseconds(1) : never;
        const bool others = partitions_attempt_.in_flight || offsets_attempt_.in_flight;
        if (others || !producer_.idle())
            return never; // an answer wakes us
        if (has_begun_at_coordinator() && !void_id_) {
            if (!end_attempt_.due(now))
                return end_attempt_.in_flight ? never : end_attempt_.not_before;
            end_transaction();
            return never;
        }
        on_ended();
        if (state_ != State::committing && state_ != State::aborting)
            return never;
    }
    // The transaction has ended, and the next one wants a new epoch.
    if (identity_attempt_.due(now))
        ask_identity(now);
    return identity_attempt_.in_flight ? never : identity_attempt_.not_before;
}

void Transaction::on_ended() {
    ending_told_ = true;
    added_.clear();
    asked_.clear();
    pending_.clear();
    groups_.clear();
    perhaps_added_ = offsets_joined_ = false;
    // A stray request that arrives late would be taken for one of the next transaction: it might end that, either way. Under
    // an epoch that has passed it is refused.
    bump_ = bump_ || producer_.has_gap() || (std::exchange(strays_, false) && can_bump_);
    const int16_t finalised = ports_.transaction_version();
    const bool upgrade = finalised >= 2 && version_ < 2; // version 2 begins with an identity of its own
    if (bump_ || void_id_ || upgrade) {
        identity_attempt_ = {};
        wake();
        return;
    }
    version_ = finalised >= 2 ? int16_t{2} : int16_t{1};
    failure_ = {};
    const CallKind kind = state_ == State::committing ? CallKind::commit : CallKind::abort;
    if (kind == CallKind::commit)
        producer_.set_flushing(false);
    transition(State::ready);
    finish(kind, {});
}

// ---- produce::TransactionGate

bool Transaction::admit(const std::string& topic, int32_t partition) {
    if (state_ != State::open && state_ != State::committing)
        return false;
    if (joins_by_produce())
        return true;
    const auto has = [&](const Partitions& partitions) {
        const auto found = partitions.find(topic);
        return found != partitions.end() && found->second.contains(partition);
    };
    if (has(added_))
        return true;
    if (!has(asked_) && pending_[topic].insert(partition).second)
        wake();
    return false;
}

void Transaction::on_send(const std::string& topic, int32_t partition) {
    if (joins_by_produce())
        added_[topic].insert(partition);
}

void Transaction::on_batch_failed(const Error& error, bool numbered) {
    if (closed_ || probe::planted("ignore_batch_failure"))
        return;
    bump_ = bump_ || numbered;
    switch (error.errc()) {
    case Errc::producer_fenced:
        fatal_to_come_ = Error(Errc::_fenced, error.message());
        wake();
        return;
    case Errc::transactional_id_authorization_failed:
    case Errc::cluster_authorization_failed:
    case Errc::unsupported_for_message_format:
        fatal_to_come_ = error;
        wake();
        return;
    case Errc::invalid_producer_id_mapping:
        void_id_ = true;
        break;
    default:
        break;
    }
    go_abortable(error);
}

void Transaction::on_turn() {
    if (producer_.fatal() && state_ != State::fatal && !fatal_to_come_) {
        fatal_to_come_ = producer_.fatal();
        wake();
    }
    if ((state_ == State::committing || state_ == State::aborting) && producer_.idle())
        wake();
}

// ---- what answers come to

void Transaction::retry(Attempt& attempt, Errc code, TimePoint now) {
    using std::chrono::milliseconds;
    const BackoffRange range{config_.retry_backoff, config_.retry_backoff_max};
    Duration wait = backoff(range, attempt.tries, rng_);
    if (code == Errc::concurrent_transactions && attempt.tries < 5) // markers are usually written soon
        wait = std::min<Duration>(wait, milliseconds(20));
    ++attempt.tries;
    attempt.not_before = probe::planted("forget_transaction_retry") ? never : now + wait;
    wake();
}

bool Transaction::settle(Errc code, std::string text, Request request, Attempt& attempt, TimePoint now) {
    const Verdict verdict = judge(code, request);
    const auto named = [&] { return Error(code, fmt::format("{}: {}", name_of(request), text.empty() ? error_text(code) : text)); };
    switch (verdict) {
    case Verdict::done:
        attempt = {};
        return true;
    case Verdict::again:
        log_.debug(LogContext::eos, "TXNRETRY", "{}", named().message());
        retry(attempt, code, now);
        return false;
    case Verdict::abort_bump:
        void_id_ = true;
        [[fallthrough]];
    case Verdict::abort:
        attempt = {};
        go_abortable(named());
        return false;
    case Verdict::fenced:
        go_fatal(Error(Errc::_fenced, fmt::format("{}: a newer producer with transactional.id \"{}\" has taken over", name_of(request), config_.transactional_id)), now);
        return false;
    case Verdict::fatal:
        go_fatal(named(), now);
        return false;
    }
    return false;
}

} // namespace ottla::core::txn
