#include "client/producer_impl.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <thread>

#include <boost/asio/error.hpp>
#include <fmt/format.h>

#include "accumulator/limits_of.hpp"
#include "client/producer_send.hpp"
#include "client/link_options.hpp"
#include "engine/complete.hpp"
#include "record/record_parser.hpp"

namespace ottla::client {

using accumulator::Batch;
using accumulator::BatchList;
using accumulator::limits_of;
using accumulator::Token;
using accumulator::TokenKind;
using std::chrono::milliseconds;

namespace {

constexpr uint32_t own_lane = 1; // a producer has a cluster of its own, so there is one client in it

[[gnu::always_inline]] inline accumulator::SendRecord to_send(const ProducerRecord& record, Token token) {
    return {
        .topic = record.topic,
        .key = record.key,
        .value = record.value,
        .headers = record.headers,
        .timestamp_ms = record.timestamp_ms,
        .partition = record.partition,
        .token = token,
        .lends = record.lend_value && token.kind != TokenKind::operation};
}

} // namespace

/// A send that found the queue full: a copy, first in first out.
struct ProducerImpl::WaitingSend {
    std::string topic;
    std::optional<std::string> key;
    std::optional<std::string> value;
    int32_t partition;
    int64_t timestamp_ms;
    std::vector<std::pair<std::string, std::optional<std::string>>> headers;
    std::shared_ptr<AsyncSend> send;

    template <class F>
    void with_record(std::vector<Header>& room, F&& f) const {
        room.clear();
        for (const auto& [name, content] : headers)
            room.push_back({name, content ? Bytes(*content) : Bytes()});
        f(ProducerRecord{
            .topic = topic,
            .value = value ? Bytes(*value) : Bytes(),
            .key = key ? Bytes(*key) : Bytes(),
            .partition = partition,
            .timestamp_ms = timestamp_ms,
            .headers = room,
        });
    }

