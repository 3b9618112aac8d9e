// The messages of a consumer as an asynchronous generator, for coroutines. Stands on Asio's experimental coroutines.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/coro.hpp>
#include <ottla/consumer.hpp>

namespace ottla {

/// Each resumption gives the next message or event:
///     auto messages = ottla::messages(executor, consumer);
///     while (auto message = co_await messages.async_resume(boost::asio::use_awaitable)) ...
/// Ends (gives nullopt) when the consumer is closed. An error of the wait (see Consumer::async_poll) is thrown. The consumer outlives it.
inline boost::asio::experimental::coro<Message> messages(boost::asio::any_io_executor, Consumer& consumer) {
    for (;;) {
        auto [ec, message] = co_await consumer.async_poll(boost::asio::as_tuple(boost::asio::deferred));
        if (ec == Errc::_destroy)
            co_return;
        if (ec)
            throw boost::system::system_error(ec);
        co_yield std::move(message);
    }
}

} // namespace ottla
