// OffsetForLeaderEpoch v2-4 (KIP-101, KIP-320): where what was written under a leader epoch ends.
#include <ottla/msg/offset_for_leader_epoch.hpp>

#include "mock/api/handler.hpp"

namespace ottla::mock::api {
namespace {

Outcome act(ClusterCore& cluster, const Call& call, msg::OffsetForLeaderEpochRequest& request) {
    msg::OffsetForLeaderEpochResponse response;
    for (const auto& wanted : request.topics) {
        Topic* topic = cluster.find_topic(wanted.topic);
        auto& out_topic = response.topics.emplace_back();
        out_topic.topic = wanted.topic;
        for (const auto& asked : wanted.partitions) {
            const Partition* partition = topic ? topic->find(asked.partition) : nullptr;
            Errc error = call.injected;
            if (error == Errc::no_error)
                error = check_leader(call, partition, asked.current_leader_epoch);
            auto& out = out_topic.partitions.emplace_back();
            out.partition = asked.partition;
            out.error_code = code(error);
            if (error != Errc::no_error)
                continue;
            const EpochEnd end = partition->log.end_of_epoch(asked.leader_epoch);
            out.leader_epoch = end.epoch;
            out.end_offset = end.end_offset;
        }
    }
    return reply(call, response);
}

} // namespace

const Api offset_for_leader_epoch{23, 2, 4, 2, decoded<msg::OffsetForLeaderEpochRequest, act>};

} // namespace ottla::mock::api
