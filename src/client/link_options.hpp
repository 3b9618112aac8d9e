// Socket tuning as the configuration has it, for the engine's links.
#pragma once

#include "config/client_config.hpp"
#include "engine/loop.hpp"

namespace ottla::client {

inline engine::LinkOptions link_options(const config::ClientConfig& config) {
    using config::AddressFamily;
    return {
        .nodelay = config.socket_nodelay,
        .keepalive = config.socket_keepalive,
        .send_buffer = config.socket_send_buffer,
        .receive_buffer = config.socket_receive_buffer,
        .family = config.address_family == AddressFamily::v4 ? 4 : config.address_family == AddressFamily::v6 ? 6 : 0,
    };
}

} // namespace ottla::client
