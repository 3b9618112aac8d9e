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

/// Sends on schedule from handlers of a timer: the application's own loop has to run.
class Schedule {
public:
    Schedule(boost::asio::io_context& io, Pace& pace, std::function<void(uint64_t)> send)
        : pace_(pace)
        , send_(std::move(send))
        , timer_(io) {
        pace_.start = Clock::now();
        wait();
    }

    const Measure& measure() const { return *measure_; } ///< once all have been sent

private:
    void wait() {
        timer_.expires_at(pace_.due(next_));
        timer_.async_wait([this](const boost::system::error_code&) {
            for (; next_ < pace_.total && Clock::now() >= pace_.due(next_); ++next_) {
                if (next_ == pace_.skip)
                    measure_.emplace();
                send_(next_);
            }
            if (next_ < pace_.total)
                wait();
        });
    }

    Pace& pace_;
    const std::function<void(uint64_t)> send_;
    boost::asio::steady_timer timer_;
    std::optional<Measure> measure_;
    uint64_t next_ = 0;
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
    const Schedule schedule(io, pace, [&](uint64_t i) {
        producer.produce({.topic = topic, .value = values.next()}, sendings.begin(i));
    });
    while (sendings.done < pace.total) {
        io.run_one_for(100ms);
        if (producer.poll(0ms))
            patience.renew();
        else
            patience.test(sendings.last.text());
    }
    nlohmann::json out;
    schedule.measure().finish(out, pace.total - pace.skip, (pace.total - pace.skip) * values.size());
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

namespace {

/// What has come to the application, by the time at which it left, which is in it. Read by one thread, `probed` and `received` by all.
struct Arrivals {
    explicit Arrivals(const Pace& p) : pace(p) { samples.reserve(p.total); }

    void take(const Records& records) {
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

    void tell(nlohmann::json& out) {
        out["errors"] = pace.total - received;
        add_percentiles(out, samples);
    }

    const Pace& pace;
    std::vector<double> samples;
    std::atomic<bool> probed = false;
    std::atomic<uint64_t> received = 0;
};

/// Sends what Arrivals takes.
class Stamper {
public:
    Stamper(Producer& producer, const Options& options)
        : producer_(producer)
        , topic_(options.topic())
        , partitions_(static_cast<uint64_t>(options.partitions()))
        , value_(Values(options).next()) {}

    /// -1: a probe.
    void send(int64_t index) {
        write_stamp(value_, index);
        const auto turn = static_cast<uint64_t>(std::max<int64_t>(index, 0));
        producer_.produce({.topic = topic_, .value = value_, .partition = static_cast<int32_t>(turn % partitions_)});
    }
    size_t size() const { return value_.size(); }

private:
    Producer& producer_;
    const std::string topic_;
    const uint64_t partitions_;
    std::string value_;
};

constexpr auto probe_interval = 50ms;
constexpr auto after_probes = 200ms; // for those that are still on their way

/// One thread, the application's own loop: sends, and reads as the records come.
nlohmann::json end_to_end_embedded(const Options& options) {
    LastError last;
    boost::asio::io_context io;
    const Engine engine(io.get_executor());
    Consumer consumer(client_config(options).set("auto.offset.reset", "latest"), engine, consumer_options(last));
    Producer producer(producer_config(options), engine, producer_options(last, {}));
    assign_all(consumer, options, offset_end);

    Pace pace(options);
    Arrivals arrivals(pace);
    Stamper stamper(producer, options);
    std::function<void()> read = [&] {
        consumer.async_poll_records([&](const boost::system::error_code& ec, const Records& records) {
            if (ec)
                return;
            arrivals.take(records);
            read();
        });
    };
    read();
    Patience patience(options);
    while (!arrivals.probed) {
        stamper.send(-1);
        io.run_for(probe_interval);
        patience.test(last.text());
    }
    io.run_for(after_probes);
    const Schedule schedule(io, pace, [&](uint64_t i) { stamper.send(static_cast<int64_t>(i)); });
    for (uint64_t seen = 0; arrivals.received < pace.total; seen = arrivals.received) {
        io.run_one_for(100ms);
        if (seen != arrivals.received)
            patience.renew();
        else
            patience.test(last.text());
    }
    nlohmann::json out;
    schedule.measure().finish(out, pace.total - pace.skip, (pace.total - pace.skip) * stamper.size());
    arrivals.tell(out);
    return out;
}

} // namespace

nlohmann::json run_end_to_end(const Options& options) {
    if (options.number("embedded", 0) != 0)
        return end_to_end_embedded(options);
    LastError last;
    Consumer consumer(client_config(options).set("auto.offset.reset", "latest"), consumer_options(last));
    assign_all(consumer, options, offset_end);
    Producer producer(producer_config(options), producer_options(last, {}));

    Pace pace(options);
    Arrivals arrivals(pace);
    Stamper stamper(producer, options);
    std::jthread reader([&](const std::stop_token& stop) {
        Records records;
        while (!stop.stop_requested()) {
            consumer.poll_records(records, 100ms);
            arrivals.take(records);
        }
    });
    Patience patience(options);
    while (!arrivals.probed) {
        stamper.send(-1);
        producer.poll(probe_interval);
        patience.test(last.text());
    }
    std::this_thread::sleep_for(after_probes);
    pace.start = Clock::now();
    std::optional<Measure> measure;
    for (uint64_t i = 0; i < pace.total; ++i) {
        std::this_thread::sleep_until(pace.due(i));
        if (i == pace.skip)
            measure.emplace();
        stamper.send(static_cast<int64_t>(i));
    }
    producer.flush(10s);
    for (int i = 0; i < 10'000 && arrivals.received < pace.total; ++i)
        std::this_thread::sleep_for(1ms);
    nlohmann::json out;
    measure->finish(out, pace.total - pace.skip, (pace.total - pace.skip) * stamper.size());
    reader.request_stop();
    reader.join();
    arrivals.tell(out);
    return out;
}

} // namespace ottla::bench
