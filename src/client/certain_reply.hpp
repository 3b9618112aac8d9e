// A reply that comes in any case.
#pragma once

#include <tuple>
#include <utility>

#include "base/move_only_function.hpp"

namespace ottla::client {

/// Passes one call on to `reply`; dropped uncalled, calls it with `dropped`.
template <class... Args>
class CertainReply {
public:
    using Reply = MoveOnlyFunction<void(Args...)>;

    explicit CertainReply(Reply reply, std::decay_t<Args>... dropped)
        : reply_(std::move(reply))
        , dropped_(std::move(dropped)...) {}

    CertainReply(CertainReply&&) = default;

    ~CertainReply() {
        if (reply_)
            std::apply(std::exchange(reply_, {}), std::move(dropped_));
    }

    void operator()(Args... args) { std::exchange(reply_, {})(std::forward<Args>(args)...); }

private:
    Reply reply_;
    std::tuple<std::decay_t<Args>...> dropped_;
};

} // namespace ottla::client
