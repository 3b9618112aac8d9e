#include "input.hpp"

#include <cerrno>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace ottla::cli {
namespace {

constexpr size_t block = size_t{1} << 20;
constexpr int idle_every_ms = 200;
/// The most that message.max.bytes can be: more cannot be one message.
constexpr size_t longest_piece = 1'000'000'000;

} // namespace

Input::Input(const std::string& name, std::function<bool()> idle)
    : name_(name == "-" ? "stdin" : name)
    , idle_(std::move(idle))
    , fd_(name == "-" ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0)
        throw std::runtime_error(fmt::format("cannot open {}: {}", name_, std::strerror(errno)));
}

Input::~Input() {
    if (fd_ != STDIN_FILENO)
        ::close(fd_);
}

Input::Read Input::read() {
    if (filled_ > longest_piece)
        throw std::runtime_error(
            fmt::format("{}: a piece of more than {} bytes can be no message", name_, longest_piece)
        );
    if (buffer_.size() - filled_ < block)
        buffer_.resize(std::max(filled_ + block, buffer_.size() * 2));
    for (;;) {
        pollfd in{.fd = fd_, .events = POLLIN, .revents = 0};
        if (const int ready = ::poll(&in, 1, idle_every_ms); ready == 0 || (ready < 0 && errno == EINTR)) {
            if (!idle_())
                return Read::stopped;
            continue;
        }
        const ssize_t got = ::read(fd_, buffer_.data() + filled_, block);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            throw std::runtime_error(fmt::format("cannot read {}: {}", name_, std::strerror(errno)));
        filled_ += static_cast<size_t>(got);
        return got == 0 ? Read::end : Read::some;
    }
}

bool Input::read_all(std::string& into) {
    for (;;) {
        switch (read()) {
        case Read::stopped:
            return false;
        case Read::end:
            into.assign(buffer_.data(), filled_);
            return true;
        case Read::some:
            break;
        }
    }
}

} // namespace ottla::cli
