// Interceptors: code beside the application that sees each record on its way out and each outcome on its way back, as
// metrics, tracing and checks need it (KIP-42). They are given to a producer by ProducerOptions::interceptors.
#pragma once

#include <memory_resource>

#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/producer.hpp>

namespace ottla {

/// Several are called in the order in which they were given, each seeing what the one before made of the record. An exception
/// that leaves a function here is logged (once a second at most) and goes no further: the next interceptor goes on with the
/// record as it is. None of the functions may call the producer.
class OTTLA_EXPORT ProducerInterceptor {
public:
    /// Memory that lives as long as the call of produce or async_send in which it is used; given back as a whole then.
    using Memory = std::pmr::polymorphic_allocator<>;

    virtual ~ProducerInterceptor();

    /// On the thread that produces, once a call, before the record is encoded and its partition chosen: sees it and may change
    /// it. Key and value are bytes: a SerializingProducer has serialized them. The fields are views, so what an interceptor
    /// puts there must live until the call ends: constants, what it owns itself, or what it takes out of `memory`
    /// (`memory.allocate_object<Header>(n)`, `memory.allocate_bytes(n, 1)`), where nothing needs to be given back. Several
    /// threads at once, if several produce.
    virtual void on_send(ProducerRecord& record, Memory memory);

    /// What became of a record that the producer had accepted: once each, on the thread of the engine (of what was never
    /// sent: also on the thread that closes the producer), before the application hears of it. Must not block. The view ends
    /// with the call.
    virtual void on_acknowledgement(const Delivery& delivery);

    /// The producer did not accept the record, after `on_send` of all: the queue is full, it is too large, the producer is
    /// closed. On the thread that produces; for an async_send that had waited for room, on any.
    virtual void on_error(const ProducerRecord& record, error_code error);

    /// The producer has ended. Once, on the thread of the engine; later calls come only of records that were produced at the
    /// same time.
    virtual void on_close();
};

} // namespace ottla
