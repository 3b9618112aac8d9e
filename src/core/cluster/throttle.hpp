// From which versions on brokers answer a throttled client at once and leave the waiting to it (KIP-219). Before, they
// delayed the answer themselves.
#pragma once

#include <ottla/msg/api_key.hpp>

namespace ottla::core {

constexpr bool client_throttles(msg::ApiKey api, int16_t version) {
    using enum msg::ApiKey;
    switch (api) {
    case fetch:
        return version >= 8;
    case produce:
    case metadata:
        return version >= 6;
    case offset_commit:
    case offset_fetch:
        return version >= 4;
    case list_offsets:
    case join_group:
    case create_topics:
        return version >= 3;
    case find_coordinator:
    case heartbeat:
    case leave_group:
    case sync_group:
    case describe_groups:
    case list_groups:
    case api_versions:
    case delete_topics:
    case describe_configs:
        return version >= 2;
    case delete_records:
    case init_producer_id:
    case add_partitions_to_txn:
    case add_offsets_to_txn:
    case end_txn:
    case txn_offset_commit:
    case describe_acls:
    case create_acls:
    case delete_acls:
    case alter_configs:
    case alter_replica_log_dirs:
    case describe_log_dirs:
    case create_partitions:
    case delete_groups:
    case create_delegation_token:
    case renew_delegation_token:
    case expire_delegation_token:
    case describe_delegation_token:
        return version >= 1;
    default:
        return true; // younger than the rule
    }
}

} // namespace ottla::core
