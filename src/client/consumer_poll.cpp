// Reading what has been fetched: messages one by one, or whole batches as views. Hot path: per message
// nothing is allocated; batches take the consumer's lock once a call, single messages once each.
#include <algorithm>

#include "client/consumer_impl.hpp"

namespace ottla::client {
namespace {

constexpr uint64_t polls = 0; ///< as a reader; streams have numbers from 1 on
constexpr size_t max_consume = 1'000'000;
constexpr size_t usual_consume = 1000; ///< messages for which memory is taken at once

} // namespace

// --- from the queue to the partitions

void ConsumerImpl::sort_in() {
    driver_->queue().take(taken_);
    for (auto& event : taken_) {
        const auto stream = streams_.find(event.stream);
        if (stream == streams_.end())
            continue; // of an older stream
        stream->second->waiting.push_back(std::move(event));
        list(*stream->second);
    }
    taken_.clear();
}

void ConsumerImpl::list(Assigned& assigned) {
    if (assigned.listed || assigned.paused || assigned.idle())
        return;
    assigned.listed = true;
    ready_.push_back(&assigned);
}

void ConsumerImpl::unlist(Assigned& assigned) {
    if (!std::exchange(assigned.listed, false))
        return;
    const auto at = static_cast<size_t>(std::find(ready_.begin(), ready_.end(), &assigned) - ready_.begin());
    ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(at));
    if (turn_ > at)
        --turn_;
}

/// The partition whose turn it is; null when there is nothing.
ConsumerImpl::Assigned* ConsumerImpl::next_ready() {
    if (ready_.empty())
        sort_in();
    while (!ready_.empty()) {
        if (turn_ >= ready_.size()) {
            turn_ = 0;
            sort_in(); // once a round, so that a busy partition cannot keep others out of sight
        }
        Assigned& assigned = *ready_[turn_];
        if (!assigned.idle())
            return &assigned;
        unlist(assigned);
    }
    return nullptr;
}

void ConsumerImpl::end_slice(Assigned& assigned) {
    driver_->queue().give_back({assigned.stream, assigned.reader.messages(), assigned.reader.size_bytes()});
    assigned.stands = assigned.reader.position();
    assigned.reader.end(context_);
    ++turn_; // the next slice is another partition's
}

Message ConsumerImpl::give_up_slice(Assigned& assigned) {
    const int64_t at = assigned.reader.position();
    Message message = Handout::bad_slice(assigned);
    begin_stream(assigned, at, driver_->config().fetch_error_backoff);
    return message;
}

void ConsumerImpl::on_memory_spent() {
    spent_ = true;
    context_.budget->tell_spent();
    sort_in(); // what waits there would end the wait for memory
}

// --- one message

bool ConsumerImpl::take_message(Message& out, Store store) {
    if (take_trouble(out)) [[unlikely]]
        return true;
    while (Assigned* assigned = next_ready()) {
        SliceReader& reader = assigned->reader;
        if (!reader.active()) {
            if (Handout::take_event(*assigned, context_, out))
                return true;
            continue;
        }
        SliceReader::Step step;
        if (const RecordView* view = reader.next(context_, step)) {
            Handout::message(*assigned, *view, out);
            assigned->progress->position.store(reader.position(), std::memory_order_relaxed);
            if (!stores_)
                return true;
            if (store == Store::now)
                assigned->progress->store(reader.position(), view->leader_epoch());
            else if (lending_.empty() || lending_.back().first != assigned->progress)
                lending_.emplace_back(assigned->progress, view->leader_epoch());
            else
                lending_.back().second = view->leader_epoch();
            return true;
        }
        if (step == SliceReader::Step::bad) {
            out = give_up_slice(*assigned);
            return true;
        }
        if (step == SliceReader::Step::no_room) {
            on_memory_spent();
            return false;
        }
        end_slice(*assigned);
    }
    return false;
}

std::optional<Message> ConsumerImpl::poll(std::chrono::milliseconds timeout) {
    begin_poll();
    std::optional<Message> message(std::in_place);
    if (!wait_for(timeout, [&] { return take_message(*message, Store::now); }))
        message.reset();
    else
        driver_->interceptors().on_consume(*message);
    return message;
}

