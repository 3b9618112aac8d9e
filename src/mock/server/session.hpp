// One accepted connection: reads requests for the core, writes its answers gathered. Reads nothing while too
// much waits to be sent or to be done. Lives on the server's thread.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <ottla/buffer.hpp>

#include "mock/server/frame_reader.hpp"
#include "mock/topic.hpp"

namespace ottla::mock {

class Server;

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(Server& server, boost::asio::ip::tcp::socket socket, ConnectionId id);

    /// Begins or goes on to read, unless that already happens or too much is waiting.
    void read();
    void send(std::vector<Buffer> frame);
    /// Reads no more, sends what is waiting, then closes.
    void finish();
    /// Closes at once.
    void abort();

private:
    static constexpr size_t most_waiting = 4 * 1024 * 1024; ///< bytes unsent, and bytes undone
    static constexpr size_t most_pieces = 64;               ///< of one gathered write

    void on_read(size_t size);
    void write();
    void on_written(size_t size);

    Server& server_;
    boost::asio::ip::tcp::socket socket_;
    const ConnectionId id_;
    FrameReader reader_;
    std::deque<Buffer> unsent_;
    size_t unsent_bytes_ = 0;
    bool reading_ = false;
    bool paused_ = false; // wants to read, may not
    bool writing_ = false;
    bool finishing_ = false;
};

} // namespace ottla::mock
