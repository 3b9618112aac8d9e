// JSON to messages, through the same tables as the wire.
#include <fmt/format.h>
#include <map>

#include "tools/golden/golden.hpp"
#include "wire/members.hpp"

namespace ottla::golden {
namespace {

using namespace wire;

std::vector<uint8_t> from_base64(std::string_view text) {
    static constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::vector<uint8_t> bytes;
    uint32_t group = 0;
    int bits = 0;
    for (const char c : text) {
        if (c == '=')
            break;
        const size_t value = digits.find(c);
        if (value == digits.npos)
            throw std::runtime_error("bad base64");
        group = (group << 6 | static_cast<uint32_t>(value)) & 0xffff;
        if ((bits += 6) >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<uint8_t>(group >> bits));
        }
    }
    return bytes;
}

template <class T>
T parse(const Json& json) {
    if constexpr (std::is_same_v<T, Uuid>) {
        const auto id = Uuid::parse(json.get_ref<const std::string&>());
        if (!id)
            throw std::runtime_error("bad uuid " + json.dump());
        return *id;
    } else if constexpr (std::is_same_v<T, std::vector<uint8_t>>) {
        return from_base64(json.get_ref<const std::string&>());
    } else if constexpr (std::is_same_v<T, Records>) {
        return {.pieces = {Buffer::copy_of(from_base64(json.get_ref<const std::string&>()))}};
    } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
        const auto value = json.get<int64_t>();
        if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max())
            throw std::runtime_error(fmt::format("{} does not fit", value));
        return static_cast<T>(value);
    } else {
        return json.get<T>();
    }
}

class Filler {
public:
    Filler(int16_t version, const Json& unknown)
        : version_(version) {
        for (const Json& tag : unknown)
            unknown_[tag.at("path").get<std::string>()].push_back(
                {.tag = tag.at("tag").get<uint32_t>(), .data = from_hex(tag.at("hex").get<std::string>())}
            );
    }

    void fill(void* object, const StructInfo& info, const Json& json, const std::string& path) {
        size_t used = 0;
        for (const Field& field : info.fields) {
            const auto value = json.find(field.name);
            if (value == json.end()) {
                if (field.present(version_) && field.facts.tag < 0)
                    throw std::runtime_error(fmt::format("{} is missing in \"{}\"", field.name, path));
                continue;
            }
            ++used;
            fill_field(
                member_of(object, field), field, *value, (path.empty() ? "" : path + ".") + field.name
            );
        }
        if (used != json.size())
            throw std::runtime_error(fmt::format("unknown names in \"{}\"", path));
        if (const auto tags = unknown_.find(path); tags != unknown_.end()) {
            unknown_tags_of(object, info) = std::move(tags->second);
            unknown_.erase(tags);
        }
    }

    bool all_used() const { return unknown_.empty(); }

private:
    void fill_field(void* member, const Field& field, const Json& json, const std::string& path) {
        if (json.is_null()) {
            if (!set_null(member, field))
                throw std::runtime_error(path + " is null");
        } else if (field.kind == Kind::structure) {
            const StructInfo& info = *field.facts.structure;
            const size_t count = field.is_array ? json.size() : 1;
            const Elements elements = field.ops ? field.ops->resize(member, count) : Elements{member, 1};
            for (size_t i = 0; i < count; ++i)
                fill(
                    static_cast<char*>(elements.data) + i * info.size,
                    info,
                    field.is_array ? json.at(i) : json,
                    field.is_array ? fmt::format("{}[{}]", path, i) : path
                );
        } else {
            with_type(field.kind, [&]<class T>(T*) {
                if (!field.is_array) {
                    engage<T>(member, field.is_optional && !std::is_same_v<T, Records>) = parse<T>(json);
                } else {
                    auto& values = engage<std::vector<T>>(member, field.is_optional);
                    values.clear();
                    for (const Json& value : json)
                        values.push_back(parse<T>(value));
                }
            });
        }
    }

    int16_t version_;
    std::map<std::string, UnknownTags> unknown_;
};

} // namespace

std::string from_json(
    const MessageInfo& info, void* message, int16_t version, const Json& json, const Json& unknown_tags
) {
    try {
        Filler filler(version, unknown_tags);
        filler.fill(message, *info.structure, json, "");
        return filler.all_used() ? "" : "an unknown tagged field has a path that is not there";
    } catch (const std::exception& error) {
        return error.what();
    }
}

} // namespace ottla::golden
