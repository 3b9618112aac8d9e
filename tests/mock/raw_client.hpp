// A blocking socket that speaks frames, to see a broker from outside without any client.
#pragma once

#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <ottla/buffer.hpp>

#include "base/endian.hpp"
#include "catch.hpp"
#include "wire/frame.hpp"

namespace ottla {

class RawClient {
public:
    explicit RawClient(uint16_t port)
        : socket_(context_) {
        socket_.connect({boost::asio::ip::address_v4::loopback(), port});
        socket_.set_option(boost::asio::ip::tcp::no_delay(true));
        const timeval patience{10, 0};
        ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }

    /// False when the peer has closed.
    bool write(Bytes bytes) {
        error_code error;
        boost::asio::write(socket_, boost::asio::buffer(bytes.data(), bytes.size()), error);
        return !error;
    }

    /// The next frame without its size; nullopt when the peer closed, or sent nothing for ten seconds.
    std::optional<Buffer> read_frame() {
        uint8_t prefix[4];
        if (!read(prefix, sizeof prefix))
            return std::nullopt;
        Buffer frame = Buffer::allocate(load_be<uint32_t>(prefix));
        if (!read(frame.mutable_data(), frame.size()))
            return std::nullopt;
        return frame;
    }

    /// Whether the peer has closed, waiting for it up to ten seconds. Bytes that still come are dropped.
    bool is_closed() {
        uint8_t byte;
        while (read(&byte, 1))
            continue;
        return errno != EAGAIN && errno != EWOULDBLOCK;
    }

    template <class Request>
    static Buffer frame_of(const Request& request, int16_t version, int32_t correlation_id = 1) {
        const auto frame = wire::encode_request(request, version, correlation_id, "raw");
        REQUIRE(frame.has_value());
        return frame->flatten();
    }

    template <class Request>
    bool put(const Request& request, int16_t version, int32_t correlation_id = 1) {
        return write(frame_of(request, version, correlation_id));
    }

    /// The next answer, which must be one to `Request`.
    template <class Request>
    typename Request::Response take(int16_t version, int32_t* correlation_id = nullptr) {
        const auto frame = read_frame();
        REQUIRE(frame);
        typename Request::Response response;
        REQUIRE_FALSE(wire::decode_response(response, version, *frame, correlation_id));
        return response;
    }

    template <class Request>
    typename Request::Response ask(const Request& request, int16_t version) {
        REQUIRE(put(request, version));
        return take<Request>(version);
    }

    /// Ends the connection with a reset instead of a close.
    void reset() {
        const linger at_once{1, 0};
        ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        socket_.close();
    }

private:
    bool read(uint8_t* to, size_t size) {
        while (size != 0) {
            const ssize_t got = ::recv(socket_.native_handle(), to, size, 0);
            if (got <= 0) {
                if (got == 0)
                    errno = 0;
                return false;
            }
            to += got;
            size -= static_cast<size_t>(got);
        }
        return true;
    }

    boost::asio::io_context context_;
    boost::asio::ip::tcp::socket socket_;
};

} // namespace ottla
