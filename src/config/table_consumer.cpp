// Properties of consuming: reading, groups, offsets.
#include "config/property.hpp"

namespace ottla::config {
namespace {

using cfg = ClientConfig;
using enum Kind;
using enum Importance;
using enum Effect;

constexpr int64_t int_max = 2'147'483'647;
constexpr int64_t hour_ms = 3'600'000;
constexpr int64_t day_ms = 24 * hour_ms;
constexpr Scope C = Scope::consumer;
constexpr Level topic = Level::topic;

constexpr Choice resets[] = {
    {"smallest", 0}, {"earliest", 0}, {"beginning", 0}, {"largest", 1}, {"latest", 1}, {"end", 1}, {"error", 2},
    {"none", 2}, {"by_duration:", 3}};
constexpr Choice isolations[] = {{"read_uncommitted", 0}, {"read_committed", 1}};
constexpr Choice group_protocols[] = {{"classic", 0}, {"consumer", 1}};
constexpr Choice assignors[] = {{"range", 1}, {"roundrobin", 2}, {"cooperative-sticky", 4}};
constexpr Choice stores[] = {{"none", 0}, {"file", 1}, {"broker", 2}};
constexpr Choice topic_stores[] = {{"file", 1}, {"broker", 2}};
constexpr Choice acknowledgements[] = {{"implicit", 0}, {"explicit", 1}};

constexpr Property rows[] = {
    // --- where to begin, what to see
    {.name = "auto.offset.reset", .level = topic, .scope = C, .kind = choice, .choices = resets, .preset = "largest",
     .importance = high, .target = &cfg::auto_offset_reset,
     .doc = "Where reading begins when there is no offset to begin from, or it is gone: at the oldest message (smallest, "
            "earliest, beginning), at the end (largest, latest, end), nowhere (error, none), or at the first message that is no older "
            "than a duration of ISO 8601 (by_duration:PT1H30M, by_duration:P7D; at the end if there is none)."},
    {.name = "isolation.level", .scope = C, .kind = choice, .choices = isolations, .preset = "read_committed",
     .importance = high, .target = &cfg::isolation,
     .doc = "Whether messages of transactions that are open or aborted are seen (read_uncommitted) or not."},
    {.name = "enable.partition.eof", .scope = C, .kind = boolean, .preset = "false", .target = &cfg::enable_partition_eof,
     .doc = "An event _PARTITION_EOF each time reading gets to the end of a partition."},
    {.name = "check.crcs", .scope = C, .kind = boolean, .preset = "true", .importance = medium, .target = &cfg::check_crcs,
     .doc = "Check that batches are as they were written. It costs next to nothing."},

    // --- fetching
    {.name = "fetch.min.bytes", .scope = C, .kind = integer, .range = {1, 100'000'000}, .preset = "1",
     .target = &cfg::fetch_min_bytes, .doc = "A broker answers when it has so many bytes,"},
    {.name = "fetch.wait.max.ms", .scope = C, .kind = integer, .range = {0, 300'000}, .preset = "500",
     .target = &cfg::fetch_wait_max, .doc = "or after so long, in ms."},
    {.name = "fetch.max.bytes", .scope = C, .kind = integer, .range = {0, 2'147'483'135}, .preset = "52428800",
     .importance = medium, .target = &cfg::fetch_max_bytes,
     .doc = "Bytes of an answer; a first batch that is larger comes all the same. Not set: not more than "
            "queued.max.messages.kbytes, not less than message.max.bytes."},
    {.name = "fetch.message.max.bytes", .alias = "max.partition.fetch.bytes", .scope = C, .kind = integer,
     .range = {1, 1'000'000'000}, .preset = "1048576", .importance = medium, .target = &cfg::fetch_partition_max_bytes,
     .doc = "Bytes of one partition in an answer, in the same sense."},
    {.name = "queued.min.messages", .scope = C, .kind = integer, .range = {1, 10'000'000}, .preset = "100000",
     .importance = medium, .target = &cfg::queued_min_messages,
     .doc = "A partition that has so many messages waiting is not fetched from,"},
    {.name = "queued.max.messages.kbytes", .scope = C, .kind = integer, .range = {1, 2'097'151}, .preset = "65536",
     .importance = medium, .target = &cfg::queued_max_kbytes,
     .doc = "and none is while so much waits in all, in units of 1024 bytes."},
    {.name = "ottla.fetch.ahead.kbytes", .scope = C, .kind = integer, .range = {1, 2'097'151}, .preset = "4096",
     .importance = low, .target = &cfg::fetch_ahead_kbytes,
     .doc = "While so much waits in all, in units of 1024 bytes, only partitions of which nothing waits are fetched from. It is doubled whenever "
            "the application has to wait for a fetch that this held back, up to half of queued.max.messages.kbytes: that half is its default if "
            "queued.min.messages or queued.max.messages.kbytes is given. Little keeps what is read in the processor's cache."},
    {.name = "ottla.memory.budget", .scope = C, .kind = integer, .range = {0, 1'000'000'000'000}, .preset = "0",
     .importance = medium, .target = &cfg::memory_budget,
     .doc = "Bytes of memory for records of this consumer: what has been received, what of it is decompressed, and what the "
            "application holds, with its views. When they are spent, nothing is fetched and nothing handed out until some are given "
            "back; heartbeats and all else go on. 0: no limit but queued.max.messages.kbytes for what waits."},
    {.name = "fetch.queue.backoff.ms", .scope = C, .kind = integer, .range = {0, 300'000}, .preset = "1000",
     .importance = medium, .effect = later,
     .doc = "How often, in ms, to look whether there is room again. It is noticed at once."},
    {.name = "fetch.error.backoff.ms", .scope = C, .kind = integer, .range = {0, 300'000}, .preset = "500",
     .importance = medium, .target = &cfg::fetch_error_backoff,
     .doc = "Pause of a partition, in ms, after an error that lasts."},

    // --- groups
    {.name = "group.id", .scope = C, .importance = high, .target = &cfg::group_id,
     .doc = "The group that this consumer is a member of, and in whose name offsets are committed."},
    {.name = "group.instance.id", .scope = C, .importance = medium, .target = &cfg::group_instance_id,
     .doc = "Name of a member across restarts, so that a short absence moves no partitions (KIP-345)."},
    {.name = "group.protocol", .scope = C, .kind = choice, .choices = group_protocols, .preset = "classic",
     .importance = high, .target = &cfg::group_protocol, .doc = "How groups work: as ever, or led by the broker (KIP-848)."},
    {.name = "group.remote.assignor", .scope = C, .importance = medium, .target = &cfg::group_remote_assignor,
     .doc = "Assignor that the broker shall use, with group.protocol=consumer."},
    {.name = "group.protocol.type", .scope = C, .preset = "consumer", .effect = later,
     .doc = "Kind of group that is told to the broker."},
    {.name = "partition.assignment.strategy", .scope = C, .kind = words, .choices = assignors,
     .preset = "range,roundrobin", .importance = medium, .target = &cfg::assignors,
     .doc = "How the leader of a group deals out partitions, best first. cooperative-sticky does not mix with the others."},
    {.name = "session.timeout.ms", .scope = C, .kind = integer, .range = {1, hour_ms}, .preset = "45000",
     .importance = high, .target = &cfg::session_timeout, .doc = "A member not heard of for so long, in ms, is out."},
    {.name = "heartbeat.interval.ms", .scope = C, .kind = integer, .range = {1, hour_ms}, .preset = "3000",
     .target = &cfg::heartbeat_interval,
     .doc = "How often, in ms, a member is heard of; at most a third of session.timeout.ms."},
    {.name = "max.poll.interval.ms", .scope = C, .kind = integer, .range = {1, day_ms}, .preset = "300000",
     .importance = high, .target = &cfg::max_poll_interval, .doc = "A consumer that does not poll for so long, in ms, leaves its group."},
    {.name = "coordinator.query.interval.ms", .scope = C, .kind = integer, .range = {1, hour_ms}, .preset = "600000",
     .effect = later, .doc = "How often, in ms, to ask which broker leads the group."},
    {.name = "rebalance_cb", .scope = C, .kind = callback, .effect = later,
     .doc = "Hears which partitions come and go: Consumer::subscribe takes it here."},

    // --- offsets
    {.name = "enable.auto.commit", .scope = C, .kind = boolean, .preset = "true", .importance = high,
     .target = &cfg::enable_auto_commit,
     .doc = "Commit stored offsets every now and then, when partitions go, and at the end. Without effect without group.id."},
    {.name = "auto.commit.interval.ms", .scope = C, .kind = integer, .range = {0, day_ms}, .preset = "5000",
     .importance = medium, .target = &cfg::auto_commit_interval, .doc = "How often, in ms; 0: never, but for the other occasions."},
    {.name = "enable.auto.offset.store", .scope = C, .kind = boolean, .preset = "true", .importance = high,
     .target = &cfg::enable_auto_offset_store,
     .doc = "Store the offset of a message when it is handed out; of records handed out together when they are let go or the next are asked for."},
    {.name = "offset_commit_cb", .scope = C, .kind = callback, .effect = later, .doc = "Hears what became of commits: ConsumerOptions::on_commit here."},
    {.name = "offset.store.method", .scope = C, .kind = choice, .choices = stores, .preset = "broker", .traits = deprecated,
     .effect = later, .doc = "Where offsets are kept. Files are refused."},
    {.name = "auto.commit.enable", .alias = "enable.auto.commit", .level = topic, .scope = C, .kind = boolean,
     .preset = "true", .traits = deprecated, .effect = later, .doc = "The same as the global one, of the old consumer."},
    {.name = "auto.commit.interval.ms", .level = topic, .scope = C, .kind = integer, .range = {10, day_ms},
     .preset = "60000", .importance = high, .effect = later, .doc = "The same as the global one, of the old consumer."},
    {.name = "offset.store.method", .level = topic, .scope = C, .kind = choice, .choices = topic_stores,
     .preset = "broker", .traits = deprecated, .effect = later, .doc = "Where the old consumer keeps offsets."},
    {.name = "offset.store.path", .level = topic, .scope = C, .preset = ".", .traits = deprecated, .effect = later,
     .doc = "Folder of its offset files."},
    {.name = "offset.store.sync.interval.ms", .level = topic, .scope = C, .kind = integer, .range = {-1, day_ms},
     .preset = "-1", .traits = deprecated, .effect = later, .doc = "How often they are synced."},

    // --- callbacks of consuming
    {.name = "consume_cb", .scope = C, .kind = callback, .effect = later, .doc = "Takes messages."},
    {.name = "consume.callback.max.messages", .level = topic, .scope = C, .kind = integer, .range = {0, 1'000'000},
     .preset = "0", .effect = later, .doc = "Messages of one call of it; 0: no limit."},

    // --- share groups (KIP-932)
    {.name = "max.poll.records", .scope = C, .kind = integer, .range = {1, int_max}, .preset = "500", .effect = later,
     .doc = "Records that a member of a share group asks for at once."},
    {.name = "share.acknowledgement.mode", .scope = C, .kind = choice, .choices = acknowledgements, .preset = "implicit",
     .importance = medium, .effect = later, .doc = "Whether records of a share group are accepted by the next poll."},
};

} // namespace

std::span<const Property> consumer_properties() { return rows; }

} // namespace ottla::config
