// Descriptions of message structs, as data: the writer, the reader and the printer interpret them, so that
// each is compiled once for all messages. Generated code fills the tables in; nothing else needs to.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <ottla/msg/api_key.hpp>

#include "wire/message.hpp"

namespace ottla::wire {

enum class Kind : uint8_t {
    boolean,
    int8,
    int16,
    uint16,
    int32,
    int64,
    float64,
    uuid,
    string,
    bytes,
    records,
    structure,
};

struct StructInfo;

/// A run of structs in memory.
struct Elements {
    void* data;
    size_t count;
};

/// What the interpreters do to a member that holds structs and whose C++ type they cannot name.
struct MemberOps {
    /// The structs in a vector, an optional vector, or an optional struct. Data is null if the member is
    /// null.
    Elements (*view)(void* member);
    /// Makes the member not null and to hold `count` structs, keeping those that it had.
    Elements (*resize)(void* member, size_t count);
    /// Makes the member null.
    void (*clear)(void* member);
};

template <class T>
struct OpsOf { // a plain struct needs none
    static constexpr const MemberOps* value = nullptr;
};

template <class T>
struct OpsOf<std::vector<T>> {
    using V = std::vector<T>;

    static Elements view(void* m) { return {static_cast<V*>(m)->data(), static_cast<V*>(m)->size()}; }

    static Elements resize(void* m, size_t count) {
        static_cast<V*>(m)->resize(count);
        return view(m);
    }

    static constexpr MemberOps ops{view, resize, nullptr};
    static constexpr const MemberOps* value = &ops;
};

template <class T>
struct OpsOf<std::optional<std::vector<T>>> {
    using V = std::optional<std::vector<T>>;

    // An empty vector may have no memory; `nothing` tells it from null.
    static Elements view(void* m) {
        static constinit char nothing = 0;
        V& v = *static_cast<V*>(m);
        if (!v)
            return {nullptr, 0};
        return {v->empty() ? static_cast<void*>(&nothing) : v->data(), v->size()};
    }

    static Elements resize(void* m, size_t count) {
        V& v = *static_cast<V*>(m);
        if (!v)
            v.emplace();
        v->resize(count);
        return {v->data(), count};
    }

    static void clear(void* m) { static_cast<V*>(m)->reset(); }

    static constexpr MemberOps ops{view, resize, clear};
    static constexpr const MemberOps* value = &ops;
};

template <class T>
struct OpsOf<std::optional<T>> {
    using V = std::optional<T>;

    static Elements view(void* m) {
        V& v = *static_cast<V*>(m);
        return {v ? &*v : nullptr, v ? size_t{1} : size_t{0}};
    }

    static Elements resize(void* m, size_t) { return {&static_cast<V*>(m)->emplace(), 1}; }

    static void clear(void* m) { static_cast<V*>(m)->reset(); }

    static constexpr MemberOps ops{view, resize, clear};
    static constexpr const MemberOps* value = &ops;
};

/// What the spec says about a field. Versions are inclusive; 32767 is an open end.
struct FieldFacts {
    int16_t since = 0;
    int16_t until = 32767;
    int16_t null_since = 32767; ///< versions in which the field can be null; as here: none
    int16_t null_until = 32767;
    int16_t tag = -1;          ///< -1: not tagged
    int64_t default_value = 0; ///< of numbers and booleans
    bool default_null = false;
    bool ignorable = false;      ///< may be dropped silently by versions that cannot carry it
    bool never_flexible = false; ///< keeps the old encoding of lengths in flexible versions
    const StructInfo* structure = nullptr;
};

/// One member of a struct. Tagged fields come last, by tag.
struct Field {
    const char* name; ///< as in Kafka's JSON form
    uint32_t offset;
    Kind kind; ///< of the elements, if an array
    bool is_array;
    bool is_optional;     ///< the member is a std::optional
    const MemberOps* ops; ///< of arrays of structs and of nullable structs
    FieldFacts facts;

    bool present(int16_t version) const { return version >= facts.since && version <= facts.until; }

