#include "core/fetch/committed_offsets.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <ottla/msg/offset_fetch.hpp>

#include "core/cluster/metadata.hpp"
#include "core/cluster/topic_ids.hpp"

namespace ottla::core {
namespace {

constexpr int16_t first_in_cluster = 1; // version 0 is of offsets in ZooKeeper
constexpr int16_t first_of_all = 2;     // asks for everything with null
constexpr int16_t first_stable = 7;     // KIP-447
constexpr int16_t first_by_group = 8;   // KIP-709

/// As version 10 has it, with names beside the ids.
msg::OffsetFetchRequest request_of(const CommittedQuery& query) {
    msg::OffsetFetchRequest request;
    request.require_stable = query.stable;
    auto& group = request.groups.emplace_back();
    group.group_id = query.group;
    group.member_id = query.member;
    group.member_epoch = query.member_epoch;
    if (query.all)
        group.topics.reset();
    for (const auto& where : query.partitions) {
        auto& topics = *group.topics;
        auto it = std::find_if(topics.begin(), topics.end(), [&](const auto& topic) { return topic.name == where.topic; });
        if (it == topics.end()) {
            topics.emplace_back().name = where.topic;
            it = topics.end() - 1;
        }
        it->partition_indexes.push_back(where.partition);
    }
    return request;
}

msg::OffsetFetchRequest adapted(const msg::OffsetFetchRequest& request, int16_t version) {
    msg::OffsetFetchRequest out = request;
    out.require_stable = request.require_stable && version >= first_stable;
    if (version >= first_by_group)
        return out;
    const auto& group = request.groups.front();
    out.groups.clear();
    out.group_id = group.group_id;
    if (!group.topics) {
        out.topics.reset();
        return out;
    }
    for (const auto& topic : *group.topics) {
        auto& wanted = out.topics->emplace_back();
        wanted.name = topic.name;
        wanted.partition_indexes = topic.partition_indexes;
    }
    return out;
}

/// Gives the answer's topics their names; some ids may be of no topic that was asked for.
void name_topics(msg::OffsetFetchResponse& response, const TopicIds& ids) {
    for (auto& group : response.groups)
        for (auto& topic : group.topics)
            if (topic.name.empty())
                topic.name = ids.name_of(topic.topic_id);
}

/// What is wrong with the group as a whole.
Errc group_error(const msg::OffsetFetchResponse& response) {
    return static_cast<Errc>(response.groups.empty() ? response.error_code : response.groups.front().error_code);
}

template <class F>
void each_partition(const msg::OffsetFetchResponse& response, F f) {
    for (const auto& topic : response.topics)
        for (const auto& partition : topic.partitions)
            f(topic.name, partition);
    for (const auto& group : response.groups)
        for (const auto& topic : group.topics)
            for (const auto& partition : topic.partitions)
                f(topic.name, partition);
}

bool is_any(const msg::OffsetFetchResponse& response, Errc code) {
    bool found = false;
    each_partition(response, [&](const std::string&, const auto& partition) {
        found = found || static_cast<Errc>(partition.error_code) == code;
    });
    return found;
}

/// What time may cure; before version 2 the group's errors come in its partitions.
Errc curable_error(const msg::OffsetFetchResponse& response) {
    Errc found = group_error(response);
    each_partition(response, [&](const std::string&, const auto& partition) {
        if (const auto code = static_cast<Errc>(partition.error_code);
            code == Errc::unstable_offset_commit || if_coordinator_moved(code) != Errc::no_error)
            found = code;
    });
    return found;
}

template <class Partition>
void fill_in(CommittedOffset& out, const Partition& partition) {
    const auto code = static_cast<Errc>(partition.error_code);
    out.error = code == Errc::no_error ? Error() : Error(code, fmt::format("{}[{}]: {}", out.topic, out.partition, error_text(code)));
    if (!out.error && partition.committed_offset >= 0) {
        out.offset = partition.committed_offset;
        out.leader_epoch = partition.committed_leader_epoch;
        out.metadata = partition.metadata.value_or("");
    }
}

std::vector<CommittedOffset> read(const std::vector<TopicPartition>& wanted, const msg::OffsetFetchResponse& response) {
    std::vector<CommittedOffset> all;
    for (const auto& where : wanted) {
        auto& out = all.emplace_back();
        out.topic = where.topic;
        out.partition = where.partition;
        out.error = Error(Errc::_bad_msg, fmt::format("{}[{}]: not in the coordinator's answer", where.topic, where.partition));
    }
    each_partition(response, [&](const std::string& topic, const auto& partition) {
        for (auto& out : all)
            if (out.topic == topic && out.partition == partition.partition_index)
                fill_in(out, partition);
    });
    return all;
}

std::vector<CommittedOffset> read_all(const msg::OffsetFetchResponse& response) {
    std::vector<CommittedOffset> all;
    each_partition(response, [&](const std::string& topic, const auto& partition) {
        CommittedOffset out;
        out.topic = topic;
        out.partition = partition.partition_index;
        fill_in(out, partition);
        if (out.error || out.offset >= 0)
            all.push_back(std::move(out));
    });
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return std::tie(a.topic, a.partition) < std::tie(b.topic, b.partition);
    });
    return all;
}

} // namespace

void query_committed(
    Caller& caller, CommittedQuery query, const CallScope& scope, CommittedReply reply) {
    auto request = request_of(query);
    TopicIds ids;
    if (query.metadata && !query.all)
        ids = TopicIds(*query.metadata, *request.groups.front().topics);
    const CallOptions options{
        .timeout = query.timeout,
        .max_version = ids.max_version(),
        .min_version = query.all ? first_of_all : first_in_cluster,
    };
    Coordinator coordinator{CoordinatorType::group, query.group};
    call<msg::OffsetFetchRequest>(
        caller, std::move(coordinator), std::move(request), options, scope,
        [&caller, &scope, query = std::move(query), ids = std::move(ids),
         reply = std::move(reply)](CallResult<msg::OffsetFetchResponse> result, TimePoint now) mutable {
            if (!result) {
                reply(Error(result.error()), now);
                return;
            }
            auto& response = result->response;
            if (const Errc code = group_error(response); code != Errc::no_error) {
                reply(Error(code, fmt::format("group {}: {}", query.group, error_text(code))), now);
            } else if (query.metadata && is_any(response, Errc::unknown_topic_id)) {
                std::exchange(query.metadata, nullptr)->refresh("a coordinator does not know a topic by its id");
                query_committed(caller, std::move(query), scope, std::move(reply));
            } else {
                name_topics(response, ids);
                reply(query.all ? read_all(response) : read(query.partitions, response), now);
            }
        },
        curable_error, adapted);
}

} // namespace ottla::core
