// ottla's clients as the modes of ottla-bench want them, and the modes.
#pragma once

#include <mutex>
#include <string>

#include <ottla/consumer.hpp>
#include <ottla/producer.hpp>

#include "bench.hpp"

namespace ottla::bench {

/// The last error that a client told of: why nothing comes, if nothing comes.
class LastError {
public:
    void note(const std::string& text) {
        std::lock_guard lock(mutex_);
        text_ = text;
    }

    std::string text() const {
        std::lock_guard lock(mutex_);
        return text_;
    }

private:
    mutable std::mutex mutex_;
    std::string text_;
};

Config client_config(const Options& options);
/// acks=all, idempotent unless `idempotence` is 0, and what else the options say.
Config producer_config(const Options& options);
ProducerOptions producer_options(LastError& last, DeliveryHandler on_delivery);
ConsumerOptions consumer_options(LastError& last);
/// All of `partitions`, from `offset` on.
void assign_all(Consumer& consumer, const Options& options, int64_t offset);

nlohmann::json run_produce(const Options& options);
nlohmann::json run_stalled(const Options& options);
nlohmann::json run_consume(const Options& options);
nlohmann::json run_latency(const Options& options);
nlohmann::json run_end_to_end(const Options& options);
nlohmann::json run_idle(const Options& options);
nlohmann::json run_first(const Options& options);
nlohmann::json run_floor(const Options& options);
nlohmann::json run_turn(const Options& options);
nlohmann::json run_compress(const Options& options);

} // namespace ottla::bench
