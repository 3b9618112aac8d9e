// Offsets: those that groups have committed, at their coordinators, and those of partitions, at their leaders.
#include <algorithm>

#include <fmt/format.h>
#include <ottla/msg/metadata.hpp>
#include <ottla/msg/offset_delete.hpp>

#include "client/admin_impl.hpp"
#include "core/cluster/metadata_request.hpp"
#include "core/fetch/committed_offsets.hpp"
#include "core/fetch/list_offsets.hpp"
#include "core/group/offset_committer.hpp"

namespace ottla::client {
namespace {

constexpr int16_t first_with_isolation = 2;     // of ListOffsets
constexpr int16_t first_with_max_timestamp = 7; // KIP-734

std::string name_of(const TopicPartition& where) { return fmt::format("{}[{}]", where.topic, where.partition); }

Error partition_error(const TopicPartition& where, Errc code) {
    return code == Errc::no_error ? Error() : Error(code, fmt::format("{}: {}", name_of(where), error_text(code)));
}

/// Older brokers know of no transactions: everything is committed there.
msg::ListOffsetsRequest adapted(const msg::ListOffsetsRequest& request, int16_t version) {
    msg::ListOffsetsRequest out = request;
    if (version < first_with_isolation)
        out.isolation_level = 0;
    return out;
}

Errc first_error(const msg::ListOffsetsResponse& response) {
    return response.topics.empty() || response.topics.front().partitions.empty()
               ? Errc::_bad_msg
               : static_cast<Errc>(response.topics.front().partitions.front().error_code);
}

/// Those that an answer could be had of.
Error judge(const std::vector<CommittedOffset>& offsets) {
    for (const auto& offset : offsets)
        if (offset.offset < 0)
            return {Errc::_invalid_arg, fmt::format("{}[{}]: {} is no offset to commit", offset.topic, offset.partition, offset.offset)};
    return {};
}

} // namespace

// --- of groups

void AdminImpl::list_group_offsets(
    std::string group, GroupOffsetsOptions options, Duration timeout, Done<std::vector<CommittedOffset>> done) {
    events_.log().debug(LogContext::admin, "OFFSETS", "of group {}", group);
    on_loop(
        std::move(done),
        [this, group = std::move(group), options = std::move(options), timeout](Done<std::vector<CommittedOffset>> finish) mutable {
            core::CommittedQuery query{.group = std::move(group), .stable = options.require_stable, .timeout = timeout};
            query.all = !options.partitions;
            if (options.partitions)
                query.partitions = std::move(*options.partitions);
            core::query_committed(
                cluster_->caller(), std::move(query), scope_,
                [finish = std::move(finish)](Result<std::vector<CommittedOffset>> result, TimePoint) mutable {
                    result ? finish({}, std::move(*result)) : finish(result.error(), {});
                });
        });
}

void AdminImpl::alter_group_offsets(
    std::string group, std::vector<CommittedOffset> offsets, Duration timeout, Done<PartitionResults> done) {
    if (Error error = judge(offsets)) {
        done(std::move(error), {});
        return;
    }
    on_loop(
        std::move(done),
        [this, group = std::move(group), offsets = std::move(offsets), timeout](Done<PartitionResults> finish) mutable {
            if (offsets.empty()) {
                finish({}, {});
                return;
            }
            auto committer = std::make_shared<core::OffsetCommitter>(cluster_->caller(), std::move(group), timeout, events_.log());
            committer->commit(
                {}, std::move(offsets),
                [committer, finish = std::move(finish)](const Error&, std::vector<CommittedOffset> rows) mutable {
                    PartitionResults results;
                    for (auto& row : rows)
                        results[{row.topic, row.partition}] = std::move(row.error);
                    finish({}, std::move(results));
                });
        });
}

void AdminImpl::delete_group_offsets(
    std::string group, std::vector<TopicPartition> partitions, Duration timeout, Done<PartitionResults> done) {
    events_.log().debug(LogContext::admin, "DELETE", "{} offsets of group {}", partitions.size(), group);
    on_loop(
        std::move(done),
        [this, group = std::move(group), partitions = std::move(partitions), timeout](Done<PartitionResults> finish) mutable {
            std::sort(partitions.begin(), partitions.end());
            msg::OffsetDeleteRequest request;
            request.group_id = group;
            for (const auto& where : partitions) {
                if (request.topics.empty() || request.topics.back().name != where.topic)
                    request.topics.emplace_back().name = where.topic;
                request.topics.back().partitions.emplace_back().partition_index = where.partition;
            }
            core::CallOptions options;
            options.timeout = timeout;
            core::call<msg::OffsetDeleteRequest>(
                cluster_->caller(), core::Coordinator{core::CoordinatorType::group, group}, std::move(request), options, scope_,
                [group, finish = std::move(finish)](core::CallResult<msg::OffsetDeleteResponse> result, TimePoint) mutable {
                    if (!result) {
                        finish(result.error(), {});
                        return;
                    }
                    if (const auto code = static_cast<Errc>(result->response.error_code); code != Errc::no_error) {
                        finish(Error(code, fmt::format("group {}: {}", group, error_text(code))), {});
                        return;
                    }
                    PartitionResults results;
                    for (const auto& topic : result->response.topics)
                        for (const auto& partition : topic.partitions) {
                            const TopicPartition where{topic.name, partition.partition_index};
                            results[where] = partition_error(where, static_cast<Errc>(partition.error_code));
                        }
                    finish({}, std::move(results));
                },
                core::coordinator_error<msg::OffsetDeleteResponse>);
        });
}

// --- of partitions: each leader is asked once for all of its partitions; what that does not answer is asked about singly,
// along the route that finds leaders which have moved.

struct AdminImpl::OffsetsAsked : Gathering<ListedOffsets> {
    std::map<TopicPartition, OffsetSpec> asked;
    IsolationLevel isolation = IsolationLevel::read_uncommitted;

