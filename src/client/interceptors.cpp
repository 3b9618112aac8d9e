#include "client/interceptors.hpp"

namespace ottla {

ProducerInterceptor::~ProducerInterceptor() = default;
void ProducerInterceptor::on_send(ProducerRecord&, Memory) {}
void ProducerInterceptor::on_acknowledgement(const Delivery&) {}
void ProducerInterceptor::on_error(const ProducerRecord&, error_code) {}
void ProducerInterceptor::on_close() {}

} // namespace ottla

namespace ottla::client {

void Interceptors::on_send(ProducerRecord& record, ProducerInterceptor::Memory memory) {
    list_.each("on_send", [&](ProducerInterceptor& interceptor) { interceptor.on_send(record, memory); });
}

void Interceptors::on_acknowledgement(const Delivery& delivery) {
    list_.each("on_acknowledgement", [&](ProducerInterceptor& interceptor) { interceptor.on_acknowledgement(delivery); });
}

void Interceptors::on_error(const ProducerRecord& record, error_code error) {
    list_.each("on_error", [&](ProducerInterceptor& interceptor) { interceptor.on_error(record, error); });
}

Intercepted::Intercepted(Interceptors& interceptors, const ProducerRecord& given) : record_(given) {
    interceptors.on_send(record_, &memory_);
}

} // namespace ottla::client
