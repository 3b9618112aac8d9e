// Transactional calls of a Producer: handed to the core on the loop, waited for here.
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <fmt/format.h>

#include "client/producer_impl.hpp"
#include "engine/complete.hpp"

namespace ottla::client {

using std::chrono::milliseconds;

namespace {

std::string_view name_of(auto call) {
    constexpr std::string_view names[] = {
        "init_transactions", "begin_transaction", "send_offsets_to_transaction", "commit_transaction", "abort_transaction"};
    return names[static_cast<size_t>(call)];
}

core::txn::GroupOffsets to_core(const std::vector<TopicPartitionOffset>& offsets, const ConsumerGroupMetadata& group) {
    core::txn::GroupOffsets all{
        .rows = {},
        .group_id = group.group_id,
        .generation_id = group.generation_id,
        .member_id = group.member_id,
        .group_instance_id = group.group_instance_id,
    };
    for (const auto& offset : offsets)
        all.rows.push_back({offset.topic, offset.partition, offset.offset, offset.leader_epoch});
    return all;
}

} // namespace

void ProducerImpl::run_transaction_call(Arguments arguments, TransactionDone done) {
    using enum Producer::TransactionCall;
    if (config_.transactional_id.empty()) {
        done(Error(Errc::_not_configured, fmt::format("{} wants the property transactional.id", name_of(arguments.call))));
        return;
    }
    if (!transaction_) {
        done(Error(Errc::_state, "the producer is closed"));
        return;
    }
    switch (arguments.call) {
    case init:
        transaction_->init(std::move(done));
        return;
    case begin: {
        Error error = transaction_->begin();
        if (!error)
            transaction_open_.store(true, std::memory_order_release);
        done(std::move(error));
        return;
    }
    case send_offsets:
        if (arguments.group.group_id.empty()) {
            done(Error(Errc::_invalid_arg, "send_offsets_to_transaction: the group has no name"));
            return;
        }
        transaction_->send_offsets(to_core(arguments.offsets, arguments.group), std::move(done));
        return;
    case commit:
    case abort: {
        TransactionDone then = [self = shared_from_this(), done = std::move(done)](Error error) mutable {
            if (!error)
                self->transaction_open_.store(false, std::memory_order_release);
            done(std::move(error));
        };
        if (arguments.call == commit)
            transaction_->commit(std::move(then));
        else
            transaction_->abort(std::move(then));
        return;
    }
    }
}

Error ProducerImpl::transact(Arguments arguments, milliseconds timeout) {
    if (const Error error = engine::check_may_block(*loop_))
        return error;
    const auto call = arguments.call;
    struct Outcome { // under mutex_
        std::optional<Error> error;
        bool detached = false;
    };
    const auto outcome = std::make_shared<Outcome>();
    const milliseconds limit = timeout.count() < 0 ? config_.transaction_timeout : timeout;
    const TimePoint deadline = engine::Loop::now() + limit;
    const auto settle = [self = shared_from_this(), outcome](std::optional<Error> error) {
        {
            std::lock_guard lock(self->mutex_);
            if (error)
                outcome->error = std::move(error);
            else
                outcome->detached = true;
        }
        self->delivered_or_done_.notify_all();
    };
    loop_->post([self = shared_from_this(), settle, arguments = std::move(arguments)](TimePoint) mutable {
        self->run_transaction_call(std::move(arguments), [settle](Error error) { settle(std::move(error)); });
    });
    bool detaching = false;
    for (;;) {
        serve();
        std::unique_lock lock(mutex_);
        if (outcome->error)
            return *outcome->error;
        if (outcome->detached || (detaching && torn_down_.load(std::memory_order_acquire)))
            return Error(
                make_error_code(Errc::_timed_out, ErrorFlag::retriable),
                fmt::format("{}: not finished within {} ms; call it again to go on waiting", name_of(call), limit.count()));
        if (!loop_->alive())
            return Error(Errc::_destroy, "the execution context of this producer is gone");
        ++waiters_;
        const auto something = [&] {
            return !delivered_.empty() || events_.pending() || outcome->error || outcome->detached || !loop_->alive();
        };
        const bool in_time = detaching ? (delivered_or_done_.wait(lock, something), true)
                                       : delivered_or_done_.wait_until(lock, deadline, something);
        --waiters_;
        lock.unlock();
        if (!in_time) {
            // What has ended just now still counts; else the call is left to itself.
            detaching = true;
            loop_->post([self = shared_from_this(), outcome, settle](TimePoint) {
                if (self->transaction_ && !outcome->error)
                    self->transaction_->detach();
                settle(std::nullopt);
            });
        }
    }
}

namespace {

/// An asynchronous call: completed by its outcome or cancelled, whichever comes first. On the loop.
struct AsyncCall {
    PlainHandler handler;
    boost::asio::any_completion_executor work; ///< counts as work of the handler's executor
};

} // namespace

void ProducerImpl::start_transact(Arguments arguments, PlainHandler handler) {
    const auto call = std::make_shared<AsyncCall>();
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected())
        slot.assign([self = shared_from_this(), call](boost::asio::cancellation_type) {
            self->loop_->post([self, call](TimePoint) {
                if (!call->handler)
                    return;
                if (self->transaction_)
                    self->transaction_->detach();
                PlainHandler cancelled;
                cancelled.swap(call->handler);
                engine::complete(*self->loop_, std::move(cancelled), error_code(boost::asio::error::operation_aborted));
            });
        });
    call->handler.swap(handler);
    loop_->post([self = shared_from_this(), call, arguments = std::move(arguments)](TimePoint) mutable {
        if (!call->handler)
            return;
        self->run_transaction_call(std::move(arguments), [self, call](Error error) {
            if (!call->handler)
                return;
            PlainHandler done;
            done.swap(call->handler);
            boost::asio::get_associated_cancellation_slot(done).clear();
            engine::complete(*self->loop_, std::move(done), error.code);
        });
    });
}

