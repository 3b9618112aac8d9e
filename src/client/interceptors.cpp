#include "client/interceptors.hpp"

#include <algorithm>
#include <chrono>
#include <exception>

#include <fmt/format.h>

namespace ottla {

ProducerInterceptor::~ProducerInterceptor() = default;
void ProducerInterceptor::on_send(ProducerRecord&, Memory) {}
void ProducerInterceptor::on_acknowledgement(const Delivery&) {}
void ProducerInterceptor::on_error(const ProducerRecord&, error_code) {}
void ProducerInterceptor::on_close() {}

} // namespace ottla

namespace ottla::client {
namespace {

constexpr std::chrono::nanoseconds between_complaints = std::chrono::seconds(1);

std::vector<std::shared_ptr<ProducerInterceptor>> without_null(std::vector<std::shared_ptr<ProducerInterceptor>> all) {
    std::erase(all, nullptr);
    return all;
}

} // namespace

Interceptors::Interceptors(std::vector<std::shared_ptr<ProducerInterceptor>> all, ClientEvents& events)
    : all_(without_null(std::move(all))), events_(events) {}

template <class F>
void Interceptors::each(std::string_view what, F&& f) {
    for (const auto& interceptor : all_) {
        try {
            f(*interceptor);
        } catch (const std::exception& e) {
            complain(what, e.what());
        } catch (...) {
            complain(what, "no std::exception");
        }
    }
}

void Interceptors::complain(std::string_view what, std::string_view why) {
    const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
    int64_t due = next_complaint_.load(std::memory_order_relaxed);
    if (now < due || !next_complaint_.compare_exchange_strong(due, now + between_complaints.count())) {
        untold_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    const int64_t untold = untold_.exchange(0, std::memory_order_relaxed);
    events_.on_log(
        4, "INTERCEPT", fmt::format("{} of an interceptor threw: {} ({} more since the last such line)", what, why, untold));
}

void Interceptors::on_send(ProducerRecord& record, ProducerInterceptor::Memory memory) {
    each("on_send", [&](ProducerInterceptor& interceptor) { interceptor.on_send(record, memory); });
}

void Interceptors::on_acknowledgement(const Delivery& delivery) {
    each("on_acknowledgement", [&](ProducerInterceptor& interceptor) { interceptor.on_acknowledgement(delivery); });
}

void Interceptors::on_error(const ProducerRecord& record, error_code error) {
    each("on_error", [&](ProducerInterceptor& interceptor) { interceptor.on_error(record, error); });
}

void Interceptors::on_close() {
    if (!closed_.exchange(true))
        each("on_close", [](ProducerInterceptor& interceptor) { interceptor.on_close(); });
}

Intercepted::Intercepted(Interceptors& interceptors, const ProducerRecord& given) : record_(given) {
    interceptors.on_send(record_, &memory_);
}

} // namespace ottla::client
