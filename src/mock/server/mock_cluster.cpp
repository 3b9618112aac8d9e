// The public handle: each call is one visit to the server's thread.
#include <ottla/mock_cluster.hpp>

#include <fmt/format.h>

#include "base/fork.hpp"
#include "mock/server/server.hpp"

namespace ottla {

using mock::ClusterCore;
using mock::Faults;

namespace {

ClusterCore::CoordinatorOf kind_of(MockCluster::Coordinator kind) {
    return kind == MockCluster::Coordinator::group ? ClusterCore::CoordinatorOf::group
                                                   : ClusterCore::CoordinatorOf::transaction;
}

} // namespace

MockCluster::MockCluster(MockClusterOptions options)
    : server_(std::make_unique<mock::Server>(options)) {
}

MockCluster::MockCluster(MockCluster&&) noexcept = default;

MockCluster& MockCluster::operator=(MockCluster&& other) noexcept {
    if (this != &other) {
        const MockCluster old(std::move(*this));
        server_ = std::move(other.server_);
    }
    return *this;
}

MockCluster::~MockCluster() {
    if (server_ && server_->forked())
        keep_for_ever(std::move(server_)); // the parent's brokers go on
}

std::string MockCluster::bootstrap_servers() const {
    std::string list;
    for (const auto& [id, port] : server_->ports())
        list += fmt::format("{}{}:{}", list.empty() ? "" : ",", server_->options().host, port);
    return list;
}

uint16_t MockCluster::port(int32_t broker) const {
    const auto found = server_->ports().find(broker);
    return found == server_->ports().end() ? uint16_t{0} : found->second;
}

std::vector<int32_t> MockCluster::brokers() const {
    std::vector<int32_t> ids;
    for (const auto& [id, port] : server_->ports())
        ids.push_back(id);
    return ids;
}

error_code MockCluster::create_topic(const std::string& topic, int partitions, int16_t replication_factor) {
    return server_->call([&](ClusterCore& core, TimePoint) {
        ClusterCore::NewTopic wanted;
        wanted.name = topic;
        wanted.partitions = partitions;
        wanted.replication_factor = replication_factor;
        wanted.config = core.options().topic_defaults;
        return core.create_topic(wanted).code;
    });
}

error_code MockCluster::delete_topic(const std::string& topic) {
    return server_->call([&](ClusterCore& core, TimePoint now) {
        const Error error = core.delete_topic(topic);
        core.poll(now); // whoever waits for records of it hears of it
        return error.code;
    });
}

std::optional<std::pair<int64_t, int64_t>>
MockCluster::offsets(const std::string& topic, int32_t partition) const {
    using Range = std::optional<std::pair<int64_t, int64_t>>;
    return server_->call([&](ClusterCore& core, TimePoint) -> Range {
        mock::Topic* found = core.find_topic(topic);
        const mock::Partition* part = found ? found->find(partition) : nullptr;
        return part ? Range({part->log.start_offset(), part->log.end_offset()}) : std::nullopt;
    });
}

std::optional<int32_t> MockCluster::leader(const std::string& topic, int32_t partition) const {
    return server_->call([&](ClusterCore& core, TimePoint) -> std::optional<int32_t> {
        mock::Topic* found = core.find_topic(topic);
        const mock::Partition* part = found ? found->find(partition) : nullptr;
        return part && part->leader != mock::no_leader ? std::optional(part->leader) : std::nullopt;
    });
}

std::optional<int64_t>
MockCluster::last_stable_offset(const std::string& topic, int32_t partition) const {
    return server_->call([&](ClusterCore& core, TimePoint) -> std::optional<int64_t> {
        mock::Topic* found = core.find_topic(topic);
        const mock::Partition* part = found ? found->find(partition) : nullptr;
        return part ? std::optional(part->log.last_stable_offset()) : std::nullopt;
    });
}

std::vector<std::string> MockCluster::open_transactions() const {
    return server_->call([&](ClusterCore& core, TimePoint) {
        std::vector<std::string> ids;
        for (const auto& [id, transaction] : core.transactions().all())
            if (transaction.is_open())
                ids.push_back(id);
        return ids;
    });
}

std::vector<TopicPartitionOffset> MockCluster::committed(const std::string& group) const {
    return server_->call([&](ClusterCore& core, TimePoint) {
        std::vector<TopicPartitionOffset> offsets;
        for (const auto& [where, known] : core.offsets().all(group))
            offsets.push_back({where.topic, where.partition, known.offset, known.leader_epoch});
        return offsets;
    });
}

std::optional<MockGroup> MockCluster::group(const std::string& id) const {
    return server_->call([&](ClusterCore& core, TimePoint) -> std::optional<MockGroup> {
        if (const mock::ConsumerGroup* consumers = core.consumer_groups().find(id)) {
            MockGroup group{
                std::string(name_of(consumers->state())), consumers->epoch(), std::string(consumers->assignor()), {}, {},
                "consumer"};
            for (const auto& [member, state] : consumers->members())
                group.members.push_back(member);
            return group;
        }
        const mock::Group* known = core.groups().find(id);
        if (!known)
            return std::nullopt;
        MockGroup group{
            std::string(name_of(known->state())), known->generation(), known->protocol().value_or(""), known->leader(), {}};
        for (const mock::GroupMember& member : known->members())
            group.members.push_back(member.id);
        return group;
    });
}

std::optional<int32_t> MockCluster::coordinator(Coordinator kind, const std::string& key) const {
    return server_->call([&](ClusterCore& core, TimePoint now) -> std::optional<int32_t> {
        const int32_t broker = core.find_coordinator(kind_of(kind), key, now);
        return broker == -1 ? std::nullopt : std::optional(broker);
    });
}

size_t MockCluster::fetch_sessions(int32_t broker) const {
    return server_->call([&](ClusterCore& core, TimePoint) { return core.fetch_sessions(broker).count(); });
}

error_code MockCluster::truncate(const std::string& topic, int32_t partition, int64_t end_offset) {
    return server_->call([&](ClusterCore& core, TimePoint now) {
        return core.truncate(topic, partition, end_offset, mock::every_broker, now).code;
    });
}

error_code MockCluster::append_raw(const std::string& topic, int32_t partition, Bytes bytes, int64_t offsets) {
    return server_->call([&](ClusterCore& core, TimePoint now) {
        return core.append_raw(topic, partition, Buffer::copy_of(bytes), offsets, now).code;
    });
}

error_code MockCluster::move_coordinator(Coordinator kind, const std::string& key, int32_t broker) {
    return server_->call([&](ClusterCore& core, TimePoint now) {
        return core.move_coordinator(kind_of(kind), key, broker, now).code;
    });
}

void MockCluster::coordinator_failover(std::chrono::milliseconds election, std::chrono::milliseconds load) {
    server_->call([&](ClusterCore& core, TimePoint) { core.set_failover({election, load}); });
}

void MockCluster::set_transaction_version(int version) {
    server_->call([&](ClusterCore& core, TimePoint) {
        core.set_transaction_version(static_cast<int16_t>(version));
    });
}

void MockCluster::fail_next(int16_t api_key, int count, Errc error, int32_t broker) {
    server_->call([&](ClusterCore& core, TimePoint) {
        core.faults().add(api_key, broker, count, {Faults::Kind::error, error});
    });
}

void MockCluster::drop_reply_next(int16_t api_key, int count, int32_t broker) {
    server_->call([&](ClusterCore& core, TimePoint) {
        core.faults().add(api_key, broker, count, {Faults::Kind::drop_reply});
    });
}

void MockCluster::drop_request_next(int16_t api_key, int count, int32_t broker) {
    server_->call([&](ClusterCore& core, TimePoint) {
        core.faults().add(api_key, broker, count, {Faults::Kind::drop_request});
    });
}

void MockCluster::delay(int16_t api_key, std::chrono::milliseconds wait, int32_t broker) {
    server_->call([&](ClusterCore& core, TimePoint) { core.faults().set_delay(api_key, broker, wait); });
}

void MockCluster::throttle(std::chrono::milliseconds time, int32_t broker) {
    server_->call([&](ClusterCore& core, TimePoint) { core.faults().set_throttle(broker, time); });
}

void MockCluster::limit_versions(int16_t api_key, int16_t min, int16_t max) {
    server_->call([&](ClusterCore& core, TimePoint) { core.limit_versions(api_key, min, max); });
}

error_code MockCluster::move_leader(const std::string& topic, int32_t partition, int32_t broker) {
    return server_->call([&](ClusterCore& core, TimePoint now) {
        return core.move_leader(topic, partition, broker, now).code;
    });
}

void MockCluster::stop(int32_t broker) {
    server_->stop(broker);
}

void MockCluster::start(int32_t broker) {
    server_->start(broker);
}

void MockCluster::drop_connections(int32_t broker) {
    server_->call([&](ClusterCore& core, TimePoint) { core.drop_connections(broker); });
}

uint64_t MockCluster::request_count(int16_t api_key, int32_t broker) const {
    return server_->call([&](ClusterCore& core, TimePoint) { return core.request_count(api_key, broker); });
}

uint64_t MockCluster::connection_count(int32_t broker) const {
    return server_->call([&](ClusterCore& core, TimePoint) { return core.connection_count(broker); });
}

} // namespace ottla
