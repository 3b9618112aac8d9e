// The workloads of chaos_client. Each runs until `stop`, then brings to an end what it has begun.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include <ottla/config.hpp>

#include "ledger.hpp"

namespace chaos {

struct Settings {
    std::string workload;
    std::string bootstrap;
    std::string topic = "chaos";
    int partitions = 6; ///< of the topic
    int rate = 1000;    ///< messages a second, over all producers
    uint64_t seed = 1;
    std::string debug; ///< the property `debug`, if not empty
    // Of members of a group:
    std::string name = "member"; ///< client.id
    std::string group = "chaos-group";
    std::string instance; ///< group.instance.id, if not empty
    std::string protocol = "classic"; ///< or consumer
    std::string assignor = "range";
    std::string read = "poll";   ///< poll, consume or records
    std::string commit = "sync"; ///< sync or async, by hand; auto; stored: automatic commits of what store_offsets was given
};

struct World {
    const Settings& settings;
    Ledger& ledger;
    Counters& counters;
    const std::atomic<bool>& stop;
    int status = 0; ///< to exit with
};

/// Of a copier that ended with a fatal error, as one does that another has replaced; its ledger names the error.
constexpr int status_fatal = 3;

/// What all clients have in common: requests that are given up sooner than a stopped broker goes on.
ottla::Config common_config(const Settings& settings);

/// Two idempotent producers: one with all the time in the world, and one whose messages often run out of it, to its own topic
/// (`settings.topic` and "-impatient").
void run_idempotent(World& world);
/// One idempotent producer to `settings.topic`, which a copier reads.
void run_feeder(World& world);
/// Copies `settings.topic` to the one with "-copy" behind its name, until it has reached the end after `stop`, or is fenced.
void run_copier(World& world);
/// Two transactional producers that share a topic, each with its own transactional.id.
void run_transactional(World& world);

/// A member of the group `settings.group`, which reads `settings.topic`.
void run_group_member(World& world);
/// Two members in one process, on one engine; ends when each has half of the partitions.
void run_pair(World& world);

/// "LANE PARTITION SEQUENCE": the first words of a value, without the padding.
std::string head_of(std::string_view value);

/// The bytes behind what the judge reads: 0 to 199 of them, different from message to message.
std::string padding(uint64_t number);

} // namespace chaos