std::vector<Message> ConsumerImpl::consume(size_t count, std::chrono::milliseconds timeout) {
    if (count > max_consume)
        throw KafkaException(Error(Errc::_invalid_arg, "consume takes at most 1000000 messages"));
    std::vector<Message> messages;
    if (count == 0)
        return messages;
    begin_poll();
    lending_.clear();
    const auto collect = [&] {
        spent_ = false;
        while (messages.size() < count) {
            if (messages.empty())
                messages.reserve(std::min(count, usual_consume));
            if (!take_message(messages.emplace_back(), Store::later)) {
                messages.pop_back();
                break;
            }
        }
        return messages.size() == count || (spent_ && !messages.empty()); // these may be what spends it
    };
    wait_for(timeout, collect, [&] { return !messages.empty(); });
    if (!lending_.empty()) {
        std::lock_guard lock(use_);
        consumed_ = std::make_shared<char>();
        driver_->stored().lend(polls, std::exchange(lending_, {}), consumed_);
        records_out_ = true;
    }
    driver_->interceptors().on_consume(messages);
    return messages;
}

// --- batches

bool ConsumerImpl::take_records(Records& into) {
    for (Message trouble; take_trouble(trouble); trouble = Message())
        Handout::add(into, std::move(trouble));
    while (!Handout::full(into)) {
        Assigned* assigned = next_ready();
        if (!assigned)
            break;
        if (assigned->reader.active()) {
            if (read_batch(*assigned, into))
                continue;
            on_memory_spent();
            break;
        }
        Message event;
        if (Handout::take_event(*assigned, context_, event))
            Handout::add(into, std::move(event));
    }
    if (!lending_.empty()) {
        auto lease = std::make_shared<char>();
        driver_->stored().lend(polls, std::exchange(lending_, {}), lease);
        Handout::lease(into, std::move(lease));
        records_out_ = true;
    }
    Handout::charge(into, context_);
    return !into.empty();
}

void ConsumerImpl::begin_poll() {
    if (driver_->fatal_told()) [[unlikely]]
        check_fatal();
    auto& calls = driver_->poll_clock().calls;
    calls.store(calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    finish_records();
}

void ConsumerImpl::finish_records() {
    if (!records_out_.load(std::memory_order_relaxed)) // a lock per message otherwise
        return;
    std::lock_guard lock(use_);
    consumed_.reset();
    if (records_out_.exchange(false, std::memory_order_relaxed))
        driver_->stored().finish(polls);
}

bool ConsumerImpl::read_batch(Assigned& assigned, Records& into) {
    const auto step = Handout::batch(assigned, context_, into, stores_ ? &lending_ : nullptr);
    if (step == SliceReader::Step::end)
        end_slice(assigned);
    else if (step == SliceReader::Step::bad)
        Handout::add(into, give_up_slice(assigned));
    return step != SliceReader::Step::no_room;
}

void ConsumerImpl::poll_records(Records& into, std::chrono::milliseconds timeout) {
    {
        std::lock_guard lock(use_);
        Handout::recycle(into, context_);
    }
    begin_poll();
    wait_for(timeout, [&] { return take_records(into); });
    driver_->interceptors().on_consume(into);
}

// --- waiting

template <class Take, class Holds>
bool ConsumerImpl::wait_for(std::chrono::milliseconds timeout, Take take, Holds holds) {
    const auto& loop = *driver_->loop();
    if (timeout.count() != 0 && loop.embedded()) // also when there is something: a call must not work by luck
        if (Error error = engine::check_may_block(loop))
            throw KafkaException(std::move(error));
    TimePoint deadline = TimePoint::max();
    bool deadline_set = timeout.count() < 0;
    for (bool last = timeout.count() == 0;;) {
        try {
            driver_->serve_callbacks();
        } catch (...) {
            if (!holds())
                throw;
            driver_->throw_next(std::current_exception());
            return true;
        }
        if (!holds())
            serve_group();
        else if (driver_->group_calls())
            return true;
        {
            std::lock_guard lock(use_);
            check_open();
            if (take())
                return true;
        }
        if (last || (woken_.load(std::memory_order_relaxed) && woken_.exchange(false)))
            return false;
        if (Error error = engine::check_may_block(loop))
            throw KafkaException(std::move(error));
        // Only now: reading the clock costs more than taking a message.
        if (!std::exchange(deadline_set, true))
            deadline = deadline_of(timeout);
        driver_->poll_clock().inside.fetch_add(1, std::memory_order_relaxed);
        last = !driver_->queue().wait_until(deadline);
        driver_->poll_clock().inside.fetch_sub(1, std::memory_order_relaxed);
    }
}

} // namespace ottla::client
