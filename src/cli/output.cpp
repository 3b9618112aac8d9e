#include "output.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace ottla::cli {

bool Output::flush() {
    for (size_t at = 0; at < buffer_.size();) {
        const ssize_t put = ::write(STDOUT_FILENO, buffer_.data() + at, buffer_.size() - at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            buffer_.clear();
            if (errno == EPIPE)
                return false;
            throw std::runtime_error(fmt::format("cannot write to stdout: {}", std::strerror(errno)));
        }
        at += static_cast<size_t>(put);
    }
    buffer_.clear();
    // A pipe whose reader has gone shows that without a write.
    pollfd out{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
    return ::poll(&out, 1, 0) <= 0 || (out.revents & (POLLERR | POLLHUP)) == 0;
}

} // namespace ottla::cli
