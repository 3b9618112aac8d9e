// Properties of seeing what a client does, and of hooks into it: logs, statistics, callbacks, plugins.
#include "config/property.hpp"

namespace ottla::config {
namespace {

using C = ClientConfig;
using enum Kind;
using enum Importance;
using enum Effect;

constexpr int64_t int_max = 2'147'483'647;
constexpr int64_t day_ms = 86'400'000;

constexpr int64_t bit(LogContext context) { return static_cast<int64_t>(context); }

constexpr Choice contexts[] = {
    {"generic", bit(LogContext::generic)},   {"broker", bit(LogContext::broker)},
    {"topic", bit(LogContext::topic)},       {"metadata", bit(LogContext::metadata)},
    {"feature", bit(LogContext::feature)},   {"queue", bit(LogContext::queue)},
    {"msg", bit(LogContext::msg)},           {"protocol", bit(LogContext::protocol)},
    {"cgrp", bit(LogContext::cgrp)},         {"security", bit(LogContext::security)},
    {"fetch", bit(LogContext::fetch)},       {"interceptor", bit(LogContext::interceptor)},
    {"plugin", bit(LogContext::plugin)},     {"consumer", bit(LogContext::consumer)},
    {"admin", bit(LogContext::admin)},       {"eos", bit(LogContext::eos)},
    {"mock", bit(LogContext::mock)},         {"assignor", bit(LogContext::assignor)},
    {"conf", bit(LogContext::conf)},         {"telemetry", bit(LogContext::telemetry)},
    {"all", bit(LogContext::all)}};

// What a program can ask for. Those of this build are in `preset`.
constexpr Choice features[] = {
    {"gzip", 1},          {"snappy", 2},          {"ssl", 4},            {"sasl", 8},    {"regex", 16},
    {"lz4", 32},          {"sasl_gssapi", 64},    {"sasl_plain", 128},   {"sasl_scram", 256},
    {"plugins", 512},     {"zstd", 1024},         {"sasl_oauthbearer", 2048}, {"http", 4096}, {"oidc", 8192}};

constexpr Property rows[] = {
    {.name = "builtin.features", .kind = flags, .choices = features, .preset = "gzip,snappy,lz4,zstd",
     .doc = "What this build can do. Setting it demands: a feature that the build lacks is an error."},

    // --- logs
    {.name = "debug", .kind = flags, .choices = contexts, .importance = medium, .target = &C::debug,
     .doc = "Contexts to write debug lines about, separated by commas; +name and -name add and remove. Raises log_level to "
            "7."},
    {.name = "log_level", .kind = integer, .range = {0, 7}, .preset = "6", .target = &C::log_level,
     .doc = "Lines above this level are dropped: 0 emergency, 3 error, 4 warning, 6 information, 7 debug."},
    {.name = "log.queue", .kind = boolean, .preset = "false", .target = &C::log_queue,
     .doc = "Hand lines to the log callback from poll calls only, instead of from any thread."},
    {.name = "log.connection.close", .kind = boolean, .preset = "true", .target = &C::log_connection_close,
     .doc = "Whether it is told when a broker closes a connection that nothing was waiting on. Connections that were idle "
            "for socket.timeout.ms close silently in any case."},
    {.name = "log.thread.name", .kind = boolean, .preset = "true", .effect = later,
     .doc = "Name the thread in each line. Lines name the client alone."},
    {.name = "log_cb", .kind = callback, .hint = "on_log of the client's options", .doc = "Takes the log lines."},

    // --- numbers
    {.name = "statistics.interval.ms", .kind = integer, .range = {0, day_ms}, .preset = "0", .importance = high,
     .target = &C::statistics_interval,
     .doc = "How often, in ms, statistics are handed to the application; 0: never, and durations are not measured."},
    {.name = "stats_cb", .kind = callback, .hint = "on_statistics of the client's options", .doc = "Takes the statistics, as JSON."},
    {.name = "enable.metrics.push", .kind = boolean, .preset = "true", .effect = later,
     .doc = "Send the cluster the metrics that it asks for (KIP-714)."},

    // --- events
    {.name = "error_cb", .kind = callback, .hint = "on_error of the client's options",
     .doc = "Takes errors that the client recovers from by itself."},
    {.name = "throttle_cb", .kind = callback, .hint = "on_throttle of the client's options", .doc = "Hears when a broker slows this client down."},
    {.name = "enabled_events", .kind = integer, .range = {0, int_max}, .preset = "0", .effect = later,
     .doc = "Kinds of events that wait in queues, as a sum of bits."},
    {.name = "background_event_cb", .kind = callback, .effect = later, .doc = "Takes events on a thread of its own."},
    {.name = "opaque", .kind = callback, .effect = later, .doc = "A pointer of the application."},
    {.name = "default_topic_conf", .kind = callback, .effect = later, .hint = "the properties themselves, which topics inherit",
     .doc = "Defaults for topics."},
    {.name = "opaque", .level = Level::topic, .kind = callback, .effect = later, .doc = "A pointer of the application."},

    // --- hooks
    {.name = "socket_cb", .kind = callback, .effect = later, .doc = "Makes sockets."},
    {.name = "connect_cb", .kind = callback, .effect = later, .doc = "Connects sockets."},
    {.name = "closesocket_cb", .kind = callback, .effect = later, .doc = "Closes sockets."},
    {.name = "open_cb", .kind = callback, .effect = later, .doc = "Opens files."},
    {.name = "resolve_cb", .kind = callback, .effect = later, .hint = "EngineOptions::resolve", .doc = "Looks names up."},
    {.name = "plugin.library.paths", .effect = later, .doc = "Libraries to load, separated by semicolons."},
    {.name = "interceptors", .kind = callback, .effect = later, .doc = "Hear of every message and request."},
    {.name = "internal.termination.signal", .kind = integer, .range = {0, 128}, .preset = "0", .effect = never,
     .doc = "Once the signal that woke threads at the end."},
    {.name = "enable.random.seed", .kind = boolean, .preset = "true", .effect = never,
     .doc = "Once whether the C library's random numbers were seeded. Each client has its own."},
};

} // namespace

std::span<const Property> observation_properties() { return rows; }

} // namespace ottla::config
