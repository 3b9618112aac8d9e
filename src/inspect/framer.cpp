#include "inspect/framer.hpp"

#include <algorithm>

#include "base/endian.hpp"
#include "inspect/likeness.hpp"

namespace ottla::inspect {
namespace {

// Of a frame with a hole only its head can be of use.
constexpr size_t kept_of_broken = size_t{64} << 10;
constexpr size_t kept_capacity = size_t{1} << 20;

} // namespace

// The size that is announced there, if that can be one.
std::optional<size_t> Framer::size_at(size_t at) const {
    const auto size = load_be<int32_t>(buffer_.data() + at);
    if (size < 0 || static_cast<size_t>(size) > max_frame_)
        return std::nullopt;
    return static_cast<size_t>(size);
}

Bytes Framer::behind_size(size_t at) const {
    return {buffer_.data() + at + prefix_size, buffer_.size() - at - prefix_size};
}

void Framer::feed(Bytes bytes, FrameHandler& handler) {
    if (off_)
        return;
    const uint64_t used = pass_broken(bytes.size(), true, handler);
    buffer_.insert(buffer_.end(), bytes.begin() + used, bytes.end());
    run(handler);
}

void Framer::run(FrameHandler& handler) {
    if (searching_ && !search(false, handler))
        return;
    size_t at = 0;
    while (buffer_.size() - at >= prefix_size) {
        const auto size = size_at(at);
        if (!size || *size < handler.least_size(sender_)) {
            off_ = true;
            handler.on_off(sender_, position_ + at, Bytes(buffer_.data() + at, prefix_size));
            buffer_ = {};
            return;
        }
        const Bytes rest = behind_size(at);
        if (rest.size() < *size)
            break;
        handler.on_frame(
            sender_,
            {.position = position_ + at, .size = *size, .bytes = Buffer::copy_of(Bytes(rest.data(), *size))}
        );
        at += prefix_size + *size;
    }
    drop(at);
}

void Framer::drop(size_t count) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(count));
    position_ += count;
    if (buffer_.capacity() > kept_capacity && buffer_.size() < buffer_.capacity() / 4)
        buffer_.shrink_to_fit();
}

void Framer::lose(uint64_t count, FrameHandler& handler) {
    if (off_ || count == 0)
        return;
    if (searching_ && search(true, handler))
        run(handler); // what it found is no more searched for, but broken below
    if (off_)
        return;
    if (!broken_ && !searching_ && buffer_.size() >= prefix_size)
        break_frame();
    count -= pass_broken(count, false, handler);
    if (count == 0)
        return;
    begin_search();
    passed_ += buffer_.size();
    drop(buffer_.size());
    missing_ += count;
    position_ += count;
}

// The frame at the beginning of the buffer will not be whole.
void Framer::break_frame() {
    const size_t size = *size_at(0);
    const Bytes have = behind_size(0);
    broken_.emplace(Broken{
        .frame =
            {.position = position_,
             .size = size,
             .bytes = Buffer::copy_of(Bytes(have.data(), std::min(have.size(), kept_of_broken)))},
        .left = size - have.size(),
    });
    drop(buffer_.size());
}

// Up to `count` bytes belong to the broken frame, if there is one. Returns how many.
uint64_t Framer::pass_broken(uint64_t count, bool there, FrameHandler& handler) {
    if (!broken_)
        return 0;
    count = std::min(count, broken_->left);
    broken_->left -= count;
    position_ += count;
    if (!there)
        broken_->frame.missing += count;
    if (broken_->left == 0) {
        handler.on_frame(sender_, broken_->frame);
        broken_.reset();
    }
    return count;
}

void Framer::begin_search() {
    if (searching_)
        return;
    searching_ = true;
    gap_position_ = position_;
    passed_ = missing_ = 0;
}

// True when the buffer begins with a frame now.
bool Framer::search(bool all_there_is, FrameHandler& handler) {
    size_t at = 0;
    Likeness like = Likeness::no;
    for (; at < buffer_.size(); ++at) {
        if (buffer_.size() - at < prefix_size)
            like = all_there_is ? Likeness::no : Likeness::too_short;
        else if (const auto size = size_at(at))
            like = handler.may_begin(sender_, *size, behind_size(at), all_there_is);
        else
            like = Likeness::no;
        if (like != Likeness::no)
            break;
    }
    passed_ += at;
    drop(at);
    if (like != Likeness::yes)
        return false;
    end_search(handler);
    return true;
}

void Framer::end_search(FrameHandler& handler) {
    searching_ = false;
    if (passed_ + missing_ > 0)
        handler.on_gap(sender_, gap_position_, passed_, missing_);
}

void Framer::end(FrameHandler& handler) {
    if (off_)
        return;
    if (searching_ && search(true, handler))
        run(handler);
    if (off_)
        return;
    if (searching_)
        return end_search(handler);
    if (!broken_ && buffer_.size() >= prefix_size)
        break_frame();
    if (broken_)
        pass_broken(broken_->left, false, handler);
    else if (!buffer_.empty())
        handler.on_gap(sender_, position_, buffer_.size(), 0);
    buffer_ = {};
}

} // namespace ottla::inspect
