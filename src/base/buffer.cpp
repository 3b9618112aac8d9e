#include <ottla/buffer.hpp>

#include <cstdlib>
#include <new>

namespace ottla {

Buffer Buffer::allocate(size_t size) {
    void* memory = std::malloc(sizeof(BufferBlock) + size);
    if (!memory)
        throw std::bad_alloc();
    auto* block = new (memory) BufferBlock;
    block->bytes = reinterpret_cast<uint8_t*>(block + 1);
    block->capacity = size;
    block->release = [](BufferBlock* b) noexcept {
        b->~BufferBlock();
        std::free(b);
    };
    return {block, block->bytes, size};
}

Buffer Buffer::copy_of(Bytes bytes) {
    Buffer copy = allocate(bytes.size());
    if (bytes.size())
        std::memcpy(copy.mutable_data(), bytes.data(), bytes.size());
    return copy;
}

} // namespace ottla
