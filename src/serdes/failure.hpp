// What errors of serializing and deserializing say: the code by direction and field, and where it was.
#pragma once

#include <ottla/serdes/serialization.hpp>

namespace ottla::detail {

Errc failure_code(SerializationError::Direction direction, MessageField field);
/// "key of orders: "; empty when nothing is known.
std::string place_of(const SerializationContext& context);
/// The exception that is being handled, as an error of this field; its flag stays.
Error failure_of_current_exception(SerializationError::Direction direction, const SerializationContext& context);

} // namespace ottla::detail
