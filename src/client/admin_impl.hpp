// What an AdminClient handle stands for: a cluster on the loop, and one operation per call.
#pragma once

#include <memory>
#include <optional>

#include <ottla/admin.hpp>

#include "client/client_events.hpp"
#include "config/client_config.hpp"
#include "core/cluster/cluster.hpp"
#include "engine/loop.hpp"

namespace ottla::client {

/// How an operation ends: called once, on the loop.
template <class T>
using Done = MoveOnlyFunction<void(Error, T)>;

class AdminImpl : public std::enable_shared_from_this<AdminImpl> {
public:
    AdminImpl(std::shared_ptr<engine::Loop> loop, config::ClientConfig config, LogSink log);

    void start();
    /// Ends everything on the loop; pending operations end with _destroy.
    void end();
    const std::shared_ptr<engine::Loop>& loop() const { return loop_; }
    ClientEvents& events() { return events_; }

    // Any thread. `timeout` covers all tries and is told to the broker.
    void list(std::optional<std::string> topic, Duration timeout, Done<ClusterDescription> done);
    void create(std::vector<NewTopic> topics, Duration timeout, Done<TopicResults> done);
    void remove(std::vector<std::string> topics, Duration timeout, Done<TopicResults> done);
    Duration default_timeout() const { return config_.socket_timeout; }

private:
    template <class T, class F>
    void on_loop(Done<T> done, F&& f);

    const std::shared_ptr<engine::Loop> loop_;
    const config::ClientConfig config_;
    ClientEvents events_;
    std::optional<core::Cluster> cluster_; ///< on the loop
    core::CallScope scope_;
};

} // namespace ottla::client
