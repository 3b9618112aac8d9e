// A counted slice of memory: how received frames, record views and batches in flight share bytes without copying.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ottla/export.hpp>
#include <ottla/types.hpp>

namespace ottla {

/// The memory behind Buffers: a header, then (usually) the bytes. Whoever makes a block says how it is given back.
struct BufferBlock {
    std::atomic<uint32_t> references{1};
    /// Called once, on whichever thread drops the last reference. Must not throw.
    void (*release)(BufferBlock*) noexcept = nullptr;
    uint8_t* bytes = nullptr;
    size_t capacity = 0;
};

/// A slice of a BufferBlock that keeps the block alive. Copies share the bytes; they are immutable once shared.
/// Copying and dropping is safe from any thread.
class OTTLA_EXPORT Buffer {
public:
    Buffer() = default;
    /// Takes over one reference of `block`.
    Buffer(BufferBlock* block, const uint8_t* data, size_t size) : block_(block), data_(data), size_(size) {}
    Buffer(const Buffer& other) : block_(other.block_), data_(other.data_), size_(other.size_) {
        if (block_)
            block_->references.fetch_add(1, std::memory_order_relaxed);
    }
    Buffer(Buffer&& other) noexcept
        : block_(std::exchange(other.block_, nullptr))
        , data_(std::exchange(other.data_, nullptr))
        , size_(std::exchange(other.size_, 0)) {}
    Buffer& operator=(Buffer other) noexcept {
        std::swap(block_, other.block_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Buffer() {
        if (block_ && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
            block_->release(block_);
    }

    /// New memory from the heap, in one allocation. Throws std::bad_alloc.
    static Buffer allocate(size_t size);
    /// New memory holding a copy of `bytes`.
    static Buffer copy_of(Bytes bytes);

    const uint8_t* data() const { return data_; }
    /// Only while this is the sole reference.
    uint8_t* mutable_data() { return const_cast<uint8_t*>(data_); }
    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    std::span<const uint8_t> span() const { return {data_, size_}; }
    operator Bytes() const { return {data_, size_}; }

    /// `size` bytes from `offset`, sharing the block. Both must lie within this slice.
    Buffer slice(size_t offset, size_t size) const {
        Buffer part(*this);
        part.data_ += offset;
        part.size_ = size;
        return part;
    }
    /// Becomes both together if `next` follows this in the same block; else false.
    bool join(const Buffer& next) {
        if (block_ != next.block_ || data_ + size_ != next.data_)
            return false;
        size_ += next.size_;
        return true;
    }
    /// What keeps the bytes; null: nothing does.
    BufferBlock* block() const { return block_; }
    /// True when no other Buffer shares the block.
    bool unique() const { return block_ && block_->references.load(std::memory_order_acquire) == 1; }

    friend bool operator==(const Buffer& a, const Buffer& b) {
        return a.size_ == b.size_ && (a.size_ == 0 || std::memcmp(a.data_, b.data_, a.size_) == 0);
    }

private:
    BufferBlock* block_ = nullptr;
    const uint8_t* data_ = nullptr;
    size_t size_ = 0;
};

} // namespace ottla
