#include "serdes/failure.hpp"

namespace ottla {

Errc detail::failure_code(SerializationError::Direction direction, MessageField field) {
    const bool writing = direction == SerializationError::Direction::serialize;
    switch (field) {
    case MessageField::key:
        return writing ? Errc::_key_serialization : Errc::_key_deserialization;
    case MessageField::value:
        return writing ? Errc::_value_serialization : Errc::_value_deserialization;
    case MessageField::none:
        break;
    }
    return writing ? Errc::_invalid_arg : Errc::_bad_msg;
}

std::string detail::place_of(const SerializationContext& context) {
    std::string place(to_string(context.field));
    if (!context.topic.empty())
        place += (place.empty() ? "of " : " of ") + std::string(context.topic);
    return place.empty() ? place : place + ": ";
}

Error detail::failure_of_current_exception(SerializationError::Direction direction, const SerializationContext& context) {
    const auto failure = [&](ErrorFlag flag, const std::string& text) {
        return Error(make_error_code(failure_code(direction, context.field), flag), text);
    };
    try {
        throw;
    } catch (const SerializationError& e) { // which knows where it was, as a rule
        const std::string text = e.error().str();
        const std::string place = place_of(context);
        return failure(flag_of(e.error().ec()), text.starts_with(place) ? text : place + text);
    } catch (const KafkaException& e) {
        return failure(flag_of(e.error().ec()), place_of(context) + e.error().str());
    } catch (const std::exception& e) {
        return failure(ErrorFlag::none, place_of(context) + e.what());
    } catch (...) {
        return failure(ErrorFlag::none, place_of(context) + "what was thrown is no std::exception");
    }
}

std::string_view to_string(MessageField field) noexcept {
    return field == MessageField::key ? "key" : field == MessageField::value ? "value" : "";
}

SerializationError::SerializationError(Direction direction, const SerializationContext& context, const std::string& text)
    : KafkaException(Error(detail::failure_code(direction, context.field), detail::place_of(context) + text)) {}

SerializationError::SerializationError(Error error) : KafkaException(std::move(error)) {}

SerializationError::~SerializationError() = default;

std::string_view HeaderList::keep(std::string_view text) {
    if (used_ == kept_.size())
        kept_.emplace_back();
    return kept_[used_++].assign(text);
}

void HeaderList::add(std::string_view key, Bytes value) {
    const std::string_view name = keep(key);
    headers_.push_back({name, value.is_null() ? Bytes() : Bytes(keep(value.text()))});
}

const Header* HeaderList::find(std::string_view key) const {
    for (auto at = headers_.rbegin(); at != headers_.rend(); ++at)
        if (at->key == key)
            return &*at;
    return nullptr;
}

void HeaderList::clear() {
    headers_.clear();
    used_ = 0;
}

} // namespace ottla
