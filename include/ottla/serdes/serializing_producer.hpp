// A producer of objects: a serializer makes the key, then one makes the value, then all is as with Producer.
#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <ottla/export.hpp>
#include <ottla/producer.hpp>
#include <ottla/serdes/serialization.hpp>

namespace ottla {

/// A record cannot be produced, for a reason that lies in it.
class OTTLA_EXPORT ProduceError : public virtual KafkaException {
public:
    /// `cause`: the exception that led to this one; null if none did.
    explicit ProduceError(Error error, std::exception_ptr cause = nullptr);
    ~ProduceError() override;
    Errc code() const { return error().code(); }
    std::string name() const { return error().name(); }
    const std::exception_ptr& cause() const { return cause_; }

private:
    std::exception_ptr cause_;
};

/// The serializer of the key failed: _key_serialization.
class OTTLA_EXPORT KeySerializationError : public ProduceError, public SerializationError {
public:
    explicit KeySerializationError(const Error& error, std::exception_ptr cause = nullptr);
    ~KeySerializationError() override;
};

/// The serializer of the value failed: _value_serialization.
class OTTLA_EXPORT ValueSerializationError : public ProduceError, public SerializationError {
public:
    explicit ValueSerializationError(const Error& error, std::exception_ptr cause = nullptr);
    ~ValueSerializationError() override;
};

/// A parameter that is a T or null. Made of a T, of anything that becomes one, of an optional, of nullptr or nullopt. A T is
/// not copied: it needs to live for the call only.
template <class T>
class OrNull {
    static constexpr bool can_hold = std::is_object_v<T> && !std::is_abstract_v<T>;

public:
    OrNull(std::nullptr_t) {}
    OrNull(std::nullopt_t) {}
    OrNull(const T& value) : at_(&value) {}
    OrNull(const std::optional<T>& value)
        requires can_hold
        : at_(value ? &*value : nullptr) {}
    template <class U>
        requires(can_hold && std::convertible_to<U &&, T> && !std::derived_from<std::remove_cvref_t<U>, T> &&
                 !std::same_as<std::remove_cvref_t<U>, OrNull> && !std::same_as<std::remove_cvref_t<U>, std::optional<T>>)
    OrNull(U&& value) : made_(std::in_place, std::forward<U>(value)), at_(&*made_) {}
    OrNull(const OrNull&) = delete;
    OrNull& operator=(const OrNull&) = delete;

    const T* get() const { return at_; }

private:
    struct Nothing {};
    [[no_unique_address]] std::conditional_t<can_hold, std::optional<T>, Nothing> made_{};
    const T* at_ = nullptr;
};

/// What a record has beside topic, key and value.
struct RecordOptions {
    int32_t partition = partition_any; ///< partition_any: the partitioner decides
    int64_t timestamp_ms = 0;          ///< 0: now
    std::span<const Header> headers{}; ///< views, for the call; serializers may add to them
};

namespace detail {

/// What a call of produce needs in memory: lent from what the thread keeps, so that it is not allocated anew. Calls inside
/// calls get another.
class OTTLA_EXPORT SerializerScratch {
public:
    SerializerScratch();
    SerializerScratch(const SerializerScratch&) = delete;
    SerializerScratch& operator=(const SerializerScratch&) = delete;
    ~SerializerScratch();

    struct Parts {
        SerializerOutput key;
        SerializerOutput value;
        HeaderList headers;
    };
    Parts& operator*() const { return *parts_; }

private:
    std::unique_ptr<Parts> parts_;
};

/// Of a serializer that failed: the code is that of the field, the flag stays.
OTTLA_EXPORT Error serialization_failure(const SerializationContext& context, const Error& error);
/// The exception that is being handled, in the same way.
OTTLA_EXPORT Error serialization_failure(const SerializationContext& context);

/// Key and value of one call as bytes, or what went wrong.
struct SerializedRecord {
    SerializerScratch scratch{};
    ProducerRecord record{};
    MessageField failed = MessageField::none;
    Error error{};
    std::exception_ptr cause{};

