// Encoded bytes as a sequence of buffers: glue made by the writer, and records gathered without a copy.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <ottla/buffer.hpp>

namespace ottla::wire {

class Pieces {
public:
    Pieces() = default;
    explicit Pieces(std::vector<Buffer> buffers);

    /// In order; none is empty.
    const std::vector<Buffer>& buffers() const { return buffers_; }

    /// Bytes of all buffers.
    size_t size() const { return size_; }

    /// One buffer with all bytes: the only one there is, or a copy.
    Buffer flatten() const;

private:
    std::vector<Buffer> buffers_;
    size_t size_ = 0;
};

} // namespace ottla::wire
