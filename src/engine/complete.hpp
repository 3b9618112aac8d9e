// Runs a user's completion handler on its associated executor, else on the loop's completion executor. Never inline.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/post.hpp>

#include <ottla/detail/initiate.hpp>

#include "engine/loop.hpp"

namespace ottla::engine {

template <class... Args>
void complete(const Loop& loop, boost::asio::any_completion_handler<void(error_code, Args...)> handler, error_code ec, Args... args) {
    if (!handler || !loop.alive())
        return; // without an execution context there is nowhere to run it: it is destroyed
    auto executor = boost::asio::get_associated_executor(handler, loop.completion_executor());
    boost::asio::post(
        executor, [handler = std::move(handler), ec, ... args = std::move(args)]() mutable {
            std::move(handler)(ec, std::move(args)...);
        });
}

} // namespace ottla::engine
