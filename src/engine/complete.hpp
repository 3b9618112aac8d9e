// Runs a user's completion handler on its associated executor, else on the loop's completion executor. Never inline.
#pragma once

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <ottla/detail/initiate.hpp>

#include "engine/loop.hpp"

namespace ottla::engine {

/// Runs `f` on a handler's executor, never inline; without an execution context there is nowhere to run it and it is
/// destroyed. An erased executor can only dispatch, hence the hop.
template <class F>
void run_on(const Loop& loop, boost::asio::any_completion_executor executor, F f) {
    if (!loop.alive()) {
        if (loop.forked())
            run_in_child([executor = std::move(executor), f = std::move(f)]() mutable {
                boost::asio::dispatch(executor, std::move(f));
            });
        return;
    }
    boost::asio::post(loop.completion_executor(), [executor = std::move(executor), f = std::move(f)]() mutable {
        boost::asio::dispatch(executor, std::move(f));
        end_thread_in_child();
    });
}

template <class... Args>
void complete(const Loop& loop, boost::asio::any_completion_handler<void(error_code, Args...)> handler, error_code ec, Args... args) {
    if (!handler || (!loop.alive() && !loop.forked()))
        return; // without an execution context there is nowhere to run it: it is destroyed
    boost::asio::any_completion_executor executor =
        boost::asio::get_associated_executor(handler, loop.completion_executor());
    run_on(loop, std::move(executor), [handler = std::move(handler), ec, ... args = std::move(args)]() mutable {
        std::move(handler)(ec, std::move(args)...);
    });
}

} // namespace ottla::engine
