// Serializers and deserializers of plain values: numbers, text, bytes. Their bytes are those of the Java client's.
// None of them keeps state: any number of threads may share one. Null in gives null out.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <ottla/export.hpp>
#include <ottla/serdes/serialization.hpp>

namespace ottla {

namespace detail {

template <size_t Size>
using UnsignedOfSize = std::conditional_t<
    Size == 8,
    uint64_t,
    std::conditional_t<Size == 4, uint32_t, std::conditional_t<Size == 2, uint16_t, uint8_t>>>;

/// Throws SerializationError: "<name>: <expected> bytes expected, <size> found".
[[noreturn]] OTTLA_EXPORT void
throw_wrong_size(std::string_view name, size_t expected, Bytes found, const SerializationContext& context);

} // namespace detail

/// A number whose bytes are big-endian: an integer in two's complement or an IEEE 754 number.
template <class T>
concept serializable_number = std::integral<T> || (std::floating_point<T> && std::numeric_limits<T>::is_iec559 && sizeof(T) <= 8);

/// Writes the sizeof(T) bytes of a number, the most significant one first.
template <serializable_number T>
struct NumberSerializer {
    void operator()(const T& value, const SerializationContext&, SerializerOutput& out) const {
        auto bits = std::bit_cast<detail::UnsignedOfSize<sizeof(T)>>(value);
        uint8_t* const at = out.grow(sizeof(T));
        for (size_t i = sizeof(T); i-- > 0; bits = static_cast<decltype(bits)>(uint64_t{bits} >> 8))
            at[i] = static_cast<uint8_t>(bits);
    }
};

/// Reads them. Any other number of bytes: SerializationError.
template <serializable_number T>
struct NumberDeserializer {
    std::optional<T> operator()(Bytes data, const SerializationContext& context = {}) const {
        if (data.is_null())
            return std::nullopt;
        if (data.size() != sizeof(T))
            detail::throw_wrong_size(std::floating_point<T> ? "floating-point number" : "integer", sizeof(T), data, context);
        uint64_t bits = 0;
        for (const uint8_t byte : data)
            bits = bits << 8 | byte;
        return std::bit_cast<T>(static_cast<detail::UnsignedOfSize<sizeof(T)>>(bits));
    }
};

using ShortSerializer = NumberSerializer<int16_t>;
using ShortDeserializer = NumberDeserializer<int16_t>;
using IntegerSerializer = NumberSerializer<int32_t>;
using IntegerDeserializer = NumberDeserializer<int32_t>;
using LongSerializer = NumberSerializer<int64_t>;
using LongDeserializer = NumberDeserializer<int64_t>;
using FloatSerializer = NumberSerializer<float>;
using FloatDeserializer = NumberDeserializer<float>;
using DoubleSerializer = NumberSerializer<double>;
using DoubleDeserializer = NumberDeserializer<double>;

/// Takes bytes as they are, without a copy.
struct BytesSerializer {
    void operator()(Bytes value, const SerializationContext&, SerializerOutput& out) const { out.refer(value); }
};

/// A view of the bytes.
struct BytesDeserializer {
    std::optional<Bytes> operator()(Bytes data, const SerializationContext& = {}) const {
        return data.is_null() ? std::nullopt : std::optional(data);
    }
};

namespace detail {
class TextCodec;
}

/// Text, which in the program is UTF-8, as bytes of a codec. Names are Python's or the C library's, in any case, with `_` or
/// `-`: utf_8 (checked, not copied), latin_1, ascii, utf_16 (begins with a byte order mark, in this machine's order),
/// utf_16_le, utf_16_be, utf_32 and its kin, and whatever else iconv(3) of this machine knows. An unknown name:
/// KafkaException(_invalid_arg). Text that is not UTF-8, or that the codec does not have: SerializationError.
class OTTLA_EXPORT StringSerializer {
public:
    explicit StringSerializer(std::string_view codec = "utf_8");
    void operator()(std::string_view value, const SerializationContext& context, SerializerOutput& out) const;

private:
    std::shared_ptr<const detail::TextCodec> codec_; ///< null: utf_8
};

/// The way back. Bytes that are no text of the codec: SerializationError.
class OTTLA_EXPORT StringDeserializer {
public:
    explicit StringDeserializer(std::string_view codec = "utf_8");
    std::optional<std::string> operator()(Bytes data, const SerializationContext& context = {}) const;

private:
    std::shared_ptr<const detail::TextCodec> codec_;
};

} // namespace ottla
