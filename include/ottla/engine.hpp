// The engine: where sockets, timers and protocol logic of clients run. One engine serves any number of clients.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <ottla/export.hpp>

namespace ottla {

namespace engine {
class Loop;
}

struct EngineOptions {
    /// Names are looked up on this executor instead of Asio's own resolver (which starts one thread of its own at the
    /// first name that is not a numeric address).
    boost::asio::any_io_executor blocking_executor{};
    /// Replaces the system's resolver: name -> numeric addresses. Runs on `blocking_executor` if given, else in the loop.
    std::function<std::vector<std::string>(const std::string& host)> resolve{};
};

/// A handle; copies share the engine. The engine ends when its last handle and its last client are gone.
class OTTLA_EXPORT Engine {
public:
    /// With an I/O thread of its own.
    Engine();
    /// Embedded: everything runs on `executor`, wrapped in a strand; no thread is made. The execution context may be
    /// destroyed before the clients: they then fail every call with Errc::_destroy. Blocking calls made on a thread that
    /// is running the executor's context fail with Errc::_state, since they would wait for themselves.
    explicit Engine(boost::asio::any_io_executor executor, EngineOptions options = {});

    bool embedded() const;
    const std::shared_ptr<engine::Loop>& loop() const { return loop_; }

private:
    std::shared_ptr<engine::Loop> loop_;
};

} // namespace ottla
