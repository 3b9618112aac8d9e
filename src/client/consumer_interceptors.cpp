// Interceptors that do nothing.
#include <ottla/consumer_interceptor.hpp>

namespace ottla {

ConsumerInterceptor::~ConsumerInterceptor() = default;
void ConsumerInterceptor::on_consume(const Message&) {}
void ConsumerInterceptor::on_consume(const Records&) {}
void ConsumerInterceptor::on_commit(const Error&, const std::vector<CommittedOffset>&) {}
void ConsumerInterceptor::on_close() {}

} // namespace ottla
