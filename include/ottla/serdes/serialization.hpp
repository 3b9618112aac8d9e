// What serializers and deserializers share: the context of a call, the place a serializer writes to, headers, errors.
// A serializer is anything that can be called as  f(const T&, const SerializationContext&, SerializerOutput&),
// a deserializer as  f(Bytes, const SerializationContext&).  Both may keep state, block and throw.
#pragma once

#include <concepts>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/record.hpp>
#include <ottla/types.hpp>

namespace ottla {

/// Which part of a message is meant.
enum class MessageField : uint8_t { none, key, value };

/// "key", "value"; empty for none.
OTTLA_EXPORT std::string_view to_string(MessageField field) noexcept;

/// The headers of a message: those it has, and those that serializers add. Order and repeats are kept.
class OTTLA_EXPORT HeaderList {
public:
    /// Adds a copy. Takes no memory once the list has been used for as much before (see `clear`).
    void add(std::string_view key, Bytes value);
    /// Adds a header whose bytes belong to someone else and outlive the list's use.
    void refer(const Header& header) { headers_.push_back(header); }
    /// The last one of this name; null: there is none.
    const Header* find(std::string_view key) const;

    std::span<const Header> view() const { return headers_; }
    auto begin() const { return headers_.begin(); }
    auto end() const { return headers_.end(); }
    size_t size() const { return headers_.size(); }
    bool empty() const { return headers_.empty(); }
    /// Forgets the headers and keeps the memory.
    void clear();

private:
    std::string_view keep(std::string_view text);

    std::vector<Header> headers_;
    std::deque<std::string> kept_; ///< a deque, so that views into short strings stay good
    size_t used_ = 0;
};

/// Where the data belong. Views: valid during the call.
struct SerializationContext {
    std::string_view topic{};
    MessageField field = MessageField::none;
    /// Those of the message; a serializer may add some. Null: there are none and none can be added.
    HeaderList* headers = nullptr;
};

/// Where a serializer puts its bytes. Empty, and not null, at the start of a call; its memory is used again from call to call.
class SerializerOutput {
public:
    /// Room for `size` more bytes, to be filled at once. Ends what was given by `refer` or `set_null`.
    uint8_t* grow(size_t size) {
        const size_t before = own();
        buffer_.resize(before + size);
        return buffer_.data() + before;
    }
    void append(Bytes bytes) {
        if (bytes.empty_or_null())
            own();
        else
            std::memcpy(grow(bytes.size()), bytes.data(), bytes.size());
    }
    void push_back(uint8_t byte) { *grow(1) = byte; }
    /// Instead of a copy: bytes that live as long as the value that is being serialized, as a rule its own.
    void refer(Bytes bytes) {
        referred_ = bytes;
        refers_ = true;
    }
    /// The message gets no key, or no value (a tombstone).
    void set_null() { refer(Bytes()); }
    /// Takes back what was put here in this call.
    void clear() {
        buffer_.clear();
        refers_ = false;
    }
    /// What is here. A view: ends with the next change.
    Bytes bytes() const { return refers_ ? referred_ : Bytes(std::span<const uint8_t>(buffer_)); }
    size_t capacity() const { return buffer_.capacity(); }

private:
    size_t own() {
        if (std::exchange(refers_, false))
            buffer_.clear();
        return buffer_.size();
    }

    std::vector<uint8_t> buffer_;
    Bytes referred_;
    bool refers_ = false;
};

/// Data cannot be serialized or deserialized. Of this kind are also the errors of SerializingProducer.
class OTTLA_EXPORT SerializationError : public virtual KafkaException {
public:
    enum class Direction : uint8_t { serialize, deserialize };
    /// Code: _key_serialization, _value_serialization or their counterparts of reading; of no field: _invalid_arg, _bad_msg.
    SerializationError(Direction direction, const SerializationContext& context, const std::string& text);
    explicit SerializationError(Error error);
    ~SerializationError() override;
};

/// A serializer of any kind behind one type. Called on the thread that produces, by several at once if several produce.
/// What goes wrong is an exception, or, for those who have none, an Error that is returned; else it returns nothing.
/// The later ones for which it is made (Avro, JSON, Protobuf with a registry) wait for the network on first use.
template <class T>
class Serializer {
public:
    using Call = std::function<Error(const T&, const SerializationContext&, SerializerOutput&)>;

    /// Text and bytes are taken as they are.
    Serializer()
        requires std::convertible_to<const T&, Bytes>
        : call_([](const T& value, const SerializationContext&, SerializerOutput& out) {
            out.refer(value);
            return Error();
        }) {}

    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, Serializer> &&
                 (std::is_void_v<std::invoke_result_t<std::decay_t<F>&, const T&, const SerializationContext&, SerializerOutput&>> ||
                  std::is_invocable_r_v<Error, std::decay_t<F>&, const T&, const SerializationContext&, SerializerOutput&>))
    Serializer(F&& f) {
        using Result = std::invoke_result_t<std::decay_t<F>&, const T&, const SerializationContext&, SerializerOutput&>;
        if constexpr (std::is_void_v<Result>)
            call_ = [f = std::decay_t<F>(std::forward<F>(f))](
                        const T& value, const SerializationContext& context, SerializerOutput& out) mutable {
                std::invoke(f, value, context, out);
                return Error();
            };
        else
            call_ = std::forward<F>(f);
    }

    /// Null (no value): null.
    Error operator()(const T* value, const SerializationContext& context, SerializerOutput& out) const {
        if (value)
            return call_(*value, context, out);
        out.set_null();
        return {};
    }

private:
    Call call_;
};

/// What can stand for a Serializer<T>.
template <class S, class T>
concept serializer_for = std::constructible_from<Serializer<T>, S>;

/// A deserializer of any kind behind one type: bytes (null: there are none) in, object or nullopt out. What goes wrong is an
/// exception. Views in the result (Bytes, std::string_view) live as long as the bytes.
template <class T>
using Deserializer = std::function<std::optional<T>(Bytes, const SerializationContext&)>;

/// What can stand for a Deserializer<T>.
template <class D, class T>
concept deserializer_for = std::is_invocable_r_v<std::optional<T>, D&, Bytes, const SerializationContext&>;

/// The bytes of one value, outside a producer. nullopt: null.
template <class S, class T>
std::optional<std::vector<uint8_t>> serialize(S&& serializer, const T& value, const SerializationContext& context = {}) {
    SerializerOutput out;
    if constexpr (std::is_void_v<std::invoke_result_t<S&, const T&, const SerializationContext&, SerializerOutput&>>)
        serializer(value, context, out);
    else if (Error error = serializer(value, context, out))
        throw SerializationError(std::move(error));
    const Bytes bytes = out.bytes();
    if (bytes.is_null())
        return std::nullopt;
    return std::vector<uint8_t>(bytes.begin(), bytes.end());
}

} // namespace ottla
