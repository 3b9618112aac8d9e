// A member of a group that may be killed at any time: each record it works on and each change of what it holds is a line of its
// ledger before anything is committed. README.md has the forms of the lines.
#include <chrono>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <ottla/consumer.hpp>

#include "client.hpp"

namespace chaos {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto wait_limit = 100ms;
/// Commits by hand come after so many records, or so long after the last one.
constexpr uint64_t commit_records = 100;
constexpr auto commit_interval = 200ms;
/// One record in so many takes long: what is fetched piles up meanwhile, and automatic commits strike in the midst of a batch.
constexpr uint32_t slow_record = 300;

std::string wall_clock_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

class GroupMember {
public:
    explicit GroupMember(World& world)
        : world_(world), by_hand_(is("sync") || is("async")), random_(static_cast<uint32_t>(world.settings.seed)), consumer_(config(), options()) {}

    void run() {
        const auto& settings = world_.settings;
        world_.ledger.line("# " + settings.name + " " + settings.read + " " + settings.commit);
        consumer_.subscribe(
            {settings.topic},
            {.on_assign = [this](const auto& partitions) { change("A", partitions); },
             .on_revoke =
                 [this](const auto& partitions) {
                     commit();
                     change("R", partitions);
                 },
             .on_lost = [this](const auto& partitions) { change("L", partitions); }}
        );
        while (!world_.stop)
            step();
        commit();
        consumer_.close(20s);
        if (!held_.empty())
            world_.ledger.trouble("close has not asked to give up " + std::to_string(held_.size()) + " partitions");
    }

private:
    bool is(std::string_view commit) const { return world_.settings.commit == commit; }

    ottla::Config config() const {
        const auto& settings = world_.settings;
        auto config = common_config(settings);
        config.set("group.id", settings.group).set("client.id", settings.name).set("auto.offset.reset", "earliest");
        config.set("max.poll.interval.ms", 60000).set("auto.commit.interval.ms", 100).set("enable.auto.commit", !by_hand_);
        config.set("enable.auto.offset.store", !is("stored"));
        if (!settings.instance.empty())
            config.set("group.instance.id", settings.instance);
        if (settings.protocol == "consumer")
            return config.set("group.protocol", "consumer");
        config.set("partition.assignment.strategy", settings.assignor);
        return config.set("session.timeout.ms", 6000).set("heartbeat.interval.ms", 1000);
    }

    ottla::ConsumerOptions options() {
        ottla::ConsumerOptions options;
        options.on_error = [this](const ottla::KafkaError& error) { world_.ledger.note("error " + error.name()); };
        options.on_commit = [this](const ottla::Error& error, const std::vector<ottla::CommittedOffset>&) { committed(error); };
        return options;
    }

    void committed(const ottla::Error& error) {
        if (error)
            world_.ledger.note("commit " + error_name(error.errc()));
        else
            ++world_.counters.committed;
    }

    void change(const char* what, const std::vector<ottla::TopicPartition>& partitions) {
        std::string line = what + (" " + wall_clock_ms());
        for (const auto& one : partitions) {
            line += " " + std::to_string(one.partition);
            if (*what == 'A')
                held_.insert(one.partition);
            else
                held_.erase(one.partition);
        }
        if (!partitions.empty())
            world_.ledger.line(line);
    }

    void step() {
        if (world_.settings.read == "records") {
            consumer_.poll_records(records_, wait_limit);
            for (const auto& event : records_.events())
                world_.ledger.note("event " + error_name(event.error().errc()));
            for (const auto& batch : records_.batches())
                work(batch);
        } else if (world_.settings.read == "consume") {
            for (const auto& message : consumer_.consume(50, wait_limit))
                work(message);
        } else if (const auto message = consumer_.poll(wait_limit)) {
            if (is("auto") && !message->error())
                world_.ledger.line("G " + wall_clock_ms() + " " + std::to_string(message->partition()) + " " + std::to_string(message->offset()));
            work(*message);
        }
        if (worked_ - at_commit_ >= commit_records || (worked_ > at_commit_ && Clock::now() - committed_at_ > commit_interval))
            commit();
    }

    void work(const ottla::RecordBatch& batch) {
        for (const auto& record : batch)
            work(batch.partition(), record.offset(), record.value());
        if (is("stored"))
            consumer_.store_offsets({{batch.topic(), batch.partition(), (batch.end() - 1)->offset() + 1}});
    }

    void work(const ottla::Message& message) {
        if (message.error())
            return world_.ledger.note("event " + error_name(message.error().errc()));
        work(message.partition(), message.offset(), message.value());
        if (is("stored"))
            consumer_.store_offsets(message);
    }

    void work(int32_t partition, int64_t offset, ottla::Bytes value) {
        if (random_() % slow_record == 0)
            std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 500));
        world_.ledger.line(
            "P " + wall_clock_ms() + " " + std::to_string(partition) + " " + std::to_string(offset) + " " + head_of(value.text()));
        ++worked_;
        ++world_.counters.acked;
    }

    void commit() {
        at_commit_ = worked_;
        committed_at_ = Clock::now();
        if (!by_hand_)
            return;
        try {
            if (is("async")) {
                consumer_.commit_async();
            } else {
                consumer_.commit();
                committed({});
            }
        } catch (const ottla::KafkaException& e) {
            if (e.error().code() != ottla::Errc::_no_offset)
                world_.ledger.note("commit " + e.error().name());
        }
    }

    World& world_;
    bool by_hand_;
    std::minstd_rand random_;
    std::set<int32_t> held_;
    uint64_t worked_ = 0;
    uint64_t at_commit_ = 0; ///< `worked_` when a commit was last made
    Clock::time_point committed_at_ = Clock::now();
    ottla::Records records_;
    ottla::Consumer consumer_;
};

} // namespace

void run_group_member(World& world) { GroupMember(world).run(); }

} // namespace chaos
