// A byte stream over TCP. Waits for readiness through Asio and then reads and writes without blocking: the bytes go from
// the socket straight to where the connection wants them, and from its pieces straight into one gathered write.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <ottla/error.hpp>

#include "core/net/link.hpp"
#include "engine/loop.hpp"
#include "engine/resolver.hpp"

namespace ottla::engine {

class LoopBase;

class TcpStream : public std::enable_shared_from_this<TcpStream> {
public:
    TcpStream(LoopBase& loop, LinkOptions options, core::LinkUser& user, std::string host, uint16_t port);

    void start();
    /// Ends it: no callback afterwards.
    void close();
    /// Writes until everything is out, the socket is full, or enough is done for one turn; then goes on when it has room, or in
    /// the next turn.
    void write();
    /// Reads what is there. `limit`: at most so many bytes, so that one busy peer does not hold up the others.
    void read(size_t limit);
    /// At the start of a turn that comes late: what lies in the socket is delivered before anyone judges deadlines.
    void catch_up();
    void flush();
    bool wants_write() const { return wants_write_; }
    const std::string& peer() const { return peer_; }

private:
    /// Not closed, and not a forked child's copy.
    bool usable() const;
    void connect_next(const error_code& last);
    void opened();
    void wait_readable();
    void wait_writable();
    void fail(Errc code, std::string text);

    LoopBase* loop_; ///< null once closed
    const LinkOptions options_;
    const size_t write_limit_; ///< of a turn
    core::LinkUser* user_;
    const std::string host_;
    const uint16_t port_;
    std::string peer_;
    std::optional<boost::asio::ip::tcp::socket> socket_; ///< none once closed: the context may be ending
    Endpoints endpoints_;
    size_t next_endpoint_ = 0;
    bool open_ = false;
    bool writable_ = false; ///< no wait for room is pending
    bool wants_write_ = false;
};

/// The part that the connection owns.
class TcpLink final : public core::Link {
public:
    explicit TcpLink(std::shared_ptr<TcpStream> stream) : stream_(std::move(stream)) {}
    ~TcpLink() override { stream_->close(); }
    void flush() override { stream_->flush(); }
    std::string peer() const override { return stream_->peer(); }

private:
    std::shared_ptr<TcpStream> stream_;
};

} // namespace ottla::engine
