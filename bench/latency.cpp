// Modes latency, e2e, first and idle: time from call to report or to the reader, on an absolute schedule, so that a slow
// answer delays nothing but shows in every message that was due meanwhile.
#include <atomic>
#include <cstring>
#include <iostream>
#include <thread>

#include <ottla/consumer.hpp>
#include <ottla/producer.hpp>

#include "bench.hpp"

using namespace std::chrono_literals;

namespace ottla::bench {
namespace {

double microseconds(Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

Config base_config(const Options& options) {
    return {
        {"bootstrap.servers", options.text("bootstrap", "127.0.0.1:9092")},
        {"client.id", "ottla-bench"},
    };
}

Config producer_config(const Options& options) {
    return base_config(options)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", options.text("linger-ms", "0"));
}

struct Pace {
    explicit Pace(const Options& options)
        : rate(options.number("rate", 1000))
        , total(rate * options.number("duration", 5))
        , skip(static_cast<int64_t>(static_cast<double>(rate) * options.real("warmup-s", 1))) {}
    int64_t rate;
    int64_t total;
    int64_t skip;
    Clock::time_point start = Clock::now();

    Clock::time_point due(int64_t i) const { return start + std::chrono::nanoseconds(i * 1'000'000'000 / rate); }
};

} // namespace

nlohmann::json run_latency(const Options& options) {
    const Values values(options);
    const std::string topic = options.text("topic", "bench");
    std::vector<double> samples;
    int64_t done = 0;
    int64_t errors = 0;
    std::vector<Clock::time_point> sent;
    Pace pace(options);
    sent.resize(static_cast<size_t>(pace.total));
    samples.reserve(sent.size());
    Producer producer(producer_config(options), ProducerOptions{.on_delivery = [&](const Delivery& delivery) {
                          const auto i = reinterpret_cast<uintptr_t>(delivery.opaque()) - 1;
                          if (delivery.error().failed())
                              ++errors;
                          else if (static_cast<int64_t>(i) >= pace.skip)
                              samples.push_back(microseconds(Clock::now() - sent[i]));
                          ++done;
                      }});
    pace.start = Clock::now();
    const Measure measure;
    for (int64_t i = 0; i < pace.total; ++i) {
        // Serving reports is how this thread waits.
        for (auto left = pace.due(i) - Clock::now(); left > 0ns; left = pace.due(i) - Clock::now()) {
            if (done < i)
                producer.poll(std::chrono::duration_cast<std::chrono::milliseconds>(left));
            else
                std::this_thread::sleep_for(left);
        }
        sent[static_cast<size_t>(i)] = Clock::now();
        producer.produce({.topic = topic, .value = values[static_cast<uint64_t>(i)]}, reinterpret_cast<void*>(i + 1));
    }
    while (done < pace.total)
        producer.poll(100ms);
    nlohmann::json out;
    measure.finish(out, static_cast<uint64_t>(pace.total), static_cast<uint64_t>(pace.total) * values.size());
    out["errors"] = errors;
    add_percentiles(out, samples);
    return out;
}

nlohmann::json run_end_to_end(const Options& options) {
    const Values values(options);
    const std::string topic = options.text("topic", "bench");
    const auto partitions = static_cast<int32_t>(options.number("partitions", 1));
    Consumer consumer(base_config(options).set("auto.offset.reset", "latest"));
    std::vector<TopicPartitionOffset> assignment;
    for (int32_t p = 0; p < partitions; ++p)
        assignment.push_back({topic, p, offset_end});
    consumer.assign(assignment);
    Producer producer(producer_config(options));

    Pace pace(options);
    std::vector<double> samples;
    samples.reserve(static_cast<size_t>(pace.total));
    std::atomic<bool> probed = false;
    std::atomic<bool> stop = false;
    std::atomic<int64_t> received = 0;
    std::thread reader([&] {
        Records records;
        while (!stop) {
            consumer.poll_records(records, 100ms);
            const auto now = Clock::now();
            for (const auto& batch : records.batches())
                for (const RecordView& record : batch) {
                    int64_t stamp[2];
                    if (record.value().size() < sizeof stamp)
                        continue;
                    std::memcpy(stamp, record.value().data(), sizeof stamp);
                    if (stamp[1] < 0) {
                        probed = true;
                        continue;
                    }
                    ++received;
                    if (stamp[1] >= pace.skip)
                        samples.push_back(microseconds(now.time_since_epoch() - Clock::duration(stamp[0])));
                }
        }
    });
    std::string value(std::max<size_t>(values.size(), 16), 'x');
    const auto send = [&](int64_t index) {
        const int64_t stamp[2] = {Clock::now().time_since_epoch().count(), index};
        std::memcpy(value.data(), stamp, sizeof stamp);
        producer.produce({.topic = topic, .value = value, .partition = static_cast<int32_t>(std::max<int64_t>(index, 0) % partitions)});
    };
    const auto give_up = Clock::now() + 30s;
    while (!probed && Clock::now() < give_up) {
        send(-1);
        producer.poll(50ms);
    }
    pace.start = Clock::now();
    const Measure measure;
    for (int64_t i = 0; i < pace.total; ++i) {
        std::this_thread::sleep_until(pace.due(i));
        send(i);
        producer.poll(0ms);
    }
    producer.flush(10s);
    for (int i = 0; i < 100 && received < pace.total; ++i)
        std::this_thread::sleep_for(50ms);
    nlohmann::json out;
    measure.finish(out, static_cast<uint64_t>(pace.total), static_cast<uint64_t>(pace.total) * value.size());
    stop = true;
    reader.join();
    out["errors"] = pace.total - received;
    add_percentiles(out, samples);
    return out;
}

nlohmann::json run_first(const Options& options) {
    const bool stay = options.mode() == "idle";
    const std::string role = options.text("role", "producer");
    const std::string topic = options.text("topic", "bench");
    const auto until = [&] { return Clock::now() + std::chrono::seconds(stay ? options.number("duration", 10) : 0); };
    int64_t errors = 0;
    if (role == "producer") {
        bool done = false;
        Producer producer(producer_config(options), ProducerOptions{.on_delivery = [&](const Delivery& delivery) {
                              done = true;
                              errors += delivery.error().failed();
                          }});
        const Values values(options);
        producer.produce({.topic = topic, .value = values[0]});
        while (!done)
            producer.poll(1000ms);
        std::cout << "FIRST" << std::endl;
        for (const auto end = until(); Clock::now() < end;)
            producer.poll(1000ms);
    } else if (role == "consumer") {
        Consumer consumer(base_config(options).set("auto.offset.reset", "earliest"));
        consumer.assign({{topic, 0, offset_beginning}});
        Records records;
        while (records.count() == 0)
            consumer.poll_records(records, 1000ms);
        std::cout << "FIRST" << std::endl;
        for (const auto end = until(); Clock::now() < end;)
            consumer.poll_records(records, 1000ms);
    } else {
        throw std::invalid_argument("--role " + role + ": this version has producer and consumer");
    }
    nlohmann::json out;
    out["errors"] = errors;
    return out;
}

} // namespace ottla::bench
