// Keeps large memory that Buffers gave back, for the next one of about the size. The heap would return it to the system
// and fault every page in again: for received frames that costs more than all that is done with them. One lock a block.
#pragma once

#include <cstddef>

#include <ottla/buffer.hpp>

namespace ottla {

class BufferPool {
public:
    /// Memory that is not in use is kept up to this; beyond it, it goes back to the heap.
    explicit BufferPool(size_t max_kept_bytes);
    /// Buffers that are still out find their way to the heap.
    ~BufferPool();
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;

    /// A Buffer of `size` bytes, as Buffer::allocate gives it. Any thread may drop it. Throws std::bad_alloc.
    Buffer allocate(size_t size);

private:
    struct State;
    State* state_;
};

} // namespace ottla
