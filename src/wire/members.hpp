// How the interpreters get at members: by offset, through the optional if there is one, and what counts as a
// default.
#pragma once

#include <span>

#include "wire/table.hpp"

namespace ottla::wire {

inline void* member_of(const void* object, const Field& field) {
    return static_cast<char*>(const_cast<void*>(object)) + field.offset;
}

inline UnknownTags& unknown_tags_of(const void* object, const StructInfo& info) {
    return *reinterpret_cast<UnknownTags*>(static_cast<char*>(const_cast<void*>(object)) + info.unknown_tags);
}

/// Calls `f` with a null pointer of the C++ type of the kind. Not for structures.
template <class F>
decltype(auto) with_type(Kind kind, F f) {
    switch (kind) {
    case Kind::boolean:
        return f(static_cast<bool*>(nullptr));
    case Kind::int8:
        return f(static_cast<int8_t*>(nullptr));
    case Kind::int16:
        return f(static_cast<int16_t*>(nullptr));
    case Kind::uint16:
        return f(static_cast<uint16_t*>(nullptr));
    case Kind::int32:
        return f(static_cast<int32_t*>(nullptr));
    case Kind::int64:
        return f(static_cast<int64_t*>(nullptr));
    case Kind::float64:
        return f(static_cast<double*>(nullptr));
    case Kind::uuid:
        return f(static_cast<Uuid*>(nullptr));
    case Kind::string:
        return f(static_cast<std::string*>(nullptr));
    case Kind::bytes:
        return f(static_cast<std::vector<uint8_t>*>(nullptr));
    case Kind::records:
    case Kind::structure:
        break;
    }
    return f(static_cast<Records*>(nullptr));
}

/// The value behind a member of C++ type T or std::optional<T>; null when the optional is empty.
template <class T>
T* value_of(void* member, bool is_optional) {
    if (!is_optional)
        return static_cast<T*>(member);
    auto& optional = *static_cast<std::optional<T>*>(member);
    return optional ? &*optional : nullptr;
}

/// The same, made non-null.
template <class T>
T& engage(void* member, bool is_optional) {
    if (!is_optional)
        return *static_cast<T*>(member);
    auto& optional = *static_cast<std::optional<T>*>(member);
    return optional ? *optional : optional.emplace();
}

/// Makes a member null. False if its type has no null.
bool set_null(void* member, const Field& field);
bool is_null(void* member, const Field& field);

/// The structs in an array or a nullable struct; a plain struct is one.
inline Elements view_of(void* member, const Field& field) {
    return field.ops ? field.ops->view(member) : Elements{member, 1};
}

/// Whether the member holds what a fresh object has. A struct does when all of its members do and it has no
/// unknown tags.
bool is_default(void* member, const Field& field);

} // namespace ottla::wire
