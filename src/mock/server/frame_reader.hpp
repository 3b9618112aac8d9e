// Cuts a connection's bytes into requests. Small ones are slices of a shared block; a large one gets a Buffer
// of its own into which the rest is read directly. Memory grows with the bytes that came, not with the size
// that was announced.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <ottla/buffer.hpp>

#include "base/endian.hpp"

namespace ottla::mock {

class FrameReader {
public:
    static constexpr size_t largest_frame = 100 * 1024 * 1024; ///< socket.request.max.bytes

    /// Where the next bytes go; never empty.
    std::span<uint8_t> space() {
        if (in_large_) {
            if (filled_ == large_.size())
                grow_large();
            return {large_.mutable_data() + filled_, large_.size() - filled_};
        }
        if (block_.empty() || block_size - end_ < smallest_read)
            renew_block();
        return {block_.mutable_data() + end_, block_size - end_};
    }

    /// `size` bytes have been put into `space()`. Calls `frame(Buffer)` for each request that is whole, until
    /// it returns false. Returns false when the peer announced a size that is no size.
    template <class F>
    bool commit(size_t size, F&& frame) {
        if (in_large_) {
            filled_ += size;
            if (filled_ == large_size_) {
                in_large_ = false;
                frame(std::exchange(large_, Buffer()));
            }
            return true;
        }
        end_ += size;
        while (end_ - begin_ >= prefix_size) {
            const auto announced = load_be<int32_t>(block_.data() + begin_);
            if (announced < 0 || static_cast<size_t>(announced) > largest_frame)
                return false;
            const auto length = static_cast<size_t>(announced);
            if (end_ - begin_ - prefix_size < length) {
                if (length > largest_slice)
                    begin_large(length);
                return true;
            }
            Buffer whole = block_.slice(begin_ + prefix_size, length);
            begin_ += prefix_size + length;
            if (!frame(std::move(whole)))
                return true;
        }
        return true;
    }

private:
    static constexpr size_t prefix_size = 4;
    static constexpr size_t block_size = 64 * 1024;
    static constexpr size_t smallest_read = 4 * 1024;
    static constexpr size_t largest_slice = 16 * 1024;
    static constexpr size_t first_allocation = 2 * 1024 * 1024;

    void renew_block() {
        const size_t partial = end_ - begin_;
        if (block_.unique()) {
            std::memmove(block_.mutable_data(), block_.data() + begin_, partial);
        } else {
            Buffer fresh = Buffer::allocate(block_size);
            if (partial)
                std::memcpy(fresh.mutable_data(), block_.data() + begin_, partial);
            block_ = std::move(fresh);
        }
        begin_ = 0;
        end_ = partial;
    }

    void begin_large(size_t length) {
        in_large_ = true;
        large_size_ = length;
        large_ = Buffer::allocate(std::min(length, first_allocation));
        filled_ = end_ - begin_ - prefix_size;
        std::memcpy(large_.mutable_data(), block_.data() + begin_ + prefix_size, filled_);
        begin_ = end_;
    }

    void grow_large() {
        Buffer larger = Buffer::allocate(std::min(large_size_, large_.size() * 2));
        std::memcpy(larger.mutable_data(), large_.data(), filled_);
        large_ = std::move(larger);
    }

    Buffer block_;
    size_t begin_ = 0;
    size_t end_ = 0;
    Buffer large_;
    bool in_large_ = false;
    size_t large_size_ = 0;
    size_t filled_ = 0;
};

} // namespace ottla::mock
