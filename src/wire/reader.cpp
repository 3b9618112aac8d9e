// The reader: interprets the tables to fill a message from bytes that nobody vouches for. Every length and
// count is checked against the bytes left before memory is taken for it.
#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/format.h>

#include "base/endian.hpp"
#include "base/varint.hpp"
#include "wire/codec.hpp"
#include "wire/members.hpp"
#include "wire/utf8.hpp"

namespace ottla::wire {
namespace {

// The deepest spec has fewer levels; tables cannot be recursive, so this never bites unless a table is wrong.
constexpr int max_depth = 32;
// Memory that an array may take at once; beyond it grows with what was really read.
constexpr size_t first_step_bytes = size_t{1} << 20;

class Reader {
public:
    Reader(const MessageInfo& info, int16_t version, const Buffer& body)
        : info_(info)
        , version_(version)
        , flexible_(info.is_flexible(version))
        , body_(body)
        , at_(body.data())
        , end_(body.data() + body.size()) {}

    Result<size_t> run(void* message) {
        if (version_ < info_.min_version || version_ > info_.max_version)
            return Error(
                Errc::_unsupported_feature,
                fmt::format(
                    "{} v{}: versions {} to {} are known",
                    info_.name,
                    version_,
                    info_.min_version,
                    info_.max_version
                )
            );
        if (!get_struct(message, *info_.structure))
            return Error(
                Errc::_bad_msg,
                fmt::format(
                    "{} v{}: {}: {} at byte {} of {}",
                    info_.name,
                    version_,
                    path_,
                    problem_,
                    position(),
                    body_.size()
                )
            );
        return position();
    }

private:
    size_t position() const { return static_cast<size_t>(at_ - body_.data()); }

    size_t left() const { return static_cast<size_t>(end_ - at_); }

    bool fail(std::string problem) {
        problem_ = std::move(problem);
        return false;
    }

    // Names the field in which something failed; called on the way up.
    bool within(const Field& field, std::optional<size_t> index = {}) {
        std::string path = index ? fmt::format("{}[{}]", field.name, *index) : field.name;
        if (!path_.empty())
            path += "." + path_;
        path_ = std::move(path);
        return false;
    }

    bool get_struct(void* object, const StructInfo& info) {
        if (++depth_ > max_depth)
            return fail("nested too deeply");
        for (const Field& field : info.fields)
            if (field.facts.tag < 0 && field.present(version_) && !get_field(member_of(object, field), field))
                return false;
        if (flexible_ && !get_tags(object, info))
            return false;
        --depth_;
        return true;
    }

    bool get_tags(void* object, const StructInfo& info) {
        uint64_t count = 0;
        if (!get_unsigned(count))
            return false;
        if (count > left() / 2)
            return fail(fmt::format("{} tagged fields in {} bytes", count, left()));
        int64_t last = -1;
        for (uint64_t i = 0; i < count; ++i) {
            uint64_t tag = 0, size = 0;
            if (!get_unsigned(tag) || !get_unsigned(size))
                return false;
            if (static_cast<int64_t>(tag) <= last)
                return fail(fmt::format("tag {} after {}", tag, last));
            last = static_cast<int64_t>(tag);
            if (size > left())
                return fail(fmt::format("tag {} has {} bytes, {} are left", tag, size, left()));
            if (!get_tag(object, info, static_cast<uint32_t>(tag), size))
                return false;
        }
        return true;
    }

    bool get_tag(void* object, const StructInfo& info, uint32_t tag, size_t size) {
        const auto field = std::find_if(info.fields.begin(), info.fields.end(), [&](const Field& f) {
            return f.facts.tag >= 0 && static_cast<uint32_t>(f.facts.tag) == tag;
        });
        if (field == info.fields.end()) {
            unknown_tags_of(object, info).push_back({.tag = tag, .data = {at_, at_ + size}});
            at_ += size;
            return true;
        }
        if (!field->present(version_)) {
            fail(fmt::format("tag {} is not of this version", tag));
            return within(*field);
        }
        const uint8_t* const outer = end_;
        end_ = at_ + size;
        if (!get_field(member_of(object, *field), *field))
            return false;
        if (at_ != end_) {
            fail(fmt::format("{} bytes left in tag {}", left(), tag));
            return within(*field);
        }
        end_ = outer;
        return true;
    }

