// How an operation of the admin client is called: blocking (a future with a deadline), or with a completion handler.
#pragma once

#include <future>

#include "client/admin_impl.hpp"
#include "client/longest_limit.hpp"
#include "engine/complete.hpp"

namespace ottla::client {

// The time limit lies in the operation itself; what is added here only covers a loop that is slow to say so.
inline constexpr std::chrono::seconds grace{5};

template <class T, class Start>
T wait(AdminImpl& impl, std::chrono::milliseconds timeout, Start start) {
    if (const Error error = engine::check_may_block(*impl.loop()))
        throw KafkaException(error);
    auto promise = std::make_shared<std::promise<std::pair<Error, T>>>();
    auto future = promise->get_future();
    const Duration limit = timeout.count() < 0 ? impl.default_timeout() : Duration(std::min(timeout, longest_limit));
    start(limit, Done<T>([promise](Error error, T value) { promise->set_value({std::move(error), std::move(value)}); }));
    if (future.wait_for(limit + grace) != std::future_status::ready)
        throw KafkaException(Error(Errc::_timed_out, "the event loop did not answer in time"));
    auto [error, value] = future.get();
    if (error)
        throw KafkaException(std::move(error));
    return std::move(value);
}

template <class T>
Done<T> completing(const std::shared_ptr<AdminImpl>& impl, Handler<T> handler) {
    return [loop = impl->loop(), handler = std::move(handler)](const Error& error, T value) mutable {
        engine::complete(*loop, std::move(handler), error.code, std::move(value));
    };
}

/// In a forked child the handler hears of it; else it is left as it is.
template <class T>
bool refused_in_child(const std::shared_ptr<AdminImpl>& impl, Handler<T>& handler) {
    const Error in_child = engine::check_fork(*impl->loop());
    if (in_child)
        engine::complete(*impl->loop(), std::move(handler), in_child.code, T());
    return static_cast<bool>(in_child);
}

} // namespace ottla::client
