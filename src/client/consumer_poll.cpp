// Reading what has been fetched: messages one by one, or whole batches as views. Hot path: per message
// nothing is allocated; batches take the consumer's lock once a call, single messages once each.
#include <algorithm>

#include "client/consumer_impl.hpp"

namespace ottla::client {
namespace {

/// A call hands out about so many views, ending with a whole batch: as many as stay in the cache while they
/// are used.
constexpr size_t max_views = 4096;
constexpr size_t max_consume = 1'000'000;

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
    if (assigned.listed || assigned.paused || (assigned.waiting.empty() && !assigned.reader.active()))
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
        if (assigned.reader.active() || !assigned.waiting.empty())
            return &assigned;
        unlist(assigned);
    }
    return nullptr;
}

bool ConsumerImpl::take_event(Assigned& assigned, Message& out) {
    core::FetchEvent event = std::move(assigned.waiting.front());
    assigned.waiting.pop_front();
    if (auto* slice = std::get_if<core::FetchedSlice>(&event.what)) {
        assigned.reader.begin(std::move(*slice), context_);
        return false;
    }
    if (const auto* end = std::get_if<core::EndOfPartition>(&event.what)) {
        out = make_event(assigned, Error(Errc::_partition_eof), end->offset);
    } else {
        auto& failure = std::get<core::PartitionFailure>(event.what);
        out = make_event(assigned, std::move(failure.error), failure.offset);
    }
    return true;
}

void ConsumerImpl::end_slice(Assigned& assigned) {
    driver_->queue().give_back({assigned.stream, assigned.reader.messages(), assigned.reader.size_bytes()});
    assigned.reader.end(context_);
    ++turn_; // the next slice is another partition's
}

Message ConsumerImpl::give_up_slice(Assigned& assigned) {
    const int64_t at = assigned.reader.position();
    Message message = make_event(assigned, assigned.reader.error(), at);
    begin_stream(assigned, at, driver_->config().fetch_error_backoff);
    return message;
}

Message ConsumerImpl::make_event(const Assigned& assigned, Error error, int64_t offset) const {
    Message message;
    message.error_ = std::move(error);
    message.topic_ = assigned.topic;
    message.partition_ = assigned.where.partition;
    message.offset_ = offset;
    return message;
}

// --- one message

bool ConsumerImpl::take_message(Message& out, Store store) {
    if (take_trouble(out)) [[unlikely]]
        return true;
    while (Assigned* assigned = next_ready()) {
        SliceReader& reader = assigned->reader;
        if (!reader.active()) {
            if (take_event(*assigned, out))
                return true;
            continue;
        }
        SliceReader::Step step;
        if (const RecordView* view = reader.next(context_, step)) {
            out.record_ = *view;
            out.topic_ = assigned->topic;
            out.partition_ = assigned->where.partition;
            out.offset_ = view->offset();
            out.bytes_ = reader.bytes();
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
        end_slice(*assigned);
    }
    return false;
}

std::optional<Message> ConsumerImpl::poll(std::chrono::milliseconds timeout) {
    begin_poll();
    std::optional<Message> message(std::in_place);
    if (!wait_for(timeout, [&] { return take_message(*message, Store::now); }))
        message.reset();
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
        Message message;
        while (messages.size() < count && take_message(message, Store::later)) {
            messages.push_back(std::move(message));
            message = Message();
        }
        return messages.size() == count;
    };
    wait_for(timeout, collect, [&] { return !messages.empty(); });
    if (!lending_.empty()) {
        std::lock_guard lock(use_);
        consumed_ = std::make_shared<char>();
        driver_->stored().lend(std::exchange(lending_, {}), consumed_);
        records_out_ = true;
    }
    return messages;
}

// --- batches

void ConsumerImpl::recycle(Records& into) {
    for (auto& batch : into.batches_) {
        batch.records_.clear();
        for (auto& bytes : batch.decompressed_)
            context_.decoder.recycle(std::move(bytes));
        batch.decompressed_.clear();
        batch.fetched_ = {};
        batch.topic_.reset();
        into.spare_.push_back(std::move(batch));
    }
    into.batches_.clear();
    into.events_.clear();
    into.count_ = 0;
    into.lease_.reset();
}

bool ConsumerImpl::take_records(Records& into) {
    for (Message trouble; take_trouble(trouble); trouble = Message())
        into.events_.push_back(std::move(trouble));
    while (into.count_ < max_views) {
        Assigned* assigned = next_ready();
        if (!assigned)
            break;
        if (assigned->reader.active()) {
            if (!read_batch(*assigned, into))
                break;
            continue;
        }
        Message event;
        if (take_event(*assigned, event))
            into.events_.push_back(std::move(event));
    }
    if (!lending_.empty()) {
        into.lease_ = std::make_shared<char>();
        driver_->stored().lend(std::exchange(lending_, {}), into.lease_);
        records_out_ = true;
    }
    return !into.empty();
}

void ConsumerImpl::begin_poll() {
    auto& calls = driver_->poll_clock().calls;
    calls.store(calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    finish_records();
}

void ConsumerImpl::finish_records() {
    std::lock_guard lock(use_);
    consumed_.reset();
    if (std::exchange(records_out_, false))
        driver_->stored().finish();
}

/// Hands out records of the slice at hand; false when the call has enough.
bool ConsumerImpl::read_batch(Assigned& assigned, Records& into) {
    RecordBatch* batch = nullptr;
    if (into.spare_.empty()) {
        batch = &into.batches_.emplace_back();
    } else {
        batch = &into.batches_.emplace_back(std::move(into.spare_.back()));
        into.spare_.pop_back();
    }
    SliceReader& reader = assigned.reader;
    auto& records = batch->records_;
    auto step = SliceReader::Step::records;
    while (step == SliceReader::Step::records && into.count_ + records.size() < max_views)
        step = reader.take_batch(context_, records, batch->decompressed_);
    into.count_ += records.size();
    if (records.empty()) {
        into.spare_.push_back(std::move(*batch));
        into.batches_.pop_back();
    } else {
        batch->fetched_ = reader.slice_bytes();
        batch->topic_ = assigned.topic;
        batch->partition_ = assigned.where.partition;
        assigned.progress->position.store(records.back().offset() + 1, std::memory_order_relaxed);
        if (stores_)
            lending_.emplace_back(assigned.progress, records.back().leader_epoch());
    }
    if (step == SliceReader::Step::end)
        end_slice(assigned);
    else if (step == SliceReader::Step::bad)
        into.events_.push_back(give_up_slice(assigned));
    return into.count_ < max_views;
}

void ConsumerImpl::poll_records(Records& into, std::chrono::milliseconds timeout) {
    {
        std::lock_guard lock(use_);
        recycle(into);
    }
    begin_poll();
    wait_for(timeout, [&] { return take_records(into); });
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
        driver_->serve_callbacks();
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
        if (last)
            return false;
        if (Error error = engine::check_may_block(loop))
            throw KafkaException(std::move(error));
        // Only now: reading the clock costs more than taking a message.
        if (!std::exchange(deadline_set, true))
            deadline = engine::Loop::now() + std::min<Duration>(timeout, std::chrono::hours(24 * 365));
        driver_->poll_clock().inside.store(true, std::memory_order_relaxed);
        last = !driver_->queue().wait_until(deadline);
        driver_->poll_clock().inside.store(false, std::memory_order_relaxed);
    }
}

} // namespace ottla::client
