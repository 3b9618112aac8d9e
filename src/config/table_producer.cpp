// Properties of producing.
#include "config/property.hpp"

namespace ottla::config {
namespace {

using C = ClientConfig;
using enum Kind;
using enum Importance;
using enum Effect;

constexpr int64_t int_max = 2'147'483'647;
constexpr Scope P = Scope::producer;
constexpr Level topic = Level::topic;

constexpr Choice acks_words[] = {{"all", -1}};
constexpr Choice codecs[] = {{"none", 0}, {"gzip", 1}, {"snappy", 2}, {"lz4", 3}, {"zstd", 4}};
constexpr Choice topic_codecs[] = {{"none", 0}, {"gzip", 1}, {"snappy", 2}, {"lz4", 3}, {"zstd", 4}, {"inherit", 5}};
constexpr Choice strategies[] = {{"fifo", 0}, {"lifo", 1}};
constexpr Choice partitioners[] = {
    {"random", 0},         {"consistent", 1}, {"consistent_random", 2}, {"murmur2", 3},
    {"murmur2_random", 4}, {"fnv1a", 5},      {"fnv1a_random", 6}};

constexpr Property rows[] = {
    // --- what delivered means
    {.name = "acks", .alias = "request.required.acks", .level = topic, .scope = P, .kind = integer, .range = {-1, 1000},
     .choices = acks_words, .preset = "-1", .importance = high, .target = &C::acks,
     .doc = "Who must have a message before it counts as delivered: 0 nobody, 1 the leader, -1 (or all) every in-sync "
            "replica."},
    {.name = "enable.idempotence", .scope = P, .kind = boolean, .preset = "false", .importance = high,
     .target = &C::enable_idempotence,
     .doc = "Each message is stored exactly once and in order, whatever is retried. Needs acks=all, retries above 0 and "
            "max.in.flight up to 5, and sets those that are not set."},
    {.name = "enable.gapless.guarantee", .scope = P, .kind = boolean, .preset = "false", .traits = experimental,
     .target = &C::gapless,
     .doc = "With enable.idempotence: a message that fails for good, other than by message.timeout.ms, ends the producer, so that "
            "no gap is left."},
    {.name = "transactional.id", .scope = P, .importance = high, .target = &C::transactional_id,
     .doc = "Name of a producer across restarts, for transactions. Implies enable.idempotence."},
    {.name = "transaction.timeout.ms", .scope = P, .kind = integer, .range = {1000, int_max}, .preset = "60000",
     .importance = medium, .target = &C::transaction_timeout,
     .doc = "A transaction that is open longer, in ms, is aborted by its coordinator."},

    // --- time and tries
    {.name = "message.timeout.ms", .alias = "delivery.timeout.ms", .level = topic, .scope = P, .kind = integer,
     .range = {0, int_max}, .preset = "300000", .importance = high, .target = &C::message_timeout,
     .doc = "From being accepted to the report, retries included, a message has so long, in ms; 0: for ever."},
    {.name = "request.timeout.ms", .level = topic, .scope = P, .kind = integer, .range = {1, 900'000}, .preset = "30000",
     .importance = medium, .target = &C::request_timeout,
     .doc = "So long, in ms, the leader waits for its replicas before it answers that they are late."},
    {.name = "retries", .alias = "message.send.max.retries", .scope = P, .kind = integer, .range = {0, int_max},
     .preset = "2147483647", .importance = high, .target = &C::retries,
     .doc = "How often a message is sent again after a failure that may have stored it. Without enable.idempotence that may "
            "double or reorder messages."},

    // --- batches
    {.name = "linger.ms", .alias = "queue.buffering.max.ms", .scope = P, .kind = real, .range = {0, 900'000}, .preset = "5",
     .importance = high, .target = &C::linger_ms,
     .doc = "So long, in ms, the first message of a batch waits for others; fractions are allowed. flush() does not wait."},
    {.name = "batch.size", .scope = P, .kind = integer, .range = {1, int_max}, .preset = "1000000", .importance = medium,
     .target = &C::batch_size, .doc = "Bytes of a batch; a single message may be larger."},
    {.name = "batch.num.messages", .scope = P, .kind = integer, .range = {1, 1'000'000}, .preset = "10000",
     .importance = medium, .target = &C::batch_num_messages, .doc = "Messages of a batch."},
    {.name = "compression.type", .alias = "compression.codec", .scope = P, .kind = choice, .choices = codecs,
     .preset = "none", .importance = medium, .target = &C::compression,
     .doc = "How batches are compressed. One that does not shrink goes out as it is."},
    {.name = "compression.type", .alias = "compression.codec", .level = topic, .scope = P, .kind = choice,
     .choices = topic_codecs, .preset = "inherit", .importance = high, .effect = later,
     .doc = "The same for one topic."},
    {.name = "compression.level", .level = topic, .scope = P, .kind = integer, .range = {-1, 22}, .preset = "-1",
     .importance = medium, .target = &C::compression_level,
     .doc = "More is smaller and slower: gzip 0 to 9, lz4 0 to 12, zstd 1 to 22; -1: the codec's own choice. Too high for "
            "the codec: its highest."},

    // --- which partition
    {.name = "partitioner", .level = topic, .scope = P, .kind = choice, .choices = partitioners,
     .preset = "consistent_random", .importance = high, .target = &C::partitioner,
     .doc = "How a message without a partition gets one. consistent: by CRC32 of the key; murmur2: as the Java client; fnv1a: "
            "as Sarama; those with _random spread messages without a key."},
    {.name = "partitioner_cb", .level = topic, .scope = P, .kind = callback, .hint = "partitioner of ProducerOptions",
     .doc = "Chooses partitions."},
    {.name = "sticky.partitioning.linger.ms", .scope = P, .kind = integer, .range = {0, 900'000}, .preset = "10",
     .target = &C::sticky_linger,
     .doc = "Messages without a key stay with one random partition for so long, in ms, so that batches fill (KIP-480); 0: no "
            "longer than one message. Not set: twice linger.ms."},

    {.name = "ottla.partitioner.adaptive", .scope = P, .kind = boolean, .preset = "false",
     .target = &C::adaptive_partitioning,
     .doc = "Messages without a key stay with one partition for batch.size bytes, and partitions whose queues are short are "
            "chosen more often (KIP-794)."},
    {.name = "ottla.partitioner.availability.timeout.ms", .scope = P, .kind = integer, .range = {0, 3'600'000}, .preset = "0",
     .target = &C::partition_availability,
     .doc = "With it, a partition from which nothing could be sent for so long, in ms, is left out; 0: none is."},

    // --- the local queue
    {.name = "queue.buffering.max.messages", .scope = P, .kind = integer, .range = {0, int_max}, .preset = "100000",
     .importance = high, .target = &C::queue_max_messages,
     .doc = "Messages accepted and not yet reported; beyond it produce() fails with _QUEUE_FULL. 0: no limit."},
    {.name = "queue.buffering.max.kbytes", .scope = P, .kind = integer, .range = {1, int_max}, .preset = "1048576",
     .importance = high, .target = &C::queue_max_kbytes, .doc = "Their bytes, in units of 1024."},
    {.name = "queue.buffering.backpressure.threshold", .scope = P, .kind = integer, .range = {1, 1'000'000}, .preset = "1",
     .target = &C::backpressure_threshold, .doc = "Batches are not formed while so many requests wait to be sent to a broker."},
    {.name = "queuing.strategy", .level = topic, .scope = P, .kind = choice, .choices = strategies, .preset = "fifo",
     .traits = deprecated | experimental, .effect = later, .doc = "In which order messages leave: first in, first out."},
    {.name = "msg_order_cmp", .level = topic, .scope = P, .kind = callback, .traits = deprecated | experimental,
     .effect = later, .doc = "Compares messages, for another order."},

    // --- reports
    {.name = "delivery.report.only.error", .scope = P, .kind = boolean, .preset = "false", .target = &C::report_only_error,
     .doc = "Report only messages that failed."},
    {.name = "dr_cb", .scope = P, .kind = callback, .hint = "on_delivery of ProducerOptions", .doc = "Takes delivery reports."},
    {.name = "dr_msg_cb", .scope = P, .kind = callback, .hint = "on_delivery of ProducerOptions", .doc = "Takes delivery reports."},
    {.name = "produce.offset.report", .level = topic, .scope = P, .kind = boolean, .preset = "false", .traits = deprecated,
     .effect = later, .doc = "Whether reports have offsets. They always have."},
};

} // namespace

std::span<const Property> producer_properties() { return rows; }

} // namespace ottla::config
