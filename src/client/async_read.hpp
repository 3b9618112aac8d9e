// A read that waits without a thread: takes on the initiating thread, then on the handler's executor each time something
// may have come; ends at once when cancelled. One that can be cancelled takes on the executor only, together with the call of
// the handler: what it had taken before would be lost to a group of operations that another one has won.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include "client/arrivals.hpp"
#include "engine/complete.hpp"

namespace ottla::client {

template <class Out>
class AsyncRead : public std::enable_shared_from_this<AsyncRead<Out>> {
public:
    /// True when the read is over; `ec` and `out` say how.
    using Take = MoveOnlyFunction<bool(error_code& ec, Out& out)>;

    /// One at a time may wait for `from`: the next ends with _in_progress.
    static void start(std::shared_ptr<engine::Loop> loop, std::shared_ptr<Arrivals> from, Handler<Out> handler, Take take) {
        Out out;
        error_code ec;
        const bool cancellable = boost::asio::get_associated_cancellation_slot(handler).is_connected();
        if (from->has_waiter())
            ec = make_error_code(Errc::_in_progress);
        if (ec || (!cancellable && take(ec, out))) {
            engine::complete(*loop, std::move(handler), ec, std::move(out));
            return;
        }
        if (!loop->alive())
            return; // there is nowhere to run the handler
        const auto read = std::make_shared<AsyncRead>(std::move(loop), std::move(from), std::move(handler), std::move(take));
        if (!cancellable) {
            read->wait();
            return;
        }
        read->obey_cancellation();
        engine::run_on(*read->loop_, read->executor_, [read] { read->go_on({}); });
    }

    // The handler is built in place: assigning one any_completion_handler to another never returns in Boost 1.81.
    AsyncRead(std::shared_ptr<engine::Loop> loop, std::shared_ptr<Arrivals> from, Handler<Out> handler, Take take)
        : loop_(std::move(loop))
        , from_(std::move(from))
        , handler_(std::move(handler))
        , executor_(boost::asio::prefer(
              boost::asio::any_completion_executor(boost::asio::get_associated_executor(handler_, loop_->completion_executor())),
              boost::asio::execution::outstanding_work.tracked
          ))
        , take_(std::move(take)) {}

private:
    void obey_cancellation() {
        boost::asio::get_associated_cancellation_slot(handler_).assign([weak = this->weak_from_this()](boost::asio::cancellation_type type) {
            const auto read = weak.lock();
            if (!read || type == boost::asio::cancellation_type::none)
                return;
            read->cancelled_ = true;
            read->from_->fail_waiter(boost::asio::error::operation_aborted);
        });
    }

    void wait() {
        Arrivals::Waiter waiter = [self = this->shared_from_this()](error_code ec) {
            engine::run_on(*self->loop_, self->executor_, [self, ec] { self->go_on(ec); });
        };
        if (!from_->set_waiter(waiter))
            waiter({}); // something came meanwhile
        else if (cancelled_)
            from_->fail_waiter(boost::asio::error::operation_aborted);
    }

    void go_on(error_code ec) {
        Out out;
        if (!ec && cancelled_)
            ec = boost::asio::error::operation_aborted;
        if (!ec && from_->has_waiter()) // of another that came meanwhile
            ec = make_error_code(Errc::_in_progress);
        if (!ec && !take_(ec, out)) {
            wait();
            return;
        }
        boost::asio::get_associated_cancellation_slot(handler_).clear();
        take_ = nullptr;
        std::move(handler_)(ec, std::move(out));
    }

    const std::shared_ptr<engine::Loop> loop_;
    const std::shared_ptr<Arrivals> from_;
    Handler<Out> handler_;
    const boost::asio::any_completion_executor executor_; ///< of the handler; counts as work there while this waits
    Take take_;
    std::atomic<bool> cancelled_{false};
};

} // namespace ottla::client
