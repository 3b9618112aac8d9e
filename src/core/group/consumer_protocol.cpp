#include "core/group/consumer_protocol.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_map>

#include <ottla/msg/consumer_protocol_assignment.hpp>
#include <ottla/msg/consumer_protocol_subscription.hpp>

#include "base/endian.hpp"
#include "core/group/java_order.hpp"
#include "wire/codec.hpp"

namespace ottla::core::group {
namespace {

using msg::ConsumerProtocolAssignment;
using msg::ConsumerProtocolSubscription;

static_assert(ConsumerProtocolSubscription::max_version == newest_consumer_protocol);
static_assert(ConsumerProtocolAssignment::max_version == newest_consumer_protocol);

template <class M>
Result<Buffer> write(const M& message, int16_t version) {
    const auto body = wire::encode(message, version);
    if (!body)
        return body.error();
    Buffer bytes = Buffer::allocate(sizeof version + body->size());
    uint8_t* at = bytes.mutable_data();
    store_be(at, version);
    at += sizeof version;
    for (const Buffer& piece : body->buffers())
        at = std::copy_n(piece.data(), piece.size(), at);
    return bytes;
}

template <class M>
Error read(M& message, const Buffer& bytes) {
    int16_t version = 0;
    if (bytes.size() < sizeof version)
        return {Errc::_bad_msg, fmt::format("{} bytes are too few for a version", bytes.size())};
    version = load_be<int16_t>(bytes.data());
    if (version < 0)
        return {Errc::_bad_msg, fmt::format("version {}", version)};
    const Buffer body = bytes.slice(sizeof version, bytes.size() - sizeof version);
    const auto used = wire::decode_prefix(M::info(), &message, std::min(version, M::max_version), body);
    return used ? Error() : used.error();
}

/// Groups partitions by topic; topics stand in the order of their first partition.
template <class Topic>
std::vector<Topic> by_topic(const std::vector<TopicPartition>& partitions) {
    std::vector<Topic> topics;
    std::unordered_map<std::string_view, size_t> place;
    for (const TopicPartition& one : partitions) {
        const auto [found, is_new] = place.emplace(one.topic, topics.size());
        if (is_new)
            topics.emplace_back().topic = one.topic;
        topics[found->second].partitions.push_back(one.partition);
    }
    return topics;
}

template <class Topic>
std::vector<TopicPartition> flat(const std::vector<Topic>& topics) {
    std::vector<TopicPartition> partitions;
    for (const Topic& topic : topics)
        for (const int32_t partition : topic.partitions)
            partitions.push_back({topic.topic, partition});
    return partitions;
}

bool comes_first(const TopicPartition& a, const TopicPartition& b) {
    return a.topic == b.topic ? a.partition < b.partition : java_less(a.topic, b.topic);
}

} // namespace

Result<Buffer> encode_subscription(const GroupMember& self, int16_t version) {
    ConsumerProtocolSubscription message;
    message.topics = self.topics;
    std::sort(message.topics.begin(), message.topics.end(), java_less);
    message.user_data = self.user_data;
    std::vector<TopicPartition> owned = self.owned;
    std::sort(owned.begin(), owned.end(), comes_first);
    message.owned_partitions = by_topic<msg::consumer_protocol_subscription::TopicPartition>(owned);
    message.generation_id = self.generation;
    message.rack_id = self.rack;
    return write(message, version);
}

Result<GroupMember> decode_subscription(
    std::string member_id, std::optional<std::string> instance_id, const Buffer& bytes
) {
    ConsumerProtocolSubscription message;
    if (const Error error = read(message, bytes))
        return Error(Errc::_bad_msg, fmt::format("subscription of member {}: {}", member_id, error.message()));
    return GroupMember{
        .id = std::move(member_id),
        .instance_id = std::move(instance_id),
        .topics = std::move(message.topics),
        .owned = flat(message.owned_partitions),
        .generation = message.generation_id,
        .rack = std::move(message.rack_id),
        .user_data = std::move(message.user_data)};
}

Result<Buffer> encode_assignment(const MemberAssignment& assignment, int16_t version) {
    ConsumerProtocolAssignment message;
    message.assigned_partitions =
        by_topic<msg::consumer_protocol_assignment::TopicPartition>(assignment.partitions);
    message.user_data = assignment.user_data;
    return write(message, version);
}

Result<MemberAssignment> decode_assignment(const Buffer& bytes) {
    ConsumerProtocolAssignment message;
    if (const Error error = read(message, bytes))
        return Error(Errc::_bad_msg, "assignment: " + error.message());
    return MemberAssignment{
        .partitions = flat(message.assigned_partitions), .user_data = std::move(message.user_data)};
}

} // namespace ottla::core::group
