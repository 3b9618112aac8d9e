// What workloads have in common: how clients are set up, topics, reading back what was stored.
#pragma once

#include <map>
#include <optional>

#include "config/client_config.hpp"
#include "sim/ledger.hpp"
#include "sim/workload.hpp"
#include "sim/world.hpp"

namespace ottla::sim {

using namespace std::chrono_literals;

/// Within so much virtual time after healing all outcomes must be settled, and all be read back.
constexpr Duration patience = 90s;

/// What every client has: addresses, and times short enough for a world.
config::ClientConfig base_config(World& world);

/// One to three topics. `max_message_bytes`: 0: the default.
void create_topics(World& world, size_t max_message_bytes = 0);

/// A consumer reads every partition, amid trouble if wanted, and finds just this; what is empty in a log is not shown.
void read_back(
    World& world,
    const std::map<std::pair<std::string, int32_t>, Ledger::Log>& logs,
    bool trouble_wanted,
    std::optional<config::Isolation> isolation = {}
);

RunResult result_of(const World& world, const Ledger& ledger);

} // namespace ottla::sim
