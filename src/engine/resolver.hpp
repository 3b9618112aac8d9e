// From a host name to addresses: numeric ones and localhost at once, others by the caller's function or Asio's resolver.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <ottla/engine.hpp>
#include <ottla/error.hpp>

namespace ottla::engine {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

/// Calls `done` on `executor`, possibly before returning. `family`: 0 any, 4, 6; addresses of another are left out.
/// Errors: _resolve, naming the host.
void resolve(
    const boost::asio::any_io_executor& executor,
    const EngineOptions& options,
    const std::string& host,
    uint16_t port,
    int family,
    std::function<void(Result<Endpoints>)> done);

} // namespace ottla::engine
