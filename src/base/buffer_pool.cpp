#include "base/buffer_pool.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace ottla {
namespace {

/// Sizes are rounded up to this, so that frames which differ a little can follow each other in the same memory.
constexpr size_t granularity = 64 * 1024;
/// Blocks that are kept; more small ones would be as good from the heap.
constexpr size_t max_blocks = 64;

} // namespace

struct BufferPool::State {
    struct Block : BufferBlock {
        State* pool;
    };

    explicit State(size_t limit) : max_kept_bytes(limit) { free.reserve(max_blocks); }

    const size_t max_kept_bytes;
    std::atomic<size_t> references{1}; // the pool and every block that is out
    std::mutex mutex;
    std::vector<Block*> free; // the warmest last
    size_t kept_bytes = 0;
    bool closed = false;

    static void destroy(Block* block) noexcept {
        block->~Block();
        std::free(block);
    }

    static Block* make(size_t capacity) {
        void* memory = std::malloc(sizeof(Block) + capacity);
        if (!memory)
            throw std::bad_alloc();
        auto* block = new (memory) Block;
        block->bytes = reinterpret_cast<uint8_t*>(block + 1);
        block->capacity = capacity;
        block->release = [](BufferBlock* b) noexcept {
            auto* own = static_cast<Block*>(b);
            own->pool->give_back(own);
        };
        return block;
    }

    /// One that holds `size` bytes and is not more than twice as large; null when there is none.
    Block* take(size_t size) {
        std::lock_guard lock(mutex);
        const auto found = std::find_if(free.rbegin(), free.rend(), [size](const Block* block) {
            return block->capacity >= size && block->capacity / 2 <= size;
        });
        if (found == free.rend())
            return nullptr;
        Block* block = *found;
        free.erase(std::next(found).base());
        kept_bytes -= block->capacity;
        return block;
    }

    void give_back(Block* block) noexcept {
        {
            std::lock_guard lock(mutex);
            if (!closed && free.size() < max_blocks && kept_bytes + block->capacity <= max_kept_bytes) {
                free.push_back(block); // room was made at the beginning
                kept_bytes += block->capacity;
                block = nullptr;
            }
        }
        if (block)
            destroy(block);
        drop();
    }

    void drop() noexcept {
        if (references.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete this;
    }
};

BufferPool::BufferPool(size_t max_kept_bytes) : state_(new State(max_kept_bytes)) {}

BufferPool::~BufferPool() {
    {
        std::lock_guard lock(state_->mutex);
        state_->closed = true;
        for (auto* block : state_->free)
            State::destroy(block);
        state_->free.clear();
    }
    state_->drop();
}

Buffer BufferPool::allocate(size_t size) {
    State::Block* block = state_->take(size);
    if (!block)
        block = State::make((size + granularity - 1) / granularity * granularity);
    block->references.store(1, std::memory_order_relaxed);
    block->pool = state_;
    state_->references.fetch_add(1, std::memory_order_relaxed);
    return {block, block->bytes, size};
}

} // namespace ottla
