// Modes latency and e2e: from the send call to the report, or to the consuming application, at a fixed rate.
#include <atomic>
#include <functional>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "clients.hpp"

using namespace std::chrono_literals;

namespace ottla::bench {

namespace {

/// When each message was sent, and how long its report took. Written by the one thread that sends and the one that serves reports.
struct Sendings {
    explicit Sendings(const Pace& p) : pace(p), sent(p.total) { samples.reserve(p.total); }

    /// Message i leaves now. What its report shall bring back.
    void* begin(uint64_t i) {
        sent[i] = Clock::now();
        return reinterpret_cast<void*>(i + 1);
    }

    void report(const Delivery& delivery) {
        const auto i = reinterpret_cast<uintptr_t>(delivery.opaque()) - 1;
        if (delivery.error()) {
            ++errors;
            last.note(delivery.error().message());
        } else if (i >= pace.skip) {
            samples.push_back(microseconds(Clock::now() - sent[i]));
        }
        done.fetch_add(1, std::memory_order_release);
    }

    void tell(nlohmann::json& out) {
        out["errors"] = errors;
        add_percentiles(out, samples);
    }

    const Pace& pace;
    std::vector<Clock::time_point> sent;
    std::vector<double> samples;
    uint64_t errors = 0;
    std::atomic<uint64_t> done = 0;
    LastError last;
};

/// One thread, the application's own loop: a timer sends, and reports are served after each handler.
nlohmann::json latency_embedded(const Options& options) {
    Values values(options);
    Pace pace(options);
    const std::string topic = options.topic();
    Sendings sendings(pace);
    Patience patience(options);
    boost::asio::io_context io;
    Producer producer(
        producer_config(options),
        Engine(io.get_executor()),
        producer_options(sendings.last, [&](const Delivery& delivery) { sendings.report(delivery); })
    );
    pace.start = Clock::now();
    std::optional<Measure> measure;
    uint64_t next = 0;
    boost::asio::steady_timer timer(io);
    std::function<void()> wait = [&] {
        timer.expires_at(pace.due(next));
        timer.async_wait([&](const boost::system::error_code&) {
            for (; next < pace.total && Clock::now() >= pace.due(next); ++next) {
                if (next == pace.skip)
                    measure.emplace();
                producer.produce({.topic = topic, .value = values.next()}, sendings.begin(next));
            }
            if (next < pace.total)
                wait();
        });
    };
    wait();
    while (sendings.done < pace.total) {
        io.run_one_for(100ms);
        if (producer.poll(0ms))
            patience.renew();
        else
            patience.test(sendings.last.text());
    }
    nlohmann::json out;
    measure->finish(out, pace.total - pace.skip, (pace.total - pace.skip) * values.size());
    sendings.tell(out);
    return out;
}

} // namespace

nlohmann::json run_latency(const Options& options) {
    if (options.number("embedded", 0) != 0)
        return latency_embedded(options);
    Values values(options);
    Pace pace(options);
    const std::string topic = options.topic();
    Sendings sendings(pace);
    Producer producer(producer_config(options), producer_options(sendings.last, [&](const Delivery& delivery) { sendings.report(delivery); }));
    std::jthread server([&](const std::stop_token& stop
                        ) { // serves reports as they come; the sender keeps its schedule
        while (!stop.stop_requested())
            producer.poll(100ms);
    });
    pace.start = Clock::now();
    std::optional<Measure> measure;
    for (uint64_t i = 0; i < pace.total; ++i) {
        std::this_thread::sleep_until(pace.due(i));
        if (i == pace.skip)
            measure.emplace();
        producer.produce({.topic = topic, .value = values.next()}, sendings.begin(i));
    }
    Patience patience(options);
    for (uint64_t seen = 0; sendings.done < pace.total; seen = sendings.done) {
        std::this_thread::sleep_for(1ms);
        if (seen != sendings.done)
            patience.renew();
        else
            patience.test("");
    }
    nlohmann::json out;
    measure->finish(out, pace.total - pace.skip, (pace.total - pace.skip) * values.size());
    server.request_stop();
    server.join();
    sendings.tell(out);
    return out;
}

nlohmann::json run_end_to_end(const Options& options) {
    const auto partitions = static_cast<uint64_t>(options.partitions());
    const std::string topic = options.topic();
    LastError last;
    Consumer consumer(client_config(options).set("auto.offset.reset", "latest"), consumer_options(last));
    assign_all(consumer, options, offset_end);
    Producer producer(producer_config(options), producer_options(last, {}));

    Pace pace(options);
    std::vector<double> samples;
    samples.reserve(pace.total);
    std::atomic<bool> probed = false;
    std::atomic<uint64_t> received = 0;
    std::jthread reader([&](const std::stop_token& stop) {
        Records records;
        while (!stop.stop_requested()) {
            consumer.poll_records(records, 100ms);
            const auto now = Clock::now().time_since_epoch();
            for (const auto& batch : records.batches())
                for (const RecordView& record : batch) {
                    const Stamp stamp = read_stamp(record.value().text());
                    if (stamp.index < 0) {
                        probed = true;
                        continue;
                    }
                    if (static_cast<uint64_t>(stamp.index) >= pace.skip)
                        samples.push_back(microseconds(now - Clock::duration(stamp.sent_ns)));
                    received.fetch_add(1, std::memory_order_release);
                }
        }
    });
    std::string value(Values(options).next());
    const auto send = [&](int64_t index) {
        write_stamp(value, index);
        const auto turn = static_cast<uint64_t>(std::max<int64_t>(index, 0));
        producer.produce(
            {.topic = topic, .value = value, .partition = static_cast<int32_t>(turn % partitions)}
        );
    };
    Patience patience(options);
    while (!probed) {
        send(-1);
        producer.poll(50ms);
        patience.test(last.text());
    }
    std::this_thread::sleep_for(200ms); // probes that are still on their way
    pace.start = Clock::now();
    std::optional<Measure> measure;
    for (uint64_t i = 0; i < pace.total; ++i) {
        std::this_thread::sleep_until(pace.due(i));
        if (i == pace.skip)
            measure.emplace();
        send(static_cast<int64_t>(i));
    }
    producer.flush(10s);
    for (int i = 0; i < 10'000 && received < pace.total; ++i)
        std::this_thread::sleep_for(1ms);
    nlohmann::json out;
    measure->finish(out, pace.total - pace.skip, (pace.total - pace.skip) * value.size());
    reader.request_stop();
    reader.join();
    out["errors"] = pace.total - received;
    add_percentiles(out, samples);
    return out;
}

} // namespace ottla::bench
