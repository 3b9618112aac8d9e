#include "packet.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace ottla::cli {
namespace {

// Link types as libpcap numbers them on Linux; the file formats have other numbers for some.
enum LinkType {
    link_null = 0,
    link_ethernet = 1,
    link_raw = 12,
    link_raw_openbsd = 14,
    link_loop = 108,
    link_linux_sll = 113,
    link_ipv4 = 228,
    link_ipv6 = 229,
    link_linux_sll2 = 276,
};

constexpr uint16_t ethertype_ipv4 = 0x0800;
constexpr uint16_t ethertype_ipv6 = 0x86dd;
constexpr uint8_t protocol_tcp = 6;

/// Bytes of a packet, of which the last may not have been captured.
struct View {
    Bytes captured;
    size_t size;

    bool has(size_t count) const { return captured.size() >= count; }

    uint8_t byte(size_t at) const { return captured[at]; }

    uint16_t u16(size_t at) const { return static_cast<uint16_t>(captured[at] << 8 | captured[at + 1]); }

    uint32_t u32(size_t at) const { return static_cast<uint32_t>(u16(at)) << 16 | u16(at + 2); }

    View from(size_t at) const {
        const size_t there = std::min(at, captured.size());
        return {Bytes(captured.data() + there, captured.size() - there), size - std::min(at, size)};
    }

    View first(size_t count) const {
        return {Bytes(captured.data(), std::min(count, captured.size())), std::min(count, size)};
    }
};

bool is_vlan(uint16_t type) {
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/// The IP packet in what follows an Ethernet type; nullopt: something else, or too short.
std::optional<View> behind_type(View view, size_t type_at, size_t header) {
    if (!view.has(header))
        return std::nullopt;
    uint16_t type = view.u16(type_at);
    view = view.from(header);
    while (is_vlan(type)) {
        if (!view.has(4))
            return std::nullopt;
        type = view.u16(2);
        view = view.from(4);
    }
    if (type != ethertype_ipv4 && type != ethertype_ipv6)
        return std::nullopt;
    return view;
}

std::optional<View> behind_link(int link_type, View view) {
    switch (link_type) {
    case link_null:
    case link_loop:
        return view.from(4); // an address family, whose numbers differ between systems: the IP header tells
    case link_raw:
    case link_raw_openbsd:
    case link_ipv4:
    case link_ipv6:
        return view;
    case link_ethernet:
        return behind_type(view, 12, 14);
    case link_linux_sll:
        return behind_type(view, 14, 16);
    case link_linux_sll2:
        return behind_type(view, 0, 20);
    default:
        return std::nullopt;
    }
}

void set_address(Endpoint& endpoint, View view, size_t at, bool is_v6) {
    endpoint.is_v6 = is_v6;
    std::memcpy(endpoint.address.data(), view.captured.data() + at, is_v6 ? 16 : 4);
}

PacketKind read_tcp(View view, TcpSegment& out) {
    constexpr size_t fixed = 20;
    if (!view.has(fixed))
        return PacketKind::cut;
    const size_t header = size_t{view.byte(12)} >> 4 << 2;
    if (header < fixed || header > view.size)
        return PacketKind::other; // malformed
    out.source.port = view.u16(0);
    out.target.port = view.u16(2);
    out.sequence = view.u32(4);
    out.acknowledged = view.u32(8);
    const uint8_t flags = view.byte(13);
    out.fin = flags & 0x01;
    out.syn = flags & 0x02;
    out.rst = flags & 0x04;
    out.ack = flags & 0x10;
    const View payload = view.from(header);
    out.payload = payload.captured;
    out.missing = static_cast<uint32_t>(payload.size - payload.captured.size());
    return PacketKind::tcp;
}

// Segmentation in hardware lets packets be captured that are larger than their length field can say: it is 0
// then.
View without_padding(View view, size_t length) {
    return length == 0 ? view : view.first(length);
}

PacketKind read_ipv4(View view, TcpSegment& out) {
    constexpr size_t fixed = 20;
    if (!view.has(fixed))
        return PacketKind::cut;
    const size_t header = size_t{view.byte(0)} % 16 * 4;
    const size_t length = view.u16(2);
    if (header < fixed || (length != 0 && length < header) || view.byte(9) != protocol_tcp)
        return PacketKind::other;
    if (view.u16(6) & 0x3fff) // more fragments, or not the first
        return PacketKind::fragment;
    set_address(out.source, view, 12, false);
    set_address(out.target, view, 16, false);
    return read_tcp(without_padding(view, length).from(header), out);
}

PacketKind read_ipv6(View view, TcpSegment& out) {
    constexpr size_t fixed = 40;
    constexpr uint8_t hop_by_hop = 0, routing = 43, fragment = 44, destination = 60;
    if (!view.has(fixed))
        return PacketKind::cut;
    const size_t length = view.u16(4);
    uint8_t next = view.byte(6);
    set_address(out.source, view, 8, true);
    set_address(out.target, view, 24, true);
    view = without_padding(view.from(fixed), length);
    while (next == hop_by_hop || next == routing || next == destination) {
        if (!view.has(2))
            return PacketKind::cut;
        next = view.byte(0);
        view = view.from((size_t{view.byte(1)} + 1) * 8);
    }
    if (next == fragment)
        return PacketKind::fragment;
    return next == protocol_tcp ? read_tcp(view, out) : PacketKind::other;
}

} // namespace

std::string to_string(const Endpoint& endpoint) {
    char text[INET6_ADDRSTRLEN] = {};
    inet_ntop(endpoint.is_v6 ? AF_INET6 : AF_INET, endpoint.address.data(), text, sizeof text);
    return endpoint.is_v6 ? fmt::format("[{}]:{}", text, endpoint.port)
                          : fmt::format("{}:{}", text, endpoint.port);
}

bool knows_link_type(int link_type) {
    switch (link_type) {
    case link_null:
    case link_ethernet:
    case link_raw:
    case link_raw_openbsd:
    case link_loop:
    case link_linux_sll:
    case link_ipv4:
    case link_ipv6:
    case link_linux_sll2:
        return true;
    default:
        return false;
    }
}

PacketKind read_packet(int link_type, Bytes captured, size_t size, TcpSegment& out) {
    out = {};
    const auto ip = behind_link(link_type, {captured, std::max(size, captured.size())});
    if (!ip)
        return PacketKind::other;
    if (!ip->has(1))
        return PacketKind::cut;
    switch (ip->byte(0) >> 4) {
    case 4:
        return read_ipv4(*ip, out);
    case 6:
        return read_ipv6(*ip, out);
    default:
        return PacketKind::other;
    }
}

} // namespace ottla::cli
