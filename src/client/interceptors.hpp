// The interceptors of a producer.
#pragma once

#include <memory>
#include <vector>

#include <ottla/interceptor.hpp>

#include "client/interceptor_list.hpp"

namespace ottla::client {

class Interceptors {
public:
    Interceptors(std::vector<std::shared_ptr<ProducerInterceptor>> all, ClientEvents& events) : list_(std::move(all), events) {}

    bool none() const { return list_.none(); }
    void on_send(ProducerRecord& record, ProducerInterceptor::Memory memory);
    void on_acknowledgement(const Delivery& delivery);
    void on_error(const ProducerRecord& record, error_code error);
    /// The second call and later ones do nothing.
    void on_close() { list_.close(); }

private:
    InterceptorList<ProducerInterceptor> list_;
};

/// One call of produce: the record as the interceptors leave it, and the memory they may use for that.
class Intercepted {
public:
    Intercepted(Interceptors& interceptors, const ProducerRecord& given);
    const ProducerRecord& record() const { return record_; }

private:
    std::byte first_[512];
    std::pmr::monotonic_buffer_resource memory_{first_, sizeof first_};
    ProducerRecord record_;
};

} // namespace ottla::client
