// Cuts the bytes that one end of a connection sent into frames, when some of the bytes may be missing: a
// frame whose size is known is passed by its size, and where none is known, the next is found by what it
// looks like. Does not know what is in the frames.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/inspect.hpp>

namespace ottla::inspect {

struct Frame {
    uint64_t position = 0; ///< of its size prefix
    size_t size = 0;       ///< without the prefix
    uint64_t missing = 0;  ///< how many of its bytes are not there; 0: it is whole
    Buffer bytes;          ///< behind the prefix; of a frame that is not whole, some before its first hole
};

class FrameHandler {
public:
    /// The least size, without the prefix, that the next frame can have.
    virtual size_t least_size(Sender sender) const = 0;
    /// Whether the bytes of a frame of `size` bytes begin a frame that may come next. `all_there_is`: more of
    /// them cannot be had.
    virtual Likeness may_begin(Sender sender, size_t size, Bytes bytes, bool all_there_is) const = 0;
    virtual void on_frame(Sender sender, const Frame& frame) = 0;
    /// Bytes between frames: some were there and passed over, others were missing.
    virtual void on_gap(Sender sender, uint64_t position, uint64_t passed, uint64_t missing) = 0;
    /// `first` is no size of a frame. Nothing more comes.
    virtual void on_off(Sender sender, uint64_t position, Bytes first) = 0;

protected:
    ~FrameHandler() = default;
};

class Framer {
public:
    Framer(Sender sender, size_t max_frame)
        : sender_(sender)
        , max_frame_(max_frame) {}

    void feed(Bytes bytes, FrameHandler& handler);
    void lose(uint64_t count, FrameHandler& handler);

    /// What comes may be from the middle of a frame.
    void join() { begin_search(); }

    void end(FrameHandler& handler);

    bool is_off() const { return off_; }

private:
    /// A frame with a hole, of which more bytes are to come.
    struct Broken {
        Frame frame;
        uint64_t left;
    };

    void run(FrameHandler& handler);
    bool search(bool all_there_is, FrameHandler& handler);
    void begin_search();
    void end_search(FrameHandler& handler);
    void drop(size_t count);
    void break_frame();
    uint64_t pass_broken(uint64_t count, bool there, FrameHandler& handler);
    std::optional<size_t> size_at(size_t at) const;
    Bytes behind_size(size_t at) const;

    const Sender sender_;
    const size_t max_frame_;
    std::vector<uint8_t> buffer_; ///< from position_ on
    uint64_t position_ = 0;
    std::optional<Broken> broken_;
    bool off_ = false;
    bool searching_ = false;
    uint64_t gap_position_ = 0;
    uint64_t passed_ = 0;
    uint64_t missing_ = 0;
};

} // namespace ottla::inspect
