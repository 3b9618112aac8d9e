#include "engine/tcp_link.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>

#include "base/close_on_exec.hpp"
#include "engine/loop_base.hpp"

namespace ottla::engine {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr size_t read_limit = 1024 * 1024; // a turn, a stream
constexpr size_t catch_up_limit = 64 * read_limit;
constexpr size_t write_limit = 256 * 1024; // a turn, a stream: about 0.2 ms
constexpr size_t long_write_limit = 4 * 1024 * 1024; // where nothing else runs on the thread
constexpr size_t max_pieces = 256;

std::string text_of(const tcp::endpoint& endpoint) {
    const auto address = endpoint.address().to_string();
    return fmt::format(fmt::runtime(endpoint.address().is_v6() ? "[{}]:{}" : "{}:{}"), address, endpoint.port());
}

} // namespace

TcpStream::TcpStream(LoopBase& loop, LinkOptions options, core::LinkUser& user, std::string host, uint16_t port)
    : loop_(&loop)
    , options_(options)
    , write_limit_(loop.embedded() ? write_limit : long_write_limit)
    , user_(&user)
    , host_(std::move(host))
    , port_(port)
    , peer_(fmt::format("{}:{}", host_, port_))
    , socket_(std::in_place, loop.executor()) {}

void TcpStream::start() {
    // Posted, because the user must not hear from its link before open() has returned.
    loop_->post([weak = weak_from_this()](TimePoint) {
        const auto self = weak.lock();
        if (!self || !self->usable())
            return;
        resolve(self->loop_->executor(), self->loop_->options(), self->host_, self->port_, self->options_.family, [weak](Result<Endpoints> found) {
            const auto stream = weak.lock();
            if (!stream || !stream->usable())
                return;
            stream->loop_->event([&] {
                if (!found) {
                    stream->fail(Errc::_resolve, found.error().message());
                    return;
                }
                stream->endpoints_ = std::move(*found);
                stream->connect_next({});
            });
        });
    });
}

void TcpStream::connect_next(const error_code& last) {
    if (next_endpoint_ == endpoints_.size()) {
        fail(Errc::_transport, fmt::format("connect to {} failed: {}", peer_, last.message()));
        return;
    }
    const auto endpoint = endpoints_[next_endpoint_++];
    peer_ = text_of(endpoint);
    error_code ec;
    if (socket_->is_open())
        socket_->close(ec);
    open_close_on_exec(*socket_, endpoint.protocol(), ec);
    if (!ec && options_.send_buffer)
        socket_->set_option(asio::socket_base::send_buffer_size(options_.send_buffer), ec);
    if (!ec && options_.receive_buffer)
        socket_->set_option(asio::socket_base::receive_buffer_size(options_.receive_buffer), ec);
    if (!ec)
        socket_->non_blocking(true, ec);
    if (ec) {
        connect_next(ec);
        return;
    }
    socket_->async_connect(endpoint, [weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (!self || !self->usable())
            return;
        self->loop_->event([&] {
            if (error)
                self->connect_next(error);
            else
                self->opened();
        });
    });
}

void TcpStream::opened() {
    error_code ignored; // tuning that a system refuses is no reason to fail
    if (options_.nodelay)
        socket_->set_option(tcp::no_delay(true), ignored);
    if (options_.keepalive)
        socket_->set_option(asio::socket_base::keep_alive(true), ignored);
    open_ = writable_ = true;
    user_->on_open(Loop::now());
    if (usable())
        wait_readable();
}

bool TcpStream::usable() const { return loop_ && !loop_->forked(); }

void TcpStream::close() {
    if (!usable())
        return;
    loop_->remove_stream(this);
    loop_ = nullptr;
    user_ = nullptr;
    open_ = false;
    error_code ignored;
    socket_->close(ignored);
    socket_.reset();
}

void TcpStream::fail(Errc code, std::string text) {
    if (!loop_)
        return;
    core::LinkUser* user = user_;
    close();
    user->on_closed(Error(code, std::move(text)), Loop::now());
}

void TcpStream::flush() {
    if (wants_write_ || !loop_)
        return;
    wants_write_ = true;
    loop_->mark_dirty(shared_from_this());
}

void TcpStream::write() {
    wants_write_ = false;
    for (size_t left = write_limit_; usable() && open_ && writable_;) {
        iovec pieces[max_pieces];
        size_t count = user_->gather(pieces);
        if (count == 0)
            return;
        if (left == 0) {
            wants_write_ = true;
            loop_->write_next_turn(shared_from_this());
            return;
        }
        size_t total = 0;
        for (size_t i = 0; i < count; ++i) {
            pieces[i].iov_len = std::min(pieces[i].iov_len, left - total);
            total += pieces[i].iov_len;
            if (total == left)
                count = i + 1;
        }
        // By hand: write_some passes on 64 pieces, which is little where values lie where the application has them.
        msghdr message{};
        message.msg_iov = pieces;
        message.msg_iovlen = count;
        const ssize_t result = ::sendmsg(socket_->native_handle(), &message, MSG_NOSIGNAL);
        if (result < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                wait_writable();
            else if (errno == EINTR)
                continue;
            else
                fail(Errc::_transport, fmt::format("write to {} failed: {}", peer_, error_code(errno, boost::system::system_category()).message()));
            return;
        }
        const auto written = static_cast<size_t>(result);
        left -= written;
        user_->on_written(written, Loop::now());
        if (loop_ && written < total)
            wait_writable();
    }
}

void TcpStream::wait_writable() {
    writable_ = false;
    socket_->async_wait(tcp::socket::wait_write, [weak = weak_from_this()](const error_code& ec) {
        const auto self = weak.lock();
        if (!self || !self->usable())
            return;
        self->writable_ = true;
        self->loop_->event([&] {
            if (ec)
                self->fail(Errc::_transport, ec.message());
            else
                self->flush(); // in the turn that follows
        });
    });
}

void TcpStream::wait_readable() {
    socket_->async_wait(tcp::socket::wait_read, [weak = weak_from_this()](const error_code& ec) {
        const auto self = weak.lock();
        if (!self || !self->usable())
            return;
        self->loop_->event([&] {
            if (ec)
                self->fail(Errc::_transport, ec.message());
            else
                self->read(read_limit);
            if (self->usable())
                self->wait_readable();
        });
    });
}

void TcpStream::read(size_t limit) {
    for (size_t total = 0; usable() && open_ && total < limit;) {
        const auto space = user_->read_space();
        error_code ec;
        const size_t size = socket_->read_some(asio::buffer(space.data(), space.size()), ec);
        if (ec == asio::error::would_block || ec == asio::error::try_again)
            return;
        if (ec == asio::error::eof) {
            fail(Errc::_transport, "the peer closed the connection");
            return;
        }
        if (ec) {
            fail(Errc::_transport, fmt::format("read from {} failed: {}", peer_, ec.message()));
            return;
        }
        total += size;
        user_->on_read(size, Loop::now());
        if (size < space.size())
            return; // drained; the wait that follows notices what comes later
    }
}

void TcpStream::catch_up() {
    if (open_)
        read(catch_up_limit);
}

} // namespace ottla::engine
