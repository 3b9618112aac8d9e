#include "accumulator/chunk_pool.hpp"

#include <cstdlib>
#include <new>

namespace ottla::accumulator {
namespace {

// What the pool keeps at most: beyond it chunks return to the heap.
constexpr size_t max_kept_bytes = 16 * 1024 * 1024;

} // namespace

struct ChunkPool::State {
    struct Block : BufferBlock {
        State* pool;
    };

    std::atomic<size_t> references{1}; // the pool and every chunk that is out
    std::mutex mutex;
    std::vector<Block*> free[2];
    size_t kept_bytes = 0;
    bool closed = false;

    static size_t kind(size_t capacity) { return capacity == small_chunk ? 0 : 1; }

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

    static void destroy(Block* block) noexcept {
        block->~Block();
        std::free(block);
    }

    void give_back(Block* block) noexcept {
        {
            std::lock_guard lock(mutex);
            if (!closed && kept_bytes + block->capacity <= max_kept_bytes) {
                auto& list = free[kind(block->capacity)];
                if (list.size() < list.capacity()) { // no allocation here: room was made when it was taken
                    list.push_back(block);
                    kept_bytes += block->capacity;
                    block = nullptr;
                }
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

ChunkPool::ChunkPool() : state_(new State) {
    state_->free[0].reserve(max_kept_bytes / small_chunk);
    state_->free[1].reserve(max_kept_bytes / large_chunk);
}

ChunkPool::~ChunkPool() {
    {
        std::lock_guard lock(state_->mutex);
        state_->closed = true;
        for (auto& list : state_->free) {
            for (auto* block : list)
                State::destroy(block);
            list.clear();
        }
    }
    state_->drop();
}

Buffer ChunkPool::take(size_t size) {
    if (size > large_chunk)
        return Buffer::allocate(size);
    const size_t capacity = size <= small_chunk ? small_chunk : large_chunk;
    State::Block* block = nullptr;
    {
        std::lock_guard lock(state_->mutex);
        auto& list = state_->free[State::kind(capacity)];
        if (!list.empty()) {
            block = list.back();
            list.pop_back();
            state_->kept_bytes -= capacity;
        }
    }
    if (!block)
        block = State::make(capacity);
    block->references.store(1, std::memory_order_relaxed);
    block->pool = state_;
    state_->references.fetch_add(1, std::memory_order_relaxed);
    return {block, block->bytes, capacity};
}

} // namespace ottla::accumulator
