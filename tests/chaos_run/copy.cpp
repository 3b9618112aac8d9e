// Copies one topic to another, partition by partition, exactly once; may be killed at any time and started anew.
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <ottla/transform.hpp>

#include "client.hpp"

namespace chaos {

namespace {

using namespace std::chrono_literals;

class Copier {
public:
    explicit Copier(World& world) : world_(world) {
        for (int32_t partition = 0; partition < world.settings.partitions; ++partition)
            from_.push_back({world.settings.topic, partition});
    }

    void run() {
        try {
            while (!world_.stop || !is_at_the_end())
                step();
            transform_->close();
        } catch (const ottla::KafkaException& e) {
            world_.ledger.note("fatal copier " + e.error().name());
            world_.status = status_fatal;
            transform_.reset();
        }
    }

private:
    /// Throws only what is fatal; after another error, retriable or not, the next call goes on.
    void step() {
        settled_ = false;
        try {
            if (!transform_)
                make();
            if (transform_->step(500ms) > 0)
                ++world_.counters.committed;
            world_.counters.acked = transform_->committed();
            world_.counters.aborted = transform_->aborted();
            settled_ = true;
        } catch (const ottla::KafkaException& e) {
            if (e.error().fatal())
                throw;
            world_.ledger.note(std::string(e.error().retriable() ? "retriable" : "passing") + " copier " + e.error().to_string());
            std::this_thread::sleep_for(100ms); // and no more, whatever the error: it is for the client to be patient
        }
    }

    void make() {
        auto reading = common_config(world_.settings);
        reading.set("group.id", "chaos-copy").set("isolation.level", "read_committed").set("enable.auto.commit", false);
        reading.set("auto.offset.reset", "earliest");
        auto writing = common_config(world_.settings);
        writing.set("transactional.id", "chaos-copier").set("transaction.timeout.ms", 60000).set("linger.ms", 5);
        transform_.emplace(
            ottla::Consumer(reading),
            ottla::Producer(writing),
            ottla::TransformOptions{.from = from_, .max_records = 2000, .max_wait = 100ms},
            [to = world_.settings.topic + "-copy"](const ottla::Message& in, ottla::Producer& out) {
                out.produce({.topic = to, .value = in.value(), .partition = in.partition()}, 10s);
            });
    }

    bool is_at_the_end() {
        try {
            if (!settled_) // what was read last may not be committed
                return false;
            const auto positions = transform_->consumer().position(from_);
            for (size_t i = 0; i < from_.size(); ++i)
                if (const auto end = transform_->consumer().query_watermarks(from_[i], 5s).high; positions[i].offset < end && end > 0)
                    return false;
            return true;
        } catch (const ottla::KafkaException& e) {
            world_.ledger.note("end of the source: " + e.error().name());
            return false;
        }
    }

    World& world_;
    std::vector<ottla::TopicPartition> from_;
    std::optional<ottla::Transform> transform_;
    bool settled_ = false; ///< the last step came to its end
};

} // namespace

void run_copier(World& world) { Copier(world).run(); }

} // namespace chaos