void ProducerImpl::abort_open_transaction(milliseconds timeout) {
    if (!transaction_open_.load(std::memory_order_acquire) || fatal_error())
        return;
    if (const Error error = transact({Producer::TransactionCall::abort, {}, {}}, timeout))
        events_.on_log(4, "TERMINATE", "the open transaction is left to transaction.timeout.ms: " + error.message());
}

Error ProducerImpl::purge(PurgeOptions options) {
    using Purge = core::produce::ProducerCore::Purge;
    if (!options.queued && !options.in_flight)
        return Error(Errc::_invalid_arg, "purge: neither queued messages nor those in flight");
    const auto what = options.queued && options.in_flight ? Purge::all : options.queued ? Purge::queued : Purge::in_flight;
    const auto done = std::make_shared<bool>(false); // under mutex_
    loop_->post([self = shared_from_this(), what, done](TimePoint now) {
        if (self->core_)
            self->core_->purge(what, now);
        {
            std::lock_guard lock(self->mutex_);
            *done = true;
        }
        self->delivered_or_done_.notify_all();
    });
    if (engine::check_may_block(*loop_))
        return {};
    std::unique_lock lock(mutex_);
    ++waiters_;
    delivered_or_done_.wait(lock, [&] { return *done || !loop_->alive() || ended(); });
    --waiters_;
    return {};
}

Errc ProducerImpl::append_or_wait(const ProducerRecord& record, accumulator::Token token, milliseconds wait) {
    if (const Errc code = append(record, token); code != Errc::_queue_full)
        return code;
    if (engine::check_may_block(*loop_))
        return Errc::_queue_full;
    const TimePoint deadline = wait.count() < 0 ? TimePoint::max() : engine::Loop::now() + wait;
    struct Waiting {
        std::atomic<int>& count;
        explicit Waiting(std::atomic<int>& c) : count(c) { ++count; }
        ~Waiting() { --count; }
    } waiting(credit_waiters_);
    for (;;) {
        const int64_t before = accumulator_.outstanding();
        if (const Errc code = append(record, token); code != Errc::_queue_full)
            return code;
        serve();
        std::unique_lock lock(mutex_);
        ++waiters_;
        const auto something = [&] { return !delivered_.empty() || accumulator_.outstanding() < before || ended(); };
        const bool in_time = deadline == TimePoint::max() ? (delivered_or_done_.wait(lock, something), true)
                                                          : delivered_or_done_.wait_until(lock, deadline, something);
        --waiters_;
        if (!in_time)
            return Errc::_queue_full;
    }
}

} // namespace ottla::client
