#include <ottla/serdes/serializing_producer.hpp>

#include "serdes/failure.hpp"

namespace ottla {

ProduceError::ProduceError(Error error, std::exception_ptr cause) : KafkaException(std::move(error)), cause_(std::move(cause)) {}
ProduceError::~ProduceError() = default;

// The most derived class makes the virtual base; what the others hand it is not used.
KeySerializationError::KeySerializationError(const Error& error, std::exception_ptr cause)
    : KafkaException(error), ProduceError(error, std::move(cause)), SerializationError(error) {}
KeySerializationError::~KeySerializationError() = default;

ValueSerializationError::ValueSerializationError(const Error& error, std::exception_ptr cause)
    : KafkaException(error), ProduceError(error, std::move(cause)), SerializationError(error) {}
ValueSerializationError::~ValueSerializationError() = default;

namespace detail {
namespace {

constexpr size_t most_kept = 1 << 20; // bytes a thread and field

std::unique_ptr<SerializerScratch::Parts>& spare() {
    static thread_local std::unique_ptr<SerializerScratch::Parts> parts;
    return parts;
}

void reuse(SerializerOutput& out) {
    if (out.capacity() > most_kept)
        out = SerializerOutput();
    out.clear();
}

} // namespace

SerializerScratch::SerializerScratch() : parts_(std::move(spare())) {
    if (!parts_)
        parts_ = std::make_unique<Parts>();
}

SerializerScratch::~SerializerScratch() {
    reuse(parts_->key);
    reuse(parts_->value);
    parts_->headers.clear();
    spare() = std::move(parts_);
}

Error serialization_failure(const SerializationContext& context, const Error& error) {
    const Errc code = failure_code(SerializationError::Direction::serialize, context.field);
    return {make_error_code(code, flag_of(error.code)), place_of(context) + error.message()};
}

Error serialization_failure(const SerializationContext& context) {
    return failure_of_current_exception(SerializationError::Direction::serialize, context);
}

} // namespace detail
} // namespace ottla
