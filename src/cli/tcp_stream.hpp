// Puts the TCP segments of one connection in order, as they were captured: late, twice, in pieces that
// overlap, or not at all. Knows no addresses and nothing of what is sent.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "packet.hpp"

namespace ottla::cli {

class TcpStream {
public:
    /// Of end 0 or 1: bytes in order, or how many are missing; `time_us` is that of the packet that brought
    /// them.
    struct Piece {
        int end;
        Bytes bytes;
        uint64_t missing;
        int64_t time_us;
    };

    using Sink = std::function<void(const Piece&)>;

    explicit TcpStream(Sink sink)
        : sink_(std::move(sink)) {}

    /// The next captured segment, sent by `end`.
    void add(int end, const TcpSegment& segment, int64_t time_us);

    /// No more segments will come; what waits for missing ones does so no longer.
    void finish();

    /// Whether both ends said that they send no more, or one broke off.
    bool is_closed() const { return reset_ || (ends_[0].closed && ends_[1].closed); }

private:
    // Sequence numbers do not wrap here: 64 bits, their lower half being that on the wire.
    struct Waiting {
        std::string bytes;
        uint64_t size; ///< more than there are bytes if not all of them were captured
        int64_t acknowledged;
        uint64_t packet;
        int64_t time_us;
    };

    struct Half {
        std::optional<int64_t> next{}; ///< of the next byte to be passed on
        int64_t acknowledged = 0;      ///< the other end has got all before it
        std::optional<int64_t> fin{};
        bool closed = false;
        std::multimap<int64_t, Waiting> waiting{};
        size_t waiting_bytes = 0;
        std::optional<uint64_t>
            hole_packet{}; ///< since when it is known that the other end got what is missing here
        int64_t hole_time_us = 0;
    };

    void begin_at(int end, uint32_t sequence);
    void hear_acknowledgement(int end, const TcpSegment& segment);
    void advance();
    bool step(int end, bool force);
    bool pass_on(int end, bool force);
    bool give_up_hole(int end, bool force);
    std::optional<int> longest_waiting() const;
    bool is_overdue(uint64_t packet, int64_t time_us) const;
    void lose_until(int end, int64_t sequence);

    const Sink sink_;
    std::array<Half, 2> ends_{};
    uint64_t packets_ = 0;
    int64_t now_us_ = 0;
    bool reset_ = false;
};

} // namespace ottla::cli