    bool nullable(int16_t version) const {
        return version >= facts.null_since && version <= facts.null_until;
    }
};

inline constexpr uint32_t no_offset = 0xffffffff;

struct StructInfo {
    const char* name;
    std::span<const Field> fields;
    uint32_t size;
    uint32_t unknown_tags; ///< offset of the member, or no_offset
};

enum class Direction : uint8_t { request, response, header, data };

/// A top struct: what can be sent. Objects of types known only at run time are made and ended through it.
struct MessageInfo {
    std::string_view name;
    Direction direction;
    int16_t api_key; ///< -1 for headers and data
    int16_t min_version;
    int16_t max_version;
    int16_t first_flexible;
    const StructInfo* structure;
    void* (*create)();
    void (*destroy)(void*);
    bool (*equal)(const void*, const void*);

    bool is_flexible(int16_t version) const { return version >= first_flexible; }
};

template <class M>
consteval MessageInfo describe(const StructInfo& structure, Direction direction, int16_t api_key) {
    return {
        .name = M::name,
        .direction = direction,
        .api_key = api_key,
        .min_version = M::min_version,
        .max_version = M::max_version,
        .first_flexible = M::first_flexible,
        .structure = &structure,
        .create = []() -> void* { return new M; },
        .destroy = [](void* m) { delete static_cast<M*>(m); },
        .equal = [](const void* a,
                    const void* b) { return *static_cast<const M*>(a) == *static_cast<const M*>(b); },
    };
}

// The kind is deduced from the member's type, so that a row cannot disagree with its struct.
template <class T>
struct MemberType {
    static constexpr bool is_optional = false, is_array = false;
    using Element = T;
};

template <class T>
struct MemberType<std::optional<T>> : MemberType<T> {
    static constexpr bool is_optional = true;
};

template <class T>
struct MemberType<std::vector<T>> : MemberType<T> {
    static constexpr bool is_array = true;
};

template <>
struct MemberType<std::vector<uint8_t>> {
    static constexpr bool is_optional = false, is_array = false;
    using Element = std::vector<uint8_t>;
};

template <class T>
consteval Kind kind_of() {
    if constexpr (std::is_same_v<T, bool>)
        return Kind::boolean;
    else if constexpr (std::is_same_v<T, int8_t>)
        return Kind::int8;
    else if constexpr (std::is_same_v<T, int16_t>)
        return Kind::int16;
    else if constexpr (std::is_same_v<T, uint16_t>)
        return Kind::uint16;
    else if constexpr (std::is_same_v<T, int32_t>)
        return Kind::int32;
    else if constexpr (std::is_same_v<T, int64_t>)
        return Kind::int64;
    else if constexpr (std::is_same_v<T, double>)
        return Kind::float64;
    else if constexpr (std::is_same_v<T, Uuid>)
        return Kind::uuid;
    else if constexpr (std::is_same_v<T, std::string>)
        return Kind::string;
    else if constexpr (std::is_same_v<T, std::vector<uint8_t>>)
        return Kind::bytes;
    else if constexpr (std::is_same_v<T, Records>)
        return Kind::records;
    else
        return Kind::structure;
}

template <class T>
consteval Field make_field(const char* name, size_t offset, FieldFacts facts) {
    using Type = MemberType<T>;
    constexpr Kind kind = kind_of<typename Type::Element>();
    const MemberOps* ops = nullptr;
    if constexpr (kind == Kind::structure)
        ops = OpsOf<T>::value;
    return {name, static_cast<uint32_t>(offset), kind, Type::is_array, Type::is_optional, ops, facts};
}

} // namespace ottla::wire

namespace ottla::msg {

/// Null when there is no such message.
const wire::MessageInfo* find_message(ApiKey key, wire::Direction direction);
/// By name, as in "ProduceRequest".
const wire::MessageInfo* find_message(std::string_view name);
/// All messages, in a fixed order; null from their number on.
const wire::MessageInfo* message_at(size_t index);

} // namespace ottla::msg

#define OTTLA_FIELD(type, member, name, ...)                                                                 \
    ::ottla::wire::make_field<decltype(type::member)>(                                                       \
        name, offsetof(type, member), ::ottla::wire::FieldFacts __VA_ARGS__                                  \
    )
