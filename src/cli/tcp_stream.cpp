#include "tcp_stream.hpp"

#include <algorithm>

namespace ottla::cli {
namespace {

// What the other end has acknowledged was not lost on its way, only by the capture; but captures mix up the
// order of packets a little. So many packets, or so much time, is waited for it.
constexpr uint64_t patience_packets = 64;
constexpr int64_t patience_us = 1'000'000;
// For what was never acknowledged, as much is kept.
constexpr size_t most_waiting_bytes = size_t{16} << 20;
constexpr size_t cost_of_entry = 160;

int64_t near(int64_t place, uint32_t sequence) {
    return place + static_cast<int32_t>(sequence - static_cast<uint32_t>(place));
}

} // namespace

void TcpStream::begin_at(int end, uint32_t sequence) {
    constexpr int64_t away_from_zero = int64_t{1} << 32;
    Half& half = ends_[static_cast<size_t>(end)];
    half.next = away_from_zero + sequence;
    half.acknowledged = *half.next;
}

void TcpStream::add(int end, const TcpSegment& segment, int64_t time_us) {
    ++packets_;
    now_us_ = time_us;
    Half& half = ends_[static_cast<size_t>(end)];
    Half& other = ends_[static_cast<size_t>(1 - end)];
    if (segment.rst) {
        reset_ = true;
        return;
    }
    if (!half.next)
        begin_at(end, segment.sequence + (segment.syn ? 1 : 0));
    if (segment.ack) {
        if (!other.next)
            begin_at(1 - end, segment.acknowledged);
        hear_acknowledgement(1 - end, segment);
    }
    const int64_t first = near(*half.next, segment.sequence) + (segment.syn ? 1 : 0);
    const uint64_t size = segment.payload.size() + segment.missing;
    if (segment.fin)
        half.fin = first + static_cast<int64_t>(size);
    if (size > 0 && first + static_cast<int64_t>(size) > *half.next) {
        half.waiting_bytes += segment.payload.size() + cost_of_entry;
        half.waiting.emplace(
            first,
            Waiting{
                .bytes = std::string(segment.payload.text()),
                .size = size,
                .acknowledged = segment.ack ? near(*other.next, segment.acknowledged) : 0,
                .packet = packets_,
                .time_us = time_us,
            }
        );
    }
    advance();
}

void TcpStream::hear_acknowledgement(int end, const TcpSegment& segment) {
    Half& half = ends_[static_cast<size_t>(end)];
    half.acknowledged = std::max(half.acknowledged, near(*half.next, segment.acknowledged));
}

void TcpStream::finish() {
    advance();
    // One end at a time, the one that was captured first, so that answers still follow what they answer.
    while (const auto end = longest_waiting()) {
        step(*end, true);
        advance();
    }
    step(0, true);
    step(1, true);
}

std::optional<int> TcpStream::longest_waiting() const {
    const auto packet = [&](size_t end) {
        const auto& waiting = ends_[end].waiting;
        return waiting.empty() ? UINT64_MAX : waiting.begin()->second.packet;
    };
    if (packet(0) == packet(1))
        return std::nullopt;
    return packet(0) < packet(1) ? 0 : 1;
}

void TcpStream::advance() {
    while (step(0, false) || step(1, false)) {
    }
}

bool TcpStream::is_overdue(uint64_t packet, int64_t time_us) const {
    return packets_ - packet >= patience_packets || now_us_ - time_us >= patience_us;
}

bool TcpStream::step(int end, bool force) {
    Half& half = ends_[static_cast<size_t>(end)];
    if (!half.next)
        return false;
    if (pass_on(end, force))
        return true;
    if (half.fin && *half.next == *half.fin && !half.closed) {
        half.closed = true;
        ++*half.next;
        return true;
    }
    return give_up_hole(end, force);
}

// Passes on the first segment that waits, if it is due.
bool TcpStream::pass_on(int end, bool force) {
    Half& half = ends_[static_cast<size_t>(end)];
    if (half.waiting.empty() || half.waiting.begin()->first > *half.next)
        return false;
    const Half& other = ends_[static_cast<size_t>(1 - end)];
    const Waiting& first = half.waiting.begin()->second;
    // What answers bytes that were not seen yet waits for those.
    if (first.acknowledged > other.next.value_or(first.acknowledged) && !force &&
        !is_overdue(first.packet, first.time_us) && half.waiting_bytes <= most_waiting_bytes)
        return false;
    const auto node = half.waiting.extract(half.waiting.begin());
    const Waiting& segment = node.mapped();
    half.waiting_bytes -= segment.bytes.size() + cost_of_entry;
    half.hole_packet.reset();
    const auto known = static_cast<uint64_t>(*half.next - node.key());
    if (known >= segment.size)
        return true;
    const uint64_t there = std::max<uint64_t>(segment.bytes.size(), known);
    *half.next += static_cast<int64_t>(segment.size - known);
    if (there > known)
        sink_({end, Bytes(std::string_view(segment.bytes).substr(known)), 0, segment.time_us});
    if (segment.size > there)
        sink_({end, Bytes(), segment.size - there, segment.time_us});
    return true;
}

// Bytes are missing before the first segment that waits, or behind all: decides whether they are still waited
// for.
bool TcpStream::give_up_hole(int end, bool force) {
    Half& half = ends_[static_cast<size_t>(end)];
    const bool has_waiting = !half.waiting.empty() && half.waiting.begin()->first > *half.next;
    const bool was_received = half.acknowledged > *half.next;
    if (has_waiting && (force || half.waiting_bytes > most_waiting_bytes)) {
        lose_until(end, half.waiting.begin()->first);
        return true;
    }
    if (!was_received || (!has_waiting && !half.waiting.empty()))
        return false;
    if (!half.hole_packet) {
        half.hole_packet = packets_;
        half.hole_time_us = now_us_;
    }
    if (!force && !is_overdue(*half.hole_packet, half.hole_time_us))
        return false;
    int64_t until = half.acknowledged;
    if (has_waiting)
        until = std::min(until, half.waiting.begin()->first);
    // A single byte at the very end is the mark of one.
    if (force && !has_waiting && until == *half.next + 1) {
        half.closed = true;
        ++*half.next;
        return true;
    }
    lose_until(end, until);
    return true;
}

void TcpStream::lose_until(int end, int64_t sequence) {
    Half& half = ends_[static_cast<size_t>(end)];
    const auto missing = static_cast<uint64_t>(sequence - *half.next);
    half.next = sequence;
    half.hole_packet.reset();
    sink_({end, Bytes(), missing, now_us_});
}

} // namespace ottla::cli
