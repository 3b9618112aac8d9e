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

    // Groups, in admin_impl_groups.cpp.
    void list_groups(GroupFilter filter, Duration timeout, Done<GroupListings> done);
    void describe_groups(
        std::vector<std::string> groups, DescribeGroupsOptions options, Duration timeout, Done<std::vector<GroupDescription>> done);
    void delete_groups(std::vector<std::string> groups, Duration timeout, Done<GroupResults> done);

    // Offsets, in admin_impl_offsets.cpp.
    void list_group_offsets(
        std::string group, GroupOffsetsOptions options, Duration timeout, Done<std::vector<CommittedOffset>> done);
    void alter_group_offsets(
        std::string group, std::vector<CommittedOffset> offsets, Duration timeout, Done<PartitionResults> done);
    void delete_group_offsets(
        std::string group, std::vector<TopicPartition> partitions, Duration timeout, Done<PartitionResults> done);
    void list_offsets(
        std::map<TopicPartition, OffsetSpec> partitions, IsolationLevel isolation, Duration timeout, Done<ListedOffsets> done);

private:
    /// One result that several calls make together. The last one to end hands it out.
    template <class T>
    struct Gathering {
        T value;
        size_t open = 0; ///< calls that have not ended
        Done<T> done;
        TimePoint deadline{}; ///< of all of it

        void end_one() {
            if (--open == 0)
                done({}, std::move(value));
        }
    };
    struct DescribedGroups;
    struct OffsetsAsked;

    /// Runs `f(done)` on the loop; without a loop, or after the end, the operation ends with _destroy.
    template <class T, class F>
    void on_loop(Done<T> done, F&& f) {
        // Shared, so that a task which is dropped unrun can still be answered for.
        auto shared = std::make_shared<Done<T>>(std::move(done));
        const bool posted = loop_->post([self = shared_from_this(), shared, f = std::forward<F>(f)](TimePoint) mutable {
            if (self->cluster_)
                f(std::move(*shared));
            else
                (*shared)(Error(Errc::_destroy, "the admin client is closed"), T{});
        });
        if (!posted)
            (*shared)(Error(Errc::_destroy, "the execution context of this admin client is gone"), T{});
    }

    void list_groups_of(int32_t broker, const GroupFilter& filter, const std::shared_ptr<Gathering<GroupListings>>& all);
    void describe_group(size_t index, const std::shared_ptr<DescribedGroups>& all);
    void describe_classic_group(size_t index, const std::shared_ptr<DescribedGroups>& all);
    GroupCoordinator coordinator_at(int32_t node) const;
    void ask_leader(int32_t leader, std::vector<TopicPartition> partitions, const std::shared_ptr<OffsetsAsked>& all);
    void ask_alone(const TopicPartition& partition, const std::shared_ptr<OffsetsAsked>& all);

    const std::shared_ptr<engine::Loop> loop_;
    const config::ClientConfig config_;
    ClientEvents events_;
    std::optional<core::Cluster> cluster_; ///< on the loop
    core::CallScope scope_;
};

} // namespace ottla::client