    WaitingSend(const ProducerRecord& record, std::shared_ptr<AsyncSend> s)
        : topic(record.topic), partition(record.partition), timestamp_ms(record.timestamp_ms), send(std::move(s)) {
        if (!record.key.is_null())
            key.emplace(record.key.text());
        if (!record.value.is_null())
            value.emplace(record.value.text());
        for (const Header& header : record.headers)
            headers.emplace_back(
                header.key, header.value.is_null() ? std::nullopt : std::optional<std::string>(header.value.text()));
    }
};

std::shared_ptr<ProducerImpl> ProducerImpl::make(const Config& config, const Engine& engine, ProducerOptions options) {
    engine::refuse_in_child(*engine.loop());
    std::vector<std::string> warnings;
    auto parsed = config::parse(config, config::Role::producer, &warnings);
    if (!parsed)
        throw KafkaException(parsed.error());
    auto impl = std::make_shared<ProducerImpl>(engine.loop(), std::move(*parsed), std::move(options));
    impl->events_.on_created(config, ClientKind::producer, warnings);
    impl->loop_->watch(impl);
    impl->loop_->post([impl](TimePoint now) { impl->start(now); });
    return impl;
}

ProducerImpl::ProducerImpl(std::shared_ptr<engine::Loop> loop, config::ClientConfig config, ProducerOptions options)
    : loop_(std::move(loop))
    , config_(std::move(config))
    , options_(std::move(options))
    , events_(config_, ClientKind::producer, options_.on_log, options_.on_error, {options_.on_statistics, options_.on_throttle, options_.metrics_listener})
    , interceptors_(options_.interceptors, events_)
    , accumulator_(limits_of(config_, options_.partitioner), [this] {
        if (!rung_.exchange(true, std::memory_order_acq_rel))
            loop_->notify();
    }, [this](Batch* batch) { report(batch); })
    , statistics_(config_.statistics_interval, [this](TimePoint now) { emit_statistics(now); }) {
    events_.set_waker([this] { wake_waiters(); });
    if (!config_.transactional_id.empty())
        accumulator_.refuse(Errc::_state); // until a transaction begins
}

ProducerImpl::~ProducerImpl() {
    // Only without an execution context is anything left here: reports have nowhere to go.
    if (core_) {
        loop_->remove_source(*this);
        if (transaction_)
            loop_->scheduler().remove(*transaction_);
        loop_->scheduler().remove(statistics_);
        loop_->scheduler().remove(*core_);
        core_->close(Error(Errc::_destroy), engine::Loop::now());
    }
    fail_unstarted(Error(Errc::_destroy)); // a thread may have been in the middle of an append when the core closed
    for (BatchList held = accumulator_.release_held(); !held.empty();)
        finish(held.pop());
    while (!delivered_.empty())
        finish(delivered_.pop());
}

// ---- on the loop

void ProducerImpl::start(TimePoint now) {
    if (ended())
        return;
    const uint64_t seed = std::random_device{}();
    cluster_.emplace(loop_->scheduler(), loop_->make_links(link_options(config_)), config_, events_, seed);
    core::produce::ClusterPorts ports{
        .caller = cluster_->caller(),
        .metadata = cluster_->metadata(),
        .produce_version = [this](int32_t node) { return cluster_->usable_version(node, msg::ApiKey::produce); },
        .unsent = [this](int32_t node) { return cluster_->unsent(node, core::Lane::produce, own_lane); },
        .prepare = [this](int32_t node) { cluster_->prepare(node, core::Lane::produce, own_lane); },
        .long_turns = !loop_->embedded(),
    };
    core_.emplace(accumulator_, std::move(ports), config_, static_cast<BatchSink&>(*this), events_, own_lane, seed + 2);
    loop_->scheduler().add(*core_);
    if (!config_.transactional_id.empty()) {
        core::txn::Transaction::Ports transaction_ports{
            .caller = cluster_->caller(), .transaction_version = [this] { return cluster_->transaction_version(); }};
        transaction_.emplace(std::move(transaction_ports), config_, accumulator_, *core_, events_, seed + 3);
        loop_->scheduler().add(*transaction_);
    }
    loop_->scheduler().add(statistics_);
    loop_->add_source(*this);
    drain(now);
}

void ProducerImpl::drain(TimePoint) {
    if (rung_.exchange(false, std::memory_order_acq_rel) && core_)
        core_->wake();
}

// What no core has ever seen is reported all the same.
void ProducerImpl::fail_unstarted(const Error& error) {
    for (BatchList left = accumulator_.take_everything(); !left.empty();) {
        Batch* batch = left.pop();
        batch->error = error;
        batch->state = Batch::State::reported;
        accumulator_.settle(*batch);
        deliver(batch);
    }
}

// Connections are closed: nobody reads lent values any more.
void ProducerImpl::report_held() {
    for (BatchList held = accumulator_.release_held(); !held.empty();)
        report(held.pop());
}

void ProducerImpl::refuse_waiting(const Error& error) {
    std::deque<WaitingSend> waiting;
    {
        std::lock_guard lock(waiting_mutex_);
        waiting.swap(waiting_sends_);
    }
    std::vector<Header> headers;
    for (auto& send : waiting)
        send.with_record(headers, [&](const ProducerRecord& record) { refuse_send(record, *send.send, error.code); });
}

void ProducerImpl::tear_down(const Error& error, TimePoint now) {
    if (core_) {
        if (transaction_) {
            transaction_->close(error);
            loop_->scheduler().remove(*transaction_);
            transaction_.reset();
        }
        loop_->scheduler().remove(statistics_);
        core_->close(error, now);
        loop_->scheduler().remove(*core_);
        loop_->remove_source(*this);
        cluster_->close(now);
        core_.reset();
        cluster_.reset();
    }
    report_held();
    fail_unstarted(error);
    refuse_waiting(error);
    interceptors_.on_close();
    torn_down_.store(true, std::memory_order_release);
    wake_waiters();
}

void ProducerImpl::on_context_gone() noexcept {
    ended_ = true;
    // Operations end here, while their executors exist; other reports wait for a poll call.
    const Error error(Errc::_destroy, "the execution context of this producer is gone");
    if (transaction_)
        transaction_->close(error);
    if (core_)
        core_->close(error, engine::Loop::now());
    accumulator_.refuse(Errc::_destroy);
    report_held();
    fail_unstarted(error);
    refuse_waiting(error);
    interceptors_.on_close();
    torn_down_.store(true, std::memory_order_release);
    wake_waiters();
}

void ProducerImpl::end(const Error& error) {
    if (ended_.exchange(true))
        return;
    events_.log().debug(LogContext::generic, "TERMINATE", "{} ends: {}", events_.name(), error.message());
    accumulator_.refuse(Errc::_state);
    engine::finish_on(loop_, [self = shared_from_this(), error](TimePoint now) { self->tear_down(error, now); });
}

void ProducerImpl::on_fatal(const Error& error) {
    {
        std::lock_guard lock(mutex_);
        fatal_ = error;
    }
    events_.on_error(error);
}

Error ProducerImpl::fatal_error() const {
    std::lock_guard lock(mutex_);
    return fatal_;
}

// What all messages of a batch share.
Delivery ProducerImpl::describe(const Batch& batch) {
    Delivery delivery;
    const bool ok = !batch.error;
    delivery.error_ = batch.error.code;
    delivery.detail_ = &batch.error.detail;
    delivery.topic_ = batch.topic->name;
    delivery.partition_ = batch.partition;
    delivery.log_append_time_ms_ = ok ? batch.log_append_time_ms : -1;
    delivery.base_timestamp_ms_ = batch.base_timestamp_ms;
    delivery.status_ = batch.possibly_persisted ? MessageStatus::possibly_persisted
                       : ok                     ? MessageStatus::persisted
                                                : MessageStatus::not_persisted;
    delivery.latency_ = std::chrono::duration_cast<std::chrono::microseconds>(batch.latency);
    return delivery;
}

inline void ProducerImpl::describe(
    Delivery& delivery, const Batch& batch, int32_t index, const uint8_t* encoded, const accumulator::Chunk& chunk, Token token) {
    delivery.encoded_ = encoded;
    delivery.opaque_ = token.kind == TokenKind::opaque ? reinterpret_cast<void*>(token.value) : nullptr;
    if (delivery.status_ != MessageStatus::not_persisted) [[likely]]
        delivery.offset_ = batch.base_offset >= 0 && !batch.error ? batch.base_offset + index : offset_invalid;
    if (!batch.record_errors.empty() || !batch.kinds.empty()) [[unlikely]]
        describe_special(delivery, batch, index, chunk);
}

void ProducerImpl::describe_special(Delivery& delivery, const Batch& batch, int32_t index, const accumulator::Chunk& chunk) {
    if (batch.error && !batch.record_errors.empty()) { // some records were invalid, the others fell with them (KIP-467)
        const auto found = std::find_if(
            batch.record_errors.begin(), batch.record_errors.end(), [index](const auto& entry) { return entry.first == index; });
        const bool invalid = found != batch.record_errors.end();
        delivery.error_ = invalid ? batch.error.code : make_error_code(Errc::_invalid_different_record);
        delivery.detail_ = invalid && !found->second.empty() ? &found->second : &batch.error.detail;
    }
    const accumulator::LentValue* lent = batch.lent(index);
    delivery.lent_ = lent ? lent->value : Bytes();
    delivery.rest_ = chunk.gathered() ? chunk.memory.data() + chunk.value_at : nullptr;
    delivery.end_ = chunk.memory.data() + chunk.end;
}

void ProducerImpl::deliver(Batch* batch) {
    if (events_.listens())
        events_.on_batch(
            {.topic = batch->topic->name,
             .partition = batch->partition,
             .messages = batch->count,
             .bytes = batch->bytes,
             .latency = std::chrono::duration_cast<std::chrono::microseconds>(batch->latency),
             .error = batch->error.code});
    if (!accumulator_.hold(*batch))
        report(batch);
}

void ProducerImpl::report(Batch* batch) {
    if (!interceptors_.none()) {
        Delivery delivery = describe(*batch);
        batch->for_each_record([&](int32_t index, const uint8_t* encoded, const accumulator::Chunk& chunk) {
            describe(delivery, *batch, index, encoded, chunk, batch->token(index));
            interceptors_.on_acknowledgement(delivery);
        });
    }
    complete_operations(*batch);
    if (wants_report(*batch)) {
        bool wake = false;
        {
            std::lock_guard lock(mutex_);
            delivered_.push(batch);
            wake = waiters_ > 0;
        }
        if (wake)
            delivered_or_done_.notify_all();
    } else {
        finish(batch);
    }
}

bool ProducerImpl::wants_report(const Batch& batch) const {
    for (int32_t i = 0; i < static_cast<int32_t>(batch.kinds.size()); ++i)
        if (batch.token(i).kind == TokenKind::callback)
            return true;
    if (!options_.on_delivery && !options_.on_batch_delivery)
        return false;
    return batch.error || !config_.report_only_error;
}

void ProducerImpl::complete_operations(const Batch& batch) {
    if (batch.kinds.empty())
        return;
    Delivery delivery = describe(batch);
    batch.for_each_record([&](int32_t index, const uint8_t* encoded, const accumulator::Chunk& chunk) {
        const Token token = batch.token(index);
        if (token.kind != TokenKind::operation)
            return;
        describe(delivery, batch, index, encoded, chunk, token);
        AsyncSend::release(token.value)
            ->settle(
                delivery.error(),
                {.partition = delivery.partition(),
                 .offset = delivery.offset(),
                 .timestamp_ms = delivery.timestamp_ms(),
                 .status = delivery.status(),
                 .latency = delivery.latency()});
    });
}

// ---- records in

Errc ProducerImpl::append(const ProducerRecord& record, Token token) {
    if (!loop_->alive())
        return loop_->forked() ? Errc::_state : Errc::_destroy;
    return accumulator_.append(to_send(record, token));
}

void ProducerImpl::append_many(std::span<const ProducerRecord> records, std::span<void* const> opaques, std::span<Errc> codes) {
    if (!loop_->alive()) {
        std::fill(codes.begin(), codes.end(), loop_->forked() ? Errc::_state : Errc::_destroy);
        return;
    }
    const auto token_of = [&](size_t i) {
        return Token{opaques.empty() ? 0 : reinterpret_cast<uintptr_t>(opaques[i]), TokenKind::opaque};
    };
    if (!interceptors_.none()) { // they see one record after the other
        for (size_t i = 0; i < records.size(); ++i)
            codes[i] = intercept(records[i], [&](const ProducerRecord& taken) { return append(taken, token_of(i)); });
        return;
    }
    std::array<accumulator::SendRecord, most_at_once> prepared;
    for (size_t i = 0; i < records.size(); ++i)
        prepared[i] = to_send(records[i], token_of(i));
    accumulator_.append(std::span(prepared).first(records.size()), codes);
}

Error ProducerImpl::explain(Errc code, const ProducerRecord& record) const {
    switch (code) {
    case Errc::_queue_full:
        return {code, "the local queue is full (queue.buffering.max.messages, queue.buffering.max.kbytes): call poll, then try again"};
    case Errc::msg_size_too_large:
        return {
            code,
            fmt::format(
                "{}: a message of {} bytes, message.max.bytes is {}",
                record.topic,
                record.key.size() + record.value.size(),
                config_.message_max_bytes)};
    case Errc::_unknown_partition:
        return {code, fmt::format("{}[{}]: no such partition", record.topic, record.partition)};
    case Errc::_state:
        if (Error in_child = engine::check_fork(*loop_))
            return in_child;
        if (!ended() && !config_.transactional_id.empty())
            return {code, "no transaction takes messages now: begin_transaction comes before, and after an error abort_transaction"};
        return {code, "the producer is closed"};
    case Errc::_fatal: {
        const Error why = fatal_error();
        return {make_error_code(code, ErrorFlag::fatal), "a fatal error has ended this producer: " + why.message()};
    }
    case Errc::_destroy:
        return {code, "the execution context of this producer is gone"};
    default:
        return {code, fmt::format("{}: {}", record.topic, error_text(code))};
    }
}

size_t ProducerImpl::waiting_count() const {
    if (!sends_wait_.load(std::memory_order_acquire))
        return 0;
    std::lock_guard lock(waiting_mutex_);
    return waiting_sends_.size();
}

void ProducerImpl::send_or_wait(const ProducerRecord& record, const std::shared_ptr<AsyncSend>& send) {
    const auto try_now = [&] {
        const Errc code = append(record, {send->hold(), TokenKind::operation});
        if (code == Errc::no_error)
            return true;
        send->unhold();
        if (code == Errc::_queue_full)
            return false;
        refuse_send(record, *send, make_error_code(code));
        return true;
    };
    if (!sends_wait_.load(std::memory_order_acquire) && try_now())
        return;
    std::unique_lock lock(waiting_mutex_);
    if (waiting_sends_.empty() && try_now())
        return;
    waiting_sends_.emplace_back(record, send);
    sends_wait_.store(true, std::memory_order_seq_cst);
    lock.unlock();
    retry_waiting(); // credit that came back just before has not seen it waiting
}

void ProducerImpl::refuse_send(const ProducerRecord& record, AsyncSend& send, error_code why) {
    interceptors_.on_error(record, why);
    send.settle(why, {});
}

// False when it has to go on waiting.
bool ProducerImpl::try_waiting(const ProducerRecord& record, AsyncSend& send) {
    if (send.settled()) { // cancelled while it waited
        interceptors_.on_error(record, boost::asio::error::operation_aborted);
        return true;
    }
    const bool alone = accumulator_.outstanding() == 0;
    const Errc code = append(record, {send.hold(), TokenKind::operation});
    if (code == Errc::no_error)
        return true;
    send.unhold();
    if (code == Errc::_queue_full && !alone)
        return false;
    refuse_send(record, send, make_error_code(code)); // also what does not fit into an empty queue
    return true;
}

void ProducerImpl::retry_waiting() {
    if (!sends_wait_.load(std::memory_order_acquire))
        return;
    std::lock_guard lock(waiting_mutex_);
    std::vector<Header> headers;
    while (!waiting_sends_.empty()) {
        bool full = false;
        WaitingSend& next = waiting_sends_.front();
        next.with_record(headers, [&](const ProducerRecord& record) { full = !try_waiting(record, *next.send); });
        if (full)
            return;
        waiting_sends_.pop_front();
    }
    sends_wait_.store(false, std::memory_order_release);
}

// ---- reports out

void ProducerImpl::finish(Batch* batch) {
    for (int32_t i = batch->served; i < static_cast<int32_t>(batch->kinds.size()); ++i) // nobody will call these any more
        if (const Token token = batch->token(i); token.kind == TokenKind::callback)
            delete reinterpret_cast<DeliveryHandler*>(token.value);
    accumulator_.finish(batch);
    retry_waiting();
    if (accumulator_.outstanding() == 0 || credit_waiters_.load(std::memory_order_acquire) > 0)
        wake_waiters();
}

void ProducerImpl::wake_waiters() {
    {
        std::lock_guard lock(mutex_);
        if (waiters_ == 0)
            return;
    }
    delivered_or_done_.notify_all();
}

// Serves one batch; when a callback throws, the rest of it is served by the next poll.
size_t ProducerImpl::serve_batch(Batch* batch) {
    struct Guard {
        ProducerImpl& self;
        Batch* batch;
        bool done = false;
        ~Guard() {
            self.being_served_ -= batch->count;
            {
                std::lock_guard lock(self.mutex_);
                if (!done) {
                    BatchList rest;
                    rest.push(batch);
                    rest.append(std::exchange(self.delivered_, {}));
                    self.delivered_ = std::move(rest);
                    return;
                }
            }
            self.finish(batch);
        }
    } guard{*this, batch};
    being_served_ += batch->count;

    const bool quiet = config_.report_only_error && !batch->error;
    enum class Form : uint8_t { none, each, together };
    const Form form = quiet                          ? Form::none
                      : options_.on_batch_delivery   ? Form::together
                      : options_.on_delivery         ? Form::each
                                                     : Form::none;
    const int32_t first = batch->served;
    size_t count = 0;
    static thread_local std::vector<Delivery> spare;
    std::vector<Delivery> reports = std::move(spare); // moved out, since a callback may poll in its turn
    Delivery delivery = describe(*batch);
    batch->for_each_record([&](int32_t index, const uint8_t* encoded, const accumulator::Chunk& chunk) {
        if (index < first)
            return;
        batch->served = index + 1;
        const Token token = batch->token(index);
        if (token.kind == TokenKind::opaque) [[likely]] {
            if (form == Form::none)
                return;
            describe(delivery, *batch, index, encoded, chunk, token);
            if (form == Form::each) {
                ++count;
                options_.on_delivery(delivery);
            } else {
                reports.push_back(delivery);
            }
        } else if (token.kind == TokenKind::callback) {
            const std::unique_ptr<DeliveryHandler> handler(reinterpret_cast<DeliveryHandler*>(token.value));
            if (!quiet) {
                ++count;
                describe(delivery, *batch, index, encoded, chunk, token);
                (*handler)(delivery);
            }
        }
    });
    if (!reports.empty()) {
        count += reports.size();
        options_.on_batch_delivery(reports);
        reports.clear();
    }
    spare = std::move(reports);
    guard.done = true;
    return count;
}

size_t ProducerImpl::serve() {
    std::lock_guard one_at_a_time(serve_mutex_); // recursive: a callback may poll
    size_t count = events_.serve();
    for (;;) {
        Batch* batch = nullptr;
        {
            std::lock_guard lock(mutex_);
            if (delivered_.empty())
                return count;
            batch = delivered_.pop();
        }
        count += serve_batch(batch);
    }
}

size_t ProducerImpl::poll(milliseconds timeout) {
    if (timeout.count() != 0)
        if (const Error error = engine::check_may_block(*loop_); error && error.errc() != Errc::_destroy)
            throw KafkaException(error);
    size_t count = serve();
    if (count || timeout.count() == 0 || !loop_->alive())
        return count;
    const TimePoint deadline = timeout.count() < 0 ? TimePoint::max() : engine::Loop::now() + timeout;
    while (count == 0) {
        {
            std::unique_lock lock(mutex_);
            ++waiters_;
            const auto something = [this] { return !delivered_.empty() || events_.pending() || ended(); };
            bool in_time = true;
            if (deadline == TimePoint::max())
                delivered_or_done_.wait(lock, something);
            else
                in_time = delivered_or_done_.wait_until(lock, deadline, something);
            --waiters_;
            if (!in_time)
                return 0;
        }
        count = serve();
        if (count == 0 && ended())
            break;
    }
    return count;
}

size_t ProducerImpl::flush(milliseconds timeout) {
    if (const Error error = engine::check_may_block(*loop_))
        throw KafkaException(error);
    const TimePoint deadline = timeout.count() < 0 ? TimePoint::max() : engine::Loop::now() + timeout;
    const auto set = [this](bool flushing) {
        loop_->post([self = shared_from_this(), flushing](TimePoint) {
            if (self->core_)
                self->core_->set_flushing(flushing);
        });
    };
    struct Flushing {
        const decltype(set)& change;
        explicit Flushing(const decltype(set)& s) : change(s) { change(true); }
        ~Flushing() { change(false); }
    } flushing(set);
    for (;;) {
        serve();
        std::unique_lock lock(mutex_);
        if (outstanding() == 0 || ended())
            return outstanding();
        ++waiters_;
        const auto something = [this] { return !delivered_.empty() || outstanding() == 0 || ended(); };
        bool in_time = true;
        if (deadline == TimePoint::max())
            delivered_or_done_.wait(lock, something);
        else
            in_time = delivered_or_done_.wait_until(lock, deadline, something);
        --waiters_;
        if (!in_time)
            return outstanding();
    }
}

void ProducerImpl::start_flush(PlainHandler handler) {
    const TimePoint accepted = engine::Loop::now();
    loop_->post([self = shared_from_this(), accepted, handler = std::move(handler)](TimePoint) mutable {
        if (!self->core_) {
            engine::complete(*self->loop_, std::move(handler), make_error_code(Errc::_state));
            return;
        }
        self->core_->flush(accepted, [loop = self->loop_.get(), handler = std::move(handler)]() mutable {
            engine::complete(*loop, std::move(handler), error_code());
        });
    });
}

void ProducerImpl::wait_until_ended() {
    std::unique_lock lock(mutex_);
    ++waiters_;
    // Bounded, for an embedding loop that nobody runs.
    delivered_or_done_.wait_for(lock, std::chrono::seconds(1), [this] { return torn_down_.load(std::memory_order_acquire); });
    --waiters_;
}

void ProducerImpl::report_rest(const Error& error) {
    std::lock_guard one_at_a_time(serve_mutex_);
    serve();
    // Credit was taken for what is still on its way into a buffer.
    while (torn_down_.load(std::memory_order_acquire) && accumulator_.outstanding() > being_served_) {
        fail_unstarted(error);
        serve();
        std::this_thread::yield();
    }
}

} // namespace ottla::client
