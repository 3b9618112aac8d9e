// The asynchronous poll: waits without a thread, decodes on the handler's executor, ends at once when
// cancelled.
#include <atomic>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include "client/consumer_impl.hpp"
#include "engine/complete.hpp"

namespace ottla::client {

namespace asio = boost::asio;

struct ConsumerImpl::AsyncPoll {
    // Built in place: assigning one any_completion_handler to another never returns in Boost 1.81.
    AsyncPoll(Handler<Records> h, const asio::any_completion_executor& e)
        : handler(std::move(h))
        , executor(asio::prefer(e, asio::execution::outstanding_work.tracked)) {}

    Handler<Records> handler;
    const asio::any_completion_executor executor; ///< of the handler; counts as work there while this waits
    std::atomic<bool> cancelled{false};

    void finish(error_code ec, Records records) {
        asio::get_associated_cancellation_slot(handler).clear();
        std::move(handler)(ec, std::move(records));
    }
};

void ConsumerImpl::start_poll(Handler<Records> handler) {
    const auto& loop = *driver_->loop();
    Records records;
    error_code ec;
    begin_poll();
    driver_->serve_callbacks();
    serve_group();
    {
        std::lock_guard lock(use_);
        if (closed_)
            ec = make_error_code(Errc::_destroy);
        else if (driver_->queue().has_waiter())
            ec = make_error_code(Errc::_in_progress);
        else if (!take_records(records))
            ec = make_error_code(Errc::_retry);
    }
    if (ec != Errc::_retry) {
        engine::complete(loop, std::move(handler), ec, std::move(records));
        return;
    }
    if (!loop.alive())
        return; // there is nowhere to run the handler
    const asio::any_completion_executor executor =
        asio::get_associated_executor(handler, loop.completion_executor());
    auto op = std::make_shared<AsyncPoll>(std::move(handler), executor);
    if (auto slot = asio::get_associated_cancellation_slot(op->handler); slot.is_connected())
        slot.assign([weak = std::weak_ptr(op), self = weak_from_this()](asio::cancellation_type type) {
            const auto waiting = weak.lock();
            const auto consumer = self.lock();
            if (!waiting || !consumer || type == asio::cancellation_type::none)
                return;
            waiting->cancelled = true;
            if (auto waiter = consumer->driver_->queue().take_waiter())
                waiter(asio::error::operation_aborted);
        });
    run_async(std::move(op));
}

// On the initiating thread, then on the handler's executor each time something may have come.
void ConsumerImpl::run_async(std::shared_ptr<AsyncPoll> op) {
    ConsumerQueue::Waiter waiter = [self = shared_from_this(), op](error_code ec) {
        engine::run_on(*self->driver_->loop(), op->executor, [self, op, ec] {
            if (ec || op->cancelled) {
                op->finish(ec ? ec : error_code(asio::error::operation_aborted), {});
                return;
            }
            self->driver_->serve_callbacks();
            self->serve_group();
            Records records;
            bool closed;
            {
                std::lock_guard lock(self->use_);
                closed = self->closed_;
                if (!closed)
                    self->take_records(records);
            }
            if (closed)
                op->finish(make_error_code(Errc::_destroy), {});
            else if (!records.empty())
                op->finish({}, std::move(records));
            else
                self->run_async(op);
        });
    };
    if (!driver_->queue().set_waiter(waiter))
        waiter({}); // something came meanwhile
    else if (op->cancelled)
        if (auto late = driver_->queue().take_waiter())
            late(asio::error::operation_aborted);
}

} // namespace ottla::client
