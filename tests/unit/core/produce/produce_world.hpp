// A producer core in virtual time with real metadata; the test is the cluster, call by call.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/produce/producer.hpp"
#include "record/record_set.hpp"
#include "unit/core/fetch/fetch_world.hpp"

namespace ottla::test {

struct SeenBatch {
    std::string topic;
    int32_t partition;
    record::BatchHeader header;
    std::vector<std::string> values;
};

/// A Produce request that waits for its answer.
struct SeenProduce {
    msg::ProduceRequest request;
    core::PendingCall call;
    int32_t node;
    std::vector<SeenBatch> batches;

    /// "t0: a b seq 0; t1: ..."
    std::string text() const {
        std::string all;
        for (const auto& batch : batches) {
            all += (all.empty() ? "" : "; ") + batch.topic + std::to_string(batch.partition) + ":";
            for (const auto& value : batch.values)
                all += " " + value;
            if (batch.header.base_sequence >= 0)
                all += " seq " + std::to_string(batch.header.base_sequence);
        }
        return all;
    }
};

struct ProduceWorld : core::produce::BatchSink, core::ClusterEvents {
    struct VirtualClock {
        VirtualClock() {
            now = TimePoint(std::chrono::hours(1));
            accumulator::PartitionBuffer::precise_now = [] { return now; };
        }
        ~VirtualClock() { accumulator::PartitionBuffer::precise_now = std::exchange(before, nullptr); }
        TimePoint (*before)() = accumulator::PartitionBuffer::precise_now;
    } clock;

    explicit ProduceWorld(config::ClientConfig c = {}, accumulator::AccumulatorConfig a = {})
        : config(std::move(c))
        , metadata(caller, {.retry = {1ms, 10ms}, .propagation_max = config.topic_propagation_max}, 1)
        , accumulator(a, [this] { rung = true; }) {
        core.emplace(
            accumulator,
            core::produce::ClusterPorts{
                .caller = caller,
                .metadata = metadata,
                .produce_version = [this](int32_t) { return produce_version; },
                .unsent = [this](int32_t) { return unsent; },
                .prepare = [this](int32_t node) { prepared.push_back(node); }},
            config, *this, *this, 1, 1);
        scheduler.add(metadata);
        scheduler.add(*core);
        run();
    }
    ~ProduceWorld() override { core->close(Error(Errc::_destroy), now); }

    // --- the application
    Errc produce(const std::string& value, int32_t partition = 0, const std::string& topic = "t") {
        const Errc code = accumulator.append(
            {.topic = topic, .key = {}, .value = value, .headers = {}, .timestamp_ms = 1, .partition = partition, .token = {}});
        run();
        return code;
    }
    void run() {
        if (rung.exchange(false))
            core->wake();
        next = scheduler.run(now);
    }
    void advance(Duration by) {
        now += by;
        run();
    }
    void flush() {
        core->set_flushing(true);
        run();
        core->set_flushing(false);
        run();
    }

