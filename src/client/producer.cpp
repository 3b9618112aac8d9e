// The Producer handle: thin calls into what it stands for.
#include <ottla/producer.hpp>

#include <algorithm>
#include <array>

#include "base/fork.hpp"
#include "client/producer_impl.hpp"
#include "client/producer_send.hpp"
#include "engine/complete.hpp"
#include "record/record_parser.hpp"

namespace ottla {

using accumulator::Token;
using accumulator::TokenKind;

namespace {

error_code code_of(Errc code) {
    return make_error_code(
        code,
        code == Errc::_queue_full ? ErrorFlag::retriable
        : code == Errc::_fatal    ? ErrorFlag::fatal
                                  : ErrorFlag::none);
}

[[noreturn]] void refuse(Error why) {
    why.code = code_of(why.errc());
    throw KafkaException(std::move(why));
}

// Apart, so that without interceptors nobody pays for its frame.
[[gnu::noinline, gnu::cold]] Errc accept_intercepted(client::ProducerImpl& impl, const ProducerRecord& record, Token token) {
    return impl.intercept(record, [&](const ProducerRecord& taken) { return impl.append(taken, token); });
}

inline Errc accept(client::ProducerImpl& impl, const ProducerRecord& record, Token token) {
    return impl.interceptors().none() ? impl.append(record, token) : accept_intercepted(impl, record, token);
}

} // namespace

Producer::Producer(const Config& config, ProducerOptions options) : Producer(config, Engine(), std::move(options)) {}

Producer::Producer(const Config& config, Engine engine, ProducerOptions options)
    : impl_(client::ProducerImpl::make(config, engine, std::move(options))) {}

Producer::Producer(Producer&&) noexcept = default;

Producer& Producer::operator=(Producer&& other) noexcept {
    if (this != &other) {
        const Producer old(std::move(*this));
        impl_ = std::move(other.impl_);
    }
    return *this;
}

Producer::~Producer() {
    if (!impl_)
        return;
    if (impl_->loop()->forked()) { // the parent has it still
        keep_for_ever(std::move(impl_));
        return;
    }
    if (impl_->ended())
        return;
    if (const size_t left = impl_->outstanding())
        impl_->log(4, "TERMINATE", "producer destroyed with " + std::to_string(left) + " messages not reported: call flush() or close() first");
    impl_->end(Error(Errc::_destroy, "the producer was destroyed"));
}

void Producer::produce(const ProducerRecord& record, void* opaque) {
    const Errc code = accept(*impl_, record, {reinterpret_cast<uintptr_t>(opaque), TokenKind::opaque});
    if (code != Errc::no_error)
        refuse(impl_->explain(code, record));
}

void Producer::produce(const ProducerRecord& record, void* opaque, error_code& ec) noexcept {
    try {
        ec = code_of(accept(*impl_, record, {reinterpret_cast<uintptr_t>(opaque), TokenKind::opaque}));
    } catch (const std::bad_alloc&) {
        ec = code_of(Errc::_queue_full); // there is no memory for more
    }
}

void Producer::produce(const ProducerRecord& record, DeliveryHandler handler) {
    error_code ec;
    produce(record, std::move(handler), ec);
    if (ec)
        refuse(impl_->explain(to_errc(ec), record));
}

void Producer::produce(const ProducerRecord& record, DeliveryHandler handler, error_code& ec) {
    auto owned = std::make_unique<DeliveryHandler>(std::move(handler));
    const Errc code = accept(*impl_, record, {reinterpret_cast<uintptr_t>(owned.get()), TokenKind::callback});
    if (code == Errc::no_error)
        owned.release(); // the batch has it now
    ec = code_of(code);
}

size_t Producer::produce_many(
    std::span<const ProducerRecord> records, std::span<error_code> results, std::span<void* const> opaques) {
    const auto fits = [&](size_t size) { return size == 0 || size == records.size(); };
    if (!fits(results.size()) || !fits(opaques.size()))
        refuse(Error(Errc::_invalid_arg, "produce_many: results and opaques must have an element for each record, or none"));
    size_t accepted = 0;
    std::array<Errc, client::ProducerImpl::most_at_once> codes;
    for (size_t from = 0; from < records.size(); from += codes.size()) {
        const size_t count = std::min(codes.size(), records.size() - from);
        impl_->append_many(
            records.subspan(from, count), opaques.empty() ? opaques : opaques.subspan(from, count), std::span(codes).first(count));
        for (size_t i = 0; i < count; ++i) {
            accepted += codes[i] == Errc::no_error;
            if (!results.empty())
                results[from + i] = code_of(codes[i]);
        }
    }
    return accepted;
}

struct Producer::PreparedSend {
    std::shared_ptr<client::AsyncSend> send;
};

std::shared_ptr<Producer::PreparedSend> Producer::prepare_send(const ProducerRecord& record) {
    auto prepared = std::make_shared<PreparedSend>(PreparedSend{std::make_shared<client::AsyncSend>(impl_->loop())});
    if (const Error in_child = engine::check_fork(*impl_->loop()))
        prepared->send->settle(in_child.code, {});
    else if (impl_->interceptors().none())
        impl_->send_or_wait(record, prepared->send);
    else
        impl_->send_or_wait(client::Intercepted(impl_->interceptors(), record).record(), prepared->send);
    return prepared;
}

std::shared_ptr<Producer::PreparedSend> Producer::prepare_refusal(error_code why) {
    auto prepared = std::make_shared<PreparedSend>(PreparedSend{std::make_shared<client::AsyncSend>(impl_->loop())});
    prepared->send->settle(why, {});
    return prepared;
}

void Producer::start_send(std::shared_ptr<PreparedSend> prepared, Handler<DeliveryReport> handler) {
    prepared->send->initiate(std::move(handler));
}

void Producer::produce(const ProducerRecord& record, std::chrono::milliseconds wait, void* opaque) {
    const Errc code = impl_->intercept(record, [&](const ProducerRecord& taken) {
        return impl_->append_or_wait(taken, {reinterpret_cast<uintptr_t>(opaque), TokenKind::opaque}, wait);
    });
    if (code != Errc::no_error)
        refuse(impl_->explain(code, record));
}

void Producer::purge(PurgeOptions options) {
    engine::refuse_in_child(*impl_->loop());
    if (Error error = impl_->purge(options))
        throw KafkaException(std::move(error));
}

Metrics Producer::metrics() const {
    engine::refuse_in_child(*impl_->loop());
    return impl_->metrics();
}

Error Producer::fatal_error() const {
    const Error in_child = engine::check_fork(*impl_->loop());
    return in_child ? in_child : impl_->fatal_error();
}

void Producer::init_transactions(std::chrono::milliseconds timeout) { transact({TransactionCall::init, {}, {}}, timeout); }
void Producer::begin_transaction() { transact({TransactionCall::begin, {}, {}}, std::chrono::milliseconds(-1)); }
void Producer::commit_transaction(std::chrono::milliseconds timeout) { transact({TransactionCall::commit, {}, {}}, timeout); }
void Producer::abort_transaction(std::chrono::milliseconds timeout) { transact({TransactionCall::abort, {}, {}}, timeout); }

void Producer::send_offsets_to_transaction(
    const std::vector<TopicPartitionOffset>& offsets, const ConsumerGroupMetadata& group, std::chrono::milliseconds timeout) {
    transact({TransactionCall::send_offsets, offsets, group}, timeout);
}

void Producer::transact(TransactionArguments arguments, std::chrono::milliseconds timeout) {
    engine::refuse_in_child(*impl_->loop());
    if (Error error = impl_->transact(std::move(arguments), timeout))
        throw KafkaException(std::move(error));
}

void Producer::start_transact(const std::shared_ptr<client::ProducerImpl>& impl, TransactionArguments arguments, PlainHandler handler) {
    if (const Error in_child = engine::check_fork(*impl->loop()))
        engine::complete(*impl->loop(), std::move(handler), in_child.code);
    else
        impl->start_transact(std::move(arguments), std::move(handler));
}

size_t Producer::poll(std::chrono::milliseconds timeout) {
    engine::refuse_in_child(*impl_->loop());
    return impl_->poll(timeout);
}

size_t Producer::flush(std::chrono::milliseconds timeout) {
    engine::refuse_in_child(*impl_->loop());
    return impl_->flush(timeout);
}

size_t Producer::outstanding() const {
    engine::refuse_in_child(*impl_->loop());
    return impl_->outstanding();
}

void Producer::start_flush(const std::shared_ptr<client::ProducerImpl>& impl, PlainHandler handler) {
    if (const Error in_child = engine::check_fork(*impl->loop()))
        engine::complete(*impl->loop(), std::move(handler), in_child.code);
    else
        impl->start_flush(std::move(handler));
}

void Producer::close(std::chrono::milliseconds timeout) {
    engine::refuse_in_child(*impl_->loop());
    if (impl_->ended())
        return;
    if (impl_->transactional())
        impl_->abort_open_transaction(timeout);
    impl_->flush(timeout);
    const Error closed(Errc::_destroy, "the producer was closed before the message was acknowledged");
    impl_->end(closed);
    if (impl_->loop()->embedded())
        impl_->wait_until_ended();
    impl_->report_rest(closed);
}

RecordView Delivery::record() const {
    RecordView view;
    // Written by ourselves, so there is no end to check against but its own length.
    const record::BatchContext context{.base_offset = 0, .base_timestamp = base_timestamp_ms_};
    if (rest_) {
        record::RecordParser::parse_gathered(encoded_, rest_, end_, lent_, context, view);
        return view;
    }
    record::RecordParser::parse(encoded_, encoded_ + max_varint32 + INT32_MAX, context, view);
    return view;
}

int64_t Delivery::timestamp_ms() const { return log_append_time_ms_ >= 0 ? log_append_time_ms_ : record().timestamp_ms(); }
Bytes Delivery::key() const { return record().key(); }
Bytes Delivery::value() const { return lent_.is_null() ? record().value() : lent_; }

} // namespace ottla
