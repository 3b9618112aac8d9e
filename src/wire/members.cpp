#include "wire/members.hpp"

#include <bit>

namespace ottla::wire {
namespace {

bool is_default_struct(void* object, const StructInfo& info) {
    for (const Field& field : info.fields)
        if (!is_default(member_of(object, field), field))
            return false;
    return info.unknown_tags == no_offset || unknown_tags_of(object, info).empty();
}

} // namespace

bool set_null(void* member, const Field& field) {
    if (field.kind == Kind::records) {
        *static_cast<Records*>(member) = Records{.pieces = {}, .null = true};
        return true;
    }
    if (!field.is_optional)
        return false;
    if (field.ops) {
        field.ops->clear(member);
        return true;
    }
    with_type(field.kind, [&]<class T>(T*) {
        if (field.is_array)
            static_cast<std::optional<std::vector<T>>*>(member)->reset();
        else
            static_cast<std::optional<T>*>(member)->reset();
    });
    return true;
}

bool is_null(void* member, const Field& field) {
    if (field.kind == Kind::records)
        return static_cast<Records*>(member)->null;
    if (!field.is_optional)
        return false;
    if (field.ops)
        return !field.ops->view(member).data;
    return with_type(field.kind, [&]<class T>(T*) {
        return field.is_array ? !value_of<std::vector<T>>(member, true) : !value_of<T>(member, true);
    });
}

bool is_default(void* member, const Field& field) {
    if (is_null(member, field))
        return field.facts.default_null;
    if (field.facts.default_null)
        return false;
    if (field.kind == Kind::structure) {
        const Elements elements = view_of(member, field);
        return field.is_array ? elements.count == 0
                              : is_default_struct(elements.data, *field.facts.structure);
    }
    return with_type(field.kind, [&]<class T>(T*) {
        if (field.is_array)
            return value_of<std::vector<T>>(member, field.is_optional)->empty();
        const T& value = *value_of<T>(member, field.is_optional);
        if constexpr (std::is_same_v<T, double>)
            return std::bit_cast<uint64_t>(value) == 0; // -0.0 is not the default
        else if constexpr (std::is_integral_v<T>)
            return static_cast<int64_t>(value) == field.facts.default_value;
        else if constexpr (std::is_same_v<T, Uuid>)
            return value.is_zero();
        else
            return value.size() == 0;
    });
}

} // namespace ottla::wire
