// ClusterCore, the part about brokers, topics and leaders.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "mock/cluster_core.hpp"
#include "record/batch_header.hpp"

namespace ottla::mock {
namespace {

/// Brokers refuse to make more at once.
constexpr int32_t most_partitions = 10000;

bool has_duplicates(std::vector<int32_t> ids) {
    std::sort(ids.begin(), ids.end());
    return std::adjacent_find(ids.begin(), ids.end()) != ids.end();
}

Error check_assignment(const ClusterCore::NewTopic& topic, const std::map<int32_t, Broker>& brokers) {
    if (topic.partitions != -1 || topic.replication_factor != -1)
        return {
            Errc::invalid_request, "with an assignment, partition count and replication factor must be -1"};
    for (const auto& replicas : topic.assignment) {
        if (replicas.empty() || replicas.size() != topic.assignment.front().size())
            return {Errc::invalid_replica_assignment, "partitions differ in their number of replicas"};
        if (has_duplicates(replicas))
            return {Errc::invalid_replica_assignment, "a broker holds two replicas of a partition"};
        for (const int32_t id : replicas)
            if (!brokers.contains(id))
                return {Errc::invalid_replica_assignment, fmt::format("there is no broker {}", id)};
    }
    return {};
}

} // namespace

void ClusterCore::add_broker(int32_t id, std::string host, int32_t port, std::string rack) {
    brokers_[id] = {std::move(host), port, std::move(rack)};
}

std::vector<int32_t> ClusterCore::brokers_up() const {
    std::vector<int32_t> up;
    for (const auto& [id, broker] : brokers_)
        if (broker.up)
            up.push_back(id);
    return up;
}

int32_t ClusterCore::controller() const {
    const auto up = brokers_up();
    return up.empty() ? -1 : up.front();
}

void ClusterCore::stop(int32_t id, TimePoint now, Tail tail) {
    const auto broker = brokers_.find(id);
    if (broker == brokers_.end() || !broker->second.up)
        return;
    broker->second.up = false;
    drop_connections(id);
    fetch_sessions_.erase(id);
    for (auto& [name, topic] : topics_) {
        for (Partition& partition : topic.partitions) {
            if (partition.leader != id)
                continue;
            if (tail == Tail::lost)
                lost_batches_ += lose_tail(partition, partition.acknowledged_end);
            const auto next =
                std::find_if(partition.replicas.begin(), partition.replicas.end(), [&](int32_t r) {
                    return brokers_.at(r).up;
                });
            lead(partition, next == partition.replicas.end() ? no_leader : *next);
        }
    }
    transaction_coordinators_.on_stop(id, brokers_up(), now);
    move_groups([&](CoordinatorPlacement& coordinators) { coordinators.on_stop(id, brokers_up(), now); });
    settle(now);
}

void ClusterCore::start(int32_t id, TimePoint now) {
    const auto broker = brokers_.find(id);
    if (broker == brokers_.end() || broker->second.up)
        return;
    broker->second.up = true;
    for (auto& [name, topic] : topics_)
        for (Partition& partition : topic.partitions)
            if (partition.leader == no_leader && partition.has_replica(id))
                lead(partition, id);
    transaction_coordinators_.on_start(id, now);
    move_groups([&](CoordinatorPlacement& coordinators) { coordinators.on_start(id, now); });
    settle(now);
}

/// Producers and transactions are then known from what is left in the log, as a new leader knows them.
size_t ClusterCore::lose_tail(Partition& partition, int64_t end_offset) {
    const size_t before = partition.log.batches().size();
    partition.log.truncate(end_offset);
    partition.acknowledged_end = std::min(partition.acknowledged_end, partition.log.end_offset());
    partition.producers = {};
    for (const StoredBatch& batch : partition.log.batches()) {
        if (batch.raw)
            continue;
        const record::BatchHeader header = record::read_batch_header(batch.head.data());
        if (header.is_control())
            partition.producers.note_marker(header.producer_id, header.producer_epoch);
        else if (header.producer_id >= 0)
            partition.producers.note(
                {header.producer_id, header.producer_epoch, header.base_sequence, header.last_offset_delta},
                batch.base_offset,
                header.timestamp_type() == TimestampType::log_append_time ? header.max_timestamp : -1
            );
    }
    return before - partition.log.batches().size();
}

void ClusterCore::lead(Partition& partition, int32_t broker) {
    partition.leader = broker;
    partition.log.begin_epoch(++partition.leader_epoch);
    wake_all(partition);
}

Error ClusterCore::check(const NewTopic& topic) const {
    if (!is_valid_topic_name(topic.name))
        return {Errc::topic_exception, fmt::format("'{}' cannot be the name of a topic", topic.name)};
    if (topics_.contains(topic.name))
        return {Errc::topic_already_exists, fmt::format("topic '{}' exists already", topic.name)};
    if (!topic.assignment.empty())
        return check_assignment(topic, brokers_);
    const int32_t partitions = topic.partitions == -1 ? options_.default_partitions : topic.partitions;
    if (partitions <= 0)
        return {Errc::invalid_partitions, fmt::format("a topic cannot have {} partitions", partitions)};
    if (partitions > most_partitions)
        return {Errc::policy_violation, fmt::format("{} partitions at once are too many", partitions)};
    const int factor =
        topic.replication_factor == -1 ? options_.default_replication_factor : topic.replication_factor;
    const size_t up = brokers_up().size();
    if (factor <= 0 || static_cast<size_t>(factor) > up)
        return {
            Errc::invalid_replication_factor,
            fmt::format("replication factor {} with {} brokers", factor, up)};
    return {};
}

Error ClusterCore::create_topic(const NewTopic& wanted) {
    if (Error error = check(wanted))
        return error;
    auto assignment = wanted.assignment;
    if (assignment.empty()) {
        const auto up = brokers_up();
        const int32_t partitions = wanted.partitions == -1 ? options_.default_partitions : wanted.partitions;
        const int factor =
            wanted.replication_factor == -1 ? options_.default_replication_factor : wanted.replication_factor;
        assignment.resize(static_cast<size_t>(partitions));
        for (auto& replicas : assignment) {
            for (size_t i = 0; i < static_cast<size_t>(factor); ++i)
                replicas.push_back(up[(next_leader_ + i) % up.size()]);
            ++next_leader_;
        }
    }

    ++topics_epoch_;
    Topic& topic = topics_[wanted.name];
    topic.name = wanted.name;
    topic.id = new_id();
    topic.config = wanted.config;
    topic_names_[topic.id] = topic.name;
    for (auto& replicas : assignment) {
        Partition& partition = topic.partitions.emplace_back();
        const auto leader =
            std::find_if(replicas.begin(), replicas.end(), [&](int32_t r) { return brokers_.at(r).up; });
        partition.leader = leader == replicas.end() ? no_leader : *leader;
        partition.replicas = std::move(replicas);
        partition.log = options_.canned ? PartitionLog(*options_.canned) : PartitionLog(topic.config.retention_bytes);
        partition.log.begin_epoch(partition.leader_epoch);
    }
    return {};
}

Error ClusterCore::delete_topic(const std::string& name) {
    const auto topic = topics_.find(name);
    if (topic == topics_.end())
        return {Errc::unknown_topic_or_part, fmt::format("there is no topic '{}'", name)};
    for (Partition& partition : topic->second.partitions)
        wake_all(partition);
    offsets_.forget_topic(name);
    topic_names_.erase(topic->second.id);
    topics_.erase(topic);
    ++topics_epoch_;
    return {};
}

Topic* ClusterCore::find_topic(const std::string& name) {
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : &found->second;
}

Topic* ClusterCore::find_topic(const Uuid& id) {
    const auto name = topic_names_.find(id);
    return name == topic_names_.end() ? nullptr : find_topic(name->second);
}

Error ClusterCore::move_leader(const std::string& name, int32_t index, int32_t broker, TimePoint now) {
    Topic* topic = find_topic(name);
    Partition* partition = topic ? topic->find(index) : nullptr;
    if (!partition)
        return {Errc::unknown_topic_or_part, fmt::format("there is no partition {}[{}]", name, index)};
    const auto found = brokers_.find(broker);
    if (found == brokers_.end() || !found->second.up)
        return {Errc::broker_not_available, fmt::format("broker {} is not up", broker)};
    if (!partition->has_replica(broker))
        partition->replicas.front() = broker;
    // The new leader has all of it: answers of the old one may still be on their way.
    partition->acknowledged_end = partition->log.end_offset();
    lead(*partition, broker);
    settle(now);
    return {};
}

Error ClusterCore::truncate(
    const std::string& name, int32_t index, int64_t end_offset, int32_t broker, TimePoint now
) {
    Topic* topic = find_topic(name);
    Partition* partition = topic ? topic->find(index) : nullptr;
    if (!partition)
        return {Errc::unknown_topic_or_part, fmt::format("there is no partition {}[{}]", name, index)};
    const int32_t leader = broker == every_broker ? partition->leader : broker;
    const auto found = brokers_.find(leader);
    if (found == brokers_.end() || !found->second.up || !partition->has_replica(leader))
        return {Errc::broker_not_available, fmt::format("broker {} cannot lead {}[{}]", leader, name, index)};
    lose_tail(*partition, end_offset);
    lead(*partition, leader);
    settle(now);
    return {};
}

Error ClusterCore::append_raw(const std::string& name, int32_t index, Buffer bytes, int64_t offsets, TimePoint now) {
    Topic* topic = find_topic(name);
    Partition* partition = topic ? topic->find(index) : nullptr;
    if (!partition)
        return {Errc::unknown_topic_or_part, fmt::format("there is no partition {}[{}]", name, index)};
    if (bytes.empty() || offsets < 1)
        return {Errc::_invalid_arg, fmt::format("{} bytes for {} offsets", bytes.size(), offsets)};
    const size_t size = bytes.size();
    const int64_t stable_before = partition->log.last_stable_offset();
    partition->log.append_raw(std::move(bytes), offsets, partition->leader_epoch);
    partition->acknowledged_end = partition->log.end_offset();
    on_appended(*partition, size, stable_before);
    settle(now);
    return {};
}

Uuid ClusterCore::new_id() {
    Uuid id;
    for (uint8_t& byte : id.bytes)
        byte = static_cast<uint8_t>(rng_.next());
    return id;
}

} // namespace ottla::mock