    template <class T>
    bool run(const Serializer<T>& serializer, const T* object, const SerializationContext& context, SerializerOutput& out) {
        try {
            if (const Error refused = serializer(object, context, out))
                error = serialization_failure(context, refused);
        } catch (...) {
            cause = std::current_exception();
            error = serialization_failure(context);
        }
        if (error)
            failed = context.field;
        return !error;
    }
    void check() const {
        if (failed == MessageField::key)
            throw KeySerializationError(error, cause);
        if (failed == MessageField::value)
            throw ValueSerializationError(error, cause);
    }
};

} // namespace detail

/// Thread-safe as Producer is; then its serializers are called by several threads at once. Besides produce and async_send, all
/// of Producer is here by the same names.
template <class K, class V>
class SerializingProducer : private Producer {
public:
    SerializingProducer(const Config& config, Serializer<K> key, Serializer<V> value, ProducerOptions options = {})
        : Producer(config, std::move(options)), key_(std::move(key)), value_(std::move(value)) {}
    SerializingProducer(const Config& config, Engine engine, Serializer<K> key, Serializer<V> value, ProducerOptions options = {})
        : Producer(config, std::move(engine), std::move(options)), key_(std::move(key)), value_(std::move(value)) {}
    SerializingProducer(Producer producer, Serializer<K> key, Serializer<V> value)
        : Producer(std::move(producer)), key_(std::move(key)), value_(std::move(value)) {}

    /// The producer beneath, for records whose bytes are there already.
    Producer& producer() { return *this; }

    /// Serializes the key, then the value, and accepts the record as Producer::produce does. NOTE: the key comes first.
    /// Errors: KeySerializationError, ValueSerializationError (nothing is produced then); else as Producer::produce.
    void produce(
        std::string_view topic,
        const OrNull<K>& key,
        const OrNull<V>& value,
        const RecordOptions& options = {},
        void* opaque = nullptr) {
        const Serialized made(*this, topic, key, value, options);
        made.check();
        Producer::produce(made.record, opaque);
    }
    /// Without exceptions; codes also _key_serialization, _value_serialization.
    void produce(
        std::string_view topic,
        const OrNull<K>& key,
        const OrNull<V>& value,
        const RecordOptions& options,
        void* opaque,
        error_code& ec) {
        const Serialized made(*this, topic, key, value, options);
        ec = made.error.code;
        if (!ec)
            Producer::produce(made.record, opaque, ec);
    }
    /// With a handler for this message alone, as Producer::produce.
    void produce(
        std::string_view topic,
        const OrNull<K>& key,
        const OrNull<V>& value,
        const RecordOptions& options,
        DeliveryHandler handler) {
        const Serialized made(*this, topic, key, value, options);
        made.check();
        Producer::produce(made.record, std::move(handler));
    }
    /// Waits for room in the local queue up to `wait`, as Producer::produce.
    void produce(
        std::string_view topic,
        const OrNull<K>& key,
        const OrNull<V>& value,
        const RecordOptions& options,
        std::chrono::milliseconds wait,
        void* opaque = nullptr) {
        const Serialized made(*this, topic, key, value, options);
        made.check();
        Producer::produce(made.record, wait, opaque);
    }
    /// As Producer::async_send. Serializes in this call, before the operation is initiated. When a serializer fails, the
    /// operation completes with _key_serialization or _value_serialization.
    template <class Token>
    auto async_send(
        std::string_view topic, const OrNull<K>& key, const OrNull<V>& value, const RecordOptions& options, Token&& token) {
        const Serialized made(*this, topic, key, value, options);
        return async_send_prepared(
            made.error ? prepare_refusal(made.error.code) : prepare_send(made.record), std::forward<Token>(token));
    }

    using Producer::abort_transaction;
    using Producer::async_abort_transaction;
    using Producer::async_begin_transaction;
    using Producer::async_commit_transaction;
    using Producer::async_flush;
    using Producer::async_init_transactions;
    using Producer::async_send_offsets_to_transaction;
    using Producer::begin_transaction;
    using Producer::close;
    using Producer::commit_transaction;
    using Producer::fatal_error;
    using Producer::flush;
    using Producer::init_transactions;
    using Producer::outstanding;
    using Producer::poll;
    using Producer::purge;
    using Producer::send_offsets_to_transaction;

private:
    struct Serialized : detail::SerializedRecord {
        Serialized(
            const SerializingProducer& by,
            std::string_view topic,
            const OrNull<K>& key,
            const OrNull<V>& value,
            const RecordOptions& options) {
            auto& parts = *scratch;
            for (const Header& header : options.headers)
                parts.headers.refer(header);
            SerializationContext context{topic, MessageField::key, &parts.headers};
            if (!run(by.key_, key.get(), context, parts.key))
                return;
            context.field = MessageField::value;
            if (!run(by.value_, value.get(), context, parts.value))
                return;
            record = {
                .topic = topic,
                .value = parts.value.bytes(),
                .key = parts.key.bytes(),
                .partition = options.partition,
                .timestamp_ms = options.timestamp_ms,
                .headers = parts.headers.view(),
            };
        }
    };

    Serializer<K> key_;
    Serializer<V> value_;
};

} // namespace ottla
