// The asynchronous polls: they wait without a thread and decode on the handler's executor.
#include "client/async_read.hpp"
#include "client/consumer_impl.hpp"

namespace ottla::client {
namespace {

/// While it exists the application is polling.
class InPoll {
public:
    explicit InPoll(std::shared_ptr<ConsumerDriver> driver)
        : driver_(std::move(driver)) {
        driver_->poll_clock().inside.fetch_add(1, std::memory_order_relaxed);
    }
    InPoll(InPoll&&) noexcept = default;
    InPoll& operator=(InPoll&&) = delete;
    ~InPoll() {
        if (driver_)
            driver_->poll_clock().inside.fetch_sub(1, std::memory_order_relaxed);
    }

private:
    std::shared_ptr<ConsumerDriver> driver_;
};

} // namespace

template <class Out>
void ConsumerImpl::start_read(Handler<Out> handler) {
    if (driver_->fatal_told()) {
        engine::complete(*driver_->loop(), std::move(handler), make_error_code(Errc::_fatal, ErrorFlag::fatal), Out());
        return;
    }
    begin_poll();
    const std::shared_ptr<Arrivals> queue(driver_, &driver_->queue());
    AsyncRead<Out>::start(
        driver_->loop(), queue, std::move(handler),
        [self = shared_from_this(), in_poll = std::optional<InPoll>()](error_code& ec, Out& out) mutable {
            self->driver_->serve_callbacks();
            self->serve_group();
            bool given = false;
            {
                std::lock_guard lock(self->use_);
                if (self->closed_ || self->closes_elsewhere())
                    ec = make_error_code(Errc::_destroy);
                else if (self->take(out))
                    given = true;
            }
            if (given) {
                self->driver_->interceptors().on_consume(out);
                return true;
            }
            if (ec)
                self->driver_->queue().interrupt(); // what this was woken for may be the closing thread's
            if (!ec && self->woken_.exchange(false))
                ec = boost::asio::error::operation_aborted;
            if (!ec && !in_poll)
                in_poll.emplace(self->driver_);
            return static_cast<bool>(ec);
        }
    );
}

void ConsumerImpl::start_poll(Handler<Records> handler) { start_read(std::move(handler)); }

void ConsumerImpl::start_poll(Handler<Message> handler) { start_read(std::move(handler)); }

void ConsumerImpl::wakeup() {
    woken_ = true;
    driver_->queue().interrupt();
}

} // namespace ottla::client
