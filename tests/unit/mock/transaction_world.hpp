// A cluster with producers that speak to it in single requests: each verb is one of them, answered at once.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ottla/msg/add_offsets_to_txn.hpp>
#include <ottla/msg/add_partitions_to_txn.hpp>
#include <ottla/msg/api_key.hpp>
#include <ottla/msg/end_txn.hpp>
#include <ottla/msg/init_producer_id.hpp>
#include <ottla/msg/txn_offset_commit.hpp>

#include "record/record_set.hpp"
#include "unit/mock/cluster_world.hpp"

namespace ottla::mock {

/// Of the protocol that the producer speaks.
struct Versions {
    int16_t produce;
    int16_t end;
};

inline constexpr Versions v1{11, 4};
inline constexpr Versions v2{12, 5};

/// What a consumer says of itself.
struct Member {
    int32_t generation = -1;
    std::string id{};
};

struct TransactionWorld : ClusterWorld {
    explicit TransactionWorld(int brokers = 1, CoreOptions options = {})
        : ClusterWorld(brokers, std::move(options)) {}

    int32_t coordinator(const std::string& id) {
        return core.find_coordinator(ClusterCore::CoordinatorOf::transaction, id, now);
    }

    int32_t group_coordinator(const std::string& group) {
        return std::max(core.find_coordinator(ClusterCore::CoordinatorOf::group, group, now), 1);
    }

    struct Identified {
        Errc error;
        ProducerIdentity producer;
        auto operator<=>(const Identified&) const = default;
    };

    Identified init(
        const std::string& id, ProducerIdentity expected = {}, int16_t version = 5, int32_t timeout_ms = 60'000
    ) {
        msg::InitProducerIdRequest request;
        request.transactional_id = id;
        request.transaction_timeout_ms = timeout_ms;
        if (version >= 3) {
            request.producer_id = expected.id;
            request.producer_epoch = expected.epoch;
        }
        const auto answer = ask(request, version, std::max(coordinator(id), 1));
        return {static_cast<Errc>(answer.error_code), {answer.producer_id, answer.producer_epoch}};
    }

    /// A new producer, which must get its identity at once.
    ProducerIdentity producer(const std::string& id, int32_t timeout_ms = 60'000) {
        const auto made = init(id, {}, 5, timeout_ms);
        REQUIRE(made.error == Errc::no_error);
        return made.producer;
    }

    std::vector<Errc> add(
        const std::string& id,
        ProducerIdentity producer,
        const std::vector<TopicPartition>& partitions,
        int16_t version = 3
    ) {
        msg::AddPartitionsToTxnRequest request;
        request.v3_and_below_transactional_id = id;
        request.v3_and_below_producer_id = producer.id;
        request.v3_and_below_producer_epoch = producer.epoch;
        for (const auto& [topic, partition] : partitions) {
            auto& wanted = request.v3_and_below_topics.emplace_back();
            wanted.name = topic;
            wanted.partitions = {partition};
        }
        std::vector<Errc> errors;
        for (const auto& topic : ask(request, version, coordinator(id)).results_by_topic_v3_and_below)
            for (const auto& partition : topic.results_by_partition)
                errors.push_back(static_cast<Errc>(partition.partition_error_code));
        return errors;
    }

    /// Writes "a", "b", ... as one batch.
    Errc produce(
        const std::string& id,
        ProducerIdentity producer,
        int32_t first_sequence,
        int16_t version,
        int32_t partition_index = 0,
        const std::vector<std::string>& values = {"a"}
    ) {
        auto request = produce_request(
            "t", partition_index, batch_of(values, {producer.id, producer.epoch, first_sequence, true})
        );
        request.transactional_id = id;
        const int32_t leader = partition("t", partition_index).leader;
        const auto answer = ask(request, version, leader);
        return static_cast<Errc>(answer.responses.at(0).partition_responses.at(0).error_code);
    }

    Identified
    end(const std::string& id, ProducerIdentity producer, bool commit, int16_t version) {
        msg::EndTxnRequest request;
        request.transactional_id = id;
        request.producer_id = producer.id;
        request.producer_epoch = producer.epoch;
        request.committed = commit;
        const auto answer = ask(request, version, coordinator(id));
        return {static_cast<Errc>(answer.error_code), {answer.producer_id, answer.producer_epoch}};
    }

    Errc add_offsets(
        const std::string& id, ProducerIdentity producer, const std::string& group, int16_t version = 3
    ) {
        msg::AddOffsetsToTxnRequest request;
        request.transactional_id = id;
        request.producer_id = producer.id;
        request.producer_epoch = producer.epoch;
        request.group_id = group;
        return static_cast<Errc>(ask(request, version, coordinator(id)).error_code);
    }

    /// Of the first partition of "t".
    Errc commit_in_transaction(
        const std::string& id,
        ProducerIdentity producer,
        const std::string& group,
        int64_t offset,
        int16_t version,
        const Member& member = {}
    ) {
        msg::TxnOffsetCommitRequest request;
        request.transactional_id = id;
        request.group_id = group;
        request.producer_id = producer.id;
        request.producer_epoch = producer.epoch;
        request.generation_id = member.generation;
        request.member_id = member.id;
        auto& topic = request.topics.emplace_back();
        topic.name = "t";
        topic.partitions.emplace_back().committed_offset = offset;
        const auto answer = ask(request, version, group_coordinator(group));
        return static_cast<Errc>(answer.topics.at(0).partitions.at(0).error_code);
    }

    Errc commit(const std::string& id, ProducerIdentity producer, int16_t version) {
        return end(id, producer, true, version).error;
    }

    Errc abort(const std::string& id, ProducerIdentity producer, int16_t version) {
        return end(id, producer, false, version).error;
    }

    const PartitionLog& log(int32_t index = 0) { return partition("t", index).log; }

    void delay_markers(std::chrono::milliseconds time) {
        core.faults().set_delay(
            static_cast<int16_t>(msg::ApiKey::write_txn_markers), every_broker, time
        );
    }

    TransactionCoordinator::State state(const std::string& id) { return core.transactions().find(id)->state; }
};

/// With a topic "t" of one partition.
struct OnePartition : TransactionWorld {
    OnePartition() { create("t", 1); }
};

/// Headers of the batches in a log: "0 data e0", "1 commit e1", ...
inline std::vector<std::string> contents(const PartitionLog& log) {
    std::vector<std::string> lines;
    for (const StoredBatch& batch : log.batches()) {
        const auto header = record::read_batch_header(batch.head.data());
        const char* what = batch.role == BatchRole::commit_marker  ? "commit"
                           : batch.role == BatchRole::abort_marker ? "abort"
                           : header.is_transactional()             ? "data"
                                                                   : "plain";
        lines.push_back(
            std::to_string(batch.base_offset) + " " + what + " e" + std::to_string(header.producer_epoch)
        );
    }
    return lines;
}

} // namespace ottla::mock