    msg::ListOffsetsRequest request_for(const std::vector<TopicPartition>& partitions) const {
        auto request = core::list_offsets_request(
            isolation == IsolationLevel::read_committed ? config::Isolation::read_committed : config::Isolation::read_uncommitted);
        for (const auto& where : partitions)
            core::ask_for(request, where.topic, where.partition, -1, asked.at(where).wire_timestamp());
        return request;
    }

    core::CallOptions options_for(const std::vector<TopicPartition>& partitions) const {
        core::CallOptions options;
        options.timeout = deadline - engine::Loop::now();
        for (const auto& where : partitions)
            if (asked.at(where).wire_timestamp() == OffsetSpec::max_timestamp().wire_timestamp())
                options.min_version = first_with_max_timestamp;
        return options;
    }
};

void AdminImpl::list_offsets(
    std::map<TopicPartition, OffsetSpec> partitions, IsolationLevel isolation, Duration timeout, Done<ListedOffsets> done) {
    events_.log().debug(LogContext::admin, "LISTOFFSETS", "of {} partitions", partitions.size());
    on_loop(std::move(done), [this, partitions = std::move(partitions), isolation, timeout](Done<ListedOffsets> finish) mutable {
        auto all = std::make_shared<OffsetsAsked>();
        all->done = std::move(finish);
        all->deadline = engine::Loop::now() + timeout;
        all->asked = std::move(partitions);
        all->isolation = isolation;
        all->open = all->asked.size() + 1;
        msg::MetadataRequest request;
        request.topics.emplace();
        request.allow_auto_topic_creation = false;
        for (const auto& [where, spec] : all->asked)
            if (request.topics->empty() || request.topics->back().name != where.topic)
                request.topics->emplace_back().name = where.topic;
        core::CallOptions options;
        options.timeout = timeout;
        core::call<msg::MetadataRequest>(
            cluster_->caller(), core::AnyBroker{}, std::move(request), options, scope_,
            [this, all](core::CallResult<msg::MetadataResponse> result, TimePoint) {
                if (!result) {
                    all->done(result.error(), {});
                    return;
                }
                for (const auto& broker : result->response.brokers)
                    cluster_->metadata().hint_broker(
                        {broker.node_id, broker.host, static_cast<uint16_t>(broker.port), broker.rack.value_or("")});
                std::map<TopicPartition, int32_t> leaders;
                std::map<std::string, Errc> unusable; // topics
                for (const auto& topic : result->response.topics) {
                    const std::string name = topic.name.value_or("");
                    if (const auto code = static_cast<Errc>(topic.error_code); code != Errc::leader_not_available)
                        unusable[name] = code == Errc::no_error ? Errc::_unknown_partition : code;
                    for (const auto& partition : topic.partitions)
                        leaders[{name, partition.partition_index}] = partition.leader_id;
                }
                std::map<int32_t, std::vector<TopicPartition>> by_leader;
                for (const auto& [where, spec] : all->asked) {
                    const auto leader = leaders.find(where);
                    if (leader != leaders.end() && leader->second >= 0) {
                        by_leader[leader->second].push_back(where);
                    } else if (leader != leaders.end() || !unusable.contains(where.topic)) {
                        ask_alone(where, all);
                    } else {
                        all->value[where].error = partition_error(where, unusable.at(where.topic));
                        all->end_one();
                    }
                }
                for (auto& [leader, theirs] : by_leader)
                    ask_leader(leader, std::move(theirs), all);
                all->end_one();
            },
            nullptr, core::metadata_request_for);
    });
}

void AdminImpl::ask_leader(int32_t leader, std::vector<TopicPartition> partitions, const std::shared_ptr<OffsetsAsked>& all) {
    auto options = all->options_for(partitions);
    options.retry = false;
    auto request = all->request_for(partitions);
    core::call<msg::ListOffsetsRequest>(
        cluster_->caller(), core::Node{leader}, std::move(request), options, scope_,
        [this, partitions = std::move(partitions), all](core::CallResult<msg::ListOffsetsResponse> result, TimePoint) {
            std::map<TopicPartition, const msg::list_offsets_response::ListOffsetsPartitionResponse*> told;
            if (result)
                for (const auto& topic : result->response.topics)
                    for (const auto& partition : topic.partitions)
                        told[{topic.name, partition.partition_index}] = &partition;
            const bool closed = !result && result.error().errc() == Errc::_destroy;
            for (const auto& where : partitions) {
                const auto found = told.find(where);
                const bool answered = found != told.end() && found->second->error_code == 0 && result->version > 0;
                if (answered)
                    all->value[where] = {
                        .offset = found->second->offset,
                        .timestamp_ms = found->second->timestamp,
                        .leader_epoch = found->second->leader_epoch};
                else if (closed)
                    all->value[where].error = result.error();
                else
                    ask_alone(where, all);
                if (answered || closed)
                    all->end_one();
            }
        },
        nullptr, adapted);
}

void AdminImpl::ask_alone(const TopicPartition& where, const std::shared_ptr<OffsetsAsked>& all) {
    auto request = all->request_for({where});
    const auto options = all->options_for({where});
    core::call<msg::ListOffsetsRequest>(
        cluster_->caller(), core::Leader{where.topic, where.partition}, std::move(request), options, scope_,
        [this, where, all](core::CallResult<msg::ListOffsetsResponse> result, TimePoint) {
            ListedOffset& listed = all->value[where];
            if (!result) {
                listed.error = result.error();
            } else if (const Errc code = first_error(result->response); code != Errc::no_error) {
                listed.error = partition_error(where, code);
            } else {
                const auto& told = result->response.topics.front().partitions.front();
                listed.offset = core::offset_in(told, result->version);
                listed.timestamp_ms = told.timestamp;
                listed.leader_epoch = told.leader_epoch;
                OffsetSpec& spec = all->asked.at(where);
                if (result->version == 0 && listed.offset < 0 && spec.wire_timestamp() >= 0) {
                    spec = OffsetSpec::earliest(); // the first segment was still written to at that time
                    ask_alone(where, all);
                    return;
                }
            }
            all->end_one();
        },
        first_error, adapted);
}

} // namespace ottla::client
