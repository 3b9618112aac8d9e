// Numbered messages through idempotent producers; each report goes to the ledger.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <ottla/producer.hpp>

#include "client.hpp"

namespace chaos {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto tick = 10ms;
constexpr auto flush_limit = 180s;

struct Lane {
    std::string name; ///< first word of its values and of its lines in the ledger
    std::string topic;
    int rate = 1000;
    std::chrono::milliseconds message_timeout{};
};

void record(World& world, const ottla::Delivery& delivery) {
    --world.counters.in_flight;
    const std::string head = head_of(delivery.value().text());
    if (!delivery.error()) {
        ++world.counters.acked;
        world.ledger.line("+ " + head + " " + std::to_string(delivery.offset()));
        return;
    }
    ++world.counters.failed;
    const bool surely_not = delivery.status() == ottla::MessageStatus::not_persisted;
    world.ledger.line("- " + head + (surely_not ? " n " : " p ") + error_name(ottla::to_errc(delivery.error())));
}

class LaneRun {
public:
    LaneRun(World& world, const Lane& lane)
        : world_(world), lane_(lane), accepted_(static_cast<size_t>(world.settings.partitions)),
          producer_(config(), {.on_delivery = [&world](const ottla::Delivery& d) { record(world, d); }}) {}

    void run() {
        const auto start = Clock::now();
        uint64_t sent = 0;
        for (auto next = start; !world_.stop && !producer_.fatal_error(); next += tick) {
            const auto due = static_cast<uint64_t>(lane_.rate * std::chrono::duration<double>(next - start).count());
            while (sent < due && !world_.stop) {
                if (!produce(sent))
                    break; // the queue is full: what is due waits
                ++sent;
            }
            producer_.poll(0ms);
            if (const auto now = Clock::now(); next < now - 1s)
                next = now; // no burst after a standstill
            else
                std::this_thread::sleep_until(next + tick);
        }
        finish();
    }

private:
    ottla::Config config() const {
        auto config = common_config(world_.settings);
        config.set("request.timeout.ms", 5000).set("enable.idempotence", true).set("acks", "all");
        return config.set("message.timeout.ms", lane_.message_timeout.count());
    }

    bool produce(uint64_t number) {
        const auto partition = number % accepted_.size();
        const std::string value =
            lane_.name + " " + std::to_string(partition) + " " + std::to_string(accepted_[partition]) + " " + padding(number);
        ottla::error_code error;
        producer_.produce({.topic = lane_.topic, .value = value, .partition = static_cast<int32_t>(partition)}, nullptr, error);
        if (error == ottla::Errc::_queue_full)
            return false;
        if (error)
            world_.ledger.trouble(lane_.name + ": produce: " + error.message());
        if (error)
            return true;
        ++accepted_[partition];
        ++world_.counters.in_flight;
        return true;
    }

    void finish() {
        if (const auto left = producer_.flush(flush_limit))
            world_.ledger.trouble(lane_.name + ": " + std::to_string(left) + " messages have no report after flush");
        if (const auto fatal = producer_.fatal_error())
            world_.ledger.trouble(lane_.name + ": fatal: " + fatal.message());
        for (size_t partition = 0; partition < accepted_.size(); ++partition)
            world_.ledger.line("= " + lane_.name + " " + std::to_string(partition) + " " + std::to_string(accepted_[partition]));
        producer_.close(10s);
    }

    World& world_;
    Lane lane_;
    std::vector<uint64_t> accepted_; ///< by partition
    ottla::Producer producer_;
};

} // namespace

void run_idempotent(World& world) {
    const auto& topic = world.settings.topic;
    const int rate = world.settings.rate;
    LaneRun patient(world, {"patient", topic, rate - rate / 4, 120s});
    LaneRun impatient(world, {"impatient", topic + "-impatient", rate / 4, 4s});
    std::thread other([&] { impatient.run(); });
    patient.run();
    other.join();
}

void run_feeder(World& world) { LaneRun(world, {"feeder", world.settings.topic, world.settings.rate, 120s}).run(); }

} // namespace chaos