    // --- the cluster
    /// Answers what is asked about topics: `leaders[topic]` by partition; a topic without is unknown.
    void answer_metadata() {
        while (auto asked = caller.take<msg::MetadataRequest>()) {
            msg::MetadataResponse response;
            for (int32_t id : {1, 2}) {
                auto& broker = response.brokers.emplace_back();
                broker.node_id = id;
                broker.host = "host";
                broker.port = 9092;
            }
            if (asked->first.topics)
                for (const auto& wanted : *asked->first.topics) {
                    auto& topic = response.topics.emplace_back();
                    topic.name = wanted.name.value_or("");
                    const auto known = leaders.find(*topic.name);
                    if (known == leaders.end()) {
                        topic.error_code = static_cast<int16_t>(Errc::unknown_topic_or_part);
                        continue;
                    }
                    topic.topic_id.bytes[0] = topic_ids ? topic_id : uint8_t{0};
                    int32_t index = 0;
                    for (const int32_t leader : known->second) {
                        auto& partition = topic.partitions.emplace_back();
                        partition.partition_index = index++;
                        partition.leader_id = leader;
                        partition.leader_epoch = ++epoch;
                    }
                }
            caller.answer(asked->second, response, now);
            run();
        }
    }
    void answer_producer_id(int64_t id, Errc error = Errc::no_error, int16_t producer_epoch = 0) {
        auto asked = caller.take<msg::InitProducerIdRequest>();
        REQUIRE(asked);
        msg::InitProducerIdResponse response;
        response.producer_id = id;
        response.producer_epoch = producer_epoch;
        response.error_code = static_cast<int16_t>(error);
        caller.answer(asked->second, response, now);
        run();
    }
    std::optional<SeenProduce> next_request() {
        auto taken = caller.take<msg::ProduceRequest>();
        if (!taken)
            return std::nullopt;
        SeenProduce seen{std::move(taken->first), std::move(taken->second), -1, {}};
        seen.node = FakeCaller::node_of(seen.call);
        for (const auto& topic : seen.request.topic_data)
            for (const auto& partition : topic.partition_data) {
                const Buffer bytes = partition.records.pieces.at(0);
                record::BatchWalker walker(bytes);
                record::BatchView view;
                REQUIRE(walker.next(view).value() == record::BatchWalker::Step::batch);
                std::vector<RecordView> records;
                Buffer decompressed;
                REQUIRE_FALSE(record::BatchDecoder().decode(view, true, records, decompressed));
                SeenBatch batch{caller.version_of(seen.call) >= 13 ? "t" : topic.name, partition.index, view.header, {}};
                for (const auto& r : records)
                    batch.values.emplace_back(r.value().text());
                seen.batches.push_back(std::move(batch));
            }
        return seen;
    }
    SeenProduce request() {
        auto seen = next_request();
        REQUIRE(seen);
        return std::move(*seen);
    }
    bool idle() const { return caller.waiting<msg::ProduceRequest>() == 0; }
    /// Answers all batches of a request alike.
    void answer(SeenProduce& seen, Errc error = Errc::no_error, int64_t base_offset = 100) {
        msg::ProduceResponse response;
        for (const auto& topic : seen.request.topic_data) {
            auto& out = response.responses.emplace_back();
            out.name = topic.name;
            out.topic_id = topic.topic_id;
            for (const auto& partition : topic.partition_data) {
                auto& p = out.partition_responses.emplace_back();
                p.index = partition.index;
                p.error_code = static_cast<int16_t>(error);
                p.base_offset = error == Errc::no_error ? base_offset : -1;
            }
        }
        caller.answer(seen.call, response, now);
        run();
    }
    void lose(SeenProduce& seen, bool maybe_sent) {
        seen.call.deliver(core::CallError(Error(Errc::_transport, "gone"), maybe_sent), now, false);
        run();
    }

    // --- what the core tells
    void deliver(accumulator::Batch* batch) override {
        std::string line = batch->topic->name + std::to_string(batch->partition) + " x" + std::to_string(batch->count) + " ";
        line += batch->error ? error_name(batch->error.errc()) + (batch->possibly_persisted ? " possibly" : " not")
                             : "at " + std::to_string(batch->base_offset);
        reports.push_back(line);
        accumulator.finish(batch);
    }
    void on_fatal(const Error& error) override { fatal.push_back(error_name(error.errc())); }
    void on_error(const Error&) override {}
    void on_log(int level, std::string_view, std::string_view text) override {
        if (level <= 4)
            warnings.emplace_back(text);
    }
    void on_throttle(std::string_view, int32_t, std::chrono::milliseconds) override {}
    std::vector<std::string> take_reports() { return std::exchange(reports, {}); }

    std::vector<std::string> warnings;
    config::ClientConfig config;
    FakeCaller caller;
    core::Metadata metadata;
    std::atomic<bool> rung{false};
    accumulator::Accumulator accumulator;
    core::Scheduler scheduler;
    std::map<std::string, std::vector<int32_t>> leaders{{"t", {1, 1, 2}}};
    bool topic_ids = true;
    uint8_t topic_id = 7;
    int16_t produce_version = 12;
    size_t unsent = 0;
    int32_t epoch = 0;
    /// One clock for all, since batches are stamped by it.
    static inline TimePoint now;
    TimePoint next{};
    std::vector<int32_t> prepared;
    std::vector<std::string> reports;
    std::vector<std::string> fatal;
    std::optional<core::produce::ProducerCore> core;
};

} // namespace ottla::test
