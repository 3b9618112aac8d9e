// Sockets stay with this process: a program that the application starts (popen, posix_spawn) must not inherit them, or a
// peer would go on talking to a socket that nobody reads any more. Asio opens its sockets without the flag.
#pragma once

#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>

#include <ottla/error.hpp>

namespace ottla {

/// Opens `socket` (a tcp::socket or tcp::acceptor) such that it closes on exec.
template <class Socket, class Protocol>
void open_close_on_exec(Socket& socket, const Protocol& protocol, error_code& error) {
    const int fd = ::socket(protocol.family(), protocol.type() | SOCK_CLOEXEC, protocol.protocol());
    if (fd < 0)
        error.assign(errno, boost::system::system_category());
    else
        socket.assign(protocol, fd, error);
}

/// For one that was accepted, which Asio cannot do in one call.
inline void set_close_on_exec(int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); }

} // namespace ottla
