// What `ottla consume` writes: collected, and put to stdout in large pieces.
#pragma once

#include <cstddef>
#include <string>

namespace ottla::cli {

class Output {
public:
    /// Beyond `limit` bytes `check` writes.
    explicit Output(size_t limit)
        : limit_(limit) {}

    /// Text is appended here.
    std::string& buffer() { return buffer_; }

    /// To be called after each message. False when nobody reads any more.
    bool check() { return buffer_.size() <= limit_ || flush(); }

    /// Writes what there is; false when nobody reads any more, even if there is nothing to write. Throws when
    /// it cannot be written for another reason.
    bool flush();

private:
    const size_t limit_;
    std::string buffer_;
};

} // namespace ottla::cli
