#include "clients.hpp"

namespace ottla::bench {

Config client_config(const Options& options) {
    return {
        {"bootstrap.servers", options.bootstrap()},
        {"client.id", "ottla-bench"},
    };
}

Config producer_config(const Options& options) {
    Config config = client_config(options);
    config.set("acks", "all")
        .set("enable.idempotence", options.number("idempotence", 1) ? "true" : "false")
        .set("linger.ms", options.linger_ms())
        .set("compression.type", options.text("compression", "none"))
        // Not these limits but max-outstanding is to bind, unless `queue-kbytes` is what is looked at.
        .set("queue.buffering.max.messages", std::to_string(options.queue_messages()))
        .set("queue.buffering.max.kbytes", std::to_string(options.queue_kbytes()));
    if (options.has("copy-max"))
        config.set("message.copy.max.bytes", std::to_string(options.number("copy-max", 0)));
    if (const auto size = options.number("batch-size", 0))
        config.set("batch.size", std::to_string(size));
    if (options.size() > 900'000)
        config.set("message.max.bytes", std::to_string(options.size() + 1000));
    return config;
}

ProducerOptions producer_options(LastError& last, DeliveryHandler on_delivery) {
    return {
        .on_delivery = std::move(on_delivery),
        .on_error = [&last](const KafkaError& e) { last.note(e.str()); },
        .on_log = [](auto...) {}};
}

ConsumerOptions consumer_options(LastError& last) {
    return {.on_error = [&last](const KafkaError& e) { last.note(e.str()); }, .on_log = [](auto...) {}};
}

void assign_all(Consumer& consumer, const Options& options, int64_t offset) {
    std::vector<TopicPartitionOffset> assignment;
    for (int32_t p = 0; p < options.partitions(); ++p)
        assignment.push_back({options.topic(), p, offset});
    consumer.assign(assignment);
}

} // namespace ottla::bench
