// The interceptors of a consumer. Without any, a check a call is all that they cost.
#pragma once

#include <ottla/consumer_interceptor.hpp>

#include "client/interceptor_list.hpp"

namespace ottla::client {

class ConsumerInterceptors {
public:
    ConsumerInterceptors(std::vector<std::shared_ptr<ConsumerInterceptor>> all, ClientEvents& events)
        : list_(std::move(all), events) {}

    /// What a call is about to hand out.
    void on_consume(const Message& message) {
        if (!list_.none() && !message.error()) [[unlikely]]
            list_.each("on_consume", [&](ConsumerInterceptor& interceptor) { interceptor.on_consume(message); });
    }

    void on_consume(const Records& records) {
        if (!list_.none() && records.count()) [[unlikely]]
            list_.each("on_consume", [&](ConsumerInterceptor& interceptor) { interceptor.on_consume(records); });
    }

    void on_consume(const std::vector<Message>& messages) {
        if (!list_.none()) [[unlikely]]
            for (const Message& message : messages)
                on_consume(message);
    }

    void on_commit(const Error& error, const std::vector<CommittedOffset>& offsets) {
        list_.each("on_commit", [&](ConsumerInterceptor& interceptor) { interceptor.on_commit(error, offsets); });
    }

    void close() { list_.close(); }

private:
    InterceptorList<ConsumerInterceptor> list_;
};

} // namespace ottla::client
