// A captured packet: from its link header to the TCP segment inside.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include <ottla/types.hpp>

namespace ottla::cli {

/// An IP address and a port.
struct Endpoint {
    bool is_v6 = false;
    std::array<uint8_t, 16> address{}; ///< of IPv4 the first four
    uint16_t port = 0;
    auto operator<=>(const Endpoint&) const = default;
};

/// 127.0.0.1:9092, [::1]:9092
std::string to_string(const Endpoint& endpoint);

struct TcpSegment {
    Endpoint source;
    Endpoint target;
    uint32_t sequence = 0;
    uint32_t acknowledged = 0; ///< valid with `ack`
    bool syn = false;
    bool ack = false;
    bool fin = false;
    bool rst = false;
    Bytes payload;        ///< what was captured of it
    uint32_t missing = 0; ///< how many bytes of it were not
};

enum class PacketKind {
    tcp,      ///< `out` is filled
    other,    ///< not TCP
    cut,      ///< captured too short to find the end of the TCP header
    fragment, ///< a piece of an IP packet
};

/// Whether packets with this link type (DLT_... of libpcap) can be read.
bool knows_link_type(int link_type);

/// `captured`: what there is of a packet that had `size` bytes. The payload points into it.
PacketKind read_packet(int link_type, Bytes captured, size_t size, TcpSegment& out);

} // namespace ottla::cli
