// Captures of network traffic (pcap, pcapng), as tcpdump and Wireshark write them.
#pragma once

#include <cstdint>
#include <vector>

#include <ottla/inspect.hpp>

#include "frame_printer.hpp"
#include "source.hpp"

namespace ottla::cli {

/// Whether a file that begins so is a capture.
bool is_capture(Bytes begin);

/// Prints the frames of all connections to brokers. `ports`: the brokers'; empty: found out. Throws when that
/// is no capture, and in a build without libpcap.
void decode_capture(
    Source& source,
    const ConversationOptions& options,
    const std::vector<uint16_t>& ports,
    FramePrinter& printer
);

} // namespace ottla::cli
