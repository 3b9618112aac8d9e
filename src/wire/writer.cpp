// The writer: interprets the tables to make bytes. One pass, no sizing beforehand: the size of a tagged field
// is known only behind it, so its bytes are written first and moved by the width of the size.
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

// Records pieces from this size on are gathered instead of copied.
constexpr size_t gather_from = 4096;

class Writer {
public:
    Writer(const MessageInfo& info, int16_t version)
        : info_(info)
        , version_(version)
        , flexible_(info.is_flexible(version)) {}

    Result<Pieces> run(const void* message) {
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
        glue_.reserve(256);
        if (!put_struct(message, *info_.structure))
            return Error(
                Errc::_invalid_arg, fmt::format("{} v{}: {}{}", info_.name, version_, path_, problem_)
            );
        return pieces();
    }

private:
    // A piece to be put between the bytes of the glue before and from `at` on.
    struct Gathered {
        size_t at;
        Buffer buffer;
    };

    bool fail(const Field& field, std::string problem) {
        path_ = field.name;
        problem_ = std::move(problem);
        return false;
    }

    // Prefixes the path on the way up.
    bool within(const Field& field, size_t index) {
        path_ = field.is_array ? fmt::format("{}[{}].{}", field.name, index, path_)
                               : fmt::format("{}.{}", field.name, path_);
        return false;
    }

    bool put_struct(const void* object, const StructInfo& info) {
        size_t tagged = 0;
        for (const Field& field : info.fields) {
            void* member = member_of(object, field);
            if (!field.present(version_)) {
                if (!field.facts.ignorable && !is_default(member, field))
                    return fail(field, " is set, but this version cannot carry it");
            } else if (field.facts.tag >= 0) {
                tagged += !is_default(member, field);
            } else if (!put_field(member, field)) {
                return false;
            }
        }
        if (flexible_)
            return put_tags(object, info, tagged);
        if (info.unknown_tags != no_offset && !unknown_tags_of(object, info).empty()) {
            path_.clear();
            problem_ = fmt::format("unknown tagged fields in {}, but this version has none", info.name);
            return false;
        }
        return true;
    }

    bool put_tags(const void* object, const StructInfo& info, size_t known) {
        const UnknownTags& unknown = unknown_tags_of(object, info);
        for (const UnknownTag& tag : unknown)
            for (const Field& field : info.fields)
                if (field.facts.tag >= 0 && static_cast<uint32_t>(field.facts.tag) == tag.tag)
                    return fail(
                        field, fmt::format(" has tag {}, which is among the unknown ones, too", tag.tag)
                    );
        put_unsigned(known + unknown.size());
        auto next = unknown.begin();
        int64_t last = -1;
        const auto put_unknown_below = [&](int64_t limit) {
            for (; next != unknown.end() && next->tag < limit; ++next) {
                if (next->tag <= last)
                    return false;
                last = next->tag;
                put_unsigned(next->tag);
                put_unsigned(next->data.size());
                put_raw(next->data.data(), next->data.size());
            }
            return true;
        };
        bool in_order = true;
        for (const Field& field : info.fields) {
            void* member = member_of(object, field);
            if (field.facts.tag < 0 || !field.present(version_) || is_default(member, field))
                continue;
            in_order = in_order && put_unknown_below(field.facts.tag) && last < field.facts.tag;
            last = field.facts.tag;
            put_unsigned(static_cast<uint64_t>(field.facts.tag));
            if (!put_tagged(member, field))
                return false;
        }
        in_order = in_order && put_unknown_below(int64_t{1} << 32) && next == unknown.end();
        if (in_order)
            return true;
        path_.clear();
        problem_ = fmt::format("unknown tagged fields of {} are not ascending", info.name);
        return false;
    }

    bool put_tagged(void* member, const Field& field) {
        const size_t start = glue_.size();
        const size_t gathered_before = gathered_.size();
        if (!put_field(member, field))
            return false;
        size_t size = glue_.size() - start;
        for (size_t i = gathered_before; i < gathered_.size(); ++i)
            size += gathered_[i].buffer.size();
        uint8_t prefix[max_varint32];
        const auto width = static_cast<size_t>(put_uvarint(prefix, size) - prefix);
        glue_.insert(glue_.begin() + static_cast<ptrdiff_t>(start), prefix, prefix + width);
        for (size_t i = gathered_before; i < gathered_.size(); ++i)
            gathered_[i].at += width;
        return true;
    }

