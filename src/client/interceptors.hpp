// The interceptors of a producer: calls each in turn and keeps their exceptions from everyone else.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include <ottla/interceptor.hpp>

#include "client/client_events.hpp"

namespace ottla::client {

class Interceptors {
public:
    Interceptors(std::vector<std::shared_ptr<ProducerInterceptor>> all, ClientEvents& events);

    bool none() const { return all_.empty(); }
    void on_send(ProducerRecord& record, ProducerInterceptor::Memory memory);
    void on_acknowledgement(const Delivery& delivery);
    void on_error(const ProducerRecord& record, error_code error);
    /// The second call and later ones do nothing.
    void on_close();

private:
    template <class F>
    void each(std::string_view what, F&& f);
    void complain(std::string_view what, std::string_view why);

    const std::vector<std::shared_ptr<ProducerInterceptor>> all_;
    ClientEvents& events_;
    std::atomic<int64_t> next_complaint_{0}; ///< of the steady clock
    std::atomic<int64_t> untold_{0};
    std::atomic<bool> closed_{false};
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
