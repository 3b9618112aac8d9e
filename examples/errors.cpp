// Every way in which ottla says that something went wrong, each provoked once in a cluster of this process.
#include <cstdio>

#include <ottla/admin.hpp>
#include <ottla/consumer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;
using example::expect;
using ottla::Errc;

void wrong_property() {
    try {
        const ottla::Producer producer({{"bootstrap.servers", "127.0.0.1"}, {"linger.ms", "soon"}});
        expect(false, "an exception");
    } catch (const ottla::KafkaException& e) {
        std::printf("%s\n", e.what());
        expect(e.error().code() == Errc::_invalid_arg, "a wrong property");
    }
}

// Blocking calls throw, or fill an error_code where they have one. Flags say what may be done about it.
void refused_at_once(const std::string& servers) {
    ottla::Producer producer(
        {{"bootstrap.servers", servers}, {"message.max.bytes", "2000"}, {"queue.buffering.max.messages", "1"},
         {"linger.ms", "1000"}});
    ottla::error_code ec;
    producer.produce({.topic = "t", .value = std::string(3000, 'x')}, nullptr, ec);
    std::printf("%s: %s\n", ottla::error_name(ottla::to_errc(ec)).c_str(), ec.message().c_str());
    expect(ec == Errc::msg_size_too_large, "too large");

    producer.produce({.topic = "t", .value = "fits"}, nullptr, ec);
    expect(!ec, "accepted");
    producer.produce({.topic = "t", .value = "one too many"}, nullptr, ec);
    expect(ec == Errc::_queue_full, "the queue is full");
    expect(ottla::flag_of(ec) == ottla::ErrorFlag::retriable, "which passes");
    expect(producer.flush(10s) == 0, "and has");
}

// What becomes of a message is told by its report. Errors that may pass have been retried by then.
void reported_later(ottla::MockCluster& kafka) {
    constexpr int16_t produce_api = 0;
    ottla::Producer producer({{"bootstrap.servers", kafka.bootstrap_servers()}});
    kafka.fail_next(produce_api, 1, Errc::topic_authorization_failed);
    ottla::error_code outcome;
    auto status = ottla::MessageStatus::persisted;
    producer.produce({.topic = "t", .value = "forbidden"}, [&](const ottla::Delivery& d) {
        outcome = d.error();
        status = d.status();
    });
    producer.flush(10s);
    expect(outcome == Errc::topic_authorization_failed, "the broker's own code");
    expect(status == ottla::MessageStatus::not_persisted, "surely not stored");
}

// For a consumer, trouble with a partition is a message with an error. The others go on.
void as_an_event(const std::string& servers) {
    ottla::Consumer consumer({{"bootstrap.servers", servers}, {"auto.offset.reset", "error"}});
    consumer.assign({{.topic = "t", .partition = 0, .offset = 1'000'000}});
    const auto message = consumer.poll(10s);
    expect(message && message->error().errc() == Errc::_auto_offset_reset, "an event");
    std::printf("%s[%d]: %s\n", message->topic().c_str(), message->partition(), message->error().message().c_str());
}

// Brokers that cannot be reached: told for information, the client goes on trying. Only calls with a time limit fail.
void no_broker() {
    ottla::MockCluster kafka;
    kafka.stop(1);
    const ottla::Config config{{"bootstrap.servers", kafka.bootstrap_servers()}};

    std::vector<ottla::KafkaError> errors;
    int log_lines = 0;
    ottla::Consumer consumer(
        config,
        {.on_error = [&](const ottla::KafkaError& e) { errors.push_back(e); },
         .on_log = [&](auto&&...) { ++log_lines; }}); // instead of stderr
    consumer.poll(500ms);                            // serves on_error
    for (const auto& error : errors)
        std::printf("%s\n", error.to_string().c_str());
    expect(!errors.empty() && errors.back().code() == Errc::_all_brokers_down, "all are down");

    try {
        ottla::AdminClient(config).list_topics(std::nullopt, 500ms);
        expect(false, "an exception");
    } catch (const ottla::KafkaException& e) {
        std::printf("%s\n", e.what());
        expect(e.error().code() == Errc::_transport, "no broker within the time limit");
    }
    consumer.close();
    expect(log_lines > 0, "a log");
}

} // namespace

int main() {
    try {
        ottla::MockCluster kafka;
        wrong_property();
        refused_at_once(kafka.bootstrap_servers());
        reported_later(kafka);
        as_an_event(kafka.bootstrap_servers());
        no_broker();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
