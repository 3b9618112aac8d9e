// What differs in the Java client's defaults, as far as an application sees it. Values are those of Kafka 4.
#include "config/property.hpp"

namespace ottla::config {
namespace {

constexpr Scope P = Scope::producer;
constexpr Scope C = Scope::consumer;

constexpr ProfileValue rows[] = {
    {"socket.timeout.ms", "30000"}, // there: request.timeout.ms
    {"socket.connection.setup.timeout.ms", "10000"},
    {"connections.max.idle.ms", "540000"},
    {"reconnect.backoff.ms", "50"},
    {"reconnect.backoff.max.ms", "1000"},
    {"metadata.max.age.ms", "300000"},
    {"allow.auto.create.topics", "true", C},
    {"enable.idempotence", "true", P},
    {"max.in.flight.requests.per.connection", "5", P},
    {"message.timeout.ms", "120000", P}, // there: delivery.timeout.ms
    {"message.max.bytes", "1048576", P}, // there: max.request.size
    {"batch.size", "16384", P},
    {"queue.buffering.max.messages", "0", P},
    {"queue.buffering.max.kbytes", "32768", P}, // there: buffer.memory
    {"partitioner", "murmur2_random", P},
    {"ottla.partitioner.adaptive", "true", P},
    {"isolation.level", "read_uncommitted", C},
};

} // namespace

std::span<const ProfileValue> java_profile() { return rows; }

} // namespace ottla::config
