// Properties of finding a cluster and talking to it: addresses, metadata, sockets, requests, retries, versions.
#include "config/property.hpp"

namespace ottla::config {
namespace {

using C = ClientConfig;
using enum Kind;
using enum Importance;
using enum Effect;

constexpr int64_t int_max = 2'147'483'647;
constexpr int64_t hour_ms = 3'600'000;
constexpr int64_t day_ms = 24 * hour_ms;

constexpr Choice profiles[] = {{"librdkafka", 0}, {"java", 1}};
constexpr Choice recoveries[] = {{"none", 0}, {"rebootstrap", 1}};
constexpr Choice families[] = {{"any", 0}, {"v4", 1}, {"v6", 2}};
constexpr Choice lookups[] = {{"use_all_dns_ips", 0}, {"resolve_canonical_bootstrap_servers_only", 1}};

constexpr Property rows[] = {
    // --- who we are, where the cluster is
    {.name = "ottla.profile", .kind = choice, .choices = profiles, .preset = "librdkafka", .importance = medium,
     .doc = "Whose defaults hold for what is not set: those of librdkafka, or those of the Java client (the table below "
            "names the ones that differ)."},
    {.name = "client.id", .preset = "rdkafka", .target = &C::client_id,
     .doc = "Sent with every request; brokers write it to their logs and apply quotas by it."},
    {.name = "bootstrap.servers", .alias = "metadata.broker.list", .kind = servers, .importance = high,
     .target = &C::bootstrap_servers,
     .doc = "Addresses to begin with, as host, host:port or [ipv6]:port, separated by commas; without a port, 9092. Any one "
            "that answers will do, since it names all the others."},
    {.name = "client.software.name", .preset = "ottla", .traits = hidden, .target = &C::client_software_name,
     .doc = "Program name told to brokers (KIP-511). Characters that they would refuse become dashes."},
    {.name = "client.software.version", .preset = "", .traits = hidden, .target = &C::client_software_version,
     .doc = "Program version told to brokers (KIP-511). Empty: that of this library."},
    {.name = "client.rack", .target = &C::client_rack,
     .doc = "Where this client stands, in the words of the brokers' broker.rack: reads then come from a replica nearby "
            "(KIP-392)."},
    {.name = "client.dns.lookup", .kind = choice, .choices = lookups, .preset = "use_all_dns_ips", .effect = later,
     .doc = "Whether every address of a broker's name is tried, or bootstrap names are first replaced by their canonical "
            "ones. Every address is tried."},
    {.name = "broker.address.family", .kind = choice, .choices = families, .preset = "any", .target = &C::address_family,
     .doc = "Which addresses of a broker's name are used."},
    {.name = "broker.address.ttl", .kind = integer, .range = {0, day_ms}, .preset = "1000", .effect = later,
     .doc = "How long, in ms, the addresses of a name may be used again without asking. Every new connection asks."},
    {.name = "enable.sparse.connections", .kind = boolean, .preset = "true", .importance = medium, .traits = hidden,
     .effect = later, .doc = "Connect only to the brokers that are needed. This is always so."},
    {.name = "test.mock.num.brokers", .kind = integer, .range = {0, 10'000}, .preset = "0", .traits = hidden, .effect = later,
     .doc = "Above 0: talk to an embedded cluster of so many brokers instead of a real one."},
    {.name = "test.mock.broker.rtt", .kind = integer, .range = {0, hour_ms}, .preset = "0", .traits = hidden, .effect = later,
     .doc = "Latency of the embedded cluster, in ms."},

    // --- metadata
    {.name = "topic.metadata.refresh.interval.ms", .kind = integer, .range = {-1, hour_ms}, .preset = "300000",
     .target = &C::metadata_refresh_interval,
     .doc = "How often, in ms, metadata are asked for although nothing went wrong; -1: never."},
    {.name = "metadata.max.age.ms", .kind = integer, .range = {1, day_ms}, .preset = "900000", .target = &C::metadata_max_age,
     .doc = "Metadata older than this, in ms, are not trusted. Not set: three times topic.metadata.refresh.interval.ms."},
    {.name = "topic.metadata.refresh.fast.interval.ms", .kind = integer, .range = {1, 60'000}, .preset = "100", .effect = later,
     .doc = "First wait, in ms, before asking again for a partition that has lost its leader; grows up to "
            "retry.backoff.max.ms. Such waits follow retry.backoff.ms."},
    {.name = "topic.metadata.refresh.fast.cnt", .kind = integer, .range = {0, 1000}, .preset = "10", .traits = deprecated,
     .effect = never, .doc = "Once the number of quick refreshes."},
    {.name = "topic.metadata.refresh.sparse", .kind = boolean, .preset = "true", .effect = later,
     .doc = "Ask only for topics in use instead of all. This is always so."},
    {.name = "topic.metadata.propagation.max.ms", .kind = integer, .range = {0, hour_ms}, .preset = "30000",
     .target = &C::topic_propagation_max,
     .doc = "So long, in ms from its first use, an unknown topic is taken to be on its way through the cluster; after that "
            "it does not exist."},
    {.name = "topic.blacklist", .kind = patterns, .target = &C::topic_blacklist,
     .doc = "Regular expressions, separated by commas: topics that match are treated as if they did not exist."},
    {.name = "allow.auto.create.topics", .kind = boolean, .preset = "true", .target = &C::allow_auto_create_topics,
     .doc = "Whether a broker that is set up to do so may create a topic because this client asks for it. Not set, a "
            "consumer has false."},
    {.name = "metadata.recovery.strategy", .kind = choice, .choices = recoveries, .preset = "rebootstrap", .effect = later,
     .doc = "What happens when no known broker can be reached: begin again from bootstrap.servers, or not (KIP-899). They "
            "are always tried again."},
    {.name = "metadata.recovery.rebootstrap.trigger.ms", .kind = integer, .range = {0, int_max}, .preset = "300000",
     .effect = later, .doc = "How long, in ms, no metadata may come before it begins again (KIP-1102)."},
    {.name = "metadata.request.timeout.ms", .kind = integer, .range = {10, 900'000}, .preset = "10",
     .traits = deprecated | hidden, .effect = never, .doc = "Once the time limit of metadata requests."},

    // --- sockets
    {.name = "socket.timeout.ms", .kind = integer, .range = {10, 300'000}, .preset = "60000", .target = &C::socket_timeout,
     .doc = "Time limit of a request, in ms. A fetch has fetch.wait.max.ms more; a produce request ends with its oldest "
            "message."},
    {.name = "socket.connection.setup.timeout.ms", .kind = integer, .range = {1000, int_max}, .preset = "30000",
     .importance = medium, .target = &C::socket_setup_timeout,
     .doc = "Time limit, in ms, for a new connection to become usable: TCP and the exchange of versions together."},
    {.name = "socket.send.buffer.bytes", .kind = integer, .range = {0, 100'000'000}, .preset = "0",
     .target = &C::socket_send_buffer, .doc = "Send buffer of each socket; 0 leaves the system's choice."},
    {.name = "socket.receive.buffer.bytes", .kind = integer, .range = {0, 100'000'000}, .preset = "0",
     .target = &C::socket_receive_buffer, .doc = "Receive buffer of each socket; 0 leaves the system's choice."},
    {.name = "socket.keepalive.enable", .kind = boolean, .preset = "false", .target = &C::socket_keepalive,
     .doc = "TCP keep-alive probes."},
    {.name = "socket.nagle.disable", .kind = boolean, .preset = "true", .target = &C::socket_nodelay,
     .doc = "Sends small packets at once (TCP_NODELAY)."},
    {.name = "socket.max.fails", .kind = integer, .range = {0, 1'000'000}, .preset = "1", .effect = later,
     .doc = "After how many late answers a connection is closed; 0: never. One late answer ends it, since answers come in "
            "order."},
    {.name = "socket.blocking.max.ms", .kind = integer, .range = {1, 60'000}, .preset = "1000", .traits = deprecated,
     .effect = never, .doc = "Once the longest wait on a socket."},
    {.name = "connections.max.idle.ms", .kind = integer, .range = {0, int_max}, .preset = "0", .importance = medium,
     .target = &C::connections_max_idle,
     .doc = "A connection that nobody used for so long, in ms, is closed; 0: never."},
    {.name = "reconnect.backoff.ms", .kind = integer, .range = {0, hour_ms}, .preset = "100", .importance = medium,
     .target = &C::reconnect_backoff,
     .doc = "First wait, in ms, before a broker is connected to again; doubles with each failure, and is spread at random "
            "from -25 % to +50 %."},
    {.name = "reconnect.backoff.max.ms", .kind = integer, .range = {0, hour_ms}, .preset = "10000", .importance = medium,
     .target = &C::reconnect_backoff_max, .doc = "Longest such wait, in ms."},
    {.name = "reconnect.backoff.jitter.ms", .kind = integer, .range = {0, hour_ms}, .preset = "0", .traits = deprecated,
     .effect = never, .doc = "Once the spread of that wait."},

    // --- requests and retries
    {.name = "message.max.bytes", .kind = integer, .range = {1000, 1'000'000'000}, .preset = "1000000", .importance = medium,
     .target = &C::message_max_bytes,
     .doc = "Largest produce request; a message whose key and value are larger is refused. For consumers the least that "
            "fetch.max.bytes may be."},
    {.name = "message.copy.max.bytes", .kind = integer, .range = {0, 1'000'000'000}, .preset = "65535", .target = &C::message_copy_max_bytes,
     .doc = "Larger values that the application lends (ProducerRecord::lend_value) are sent from where they are instead of being "
            "copied. Not set: 4095, below which copying costs less."},
    {.name = "receive.message.max.bytes", .kind = integer, .range = {1000, int_max}, .preset = "100000000",
     .importance = medium, .target = &C::receive_message_max_bytes,
     .doc = "A longer response is taken for garbage, and its connection closed. Not set: at least fetch.max.bytes + 512."},
    {.name = "max.in.flight.requests.per.connection", .alias = "max.in.flight", .kind = integer, .range = {1, 1'000'000},
     .preset = "1000000", .target = &C::max_in_flight,
     .doc = "Requests sent on a connection and not yet answered. With enable.idempotence at most 5."},
    {.name = "retry.backoff.ms", .kind = integer, .range = {1, 300'000}, .preset = "100", .importance = medium,
     .target = &C::retry_backoff,
     .doc = "First wait, in ms, before something that failed is tried again; doubles, spread by 20 % (KIP-580)."},
    {.name = "retry.backoff.max.ms", .kind = integer, .range = {1, 300'000}, .preset = "1000", .importance = medium,
     .target = &C::retry_backoff_max, .doc = "Longest such wait, in ms."},

    // --- versions of the protocol
    {.name = "api.version.request", .kind = boolean, .preset = "true", .importance = high,
     .target = &C::api_version_request,
     .doc = "Ask each broker which versions it speaks. Off: assume those of broker.version.fallback."},
    {.name = "api.version.request.timeout.ms", .kind = integer, .range = {1, 300'000}, .preset = "10000",
     .target = &C::api_version_request_timeout,
     .doc = "Time limit of that question, in ms. It is part of socket.connection.setup.timeout.ms."},
    {.name = "api.version.fallback.ms", .kind = integer, .range = {0, 7 * day_ms}, .preset = "0", .importance = medium,
     .target = &C::api_version_fallback,
     .doc = "How long, in ms, a broker that did not answer that question is assumed to be of the release "
            "broker.version.fallback, if that is one before 0.10; at least a minute."},
    {.name = "broker.version.fallback", .preset = "0.10.0", .importance = medium,
     .target = &C::broker_version_fallback,
     .doc = "The release of brokers that do not tell their versions (before 0.10): 0.8.2, 0.9.0, ..."},
};

} // namespace

std::span<const Property> cluster_properties() { return rows; }

} // namespace ottla::config
