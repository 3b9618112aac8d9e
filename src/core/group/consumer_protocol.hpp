// The consumer protocol: what members of a classic group tell the leader in JoinGroup, and what it tells them in
// SyncGroup. Brokers do not read it. Versions 0-3 (KIP-429, KIP-792, KIP-881).
#pragma once

#include <string>

#include <ottla/assignor.hpp>
#include <ottla/buffer.hpp>

namespace ottla::core::group {

/// Written unless told otherwise: who knows older ones only reads it, too, and leaves out what follows.
inline constexpr int16_t newest_consumer_protocol = 3;

/// The metadata of a member: topics, user data, and as far as `version` has them owned partitions (1), generation (2) and
/// rack (3). Its ids are no part of it. Bytes are those of the Java client: topics and owned partitions are sorted.
/// Errors: as wire::encode; a version above the newest is _unsupported_feature.
Result<Buffer> encode_subscription(const GroupMember& self, int16_t version = newest_consumer_protocol);

/// The inverse, for bytes that came from a member. Newer versions are read as the newest known one.
/// Errors: _bad_msg, with the member's id in the text.
Result<GroupMember> decode_subscription(
    std::string member_id, std::optional<std::string> instance_id, const Buffer& bytes
);

/// What one member is given. Partitions of a topic are written together.
Result<Buffer> encode_assignment(const MemberAssignment& assignment, int16_t version = newest_consumer_protocol);

/// The inverse. A coordinator gives no bytes at all to a member that the leader left out; that is not asked here.
/// Errors: _bad_msg.
Result<MemberAssignment> decode_assignment(const Buffer& bytes);

} // namespace ottla::core::group
