// A consumer of objects: a deserializer makes the value, then one makes the key, else all is as with Consumer.
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include <ottla/consumer.hpp>
#include <ottla/export.hpp>
#include <ottla/serdes/serialization.hpp>

namespace ottla {

/// What was polled is no object: an event, an error, or bytes that a deserializer refuses.
class OTTLA_EXPORT ConsumeError : public virtual KafkaException {
public:
    /// `cause`: the exception that led to this one; null if none did.
    ConsumeError(Error error, Message message, std::exception_ptr cause = nullptr);
    ~ConsumeError() override;
    Errc code() const { return error().code(); }
    std::string name() const { return error().name(); }
    /// As it came: key and value are bytes.
    const Message& message() const { return message_; }
    const std::exception_ptr& cause() const { return cause_; }

private:
    Message message_;
    std::exception_ptr cause_;
};

/// The deserializer of the key failed: _key_deserialization.
class OTTLA_EXPORT KeyDeserializationError : public ConsumeError, public SerializationError {
public:
    KeyDeserializationError(const Error& error, Message message, std::exception_ptr cause = nullptr);
    ~KeyDeserializationError() override;
};

/// The deserializer of the value failed: _value_deserialization.
class OTTLA_EXPORT ValueDeserializationError : public ConsumeError, public SerializationError {
public:
    ValueDeserializationError(const Error& error, Message message, std::exception_ptr cause = nullptr);
    ~ValueDeserializationError() override;
};

/// A message and what its bytes mean. Views in key and value live as long as the message.
template <class K, class V>
struct DeserializedMessage {
    Message message{};
    std::optional<K> key{};   ///< nullopt: null
    std::optional<V> value{}; ///< nullopt: null, a tombstone
};

namespace detail {

/// Throws ConsumeError for an event or error.
OTTLA_EXPORT void refuse_event(const Message& message);
/// The headers of a message, as deserializers get them.
OTTLA_EXPORT void refer_headers(const Message& message, HeaderList& headers);
/// Throws the exception that is being handled, as the error of this field of this message.
[[noreturn]] OTTLA_EXPORT void throw_deserialization_failure(const SerializationContext& context, const Message& message);

} // namespace detail

/// Use from one thread at a time. Besides poll, all that Consumer does one message at a time is here by the same names; batches of
/// views are had from `consumer()`.
template <class K, class V>
class DeserializingConsumer : private Consumer {
public:
    using Object = DeserializedMessage<K, V>;

    DeserializingConsumer(const Config& config, Deserializer<K> key, Deserializer<V> value, ConsumerOptions options = {})
        : Consumer(config, std::move(options)), key_(std::move(key)), value_(std::move(value)) {}
    DeserializingConsumer(const Config& config, Engine engine, Deserializer<K> key, Deserializer<V> value, ConsumerOptions options = {})
        : Consumer(config, std::move(engine), std::move(options)), key_(std::move(key)), value_(std::move(value)) {}
    DeserializingConsumer(Consumer consumer, Deserializer<K> key, Deserializer<V> value)
        : Consumer(std::move(consumer)), key_(std::move(key)), value_(std::move(value)) {}

    /// The consumer beneath, for messages as bytes.
    Consumer& consumer() { return *this; }

    /// As Consumer::poll. Throws ConsumeError for an event or error, ValueDeserializationError, KeyDeserializationError; each holds the
    /// message, which counts as handed out: the next call goes on after it.
    std::optional<Object> poll(std::chrono::milliseconds timeout) {
        auto message = Consumer::poll(timeout);
        if (!message)
            return std::nullopt;
        return deserialize(std::move(*message));
    }
    /// The same for a message from elsewhere, as from async_poll. NOTE: the value comes first.
    Object deserialize(Message message) {
        detail::refuse_event(message);
        headers_.clear();
        detail::refer_headers(message, headers_);
        Object object;
        SerializationContext context{message.topic(), MessageField::value, &headers_};
        object.value = run(value_, message.value(), context, message);
        context.field = MessageField::key;
        object.key = run(key_, message.key(), context, message);
        object.message = std::move(message);
        return object;
    }

    using Consumer::assign;
    using Consumer::assignment;
    using Consumer::async_commit;
    using Consumer::async_committed;
    using Consumer::async_poll;
    using Consumer::cached_watermarks;
    using Consumer::current_lag;
    using Consumer::close;
    using Consumer::commit;
    using Consumer::commit_async;
    using Consumer::committed;
    using Consumer::group_metadata;
    using Consumer::incremental_assign;
    using Consumer::incremental_unassign;
    using Consumer::member_id;
    using Consumer::metrics;
    using Consumer::offsets_for_times;
    using Consumer::pause;
    using Consumer::position;
    using Consumer::query_watermarks;
    using Consumer::resume;
    using Consumer::seek;
    using Consumer::store_offsets;
    using Consumer::subscribe;
    using Consumer::subscription;
    using Consumer::unassign;
    using Consumer::unsubscribe;
    using Consumer::wakeup;

private:
    template <class T>
    static std::optional<T>
    run(const Deserializer<T>& deserializer, Bytes bytes, const SerializationContext& context, const Message& message) {
        try {
            return deserializer(bytes, context);
        } catch (...) {
            detail::throw_deserialization_failure(context, message);
        }
    }

    Deserializer<K> key_;
    Deserializer<V> value_;
    HeaderList headers_;
};

} // namespace ottla
