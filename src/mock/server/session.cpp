#include "mock/server/session.hpp"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "mock/server/server.hpp"

namespace ottla::mock {

namespace asio = boost::asio;

Session::Session(Server& server, asio::ip::tcp::socket socket, ConnectionId id)
    : server_(server)
    , socket_(std::move(socket))
    , id_(id) {
    error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Session::read() {
    if (reading_ || finishing_)
        return;
    paused_ = unsent_bytes_ > most_waiting || server_.core().backlog_bytes(id_) > most_waiting;
    if (paused_)
        return;
    reading_ = true;
    const auto space = reader_.space();
    socket_.async_read_some(
        asio::buffer(space.data(), space.size()),
        [self = shared_from_this()](error_code error, size_t size) {
            self->reading_ = false;
            if (self->finishing_)
                return;
            if (error) {
                self->server_.on_gone(self->id_);
                self->abort();
                return;
            }
            self->on_read(size);
        }
    );
}

void Session::on_read(size_t size) {
    const TimePoint now = Server::now();
    const bool sane = reader_.commit(size, [&](Buffer frame) {
        server_.core().on_frame(id_, std::move(frame), now);
        return !finishing_;
    });
    if (!sane) {
        server_.on_gone(id_);
        abort();
    }
    server_.poll();
    read();
}

void Session::send(std::vector<Buffer> frame) {
    for (Buffer& piece : frame) {
        unsent_bytes_ += piece.size();
        unsent_.push_back(std::move(piece));
    }
    write();
    if (paused_)
        asio::post(socket_.get_executor(), [self = shared_from_this()] { self->read(); });
}

void Session::write() {
    if (writing_ || unsent_.empty() || !socket_.is_open())
        return;
    writing_ = true;
    std::vector<asio::const_buffer> pieces;
    pieces.reserve(std::min(unsent_.size(), most_pieces));
    for (size_t i = 0; i < unsent_.size() && i < most_pieces; ++i)
        pieces.emplace_back(unsent_[i].data(), unsent_[i].size());
    socket_.async_write_some(pieces, [self = shared_from_this()](error_code error, size_t size) {
        self->writing_ = false;
        if (error) {
            self->server_.on_gone(self->id_);
            self->abort();
            return;
        }
        self->on_written(size);
    });
}

void Session::on_written(size_t size) {
    if (!socket_.is_open())
        return;
    unsent_bytes_ -= size;
    while (size != 0) {
        Buffer& first = unsent_.front();
        if (size < first.size()) {
            first = first.slice(size, first.size() - size);
            break;
        }
        size -= first.size();
        unsent_.pop_front();
    }
    if (!unsent_.empty())
        return write();
    if (finishing_)
        return abort();
    read();
}

void Session::finish() {
    finishing_ = true;
    if (unsent_.empty())
        abort();
}

void Session::abort() {
    finishing_ = true;
    unsent_.clear();
    unsent_bytes_ = 0;
    error_code ignored;
    socket_.close(ignored);
}

} // namespace ottla::mock
