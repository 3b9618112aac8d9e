// ClusterCore, the part about coordinators, and how transactions end: markers in the logs.
#include <algorithm>

#include <fmt/format.h>
#include <ottla/msg/api_key.hpp>

#include "mock/batch_check.hpp"
#include "mock/cluster_core.hpp"
#include "record/builder.hpp"

namespace ottla::mock {
namespace {

constexpr auto write_txn_markers = static_cast<int16_t>(msg::ApiKey::write_txn_markers);

/// What the records of a marker say it is.
enum ControlType : int16_t { abort_type = 0, commit_type = 1 };

} // namespace

CoordinatorPlacement& ClusterCore::placement(CoordinatorOf kind) {
    return kind == CoordinatorOf::group ? group_coordinators_ : transaction_coordinators_;
}

int32_t ClusterCore::find_coordinator(CoordinatorOf kind, const std::string& key, TimePoint now) {
    return placement(kind).find(key, brokers_up(), now);
}

Errc ClusterCore::check_coordinator(CoordinatorOf kind, const std::string& key, const Call& call) {
    return call.injected != Errc::no_error ? call.injected
                                           : placement(kind).check(key, call.broker, brokers_up(), call.now);
}

Errc ClusterCore::coordinator_state(const std::string& transactional_id, TimePoint now) {
    const int32_t broker = find_coordinator(CoordinatorOf::transaction, transactional_id, now);
    return broker == -1 ? Errc::coordinator_not_available
                        : transaction_coordinators_.check(transactional_id, broker, brokers_up(), now);
}

Error ClusterCore::move_coordinator(
    CoordinatorOf kind, const std::string& key, int32_t broker, TimePoint now
) {
    const auto found = brokers_.find(broker);
    if (found == brokers_.end() || !found->second.up)
        return {Errc::broker_not_available, fmt::format("broker {} is not up", broker)};
    if (kind == CoordinatorOf::group)
        move_groups([&](CoordinatorPlacement& coordinators) { coordinators.move(key, broker, now); });
    else
        transaction_coordinators_.move(key, broker, now);
    settle(now);
    return {};
}

void ClusterCore::set_failover(CoordinatorPlacement::Failover failover) {
    group_coordinators_.set_failover(failover);
    transaction_coordinators_.set_failover(failover);
}

void ClusterCore::set_transaction_version(int16_t version) {
    if (version == transaction_version_)
        return;
    transaction_version_ = version;
    ++features_epoch_;
    transactions_.set_cluster_protocol(TransactionCoordinator::protocol_of(version));
}

TimePoint ClusterCore::end_transactions(TimePoint now) {
    if (transactions_.is_idle())
        return TimePoint::max();
    TimePoint due = TimePoint::max();
    for (const std::string& id : transactions_.timed_out(now)) {
        const TimePoint ready = transaction_coordinators_.ready_from(id);
        if (ready > now)
            due = std::min(due, ready);
        else
            transactions_.expire(id, now);
    }
    const auto ending = transactions_.ending();
    for (const std::string& id : ending)
        due = std::min(due, write_markers(id, now));
    return std::min(due, transactions_.next_timeout(now));
}

/// How long markers take is the delay of WriteTxnMarkers, which brokers send each other. Where nobody leads they wait.
TimePoint ClusterCore::write_markers(const std::string& id, TimePoint now) {
    if (const TimePoint ready = transaction_coordinators_.ready_from(id); ready > now)
        return ready;
    const TransactionCoordinator::Transaction transaction = *transactions_.find(id);
    const auto role = transaction.state == TransactionCoordinator::State::prepare_commit
                          ? BatchRole::commit_marker
                          : BatchRole::abort_marker;
    TimePoint due = TimePoint::max();
    for (const TopicPartition& where : transaction.partitions) {
        Topic* topic = find_topic(where.topic);
        Partition* partition = topic ? topic->find(where.partition) : nullptr;
        if (partition) {
            if (partition->leader == no_leader)
                continue;
            const TimePoint when = transaction.since + faults_.delay(write_txn_markers, partition->leader);
            if (when > now) {
                due = std::min(due, when);
                continue;
            }
            append_marker(
                *topic, *partition, transaction.producer, role, transaction_coordinators_.epoch(id), now
            );
        }
        transactions_.finish_partition(id, where, now);
    }
    for (const std::string& group : transaction.groups) {
        const TimePoint ready = group_coordinators_.ready_from(group);
        const int32_t broker = find_coordinator(CoordinatorOf::group, group, now);
        const TimePoint when = std::max(ready, transaction.since + faults_.delay(write_txn_markers, broker));
        if (when > now) {
            due = std::min(due, when);
            continue;
        }
        offsets_.end_transaction(group, transaction.producer.id, role == BatchRole::commit_marker);
        transactions_.finish_group(id, group, now);
    }
    return due;
}

/// The coordinator counts a marker as written when every replica has it, and with it all that comes before it.
void ClusterCore::append_marker(
    Topic& topic,
    Partition& partition,
    ProducerIdentity producer,
    BatchRole role,
    int32_t coordinator_epoch,
    TimePoint now
) {
    record::BuildOptions options;
    options.producer_id = producer.id;
    options.producer_epoch = producer.epoch;
    const int64_t timestamp = timestamp_ms(now);
    const auto type = role == BatchRole::commit_marker ? commit_type : abort_type;
    NewBatch marker;
    marker.bytes = record::build_marker(options, type, coordinator_epoch, timestamp).value();
    marker.max_timestamp = timestamp;
    marker.role = role;
    marker.producer_id = producer.id;
    if (topic.config.timestamp_type == TimestampType::log_append_time)
        marker = with_append_time(marker, timestamp);
    const size_t size = marker.bytes.size();
    const int64_t stable_before = partition.log.last_stable_offset();
    partition.log.append(std::move(marker), partition.leader_epoch);
    partition.producers.note_marker(producer.id, producer.epoch);
    partition.acknowledged_end = partition.log.end_offset();
    on_appended(partition, size, stable_before);
}

} // namespace ottla::mock
