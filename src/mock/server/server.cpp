#include "mock/server/server.hpp"

#include <algorithm>
#include <csignal>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <fmt/format.h>
#include <pthread.h>

#include "base/close_on_exec.hpp"
#include "mock/server/session.hpp"

namespace ottla::mock {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

CoreOptions core_options(const MockClusterOptions& options) {
    CoreOptions core;
    core.auto_create_topics = options.auto_create_topics;
    core.default_partitions = options.default_partitions;
    core.default_replication_factor = options.default_replication_factor;
    core.topic_defaults.retention_bytes = options.retention_bytes_per_partition;
    core.transaction_version = static_cast<int16_t>(options.transaction_version);
    core.groups = {
        options.group_initial_rebalance_delay,
        options.group_min_session_timeout,
        options.group_max_session_timeout,
        static_cast<size_t>(std::max(options.group_max_size, 1))};
    core.fetch_sessions.slots = static_cast<size_t>(std::max(options.fetch_session_slots, 0));
    core.consumer_groups = {
        options.group_consumer_session_timeout,
        options.group_consumer_heartbeat_interval,
        static_cast<size_t>(std::max(options.group_consumer_max_size, 1))};
    core.seed = options.seed;
    core.start = Server::now();
    core.start_timestamp_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                  std::chrono::system_clock::now().time_since_epoch()
    )
                                  .count();
    if (options.null) {
        auto canned = CannedBatch::make(*options.null, core.start_timestamp_ms);
        if (!canned)
            throw KafkaException(canned.error());
        core.canned = std::move(*canned);
        core.topic_defaults.max_message_bytes = SIZE_MAX; // nothing is kept, so nothing is too large
        core.topic_defaults.check_crcs = false;
    }
    return core;
}

/// How long to wait when no connection can be accepted, for want of file descriptors as a rule.
constexpr auto accept_pause = std::chrono::milliseconds(50);

} // namespace

Server::Server(const MockClusterOptions& options)
    : options_(options)
    , work_(asio::make_work_guard(context_))
    , core_(core_options(options), *this) {
    for (int32_t id = 1; id <= options_.brokers; ++id) {
        const auto port = static_cast<uint16_t>(options_.base_port == 0 ? 0 : options_.base_port + id - 1);
        if (const error_code error = listen(id, port))
            throw KafkaException(Error(
                Errc::_transport,
                fmt::format("cannot listen on {} port {}: {}", options_.host, port, error.message())
            ));
        ports_[id] = listeners_.at(id).acceptor.local_endpoint().port();
        const auto at = static_cast<size_t>(id - 1);
        core_.add_broker(id, options_.host, ports_[id], at < options_.racks.size() ? options_.racks[at] : "");
    }
    thread_ = std::thread([this] { run(); });
}

Server::~Server() {
    context_.stop();
    if (thread_.joinable())
        thread_.join();
}

void Server::run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    context_.run();
}

error_code Server::listen(int32_t broker, uint16_t port) {
    error_code error;
    const auto address =
        asio::ip::make_address(options_.host == "localhost" ? "127.0.0.1" : options_.host, error);
    if (error)
        return error;
    const tcp::endpoint endpoint(address, port);
    tcp::acceptor& acceptor = listeners_.try_emplace(broker, context_).first->second.acceptor;
    open_close_on_exec(acceptor, endpoint.protocol(), error);
    if (!error)
        acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error)
        acceptor.bind(endpoint, error);
    if (!error)
        acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
        error_code ignored;
        acceptor.close(ignored);
        return error;
    }
    accept(broker);
    return {};
}

void Server::accept(int32_t broker) {
    tcp::acceptor& acceptor = listeners_.at(broker).acceptor;
    acceptor.async_accept([this, broker](error_code error, tcp::socket socket) {
        tcp::acceptor& again = listeners_.at(broker).acceptor;
        if (error == asio::error::operation_aborted || !again.is_open())
            return;
        if (error) {
            auto pause = std::make_shared<asio::steady_timer>(context_, accept_pause);
            pause->async_wait([this, broker, pause](error_code) {
                if (listeners_.at(broker).acceptor.is_open())
                    accept(broker);
            });
            return;
        }
        set_close_on_exec(socket.native_handle());
        const ConnectionId id = core_.connect(broker);
        auto session = std::make_shared<Session>(*this, std::move(socket), id);
        sessions_.emplace(id, session);
        session->read();
        accept(broker);
    });
}

void Server::poll() {
    const TimePoint due = core_.poll(now());
    if (due >= armed_)
        return;
    armed_ = due;
    timer_.expires_at(due);
    timer_.async_wait([this](error_code error) {
        if (error)
            return;
        armed_ = TimePoint::max();
        poll();
    });
}

void Server::send(ConnectionId connection, std::vector<Buffer> frame) {
    const auto session = sessions_.find(connection);
    if (session != sessions_.end())
        session->second->send(std::move(frame));
}

void Server::close(ConnectionId connection, Closing closing) {
    const auto found = sessions_.find(connection);
    if (found == sessions_.end())
        return;
    const auto session = std::move(found->second);
    sessions_.erase(found);
    if (closing == Closing::at_once)
        session->abort();
    else
        session->finish();
}

void Server::on_gone(ConnectionId connection) {
    core_.on_closed(connection);
    sessions_.erase(connection);
}

void Server::stop(int32_t broker) {
    call([&](ClusterCore& core, TimePoint when) {
        const auto listener = listeners_.find(broker);
        if (listener == listeners_.end())
            return;
        error_code ignored;
        listener->second.acceptor.close(ignored);
        core.stop(broker, when);
    });
}

void Server::start(int32_t broker) {
    const error_code error = call([&](ClusterCore& core, TimePoint when) -> error_code {
        const auto port = ports_.find(broker);
        if (port == ports_.end() || listeners_.at(broker).acceptor.is_open())
            return {};
        if (const error_code failed = listen(broker, port->second))
            return failed;
        core.start(broker, when);
        return {};
    });
    if (error)
        throw KafkaException(
            Error(Errc::_transport, fmt::format("broker {} cannot listen again: {}", broker, error.message()))
        );
}

} // namespace ottla::mock
