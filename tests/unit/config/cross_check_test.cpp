// Properties against one another: conflicts name both, what is not set gives way, what does nothing warns.
#include "config/settings.hpp"

#include "catch.hpp"

using namespace ottla;
using namespace ottla::config;

namespace {

using Texts = std::vector<std::string>;

Texts warnings_of(const Config& config, Role role) {
    Texts warnings;
    REQUIRE(parse(config, role, &warnings).has_value());
    std::erase(warnings, "bootstrap.servers is empty: no broker can be found");
    return warnings;
}

ClientConfig parsed(const Config& config, Role role) {
    auto out = parse(config, role);
    if (!out)
        FAIL(out.error().message());
    return *out;
}

} // namespace

TEST_CASE("a conflict names both properties, as the application spelled them", "[config]") {
    constexpr Role producer = Role::producer;
    constexpr Role consumer = Role::consumer;
    const Config oidc{{"sasl.oauthbearer.method", "oidc"}, {"sasl.oauthbearer.token.endpoint.url", "https://x"}};
    const auto with = [](Config config, std::initializer_list<std::pair<const char*, const char*>> more) {
        for (const auto& [name, value] : more)
            config.set(name, std::string(value));
        return config;
    };
    struct {
        Role role;
        Config config;
        const char* error;
    } const rows[] = {
        {producer, {{"acks", "1"}, {"enable.idempotence", "true"}}, "acks must be all with enable.idempotence"},
        {producer, {{"request.required.acks", "0"}, {"enable.idempotence", "t"}},
         "request.required.acks must be all with enable.idempotence"},
        {producer, {{"max.in.flight", "6"}, {"enable.idempotence", "true"}},
         "max.in.flight must be at most 5 with enable.idempotence"},
        {producer, {{"max.in.flight.requests.per.connection", "6"}, {"transactional.id", "t"}},
         "max.in.flight.requests.per.connection must be at most 5 with transactional.id"},
        {producer, {{"retries", "0"}, {"enable.idempotence", "true"}}, "retries must be at least 1 with enable.idempotence"},
        {producer, {{"queuing.strategy", "lifo"}, {"enable.idempotence", "true"}},
         "queuing.strategy must be fifo with enable.idempotence"},
        {producer, {{"queue.buffering.backpressure.threshold", "2"}, {"enable.idempotence", "true"}},
         "queue.buffering.backpressure.threshold must be 1 with enable.idempotence"},
        {producer, {{"transactional.id", "t"}, {"enable.idempotence", "false"}},
         "enable.idempotence must be true with transactional.id"},
        {producer, {{"enable.gapless.guarantee", "true"}}, "enable.gapless.guarantee needs enable.idempotence"},
        {producer, {{"linger.ms", "100"}, {"message.timeout.ms", "100"}}, "linger.ms must be less than message.timeout.ms"},
        {producer, {{"queue.buffering.max.ms", "100.5"}, {"delivery.timeout.ms", "100"}},
         "queue.buffering.max.ms must be less than delivery.timeout.ms"},
        {producer, {{"transactional.id", "t"}, {"message.timeout.ms", "60001"}},
         "message.timeout.ms must not be above transaction.timeout.ms"},
        {producer, {{"transactional.id", "t"}, {"message.timeout.ms", "0"}},
         "message.timeout.ms must not be above transaction.timeout.ms"},
        {producer, {{"transactional.id", "t"}, {"transaction.timeout.ms", "5000"}, {"socket.timeout.ms", "5101"}},
         "socket.timeout.ms must not be above transaction.timeout.ms + 100"},
        {producer, {{"ottla.profile", "java"}, {"delivery.timeout.ms", "30000"}, {"request.timeout.ms", "29999"}},
         "delivery.timeout.ms must be at least linger.ms + request.timeout.ms"},
        {producer, {{"ottla.profile", "java"}, {"max.in.flight", "6"}}, "max.in.flight must be at most 5 with enable.idempotence"},
        {Role::admin, {{"reconnect.backoff.ms", "10001"}}, "reconnect.backoff.ms must not be above reconnect.backoff.max.ms"},
        {consumer, {{"fetch.max.bytes", "999999"}}, "fetch.max.bytes must not be below message.max.bytes"},
        {consumer, {{"receive.message.max.bytes", "2000511"}, {"fetch.max.bytes", "2000000"}},
         "receive.message.max.bytes must be at least fetch.max.bytes + 512"},
        {consumer, {{"session.timeout.ms", "300001"}}, "session.timeout.ms must not be above max.poll.interval.ms"},
        {consumer, {{"group.protocol", "consumer"}, {"session.timeout.ms", "1000"}},
         "session.timeout.ms cannot be set with group.protocol=consumer: the broker decides"},
        {consumer, {{"group.protocol", "consumer"}, {"heartbeat.interval.ms", "1000"}},
         "heartbeat.interval.ms cannot be set with group.protocol=consumer: the broker decides"},
        {consumer, {{"group.protocol", "consumer"}, {"partition.assignment.strategy", "range"}},
         "partition.assignment.strategy cannot be set with group.protocol=consumer: the broker decides"},
        {consumer, {{"group.protocol", "consumer"}, {"group.protocol.type", "consumer"}},
         "group.protocol.type cannot be set with group.protocol=consumer: the broker decides"},
        {consumer, {{"ottla.profile", "java"}, {"heartbeat.interval.ms", "45000"}},
         "heartbeat.interval.ms must be less than session.timeout.ms"},
        {Role::admin, {{"ssl.keystore.location", "a.p12"}}, "ssl.keystore.location needs ssl.keystore.password"},
        {Role::admin, {{"https.ca.location", "a"}, {"https.ca.pem", "b"}}, "https.ca.location cannot be set with https.ca.pem"},
        {Role::admin, {{"sasl.oauthbearer.method", "oidc"}},
         "sasl.oauthbearer.method oidc needs sasl.oauthbearer.token.endpoint.url"},
        {Role::admin, with(oidc, {{"enable.sasl.oauthbearer.unsecure.jwt", "true"}}),
         "enable.sasl.oauthbearer.unsecure.jwt cannot be set with sasl.oauthbearer.method"},
        {Role::admin, with(oidc, {{"sasl.oauthbearer.sub.claim.name", " "}}),
         "sasl.oauthbearer.method oidc needs sasl.oauthbearer.sub.claim.name"},
        {Role::admin, oidc, "sasl.oauthbearer.method oidc needs sasl.oauthbearer.client.id"},
        {Role::admin, with(oidc, {{"sasl.oauthbearer.client.credentials.client.id", "me"}}),
         "sasl.oauthbearer.method oidc needs sasl.oauthbearer.client.secret"},
        {Role::admin, with(oidc, {{"sasl.oauthbearer.grant.type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}}),
         "sasl.oauthbearer.grant.type jwt-bearer needs sasl.oauthbearer.assertion.file or "
         "sasl.oauthbearer.assertion.private.key.file"},
        {Role::admin,
         with(oidc, {{"sasl.oauthbearer.grant.type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                     {"sasl.oauthbearer.assertion.private.key.file", "k"},
                     {"sasl.oauthbearer.assertion.private.key.pem", "k"}}),
         "sasl.oauthbearer.assertion.private.key.file cannot be set with sasl.oauthbearer.assertion.private.key.pem"},
        {Role::admin,
         with(oidc, {{"sasl.oauthbearer.grant.type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                     {"sasl.oauthbearer.assertion.file", "a"},
                     {"sasl.oauthbearer.assertion.claim.iss", "me"}}),
         "sasl.oauthbearer.assertion.claim.iss cannot be set with sasl.oauthbearer.assertion.file"},
    };
    for (const auto& row : rows) {
        const auto out = parse(row.config, row.role);
        INFO(row.error);
        REQUIRE(!out.has_value());
        CHECK(out.error().errc() == Errc::_invalid_arg);
        CHECK(out.error().message() == row.error);
    }
}

TEST_CASE("what is fine by itself is not refused", "[config]") {
    CHECK(parse(Config{{"acks", "1"}, {"enable.idempotence", "false"}}, Role::producer).has_value());
    CHECK(parse(Config{{"acks", "all"}, {"max.in.flight", "5"}, {"enable.idempotence", "true"}}, Role::producer).has_value());
    CHECK(parse(Config{{"fetch.max.bytes", "1"}}, Role::producer).has_value());
    CHECK(parse(Config{{"acks", "0"}, {"enable.idempotence", "true"}}, Role::consumer).has_value());
    CHECK(parse(Config{{"session.timeout.ms", "300001"}}, Role::admin).has_value());
    CHECK(parse(
              Config{{"sasl.oauthbearer.method", "oidc"}, {"sasl.oauthbearer.metadata.authentication.type", "aws_iam"}}, Role::admin)
              .has_value());
}

TEST_CASE("what is not set gives way to what is", "[config]") {
    const ClientConfig idempotent = parsed({{"enable.idempotence", "true"}}, Role::producer);
    CHECK(idempotent.acks == -1);
    CHECK(idempotent.max_in_flight == 5);
    CHECK(parsed({{"enable.idempotence", "true"}, {"max.in.flight", "2"}}, Role::producer).max_in_flight == 2);

    const ClientConfig transactional = parsed({{"transactional.id", "t"}, {"transaction.timeout.ms", "10000"}}, Role::producer);
    CHECK(transactional.enable_idempotence);
    CHECK(transactional.message_timeout.count() == 10'000);
    CHECK(transactional.socket_timeout.count() == 9'900);

    CHECK(parsed({{"message.timeout.ms", "3"}}, Role::producer).linger_ms == 2);
    CHECK(parsed({{"message.timeout.ms", "0"}, {"linger.ms", "900000"}}, Role::producer).linger_ms == 900'000);
    CHECK(parsed({{"linger.ms", "50"}}, Role::producer).sticky_linger.count() == 100);
    CHECK(parsed({{"linger.ms", "50"}, {"sticky.partitioning.linger.ms", "0"}}, Role::producer).sticky_linger.count() == 0);

    CHECK(parsed({}, Role::producer).message_copy_max_bytes == 4095);
    CHECK(parsed({{"message.copy.max.bytes", "65535"}}, Role::producer).message_copy_max_bytes == 65'535);

    CHECK(parsed({}, Role::producer).allow_auto_create_topics);
    CHECK(!parsed({}, Role::consumer).allow_auto_create_topics);
    CHECK(parsed({{"allow.auto.create.topics", "true"}}, Role::consumer).allow_auto_create_topics);
    CHECK(parsed({{"queued.max.messages.kbytes", "2000"}}, Role::consumer).fetch_max_bytes == 2'048'000);
    CHECK(parsed({{"queued.max.messages.kbytes", "1"}}, Role::consumer).fetch_max_bytes == 1'000'000);

    CHECK(parsed({}, Role::consumer).fetch_ahead_kbytes == 4096);
    CHECK(parsed({{"queued.min.messages", "1000000"}}, Role::consumer).fetch_ahead_kbytes == 32'768);
    CHECK(parsed({{"queued.max.messages.kbytes", "2000"}}, Role::consumer).fetch_ahead_kbytes == 1000);
    CHECK(parsed({{"queued.max.messages.kbytes", "1"}}, Role::consumer).fetch_ahead_kbytes == 1);
    CHECK(parsed({{"queued.max.messages.kbytes", "2000"}, {"ottla.fetch.ahead.kbytes", "7"}}, Role::consumer).fetch_ahead_kbytes == 7);
    CHECK(parsed({{"fetch.max.bytes", "200000000"}}, Role::consumer).receive_message_max_bytes == 200'000'512);

    CHECK(parsed({{"topic.metadata.refresh.interval.ms", "1000"}}, Role::admin).metadata_max_age.count() == 3000);
    CHECK(parsed({{"topic.metadata.refresh.interval.ms", "-1"}}, Role::admin).metadata_max_age.count() == 900'000);
    CHECK(parsed({{"bootstrap.servers", "x.azure.example"}}, Role::admin).connections_max_idle.count() == 230'000);
    CHECK(parsed({{"debug", "msg"}, {"log_level", "3"}}, Role::admin).log_level == 7);
    CHECK(parsed({{"retry.backoff.ms", "5000"}}, Role::admin).retry_backoff.count() == 1000);
}

TEST_CASE("two names of one property set one value: the later one wins", "[config]") {
    CHECK(parsed(Config().set("acks", 1).set("request.required.acks", "all"), Role::producer).acks == -1);
    CHECK(parsed(Config().set("request.required.acks", "all").set("acks", 1), Role::producer).acks == 1);
    CHECK(parsed(Config().set("acks", 1).set("request.required.acks", nullptr), Role::producer).acks == -1);
    CHECK(parsed(Config().set("acks", 1).set("acks", nullptr).set("enable.idempotence", true), Role::producer).enable_idempotence);
    CHECK(parsed(Config().set("linger.ms", 0.25), Role::producer).linger_ms == 0.25);
    CHECK(parsed(Config().set("client.id", "x").set("client.id", nullptr), Role::admin).client_id == "rdkafka");
    CHECK(parsed(Config().set("client.id", ""), Role::admin).client_id.empty());
}

TEST_CASE("what does nothing here warns, once", "[config]") {
    CHECK(warnings_of({{"enable.metrics.push", "true"}}, Role::producer) ==
          Texts{"enable.metrics.push has no effect in this version"});
    CHECK(warnings_of({{"socket.blocking.max.ms", "10"}}, Role::admin) ==
          Texts{"socket.blocking.max.ms is deprecated and has no effect in this version"});
    CHECK(warnings_of({{"enable.gapless.guarantee", "false"}}, Role::producer) ==
          Texts{"enable.gapless.guarantee is experimental"});
    CHECK(warnings_of({{"api.version.request", "true"}}, Role::admin).empty());
    CHECK(warnings_of({{"batch.size", "100"}}, Role::consumer) == Texts{"batch.size is a producer property and has no effect here"});
    CHECK(warnings_of({{"isolation.level", "read_committed"}}, Role::producer) ==
          Texts{"isolation.level is a consumer property and has no effect here"});
    CHECK(warnings_of({{"batch.size", "100"}, {"isolation.level", "read_committed"}}, Role::admin).empty());
    CHECK(warnings_of({{"client.id", "a"}, {"socket.timeout.ms", "5000"}}, Role::producer).empty());
    CHECK(warnings_of({{"retry.backoff.ms", "5000"}}, Role::admin) ==
          Texts{"retry.backoff.ms is above retry.backoff.max.ms: the latter is used"});
    CHECK(warnings_of({{"socket.timeout.ms", "1000"}}, Role::consumer) ==
          Texts{"fetch.wait.max.ms + 1000 should not be above socket.timeout.ms"});
}

TEST_CASE("the Java profile brings its defaults, and what is set wins", "[config]") {
    const ClientConfig producer = parsed({{"ottla.profile", "java"}}, Role::producer);
    CHECK(producer.enable_idempotence);
    CHECK(producer.max_in_flight == 5);
    CHECK(producer.batch_size == 16'384);
    CHECK(producer.message_timeout.count() == 120'000);
    CHECK(producer.partitioner == Partitioner::murmur2_random);
    CHECK(producer.queue_max_messages == 0);
    CHECK(producer.isolation == Isolation::read_committed); // of consumers only
    const ClientConfig consumer = parsed({{"ottla.profile", "JAVA"}}, Role::consumer);
    CHECK(consumer.isolation == Isolation::read_uncommitted);
    CHECK(consumer.allow_auto_create_topics);
    CHECK(consumer.reconnect_backoff_max.count() == 1000);
    CHECK(parsed({{"ottla.profile", "java"}, {"batch.size", "99"}}, Role::producer).batch_size == 99);
    CHECK(parsed({{"ottla.profile", "java"}, {"isolation.level", "read_committed"}}, Role::consumer).isolation ==
          Isolation::read_committed);
    CHECK(parsed({{"ottla.profile", "librdkafka"}}, Role::producer) == parsed({}, Role::producer));
}

TEST_CASE("in the Java profile idempotence is a default that gives way", "[config]") {
    CHECK(!parsed({{"ottla.profile", "java"}, {"acks", "1"}}, Role::producer).enable_idempotence);
    CHECK(!parsed({{"ottla.profile", "java"}, {"retries", "0"}}, Role::producer).enable_idempotence);
    CHECK(parsed({{"ottla.profile", "java"}, {"request.timeout.ms", "130000"}}, Role::producer).message_timeout.count() == 130'005);
    CHECK(!parse(Config{{"ottla.profile", "java"}, {"acks", "1"}, {"enable.idempotence", "true"}}, Role::producer).has_value());
}

TEST_CASE("names of the program are made such as brokers accept", "[config]") {
    CHECK(parsed({{"client.software.name", "-my app/2_"}}, Role::admin).client_software_name == "my-app-2");
    CHECK(parsed({{"client.software.version", "1.2~rc+1."}}, Role::admin).client_software_version == "1.2-rc-1");
}
