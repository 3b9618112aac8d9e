// The cluster core on loopback sockets: one listener per broker, all on one thread that the server owns. What
// the MockCluster handle stands on.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <ottla/mock_cluster.hpp>

#include "base/fork.hpp"
#include "mock/cluster_core.hpp"

namespace ottla::mock {

class Session;

class Server : private Outlet {
public:
    /// Brokers listen when it returns. Throws KafkaException when an address cannot be used.
    explicit Server(const MockClusterOptions& options);
    ~Server() override;

    const MockClusterOptions& options() const { return options_; }

    /// In a child of the process that has the brokers' thread.
    bool forked() const { return fork_mark_.raised(); }

    /// Fixed from construction on, so that any thread may read it.
    const std::map<int32_t, uint16_t>& ports() const { return ports_; }

    /// Runs `action(core, now)` on the server's thread and gives its result; from any other thread.
    template <class F>
    auto call(F action) {
        using R = std::invoke_result_t<F&, ClusterCore&, TimePoint>;
        if (forked())
            throw KafkaException(Error(Errc::_state, "this cluster was made before fork() and lives in the parent process"));
        std::promise<R> done;
        auto result = done.get_future();
        // The task owns the promise, so that it outlives the wake-up it gives.
        boost::asio::post(context_, [this, &action, done = std::move(done)]() mutable {
            if constexpr (std::is_void_v<R>) {
                action(core_, now());
                poll();
                done.set_value();
            } else {
                R value = action(core_, now());
                poll();
                done.set_value(std::move(value));
            }
        });
        return result.get();
    }

    /// From any other thread.
    void stop(int32_t broker);
    void start(int32_t broker);

    // --- for sessions, on the server's thread
    ClusterCore& core() { return core_; }

    /// The peer closed, broke or misused the connection.
    void on_gone(ConnectionId connection);
    /// Lets the core do what is due and arms the timer.
    void poll();

    static TimePoint now() { return std::chrono::steady_clock::now(); }

private:
    struct Listener {
        explicit Listener(boost::asio::io_context& context)
            : acceptor(context) {}

        boost::asio::ip::tcp::acceptor acceptor;
    };

    void send(ConnectionId connection, std::vector<Buffer> frame) override;
    void close(ConnectionId connection, Closing closing) override;
    error_code listen(int32_t broker, uint16_t port);
    void accept(int32_t broker);
    void run();

    const ForkMark fork_mark_;
    const MockClusterOptions options_;
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    boost::asio::steady_timer timer_{context_};
    TimePoint armed_ = TimePoint::max();
    ClusterCore core_;
    std::map<int32_t, uint16_t> ports_;
    std::map<int32_t, Listener> listeners_;
    std::unordered_map<ConnectionId, std::shared_ptr<Session>> sessions_;
    std::thread thread_;
};

} // namespace ottla::mock
