#include "sim/scenery.hpp"

#include "sim/reader_client.hpp"
#include "sim/trouble.hpp"

namespace ottla::sim {

config::ClientConfig base_config(World& world) {
    config::ClientConfig config;
    for (size_t id = 1; id <= world.cluster.brokers().size(); ++id)
        if (id == 1 || world.chance(60))
            config.bootstrap_servers.push_back({"b" + std::to_string(id), 9092});
    config.socket_timeout = world.ms_between(300, 5000);
    config.socket_setup_timeout = world.ms_between(300, 5000);
    config.reconnect_backoff = world.ms_between(1, 100);
    config.reconnect_backoff_max = config.reconnect_backoff + world.ms_between(0, 1000);
    config.retry_backoff = world.ms_between(1, 200);
    config.retry_backoff_max = config.retry_backoff + world.ms_between(0, 800);
    config.metadata_refresh_interval = world.chance(50) ? world.ms_between(100, 3000) : 300s;
    config.connections_max_idle = world.chance(15) ? world.ms_between(200, 2000) : 0ms;
    if (world.transcript.is_kept())
        config.debug = LogContexts(~uint32_t{0}); // lines change nothing but the transcript
    return config;
}

void create_topics(World& world, size_t max_message_bytes) {
    const auto brokers = static_cast<int32_t>(world.cluster.brokers().size());
    const int64_t topics = world.between(1, 3);
    for (int64_t i = 0; i < topics; ++i) {
        const Error error = world.cluster.create_topic(
            {.name = "t" + std::to_string(i),
             .partitions = static_cast<int32_t>(world.between(1, 4)),
             .replication_factor = static_cast<int16_t>(std::min(brokers, 3)),
             .assignment = {},
             .config = max_message_bytes ? mock::TopicConfig{.max_message_bytes = max_message_bytes} : mock::TopicConfig{}}
        );
        if (error)
            world.violate("create_topic: {}", error.message());
    }
}

void read_back(
    World& world, const std::map<std::pair<std::string, int32_t>, Ledger::Log>& logs, bool trouble_wanted,
    std::optional<config::Isolation> isolation
) {
    config::ClientConfig config = base_config(world);
    config.allow_auto_create_topics = false;
    config.auto_offset_reset = world.chance(20) ? config::OffsetReset::error : config::OffsetReset::earliest;
    config.enable_partition_eof = true;
    config.isolation =
        world.chance(50) ? config::Isolation::read_committed : config::Isolation::read_uncommitted;
    if (isolation)
        config.isolation = *isolation;
    config.fetch_wait_max = world.ms_between(1, 300);
    config.fetch_error_backoff = world.ms_between(1, 300);
    config.fetch_partition_max_bytes =
        static_cast<int32_t>(world.chance(50) ? 1'000'000 : world.between(1, 3000));
    config.fetch_max_bytes = static_cast<int32_t>(world.chance(50) ? 50'000'000 : world.between(1, 10'000));
    config.queued_min_messages = static_cast<int32_t>(world.between(1, 200));
    config.queued_max_kbytes = world.between(1, 100);
    config.fetch_ahead_kbytes = std::max<int64_t>(1, config.queued_max_kbytes / 8);
    ReaderClient reader(world, config, world.rng.next());
    for (const auto& [where, log] : logs) {
        const int64_t beyond =
            static_cast<int64_t>(log.size()) + world.between(1, 100); // out of range: by auto.offset.reset
        const int64_t nowhere = world.chance(50) ? beyond : offset_stored; // no group, so nothing is stored
        const int64_t from = world.chance(10) ? nowhere : world.chance(50) ? 0 : offset_beginning;
        reader.read(where.first, where.second, from, log);
    }
    Trouble trouble(world, {&reader.loop()});
    const TimePoint end = world.now() + world.ms_between(10, 1000);
    if (trouble_wanted) {
        trouble.begin({.until = end});
        world.run_until(end, [&] { return reader.done(); });
        trouble.heal();
    }
    if (!world.run_until(world.now() + patience, [&] { return reader.done(); }))
        world.violate("not read back within {} s after healing: {}", patience / 1s, reader.unfinished());
    reader.close();
}

RunResult result_of(const World& world, const Ledger& ledger) {
    RunResult result;
    result.violation = world.violation;
    result.hash = world.transcript.hash();
    result.transcript = world.transcript.last();
    result.faults = world.faults;
    result.events = world.queue.done();
    result.virtual_seconds = std::chrono::duration<double>(world.now() - EventQueue::start).count();
    result.messages = ledger.messages().size();
    result.acknowledged = ledger.acknowledged();
    result.failed = ledger.messages().size() - ledger.unreported() - ledger.acknowledged();
    result.lost_batches = world.cluster.lost_batches();
    return result;
}

} // namespace ottla::sim
