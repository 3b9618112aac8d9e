#include <ottla/serdes/deserializing_consumer.hpp>

#include "serdes/failure.hpp"

namespace ottla {

ConsumeError::ConsumeError(Error error, Message message, std::exception_ptr cause)
    : KafkaException(std::move(error)), message_(std::move(message)), cause_(std::move(cause)) {}
ConsumeError::~ConsumeError() = default;

// The most derived class makes the virtual base; what the others hand it is not used.
KeyDeserializationError::KeyDeserializationError(const Error& error, Message message, std::exception_ptr cause)
    : KafkaException(error), ConsumeError(error, std::move(message), std::move(cause)), SerializationError(error) {}
KeyDeserializationError::~KeyDeserializationError() = default;

ValueDeserializationError::ValueDeserializationError(const Error& error, Message message, std::exception_ptr cause)
    : KafkaException(error), ConsumeError(error, std::move(message), std::move(cause)), SerializationError(error) {}
ValueDeserializationError::~ValueDeserializationError() = default;

namespace detail {

void refuse_event(const Message& message) {
    if (message.error())
        throw ConsumeError(message.error(), message);
}

void refer_headers(const Message& message, HeaderList& headers) {
    for (const Header& header : message.record().headers())
        headers.refer(header);
}

void throw_deserialization_failure(const SerializationContext& context, const Message& message) {
    const auto cause = std::current_exception();
    const Error error = failure_of_current_exception(SerializationError::Direction::deserialize, context);
    if (context.field == MessageField::key)
        throw KeyDeserializationError(error, message, cause);
    throw ValueDeserializationError(error, message, cause);
}

} // namespace detail
} // namespace ottla
