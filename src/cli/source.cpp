#include "source.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.hpp"

namespace ottla::cli {

Source::Source(const std::string& name)
    : name_(name == "-" ? "stdin" : name)
    , fd_(name == "-" ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0)
        throw UsageError(fmt::format("cannot open {}: {}", name_, std::strerror(errno)));
    struct stat status = {};
    if (::fstat(fd_, &status) == 0 && S_ISDIR(status.st_mode)) {
        ::close(fd_);
        throw UsageError(fmt::format("{} is a folder", name_));
    }
    live_ = !S_ISREG(status.st_mode);
}

Source::~Source() {
    if (fd_ != STDIN_FILENO)
        ::close(fd_);
}

Bytes Source::peek() {
    constexpr size_t enough = 4;
    constexpr size_t most = 4096;
    while (peeked_.size() < enough) {
        const size_t before = peeked_.size();
        peeked_.resize(most);
        const size_t got = read_file(std::span(peeked_).subspan(before));
        peeked_.resize(before + got);
        if (got == 0)
            break;
    }
    return peeked_;
}

size_t Source::read(std::span<uint8_t> into) {
    if (used_ == peeked_.size())
        return read_file(into);
    const size_t n = std::min(into.size(), peeked_.size() - used_);
    std::memcpy(into.data(), peeked_.data() + used_, n);
    used_ += n;
    return n;
}

size_t Source::read_file(std::span<uint8_t> into) {
    // A signal between the question and the reading would be slept over: so the sleep is never long.
    constexpr int ask_again_ms = 200;
    while (!interrupted()) {
        pollfd in{.fd = fd_, .events = POLLIN, .revents = 0};
        if (const int ready = live_ ? ::poll(&in, 1, ask_again_ms) : 1;
            ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        const ssize_t got = ::read(fd_, into.data(), into.size());
        if (got >= 0)
            return static_cast<size_t>(got);
        if (errno != EINTR && errno != EAGAIN)
            throw std::runtime_error(fmt::format("cannot read {}: {}", name_, std::strerror(errno)));
    }
    return 0;
}

} // namespace ottla::cli
