// Cuts the byte stream of a connection into frames (int32 size, then that many bytes). Small frames are slices of a shared
// block; a large one gets a Buffer of its own, into which the rest is read directly. Hot path: no copy but the
// beginning of a large frame, and memory that frames before it were in.
#pragma once

#include <cstdint>
#include <span>

#include <fmt/format.h>
#include <ottla/buffer.hpp>
#include <ottla/error.hpp>

#include "base/buffer_pool.hpp"
#include "base/endian.hpp"

namespace ottla::core {

class FrameReader {
public:
    static constexpr size_t block_size = 64 * 1024;
    static constexpr size_t prefix_size = 4;

    /// `max_frame`: larger frames are refused. `read_ahead`: how much is read at once between frames; little where
    /// frames are large, so that less of them is copied.
    FrameReader(size_t max_frame, size_t read_ahead) : max_frame_(max_frame), read_ahead_(read_ahead) {}

    /// Where the next bytes go; never empty.
    std::span<uint8_t> space() {
        if (!large_.empty())
            return {large_.mutable_data() + large_filled_, large_.size() - large_filled_};
        const size_t partial = end_ - begin_;
        if (block_.empty() || block_size - end_ < smallest_read) {
            if (block_.unique())
                std::memmove(block_.mutable_data(), block_.data() + begin_, partial);
            else {
                Buffer fresh = Buffer::allocate(block_size);
                if (partial)
                    std::memcpy(fresh.mutable_data(), block_.data() + begin_, partial);
                block_ = std::move(fresh);
            }
            begin_ = 0;
            end_ = partial;
        }
        return {block_.mutable_data() + end_, std::min(block_size - end_, read_ahead_)};
    }

    /// `size` bytes have been put into `space()`. Calls `frame(Buffer)` for each complete one, without its size prefix;
    /// stops early when it returns false.
    template <class F>
    Error commit(size_t size, F&& frame) {
        if (!large_.empty()) {
            large_filled_ += size;
            if (large_filled_ == large_.size())
                frame(std::exchange(large_, Buffer()));
            return {};
        }
        end_ += size;
        while (end_ - begin_ >= prefix_size) {
            const auto announced = load_be<int32_t>(block_.data() + begin_);
            if (announced < 0 || static_cast<size_t>(announced) > max_frame_)
                return refuse(static_cast<uint32_t>(announced));
            const auto length = static_cast<size_t>(announced);
            const size_t have = end_ - begin_ - prefix_size;
            if (have >= length) {
                Buffer whole = block_.slice(begin_ + prefix_size, length);
                begin_ += prefix_size + length;
                if (!frame(std::move(whole)))
                    return {};
                continue;
            }
            if (length > largest_slice) {
                large_ = pool_.allocate(length);
                std::memcpy(large_.mutable_data(), block_.data() + begin_ + prefix_size, have);
                large_filled_ = have;
                begin_ = end_;
            }
            break;
        }
        if (begin_ == end_ && block_.unique())
            begin_ = end_ = 0;
        return {};
    }

    /// Whether part of a frame has arrived.
    bool in_mid_frame() const { return !large_.empty() || begin_ != end_; }

private:
    static constexpr size_t smallest_read = 2 * 1024;
    static constexpr size_t largest_slice = 16 * 1024;
    /// Of memory that no frame is in: a few frames of the usual size.
    static constexpr size_t max_kept = 4 * 1024 * 1024;

    Error refuse(uint32_t announced) const {
        const uint32_t http = 0x48545450;      // "HTTP"
        const bool tls = announced >> 24 == 0x15 || announced >> 24 == 0x16;
        if (announced == http)
            return {Errc::_bad_msg, "the peer speaks HTTP, not Kafka's protocol: is the port right?"};
        if (tls && (announced >> 16 & 0xff) == 3)
            return {Errc::_bad_msg, "the peer speaks TLS, this client plain text: is the port or security.protocol right?"};
        return {
            Errc::_bad_msg,
            fmt::format(
                "the peer announced a response of {} bytes, the limit is {} (receive.message.max.bytes): is it a Kafka "
                "broker?",
                announced,
                max_frame_)};
    }

    const size_t max_frame_;
    const size_t read_ahead_;
    Buffer block_;
    size_t begin_ = 0;
    size_t end_ = 0;
    BufferPool pool_{max_kept};
    Buffer large_;
    size_t large_filled_ = 0;
};

} // namespace ottla::core
