#include <ottla/serdes/serializing_producer.hpp>

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

Error failure(const SerializationContext& context, ErrorFlag flag, std::string text) {
    const Errc code = context.field == MessageField::key ? Errc::_key_serialization : Errc::_value_serialization;
    return {make_error_code(code, flag), std::move(text)};
}

std::string with_place(const SerializationContext& context, std::string_view text) {
    return std::string(to_string(context.field)) + " of " + std::string(context.topic) + ": " + std::string(text);
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
    return failure(context, flag_of(error.code), with_place(context, error.message()));
}

Error serialization_failure(const SerializationContext& context) {
    try {
        throw;
    } catch (const SerializationError& e) { // which knows where it was
        return failure(context, flag_of(e.error().ec()), e.error().str());
    } catch (const KafkaException& e) {
        return failure(context, flag_of(e.error().ec()), with_place(context, e.error().str()));
    } catch (const std::exception& e) {
        return failure(context, ErrorFlag::none, with_place(context, e.what()));
    } catch (...) {
        return failure(context, ErrorFlag::none, with_place(context, "the serializer threw what is no std::exception"));
    }
}

} // namespace detail
} // namespace ottla
