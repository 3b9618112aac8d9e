// What errors of serializing and deserializing say: the code by direction and field, and where it was.
#pragma once

#include <ottla/serdes/serialization.hpp>

namespace ottla::detail {

Errc failure_code(SerializationError::Direction direction, MessageField field);
/// "key of orders: "; empty when nothing is known.
std::string place_of(const SerializationContext& context);

} // namespace ottla::detail
