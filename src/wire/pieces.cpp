#include "wire/pieces.hpp"

#include <cstring>

namespace ottla::wire {

Pieces::Pieces(std::vector<Buffer> buffers)
    : buffers_(std::move(buffers)) {
    std::erase_if(buffers_, [](const Buffer& b) { return b.empty(); });
    for (const Buffer& buffer : buffers_)
        size_ += buffer.size();
}

Buffer Pieces::flatten() const {
    if (buffers_.size() == 1)
        return buffers_.front();
    Buffer all = Buffer::allocate(size_);
    uint8_t* out = all.mutable_data();
    for (const Buffer& buffer : buffers_) {
        std::memcpy(out, buffer.data(), buffer.size());
        out += buffer.size();
    }
    return all;
}

} // namespace ottla::wire