    bool get_field(void* member, const Field& field) {
        if (field.kind == Kind::structure)
            return get_structs(member, field);
        return with_type(field.kind, [&]<class T>(T*) {
            if constexpr (!std::is_same_v<T, Records>)
                if (field.is_array)
                    return get_values<T>(member, field);
            return get_value<T>(member, field) || within(field);
        });
    }

    // Fewest bytes that a value takes in this version.
    size_t least_size(const Field& field, bool element) const {
        const size_t prefix = flexible_ && !field.facts.never_flexible ? 1 : 4;
        if (field.is_array && !element)
            return prefix;
        switch (field.kind) {
        case Kind::boolean:
        case Kind::int8:
            return 1;
        case Kind::int16:
        case Kind::uint16:
            return 2;
        case Kind::int32:
            return 4;
        case Kind::int64:
        case Kind::float64:
            return 8;
        case Kind::uuid:
            return 16;
        case Kind::string:
            return std::min<size_t>(prefix, 2);
        case Kind::bytes:
        case Kind::records:
            return prefix;
        case Kind::structure:
            break;
        }
        if (!element && field.nullable(version_))
            return 1;
        size_t sum = flexible_ ? 1 : 0;
        for (const Field& inner : field.facts.structure->fields)
            if (inner.facts.tag < 0 && inner.present(version_))
                sum += least_size(inner, false);
        return sum;
    }

    // Length or count; `null` and zero when null.
    bool get_length(const Field& field, bool element, bool is_text, size_t& length, bool& null) {
        int64_t value = 0;
        if (flexible_ && !field.facts.never_flexible) {
            uint64_t raw = 0;
            if (!get_unsigned(raw))
                return false;
            value = static_cast<int64_t>(raw) - 1;
        } else if (is_text) {
            int16_t raw = 0;
            if (!get_number(raw))
                return false;
            value = raw;
        } else {
            int32_t raw = 0;
            if (!get_number(raw))
                return false;
            value = raw;
        }
        null = value == -1;
        length = null ? 0 : static_cast<size_t>(value);
        if (null && (element || !field.nullable(version_)))
            return fail("null where none may be");
        if (value < -1 || value > 0x7fffffff)
            return fail(fmt::format("length {}", value));
        return true;
    }

    bool get_count(const Field& field, size_t& count, bool& null) {
        if (!get_length(field, false, false, count, null))
            return false;
        const size_t least = std::max<size_t>(1, least_size(field, true));
        if (count > left() / least)
            return fail(
                fmt::format("{} elements of at least {} bytes, {} bytes are left", count, least, left())
            );
        return true;
    }

    bool get_structs(void* member, const Field& field) {
        const StructInfo& info = *field.facts.structure;
        size_t count = 1;
        bool null = false;
        if (field.is_array) {
            if (!get_count(field, count, null))
                return within(field);
        } else if (field.nullable(version_)) {
            int8_t there = 0;
            if (!get_number(there))
                return within(field);
            if (there != 1 && there >= 0) {
                fail(fmt::format("{} where 1 (present) or -1 (null) belongs", there));
                return within(field);
            }
            null = there < 0;
        }
        if (null)
            return set_null(member, field) || (fail("null where none may be"), within(field));
        if (!field.ops)
            return get_struct(member, info) || within(field);

        Elements elements{nullptr, 0};
        const size_t first_step = std::max<size_t>(16, first_step_bytes / info.size);
        if (count == 0)
            field.ops->resize(member, 0);
        for (size_t i = 0; i < count; ++i) {
            if (i == elements.count)
                elements = field.ops->resize(member, std::min(count, std::max(first_step, 2 * i)));
            if (!get_struct(static_cast<char*>(elements.data) + i * info.size, info))
                return field.is_array ? within(field, i) : within(field);
        }
        return true;
    }

