// What the admin client tells of consumer groups, and what it is asked about them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ottla/error.hpp>
#include <ottla/export.hpp>
#include <ottla/offsets.hpp>
#include <ottla/types.hpp>

namespace ottla {

/// What may be done with a resource; numbers of the protocol.
enum class AclOperation : int8_t {
    unknown = 0,
    any = 1,
    all = 2,
    read = 3,
    write = 4,
    create = 5,
    remove = 6, ///< DELETE
    alter = 7,
    describe = 8,
    cluster_action = 9,
    describe_configs = 10,
    alter_configs = 11,
    idempotent_write = 12,
    create_tokens = 13,
    describe_tokens = 14,
    two_phase_commit = 15,
};

/// How a group is run: by its members (classic), or by its coordinator (consumer, KIP-848). Others have groups of their own.
enum class GroupType : int8_t { unknown = 0, consumer = 1, classic = 2, share = 3, streams = 4 };

enum class GroupState : int8_t {
    unknown = 0,
    preparing_rebalance = 1,  ///< classic: members are being waited for
    completing_rebalance = 2, ///< classic: the leader deals out
    stable = 3,
    dead = 4,
    empty = 5,       ///< no members; offsets may be there
    assigning = 6,   ///< KIP-848: a new assignment is being made
    reconciling = 7, ///< KIP-848: members go over to it
    not_ready = 8,   ///< of Streams groups
};

/// As Kafka writes them: "Consumer", "PreparingRebalance"; "Unknown".
OTTLA_EXPORT std::string_view to_string(GroupType type);
OTTLA_EXPORT std::string_view to_string(GroupState state);
/// The inverse, whatever the case; nullopt when it is none of them.
OTTLA_EXPORT std::optional<GroupType> parse_group_type(std::string_view text);
OTTLA_EXPORT std::optional<GroupState> parse_group_state(std::string_view text);

/// Empty: all. By state: brokers from 2.6 on (KIP-518); by type: from 3.8 on (KIP-848).
struct GroupFilter {
    std::vector<GroupState> states{};
    std::vector<GroupType> types{};
};

struct GroupListing {
    std::string id;
    GroupState state = GroupState::unknown; ///< unknown also from brokers before 2.6
    GroupType type = GroupType::unknown;    ///< unknown also from brokers before 3.8
    std::string protocol_type{}; ///< "consumer" of consumers; empty: it has committed offsets, and never had members
    int32_t coordinator = -1;    ///< the broker that told of it
    bool is_simple() const { return protocol_type.empty(); }
};

struct GroupListings {
    std::vector<GroupListing> groups; ///< ordered by id
    std::vector<Error> errors;        ///< of brokers that could not tell: their groups are missing
};

struct GroupMemberDescription {
    std::string id;
    std::optional<std::string> instance_id{}; ///< group.instance.id (KIP-345)
    std::string client_id{};
    std::string host{}; ///< as the broker writes it: "/10.0.0.7"
    std::optional<std::string> rack{};
    std::vector<std::string> topics{};                 ///< what it subscribes to
    std::optional<std::string> topic_pattern{};        ///< likewise, KIP-848
    std::vector<TopicPartition> assignment{};          ///< ordered
    std::optional<std::vector<TopicPartition>> target{}; ///< what it is to have; of groups of type consumer
    int32_t epoch = -1;                                ///< likewise
    GroupType protocol = GroupType::unknown; ///< by which it takes part in a group of type consumer (KIP-1099)
    std::vector<uint8_t> raw_subscription{}; ///< classic: as the member wrote it, whatever its protocol type
    std::vector<uint8_t> raw_assignment{};   ///< classic: as the leader wrote it
};

struct GroupCoordinator {
    int32_t id = -1;
    std::string host{};
    uint16_t port = 0;
};

struct GroupDescription {
    std::string id;
    Error error{}; ///< set: nothing else is known. group_id_not_found, group_authorization_failed...
    GroupType type = GroupType::unknown;
    GroupState state = GroupState::unknown;
    std::string protocol_type{};
    std::string assignor{};       ///< "range", "uniform"...; empty while there is none
    int32_t epoch = -1;           ///< of groups of type consumer
    int32_t assignment_epoch = -1;
    GroupCoordinator coordinator{};
    std::vector<GroupMemberDescription> members{}; ///< ordered by id
    std::optional<std::vector<AclOperation>> authorized_operations{}; ///< if asked for, by brokers from 2.3 on (KIP-430)
    bool is_simple() const { return protocol_type.empty(); }
};

struct DescribeGroupsOptions {
    bool authorized_operations = false;
};

struct GroupOffsetsOptions {
    std::optional<std::vector<TopicPartition>> partitions{}; ///< nullopt: all that have been committed
    /// Waits for open transactions with offsets of these partitions (KIP-447; brokers from 2.5).
    bool require_stable = false;
};

/// Result per group or partition: no error means done.
using GroupResults = std::map<std::string, Error>;
using PartitionResults = std::map<TopicPartition, Error>;

/// Which offset of a partition: by time, or by what it means.
class OffsetSpec {
public:
    static constexpr OffsetSpec latest() { return OffsetSpec(-1); } ///< the next; of committed records: behind the last stable
    static constexpr OffsetSpec earliest() { return OffsetSpec(-2); }
    /// Of the record with the highest timestamp; brokers from 3.0 on (KIP-734).
    static constexpr OffsetSpec max_timestamp() { return OffsetSpec(-3); }
    /// The first record whose timestamp is not earlier, in milliseconds since 1970.
    static constexpr OffsetSpec at(int64_t timestamp_ms) { return OffsetSpec(timestamp_ms < 0 ? 0 : timestamp_ms); }
    constexpr int64_t wire_timestamp() const { return timestamp_; }

private:
    explicit constexpr OffsetSpec(int64_t timestamp) : timestamp_(timestamp) {}
    int64_t timestamp_;
};

enum class IsolationLevel : int8_t { read_uncommitted = 0, read_committed = 1 };

struct ListedOffset {
    int64_t offset = -1;       ///< -1: there is no such record
    int64_t timestamp_ms = -1; ///< of the record; -1 for latest and earliest
    int32_t leader_epoch = -1; ///< -1: not told
    Error error{};             ///< set: nothing else is known. unknown_topic_or_part, _timed_out...
};
using ListedOffsets = std::map<TopicPartition, ListedOffset>;

} // namespace ottla
