#include "client/producer_send.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include "engine/complete.hpp"

namespace ottla::client {

namespace asio = boost::asio;

void AsyncSend::initiate(Handler<DeliveryReport> handler) {
    {
        std::lock_guard lock(mutex);
        if (!outcome) {
            executor = asio::prefer(
                asio::get_associated_executor(handler, loop->completion_executor()), asio::execution::outstanding_work.tracked);
            if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected())
                slot.assign([weak = weak_from_this()](asio::cancellation_type type) {
                    if (const auto send = weak.lock(); send && type != asio::cancellation_type::none)
                        send->settle(asio::error::operation_aborted, {});
                });
            waiting.swap(handler); // assigning one recurses without end in Boost 1.81
            return;
        }
    }
    engine::complete(*loop, std::move(handler), outcome->first, outcome->second);
}

void AsyncSend::settle(error_code ec, const DeliveryReport& report) {
    Handler<DeliveryReport> handler;
    asio::any_completion_executor on;
    {
        std::lock_guard lock(mutex);
        if (outcome)
            return;
        outcome.emplace(ec, report);
        handler.swap(waiting);
        on = std::move(executor);
    }
    if (!handler || !loop->alive())
        return;
    engine::run_on(*loop, std::move(on), [handler = std::move(handler), ec, report]() mutable {
        asio::get_associated_cancellation_slot(handler).clear();
        std::move(handler)(ec, report);
    });
}

} // namespace ottla::client