    template <class T>
    bool get_values(void* member, const Field& field) {
        size_t count = 0;
        bool null = false;
        if (!get_count(field, count, null))
            return within(field);
        if (null) {
            set_null(member, field);
            return true;
        }
        auto& values = engage<std::vector<T>>(member, field.is_optional);
        values.clear();
        values.reserve(std::min(count, std::max<size_t>(16, first_step_bytes / sizeof(T))));
        for (size_t i = 0; i < count; ++i) {
            T value{};
            bool element_null = false;
            if (!get_plain(value, field, true, element_null))
                return within(field, i);
            values.push_back(std::move(value));
        }
        return true;
    }

    template <class T>
    bool get_value(void* member, const Field& field) {
        bool null = false;
        if (!get_plain(
                engage<T>(member, field.is_optional && !std::is_same_v<T, Records>), field, false, null
            ))
            return false;
        if (null)
            set_null(member, field);
        return true;
    }

    template <class T>
    bool get_plain(T& value, const Field& field, bool element, bool& null) {
        if constexpr (std::is_same_v<T, bool>) {
            int8_t raw = 0;
            if (!get_number(raw))
                return false;
            value = raw != 0;
        } else if constexpr (std::is_integral_v<T>) {
            return get_number(value);
        } else if constexpr (std::is_same_v<T, double>) {
            uint64_t raw = 0;
            if (!get_number(raw))
                return false;
            value = std::bit_cast<double>(raw);
        } else if constexpr (std::is_same_v<T, Uuid>) {
            if (left() < value.bytes.size())
                return fail("the bytes end");
            std::memcpy(value.bytes.data(), at_, value.bytes.size());
            at_ += value.bytes.size();
        } else {
            constexpr bool is_text = std::is_same_v<T, std::string>;
            size_t size = 0;
            if (!get_length(field, element, is_text, size, null))
                return false;
            if (size > left())
                return fail(fmt::format("{} bytes, {} are left", size, left()));
            if constexpr (is_text) {
                if (size > 0x7fff)
                    return fail(fmt::format("text of {} bytes", size));
                value.assign(reinterpret_cast<const char*>(at_), size);
                if (!is_utf8(value))
                    return fail("not valid UTF-8");
            } else if constexpr (std::is_same_v<T, Records>) {
                value.null = null;
                value.pieces.clear();
                if (!null)
                    value.pieces.push_back(body_.slice(position(), size));
            } else {
                value.assign(at_, at_ + size);
            }
            at_ += size;
        }
        return true;
    }

    template <class T>
    bool get_number(T& value) {
        if (left() < sizeof(T))
            return fail("the bytes end");
        value = load_be<T>(at_);
        at_ += sizeof(T);
        return true;
    }

    bool get_unsigned(uint64_t& value) {
        const uint8_t* next = get_uvarint<32>(at_, end_, value);
        if (!next)
            return fail("the bytes end in a varint, or it does not fit 32 bits");
        at_ = next;
        return true;
    }

    const MessageInfo& info_;
    const int16_t version_;
    const bool flexible_;
    const Buffer& body_;
    const uint8_t* at_;
    const uint8_t* end_;
    int depth_ = 0;
    std::string path_;
    std::string problem_;
};

} // namespace

Result<size_t> decode_prefix(const MessageInfo& info, void* message, int16_t version, const Buffer& body) {
    return Reader(info, version, body).run(message);
}

Error decode(const MessageInfo& info, void* message, int16_t version, const Buffer& body) {
    const auto used = decode_prefix(info, message, version, body);
    if (!used)
        return used.error();
    if (*used != body.size())
        return {
            Errc::_bad_msg,
            fmt::format(
                "{} v{}: {} bytes left behind byte {}", info.name, version, body.size() - *used, *used
            )};
    return {};
}

} // namespace ottla::wire
