// Erases completion handlers at the public edge: templates end here.
#pragma once

#include <utility>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <ottla/error.hpp>

namespace ottla {

/// The handler of an operation that ends with an error code and a T.
template <class T>
using Handler = boost::asio::any_completion_handler<void(error_code, T)>;
using PlainHandler = boost::asio::any_completion_handler<void(error_code)>;

namespace detail {

/// Runs `start(handler)` once the token wants the operation to begin.
template <class Signature, class Token, class Start>
auto initiate(Token&& token, Start&& start) {
    return boost::asio::async_initiate<Token, Signature>(
        [start = std::forward<Start>(start)](auto handler) mutable {
            start(boost::asio::any_completion_handler<Signature>(std::move(handler)));
        },
        token);
}

} // namespace detail
} // namespace ottla
