// The properties that are acted on: name, range, and the field that holds the value.
#include "config/property.hpp"

namespace ottla::config {
namespace {

constexpr int64_t int_max = 2'147'483'647;
constexpr int64_t hour_ms = 3'600'000;
constexpr int64_t week_ms = 604'800'000;

constexpr Choice codecs[] = {{"none", 0}, {"gzip", 1}, {"snappy", 2}, {"lz4", 3}, {"zstd", 4}};
constexpr Choice families[] = {{"any", 0}, {"v4", 1}, {"v6", 2}};
constexpr Choice resets[] = {
    {"smallest", 0}, {"earliest", 0}, {"beginning", 0}, {"largest", 1}, {"latest", 1}, {"end", 1}, {"error", 2}};
constexpr Choice isolations[] = {{"read_uncommitted", 0}, {"read_committed", 1}};
constexpr Choice partitioners[] = {
    {"random", 0},         {"consistent", 1}, {"consistent_random", 2}, {"murmur2", 3},
    {"murmur2_random", 4}, {"fnv1a", 5},      {"fnv1a_random", 6}};
constexpr Choice acks_words[] = {{"all", -1}};
constexpr Choice protocols[] = {{"plaintext", 0}, {"ssl", 1}, {"sasl_plaintext", 2}, {"sasl_ssl", 3}};

using C = ClientConfig;

constexpr Property number(std::string_view name, Target target, int64_t low, int64_t high, char role = '*') {
    return {.name = name, .kind = Kind::integer, .target = target, .low = low, .high = high, .role = role};
}
constexpr Property flag(std::string_view name, Target target, char role = '*') {
    return {.name = name, .kind = Kind::boolean, .target = target, .role = role};
}
constexpr Property word(std::string_view name, Target target, std::span<const Choice> choices, char role = '*') {
    return {.name = name, .kind = Kind::choice, .target = target, .choices = choices, .role = role};
}
constexpr Property alias(std::string_view name, std::string_view of) { return {.name = name, .alias_of = of}; }

constexpr Property rows[] = {
    // --- all clients
    {.name = "client.id", .target = &C::client_id},
    {.name = "bootstrap.servers", .kind = Kind::servers, .target = &C::bootstrap_servers},
    alias("metadata.broker.list", "bootstrap.servers"),
    number("message.max.bytes", &C::message_max_bytes, 1000, 1'000'000'000),
    number("receive.message.max.bytes", &C::receive_message_max_bytes, 1000, int_max),
    number("max.in.flight.requests.per.connection", &C::max_in_flight, 1, 1'000'000),
    alias("max.in.flight", "max.in.flight.requests.per.connection"),
    number("topic.metadata.refresh.interval.ms", &C::metadata_refresh_interval, -1, hour_ms),
    number("metadata.max.age.ms", &C::metadata_max_age, 1, 86'400'000),
    number("topic.metadata.propagation.max.ms", &C::topic_propagation_max, 0, hour_ms),
    number("socket.timeout.ms", &C::socket_timeout, 10, 300'000),
    number("socket.connection.setup.timeout.ms", &C::socket_setup_timeout, 1000, int_max),
    number("socket.send.buffer.bytes", &C::socket_send_buffer, 0, 100'000'000),
    number("socket.receive.buffer.bytes", &C::socket_receive_buffer, 0, 100'000'000),
    flag("socket.keepalive.enable", &C::socket_keepalive),
    flag("socket.nagle.disable", &C::socket_nodelay),
    word("broker.address.family", &C::address_family, families),
    number("connections.max.idle.ms", &C::connections_max_idle, 0, int_max),
    number("reconnect.backoff.ms", &C::reconnect_backoff, 0, hour_ms),
    number("reconnect.backoff.max.ms", &C::reconnect_backoff_max, 0, hour_ms),
    number("retry.backoff.ms", &C::retry_backoff, 1, 300'000),
    number("retry.backoff.max.ms", &C::retry_backoff_max, 1, 300'000),
    flag("api.version.request", &C::api_version_request),
    number("api.version.fallback.ms", &C::api_version_fallback, 0, week_ms),
    {.name = "broker.version.fallback", .target = &C::broker_version_fallback},
    {.name = "client.software.name", .target = &C::client_software_name},
    flag("allow.auto.create.topics", &C::allow_auto_create_topics),
    number("log_level", &C::log_level, 0, 7),
    word("security.protocol", {}, protocols),

    // --- producer
    {.name = "acks", .kind = Kind::integer, .target = &C::acks, .low = -1, .high = 1000, .choices = acks_words, .role = 'P'},
    alias("request.required.acks", "acks"),
    flag("enable.idempotence", &C::enable_idempotence, 'P'),
    {.name = "linger.ms", .kind = Kind::real, .target = &C::linger_ms, .low = 0, .high = 900'000, .role = 'P'},
    alias("queue.buffering.max.ms", "linger.ms"),
    number("batch.size", &C::batch_size, 1, int_max, 'P'),
    number("batch.num.messages", &C::batch_num_messages, 1, 1'000'000, 'P'),
    number("queue.buffering.max.messages", &C::queue_max_messages, 0, int_max, 'P'),
    number("queue.buffering.max.kbytes", &C::queue_max_kbytes, 1, int_max, 'P'),
    number("message.timeout.ms", &C::message_timeout, 0, int_max, 'P'),
    alias("delivery.timeout.ms", "message.timeout.ms"),
    number("request.timeout.ms", &C::request_timeout, 1, 900'000, 'P'),
    number("retries", &C::retries, 0, int_max, 'P'),
    alias("message.send.max.retries", "retries"),
    word("compression.type", &C::compression, codecs, 'P'),
    alias("compression.codec", "compression.type"),
    number("compression.level", &C::compression_level, -1, 22, 'P'),
    word("partitioner", &C::partitioner, partitioners, 'P'),
    number("sticky.partitioning.linger.ms", &C::sticky_linger, 0, 900'000, 'P'),
    flag("delivery.report.only.error", &C::report_only_error, 'P'),

    // --- consumer
    {.name = "group.id", .target = &C::group_id, .role = 'C'},
    word("auto.offset.reset", &C::auto_offset_reset, resets, 'C'),
    number("fetch.min.bytes", &C::fetch_min_bytes, 1, 100'000'000, 'C'),
    number("fetch.wait.max.ms", &C::fetch_wait_max, 0, 300'000, 'C'),
    number("fetch.max.bytes", &C::fetch_max_bytes, 0, 2'147'483'135, 'C'),
    number("fetch.message.max.bytes", &C::fetch_partition_max_bytes, 1, 1'000'000'000, 'C'),
    alias("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    number("queued.min.messages", &C::queued_min_messages, 1, 10'000'000, 'C'),
    number("queued.max.messages.kbytes", &C::queued_max_kbytes, 1, 2'097'151, 'C'),
    number("fetch.error.backoff.ms", &C::fetch_error_backoff, 0, 300'000, 'C'),
    flag("check.crcs", &C::check_crcs, 'C'),
    word("isolation.level", &C::isolation, isolations, 'C'),
    {.name = "client.rack", .target = &C::client_rack},
    flag("enable.partition.eof", &C::enable_partition_eof, 'C'),
};

} // namespace

std::span<const Property> active_properties() { return rows; }

const Property* find_property(std::string_view name) {
    for (const auto table : {active_properties(), inert_properties()})
        for (const Property& property : table)
            if (property.name == name)
                return &property;
    return nullptr;
}

} // namespace ottla::config
