// Modes produce and consume: CPU per message at full speed.
#include <cstdio>
#include <thread>

#include <ottla/consumer.hpp>
#include <ottla/producer.hpp>

#include "bench.hpp"

using namespace std::chrono_literals;

namespace ottla::bench {
namespace {

Config producer_config(const Options& options, int64_t outstanding) {
    Config config{
        {"bootstrap.servers", options.text("bootstrap", "127.0.0.1:9092")},
        {"client.id", "ottla-bench"},
        {"acks", "all"},
        {"enable.idempotence", options.number("idempotence", 1) ? "true" : "false"},
        {"linger.ms", options.text("linger-ms", "5")},
        {"compression.type", options.text("compression", "none")},
        {"queue.buffering.max.messages", std::to_string(outstanding * 2)},
        {"queue.buffering.max.kbytes", "2097151"},
    };
    if (const auto size = options.number("batch-size", 0))
        config.set("batch.size", std::to_string(size));
    return config;
}

} // namespace

nlohmann::json run_produce(const Options& options) {
    const Values values(options);
    const auto size = static_cast<int64_t>(values.size());
    const int64_t count = options.number("count", 1'000'000);
    const int64_t warmup = options.number("warmup", count / 10);
    const int64_t partitions = options.number("partitions", 1);
    const int64_t outstanding =
        options.number("max-outstanding", std::min<int64_t>(100'000, (64 << 20) / std::max<int64_t>(size, 1)));
    const bool keys = options.number("keys", 0) != 0;
    const std::string topic = options.text("topic", "bench");

    int64_t done = 0;
    int64_t errors = 0;
    Producer producer(
        producer_config(options, outstanding), ProducerOptions{.on_delivery = [&](const Delivery& delivery) {
            ++done;
            errors += delivery.error().failed();
        }});
    char key[16];
    const auto send = [&](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; ++i) {
            while (i - done >= outstanding)
                producer.poll(100ms);
            ProducerRecord record{.topic = topic, .value = values[static_cast<uint64_t>(i)]};
            if (keys) {
                const int length = std::snprintf(key, sizeof key, "key-%010u", static_cast<unsigned>(i % 100'000));
                record.key = std::string_view(key, static_cast<size_t>(length));
            } else if (partitions > 1) {
                record.partition = static_cast<int32_t>(i % partitions);
            }
            for (;;) {
                error_code ec;
                producer.produce(record, nullptr, ec);
                if (!ec)
                    break;
                if (ec != Errc::_queue_full)
                    throw KafkaException(Error(ec));
                producer.poll(10ms);
            }
            if ((i & 255) == 0)
                producer.poll(0ms);
        }
        while (done < to)
            producer.poll(100ms);
    };
    send(0, warmup);
    const Measure measure;
    send(warmup, warmup + count);
    nlohmann::json out;
    measure.finish(out, static_cast<uint64_t>(count), static_cast<uint64_t>(count * size));
    out["errors"] = errors;
    return out;
}

nlohmann::json run_consume(const Options& options) {
    const auto count = static_cast<uint64_t>(options.number("count", 1'000'000));
    const auto warmup = static_cast<uint64_t>(options.number("warmup", static_cast<int64_t>(count / 10)));
    const std::string topic = options.text("topic", "bench");
    const std::string api = options.text("api", "records"); // records | poll | consume
    Consumer consumer(Config{
        {"bootstrap.servers", options.text("bootstrap", "127.0.0.1:9092")},
        {"client.id", "ottla-bench"},
        {"auto.offset.reset", "earliest"},
    });
    std::vector<TopicPartitionOffset> assignment;
    for (int32_t p = 0; p < options.number("partitions", 1); ++p)
        assignment.push_back({topic, p, offset_beginning});
    consumer.assign(assignment);

    uint64_t received = 0;
    uint64_t bytes = 0;
    uint64_t touched = 0;
    Records records;
    const auto step = [&] {
        if (api == "poll") {
            if (const auto message = consumer.poll(1000ms); message && !message->error()) {
                ++received;
                bytes += message->value().size();
                touched += message->value().empty_or_null() ? 0 : message->value()[0];
            }
        } else if (api == "consume") {
            for (const auto& message : consumer.consume(1000, 1000ms)) {
                ++received;
                bytes += message.value().size();
                touched += message.value().empty_or_null() ? 0 : message.value()[0];
            }
        } else {
            consumer.poll_records(records, 1000ms);
            for (const auto& batch : records.batches())
                for (const RecordView& record : batch) {
                    const Bytes value = record.value();
                    ++received;
                    bytes += value.size();
                    touched += value.empty_or_null() ? 0 : value[0];
                }
        }
    };
    while (received < warmup)
        step();
    const uint64_t from = received;
    const uint64_t bytes_from = bytes;
    const Measure measure;
    while (received - from < count)
        step();
    nlohmann::json out;
    measure.finish(out, received - from, bytes - bytes_from);
    out["errors"] = 0;
    out["touched"] = touched;
    return out;
}

} // namespace ottla::bench
