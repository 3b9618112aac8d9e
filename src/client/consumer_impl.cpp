// Assignment, positions, offset queries, the end. Reading is in consumer_poll.cpp.
#include "client/consumer_impl.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <future>
#include <set>

#include "base/virtual_wait.hpp"
#include "client/consumer_assignors.hpp"
#include "client/longest_limit.hpp"
#include "core/fetch/list_offsets.hpp"
#include "wire/utf8.hpp"

namespace ottla::client {
namespace {

[[noreturn]] void fail(Errc code, std::string text = {}) {
    throw KafkaException(Error(code, std::move(text)));
}

std::shared_ptr<const std::atomic<int64_t>> position_of(const std::shared_ptr<Progress>& progress) {
    return {progress, &progress->position};
}

std::string name_of(const TopicPartition& where) {
    return fmt::format("{}[{}]", where.topic, where.partition);
}

} // namespace

std::shared_ptr<ConsumerImpl>
ConsumerImpl::make(const Config& config, const Engine& engine, ConsumerOptions options) {
    engine::refuse_in_child(*engine.loop());
    std::vector<std::string> warnings;
    Config known = config;
    auto assignors = take_assignors(known, options.assignors).value();
    auto parsed = config::parse(known, config::Role::consumer, &warnings);
    if (!parsed)
        throw KafkaException(parsed.error());
    auto driver = std::make_shared<ConsumerDriver>(
        engine.loop(), std::move(*parsed), std::move(options.on_log), std::move(options.on_error),
        Observers{
            std::move(options.on_statistics), std::move(options.on_throttle), std::move(options.metrics_listener),
            std::move(options.on_commit)},
        std::move(options.interceptors)
    );
    driver->events().on_created(config, ClientKind::consumer, warnings);
    driver->use(std::move(assignors));
    engine.loop()->watch(driver);
    if (!engine.loop()->post([driver](TimePoint) { driver->start(); }))
        fail(Errc::_destroy, "the engine's execution context is gone");
    return std::make_shared<ConsumerImpl>(std::move(driver));
}

ConsumerImpl::ConsumerImpl(std::shared_ptr<ConsumerDriver> driver)
    : driver_(std::move(driver))
    , stores_(driver_->config().enable_auto_offset_store && !driver_->config().group_id.empty())
    , context_(driver_->decoding()) {
}

// --- assignment

// Requests could not name it, and so nothing else beside it.
void ConsumerImpl::refuse_unnamable(const std::string& topic) {
    if (topic.empty() || !wire::fits_string(topic))
        fail(Errc::_invalid_arg, topic.empty() ? "a topic without a name" : "the name of a topic is at most 32767 bytes of UTF-8");
}

void ConsumerImpl::refuse_unassignable(const TopicPartitionOffset& p) const {
    refuse_unnamable(p.topic);
    if (p.partition < 0)
        fail(Errc::_invalid_arg, fmt::format("cannot assign {}[{}]", p.topic, p.partition));
}

// With use_ held.
ConsumerImpl::Assigned& ConsumerImpl::begin_assigned(const TopicPartitionOffset& at, std::vector<core::FetchStart>& starts) {
    driver_->events().log().debug(LogContext::consumer, "ASSIGN", "{}[{}]: from offset {}", at.topic, at.partition, at.offset);
    auto& assigned = assigned_[{at.topic, at.partition}];
    assigned = std::make_unique<Assigned>();
    assigned->where = {at.topic, at.partition};
    auto& name = names_[at.topic];
    if (!name)
        name = std::make_shared<const std::string>(at.topic);
    assigned->topic = name;
    assigned->by_hand = !in_step_ && subscription_.empty();
    assigned->stream = ++last_stream_;
    assigned->progress = driver_->stored().begin(assigned->where);
    streams_[assigned->stream] = assigned.get();
    starts.push_back(
        {.where = assigned->where, .stream = assigned->stream, .offset = at.offset, .epoch = at.offset >= 0 ? at.leader_epoch : -1, .position = position_of(assigned->progress)}
    );
    return *assigned;
}

void ConsumerImpl::assign(const std::vector<TopicPartitionOffset>& partitions) {
    std::set<TopicPartition> once;
    for (const auto& p : partitions) {
        refuse_unassignable(p);
        if (!once.insert({p.topic, p.partition}).second)
            fail(Errc::_invalid_arg, fmt::format("{}[{}] is assigned twice", p.topic, p.partition));
    }
    std::lock_guard lock(use_);
    check_open();
    acted_ = true;
    by_hand_ = !in_step_ && subscription_.empty() && !partitions.empty();
    if (partitions.empty())
        driver_->events().log().debug(LogContext::consumer, "ASSIGN", "nothing is assigned");
    commit_uncommitted(); // before the same partitions are begun anew
    std::vector<core::StreamId> old;
    for (const auto& [stream, assigned] : streams_)
        old.push_back(stream);
    for (const auto& [where, assigned] : assigned_)
        driver_->stored().end(where);
    end_streams();
    assigned_.clear();
    ready_.clear();
    streams_.clear();
    std::vector<core::FetchStart> starts;
    for (const auto& p : partitions)
        begin_assigned(p, starts);
    post([driver = driver_, starts = std::move(starts), old](TimePoint now) mutable {
        if (!driver->running())
            return;
        for (auto& start : starts) // before the old ones go, so that what is known of their topics stays
            driver->read(std::move(start), now);
        for (const auto stream : old)
            driver->remove(stream);
    });
    sort_in();
}

std::vector<TopicPartition> ConsumerImpl::assignment() const {
    std::lock_guard lock(use_);
    check_open();
    std::vector<TopicPartition> all;
    for (const auto& [where, assigned] : assigned_)
        all.push_back(where);
    std::sort(all.begin(), all.end());
    return all;
}

void ConsumerImpl::seek(const TopicPartitionOffset& to) {
    std::lock_guard lock(use_);
    driver_->events().log().debug(
        LogContext::consumer, "SEEK", "{}[{}]: to offset {}", to.topic, to.partition, to.offset
    );
    begin_stream(find({to.topic, to.partition}), to.offset, Duration::zero(), to.leader_epoch);
    if (stores_)
        driver_->stored().seek({to.topic, to.partition}, to.offset);
    sort_in();
}

void ConsumerImpl::pause(const std::vector<TopicPartition>& partitions) {
    std::lock_guard lock(use_);
    for (const auto& where : partitions) {
        Assigned& assigned = find(where);
        assigned.paused = true;
        unlist(assigned);
        if (assigned.apart)
            assigned.apart->set_paused(true);
        post([driver = driver_, stream = assigned.stream](TimePoint) {
            if (driver->running())
                driver->pause(stream);
        });
    }
}

void ConsumerImpl::resume(const std::vector<TopicPartition>& partitions) {
    std::lock_guard lock(use_);
    for (const auto& where : partitions) {
        Assigned& assigned = find(where);
        assigned.paused = false;
        list(assigned);
        if (assigned.apart)
            assigned.apart->set_paused(false);
        post([driver = driver_, stream = assigned.stream](TimePoint) {
            if (driver->running())
                driver->resume(stream);
        });
    }
}

std::vector<TopicPartitionOffset> ConsumerImpl::position(const std::vector<TopicPartition>& partitions
) const {
    std::lock_guard lock(use_);
    check_open();
    std::vector<TopicPartitionOffset> positions;
    for (const auto& where : partitions) {
        const auto it = assigned_.find(where);
        positions.push_back(
            {.topic = where.topic,
             .partition = where.partition,
             .offset = it == assigned_.end() ? offset_invalid : it->second->progress->position.load(std::memory_order_relaxed)}
        );
    }
    return positions;
}

bool ConsumerImpl::closes_elsewhere() const {
    const std::thread::id closing = closing_.load();
    return closing != std::thread::id() && closing != std::this_thread::get_id();
}

void ConsumerImpl::check_open() const {
    const bool closes = closes_elsewhere() && stepping_ != std::this_thread::get_id(); // a step that has begun is done to its end
    if (!closed_ && !closes)
        return;
    if (closes)
        driver_->queue().interrupt(); // what this call was woken for may be the closing thread's
    fail(Errc::_state, "the consumer is closed");
}

void ConsumerImpl::check_fatal() const {
    if (const Error fatal = driver_->fatal())
        throw KafkaException(ended_by(fatal));
}

ConsumerImpl::Assigned& ConsumerImpl::find(const TopicPartition& where) {
    check_open();
    const auto it = assigned_.find(where);
    if (it == assigned_.end())
        fail(Errc::_state, name_of(where) + " is not assigned");
    return *it->second;
}

void ConsumerImpl::begin_stream(Assigned& assigned, int64_t offset, Duration delay, int32_t epoch) {
    const core::StreamId old = assigned.stream;
    core::FetchStart start{
        .where = assigned.where,
        .stream = ++last_stream_,
        .offset = offset,
        .epoch = offset >= 0 ? epoch : -1,
        .paused = assigned.paused,
        .delay = delay,
        .position = position_of(assigned.progress),
    };
    if (assigned.apart) {
        driver_->queue().set_apart(last_stream_, assigned.apart->arrivals());
        assigned.apart->restart(last_stream_);
    }
    driver_->queue().copy_watermarks(old, last_stream_); // before the old ones go
    post([driver = driver_, start = std::move(start), old](TimePoint now) mutable {
        if (!driver->running())
            return;
        driver->read(std::move(start), now);
        driver->remove(old);
    });
    unlist(assigned);
    assigned.waiting.clear();
    assigned.reader.end(context_);
    assigned.stream = last_stream_;
    assigned.stands = -1;
    streams_.erase(old);
    streams_[assigned.stream] = &assigned;
}

void ConsumerImpl::post(engine::Task task) {
    if (!driver_->loop()->post(std::move(task)))
        fail(Errc::_destroy, "the engine's execution context is gone");
}

// --- offset queries

Duration ConsumerImpl::time_limit(std::chrono::milliseconds timeout) {
    return timeout.count() < 0 ? longest_limit : std::min(timeout, longest_limit);
}

TimePoint ConsumerImpl::deadline_of(std::chrono::milliseconds timeout) {
    return timeout.count() < 0 ? TimePoint::max() : engine::Loop::now() + time_limit(timeout);
}

std::vector<int64_t>
ConsumerImpl::query(std::vector<core::OffsetQuery> queries, std::chrono::milliseconds timeout) {
    if (Error error = engine::check_may_block(*driver_->loop()))
        throw KafkaException(std::move(error));
    {
        std::lock_guard lock(use_);
        check_open();
    }
    const Duration limit = time_limit(timeout);
    std::vector<std::future<Result<int64_t>>> answers;
    for (auto& query : queries) {
        query.timeout = limit;
        query.isolation = driver_->config().isolation;
        auto promise = std::make_shared<std::promise<Result<int64_t>>>();
        answers.push_back(promise->get_future());
        post([driver = driver_, query, promise = std::move(promise)](TimePoint) {
            if (driver->running())
                core::query_offset(
                    driver->cluster().caller(),
                    query,
                    driver->queries(),
                    [promise](Result<int64_t> answer) { promise->set_value(std::move(answer)); }
                );
        });
    }
    std::vector<int64_t> offsets;
    for (auto& answer : answers) {
        try {
            offsets.push_back(answer.get().value());
        } catch (const std::future_error&) { // the promise went unkept
            fail(Errc::_destroy, "the consumer was closed during the call");
        }
    }
    return offsets;
}

Watermarks
ConsumerImpl::query_watermarks(const TopicPartition& partition, std::chrono::milliseconds timeout) {
    const auto offsets = query(
        {{.where = partition, .timestamp = core::timestamp_earliest},
         {.where = partition, .timestamp = core::timestamp_latest}},
        timeout
    );
    return {.low = offsets[0], .high = offsets[1]};
}

Watermarks ConsumerImpl::cached_watermarks(const TopicPartition& partition) const {
    std::lock_guard lock(use_);
    check_open();
    const auto it = assigned_.find(partition);
    const auto known = it == assigned_.end() ? std::nullopt : driver_->queue().watermarks(it->second->stream);
    if (!known)
        return {};
    return {.low = known->first < 0 ? offset_invalid : known->first, .high = known->second};
}

std::optional<int64_t> ConsumerImpl::current_lag(const TopicPartition& partition) const {
    std::lock_guard lock(use_);
    check_open();
    const auto it = assigned_.find(partition);
    if (it == assigned_.end())
        fail(Errc::_state, name_of(partition) + " is not assigned");
    const auto known = driver_->queue().end(it->second->stream);
    if (!known)
        return std::nullopt;
    const Assigned& assigned = *it->second;
    const int64_t position = assigned.apart ? assigned.apart->place() : assigned.place();
    return std::max<int64_t>(known->end - std::max(position, known->begun), 0);
}

std::vector<TopicPartitionOffset> ConsumerImpl::offsets_for_times(
    const std::vector<TopicPartitionOffset>& times, std::chrono::milliseconds timeout
) {
    std::vector<core::OffsetQuery> queries;
    for (const auto& time : times)
        queries.push_back({.where = {time.topic, time.partition}, .timestamp = time.offset});
    const auto offsets = query(std::move(queries), timeout);
    auto found = times;
    for (size_t i = 0; i < found.size(); ++i)
        found[i].offset = offsets[i] < 0 ? offset_end : offsets[i];
    return found;
}

// --- the end

void ConsumerImpl::close(const CloseOptions& options) {
    const auto timeout = options.timeout;
    std::thread::id nobody;
    {
        std::lock_guard lock(use_);
        if (closed_ || !closing_.compare_exchange_strong(nobody, std::this_thread::get_id()))
            return;
        consumed_.reset();
    }
    driver_->queue().interrupt(); // another thread may be in a call
    driver_->queue().fail_waiter(make_error_code(Errc::_destroy));
    if (options.membership != CloseMembership::by_default)
        driver_->loop()->post([driver = driver_, departure = options.membership](TimePoint) { driver->set_departure(departure); });
    const TimePoint deadline = engine::Loop::now() + time_limit(timeout);
    try {
        leave_group(deadline);
    } catch (...) { // of a handler
        finish_close(timeout, deadline);
        throw;
    }
    finish_close(timeout, deadline);
    driver_->serve_callbacks(); // what the last commits have come to
}

void ConsumerImpl::end(std::chrono::milliseconds timeout) noexcept {
    const auto tell = [&](std::string_view what) {
        driver_->events().on_log(4, "TERMINATE", fmt::format("what a handler threw while the consumer went away: {}", what));
    };
    try {
        close({.timeout = timeout});
    } catch (const std::exception& e) {
        tell(e.what());
    } catch (...) {
        tell("no std::exception");
    }
}

void ConsumerImpl::finish_close(std::chrono::milliseconds timeout, TimePoint deadline) {
    {
        std::lock_guard lock(use_);
        closed_ = true;
        end_streams();
        ready_.clear();
        streams_.clear();
        assigned_.clear();
    }
    driver_->events().log().debug(LogContext::generic, "TERMINATE", "{} ends", driver_->events().name());
    driver_->queue().fail_waiter(make_error_code(Errc::_destroy));
    driver_->queue().interrupt();
    const auto& loop = driver_->loop();
    if (timeout.count() == 0) {
        engine::finish_on(loop, [driver = driver_](TimePoint now) { driver->stop(now); });
        return;
    }
    if (engine::check_may_block(*loop)) { // it ends when commit and leave have been answered
        loop->post([driver = driver_](TimePoint) { driver->end(); });
        return;
    }
    finish_at_brokers(deadline);
    engine::finish_on(loop, [driver = driver_](TimePoint now) { driver->stop(now); });
}

void ConsumerImpl::finish_at_brokers(TimePoint deadline) {
    using Done = MoveOnlyFunction<void()>;
    const TimePoint begun = engine::Loop::now();
    const auto begin = [this](auto action) {
        std::promise<void> done;
        auto ended = done.get_future(); // also when it is not run, which breaks the promise
        driver_->loop()->post([driver = driver_, action, done = std::move(done)](TimePoint) mutable {
            action(*driver, Done([done = std::move(done)]() mutable { done.set_value(); }));
        });
        return ended;
    };
    std::future<void> committed;
    if (!driver_->config().group_id.empty()) // else there is nothing to commit
        committed = begin([](ConsumerDriver& driver, Done done) { driver.commit_last(std::move(done)); });
    // An answer that is late ends its connection, on which the commit may be under way.
    const auto finished = begin([](ConsumerDriver& driver, Done done) { driver.finish_reading(driver.config().socket_timeout, std::move(done)); });
    const auto is_over = [](const std::future<void>& task) { return !task.valid() || task.wait_for(Duration::zero()) == std::future_status::ready; };
    if (probe::waits_virtually([&] { return is_over(committed) && is_over(finished); }))
        return;
    if (committed.valid())
        committed.wait_until(deadline);
    finished.wait_until(std::min(deadline, begun + ConsumerDriver::session_end_limit));
}

} // namespace ottla::client
