// One asynchronous send: the meeting of an outcome (on the loop) and a handler (when the operation is initiated), whichever
// comes first. Cancelled, it stops waiting; what was sent is not recalled.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include <boost/asio/any_completion_executor.hpp>
#include <ottla/producer.hpp>

#include "engine/loop.hpp"

namespace ottla::client {

struct AsyncSend : std::enable_shared_from_this<AsyncSend> {
    explicit AsyncSend(std::shared_ptr<engine::Loop> l) : loop(std::move(l)) {}

    /// The operation begins: `handler` waits for the outcome, or gets it at once.
    void initiate(Handler<DeliveryReport> handler);
    /// The outcome is known. The second one and those after cancellation are ignored.
    void settle(error_code ec, const DeliveryReport& report);
    /// While the record is on its way the outcome finds this object by its address.
    uintptr_t hold() {
        self = shared_from_this();
        return reinterpret_cast<uintptr_t>(this);
    }
    static std::shared_ptr<AsyncSend> release(uintptr_t token) {
        return std::move(reinterpret_cast<AsyncSend*>(token)->self);
    }
    void unhold() { self.reset(); }
    /// Whether the outcome is known, be it cancellation.
    bool settled() {
        std::lock_guard lock(mutex);
        return outcome.has_value();
    }

private:
    const std::shared_ptr<engine::Loop> loop;
    std::shared_ptr<AsyncSend> self;
    std::mutex mutex;
    Handler<DeliveryReport> waiting;
    boost::asio::any_completion_executor executor; ///< of the handler; counts as work there while it waits
    std::optional<std::pair<error_code, DeliveryReport>> outcome;
};

} // namespace ottla::client
