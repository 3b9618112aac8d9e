// One byte stream to a broker as the cores see it: they own bytes and meaning, the driver owns the socket.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <ottla/error.hpp>
#include <ottla/types.hpp>

#include <sys/uio.h>

namespace ottla::core {

/// What a link tells its connection. Called on the owning thread, never from inside a call to the link.
class LinkUser {
public:
    virtual ~LinkUser() = default;
    virtual void on_open(TimePoint now) = 0;
    /// The stream could not be opened, failed, or was closed by the peer. Nothing follows.
    virtual void on_closed(Error error, TimePoint now) = 0;
    /// Where the next bytes go; never empty.
    virtual std::span<uint8_t> read_space() = 0;
    virtual void on_read(size_t size, TimePoint now) = 0;
    /// Fills `out` with what is to be written next and returns how many were filled; the bytes stay until on_written.
    virtual size_t gather(std::span<iovec> out) = 0;
    virtual void on_written(size_t size, TimePoint now) = 0;
};

/// Destroying a link closes it without further callbacks.
class Link {
public:
    virtual ~Link() = default;
    /// There is something to gather; the link writes it before the turn ends.
    virtual void flush() = 0;
    /// What the stream is connected to, for messages: "127.0.0.1:9092".
    virtual std::string peer() const = 0;
};

/// Makes links: the engine's TCP ring, or the simulator's network.
class LinkFactory {
public:
    virtual ~LinkFactory() = default;
    /// Starts to open a stream; tries every address of `host` in turn.
    virtual std::unique_ptr<Link> open(const std::string& host, uint16_t port, LinkUser& user) = 0;
};

} // namespace ottla::core