    bool put_field(void* member, const Field& field) {
        if (field.kind == Kind::structure)
            return put_structs(member, field);
        return with_type(field.kind, [&]<class T>(T*) {
            if (!field.is_array)
                return put_value(value_of<T>(member, field.is_optional), field);
            const auto* values = value_of<std::vector<T>>(member, field.is_optional);
            if (!put_length(field, values ? values->size() : 0, !values, false))
                return false;
            if (values)
                for (size_t i = 0; i < values->size(); ++i) {
                    const T value = (*values)[i];
                    if (!put_value(&value, field))
                        return false;
                }
            return true;
        });
    }

    bool put_structs(void* member, const Field& field) {
        const Elements elements = view_of(member, field);
        if (field.is_array) {
            const bool null = field.is_optional && !elements.data;
            if (!put_length(field, elements.count, null, false))
                return false;
        } else if (field.nullable(version_)) {
            put_number(elements.data ? int8_t{1} : int8_t{-1});
        } else if (!elements.data) {
            return fail(field, " must not be null");
        }
        const StructInfo& info = *field.facts.structure;
        for (size_t i = 0; i < elements.count; ++i)
            if (!put_struct(static_cast<char*>(elements.data) + i * info.size, info))
                return within(field, i);
        return true;
    }

    template <class T>
    bool put_value(const T* value, const Field& field) {
        if constexpr (std::is_same_v<T, bool>) {
            glue_.push_back(*value);
        } else if constexpr (std::is_integral_v<T>) {
            put_number(*value);
        } else if constexpr (std::is_same_v<T, double>) {
            put_number(std::bit_cast<uint64_t>(*value));
        } else if constexpr (std::is_same_v<T, Uuid>) {
            put_raw(value->bytes.data(), value->bytes.size());
        } else if constexpr (std::is_same_v<T, Records>) {
            if (!put_length(field, value->size(), value->null, false))
                return false;
            if (!value->null)
                for (const Buffer& piece : value->pieces)
                    put_piece(piece);
        } else {
            constexpr bool is_text = std::is_same_v<T, std::string>;
            if (!put_length(field, value ? value->size() : 0, !value, is_text))
                return false;
            if (!value)
                return true;
            if constexpr (is_text)
                if (!is_utf8(*value))
                    return fail(field, " is not valid UTF-8");
            put_raw(reinterpret_cast<const uint8_t*>(value->data()), value->size());
        }
        return true;
    }

    bool put_length(const Field& field, size_t size, bool null, bool is_text) {
        if (null && !field.nullable(version_))
            return fail(field, " must not be null");
        if (size > (is_text ? size_t{0x7fff} : size_t{0x7ffffffe}))
            return fail(field, fmt::format(" is too long: {}", size));
        if (flexible_ && !field.facts.never_flexible)
            put_unsigned(null ? 0 : size + 1);
        else if (is_text)
            put_number(static_cast<int16_t>(null ? -1 : static_cast<int64_t>(size)));
        else
            put_number(static_cast<int32_t>(null ? -1 : static_cast<int64_t>(size)));
        return true;
    }

    void put_raw(const uint8_t* data, size_t size) { glue_.insert(glue_.end(), data, data + size); }

    template <class T>
    void put_number(T value) {
        uint8_t raw[sizeof(T)];
        store_be(raw, value);
        put_raw(raw, sizeof raw);
    }

    void put_unsigned(uint64_t value) {
        uint8_t raw[max_varint64];
        put_raw(raw, static_cast<size_t>(put_uvarint(raw, value) - raw));
    }

    void put_piece(const Buffer& piece) {
        if (piece.size() < gather_from)
            put_raw(piece.data(), piece.size());
        else
            gathered_.push_back({glue_.size(), piece});
    }

    Pieces pieces() const {
        const Buffer glue = Buffer::copy_of(std::span<const uint8_t>(glue_));
        std::vector<Buffer> buffers;
        size_t at = 0;
        for (const Gathered& gathered : gathered_) {
            buffers.push_back(glue.slice(at, gathered.at - at));
            buffers.push_back(gathered.buffer);
            at = gathered.at;
        }
        buffers.push_back(glue.slice(at, glue.size() - at));
        return Pieces(std::move(buffers));
    }

    const MessageInfo& info_;
    const int16_t version_;
    const bool flexible_;
    std::vector<uint8_t> glue_;
    std::vector<Gathered> gathered_;
    std::string path_;
    std::string problem_;
};

} // namespace

Result<Pieces> encode(const MessageInfo& info, const void* message, int16_t version) {
    return Writer(info, version).run(message);
}

} // namespace ottla::wire
