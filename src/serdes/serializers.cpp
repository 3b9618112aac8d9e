#include <ottla/serdes/serializers.hpp>

#include <fmt/format.h>

#include "serdes/text_codec.hpp"
#include "wire/utf8.hpp"

namespace ottla {
namespace {

using Direction = SerializationError::Direction;

// Texts that are converted have to lie somewhere in between; what one of them leaves behind is used by the next.
std::string& scratch() {
    static thread_local std::string text;
    constexpr size_t most_kept = 1 << 20;
    if (text.capacity() > most_kept)
        text = std::string();
    text.clear();
    return text;
}

} // namespace

void detail::throw_wrong_size(std::string_view name, size_t expected, Bytes found, const SerializationContext& context) {
    throw SerializationError(
        Direction::deserialize, context, fmt::format("{}: {} bytes expected, {} found", name, expected, found.size()));
}

StringSerializer::StringSerializer(std::string_view codec) : codec_(detail::TextCodec::find(codec)) {}

void StringSerializer::operator()(std::string_view value, const SerializationContext& context, SerializerOutput& out) const {
    if (!codec_) {
        if (!wire::is_utf8(value))
            throw SerializationError(Direction::serialize, context, fmt::format("a text of {} bytes is not UTF-8", value.size()));
        out.refer(value);
        return;
    }
    std::string& converted = scratch();
    if (const size_t good = codec_->from_utf8(value, converted); good != detail::TextCodec::npos)
        throw SerializationError(
            Direction::serialize,
            context,
            wire::is_utf8(value) ? fmt::format("the character at byte {} of the text is not in {}", good, codec_->name())
                                 : fmt::format("a text of {} bytes is not UTF-8", value.size()));
    out.append(Bytes(converted));
}

StringDeserializer::StringDeserializer(std::string_view codec) : codec_(detail::TextCodec::find(codec)) {}

std::optional<std::string> StringDeserializer::operator()(Bytes data, const SerializationContext& context) const {
    if (data.is_null())
        return std::nullopt;
    const auto fail = [&](std::string_view codec) {
        throw SerializationError(
            Direction::deserialize, context, fmt::format("text in {} expected, these {} bytes are not", codec, data.size()));
    };
    if (!codec_) {
        if (!wire::is_utf8(data.text()))
            fail("utf_8");
        return std::string(data.text());
    }
    std::string& text = scratch();
    if (codec_->to_utf8(data.text(), text) != detail::TextCodec::npos)
        fail(codec_->name());
    return std::string(text);
}

} // namespace ottla
