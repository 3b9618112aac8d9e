// The benchmark's modes through librdkafka: `--library` names the shared library. As in ottla-bench, key for
// key.
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <span>
#include <thread>

#include "../../bench.hpp"
#include "rdkafka.hpp"

namespace ottla::bench::rdkafka {
namespace {

/// What callbacks see.
struct Reports {
    std::atomic<uint64_t> done{0};
    uint64_t errors = 0;
    uint64_t skip = 0;
    std::vector<Clock::time_point> sent;
    std::vector<double> samples;

    static void on_report(Client*, const Message* message, void* opaque) {
        auto& self = *static_cast<Reports*>(opaque);
        self.errors += message->error != 0;
        if (message->opaque && !self.sent.empty()) {
            const auto i = reinterpret_cast<uintptr_t>(message->opaque) - 1;
            if (i >= self.skip)
                self.samples.push_back(microseconds(Clock::now() - self.sent[i]));
        }
        self.done.store(self.done.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
};

/// One client of either kind.
class Handle {
public:
    using OnReport = void (*)(Client*, const Message*, void* opaque);

    Handle(const Options& options, int type, Reports* reports, OnReport on_report = Reports::on_report)
        : on_report_(on_report)
        , library_(options.text("library", "librdkafka.so.1")) {
        conf_ = library_.conf_new();
        set("bootstrap.servers", options.bootstrap());
        set("client.id", "librdkafka-bench");
        library_.conf_set_opaque(conf_, reports);
        library_.conf_set_error(conf_, [](Client*, int, const char*, void*) {});
        library_.conf_set_log(conf_, [](const Client*, int, const char*, const char*) {});
        type == producer_type ? set_producer(options) : set_consumer(options);
        char error[512] = "";
        client_ = library_.make(type, conf_, error, sizeof error);
        if (!client_)
            throw std::runtime_error(error);
        if (type == consumer_type)
            library_.redirect_to_consumer(client_);
        else
            topic_ = library_.topic_new(client_, options.topic().c_str(), nullptr);
    }

    ~Handle() {
        if (queue_)
            library_.queue_destroy(queue_);
        if (topic_)
            library_.topic_destroy(topic_);
        else
            library_.consumer_close(client_);
        library_.destroy(client_);
    }

    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    int poll(int timeout_ms) { return library_.poll(client_, timeout_ms); }

    enum class Call { producev, produce };

    void send(Call call, std::string_view value, std::string_view key, int32_t partition, void* opaque, int flags = copy_flag) {
        for (;;) {
            const int error = try_send(call, value, key, partition, opaque, flags);
            if (!error)
                return;
            if (error != queue_full)
                throw std::runtime_error(library_.error_text(error));
            poll(10);
        }
    }

    /// Returns an error code.
    int try_send(Call call, std::string_view value, std::string_view key, int32_t partition, void* opaque, int flags) {
        int error = 0;
        if (call == Call::producev) {
            error = library_.producev(
                client_,
                tag_topic,
                topic_,
                tag_partition,
                partition,
                tag_flags,
                flags,
                tag_value,
                const_cast<char*>(value.data()),
                value.size(),
                tag_key,
                key.data(),
                key.size(),
                tag_opaque,
                opaque,
                tag_end
            );
        } else if (library_.produce(
                       topic_,
                       partition,
                       flags,
                       const_cast<char*>(value.data()),
                       value.size(),
                       key.data(),
                       key.size(),
                       opaque
                   )) {
            error = library_.last_error();
        }
        return error;
    }

    /// All of them, each to its own partition.
    void send_many(std::span<Message> messages, int flags) {
        if (library_.produce_batch(topic_, -1, flags | partition_flag, messages.data(), static_cast<int>(messages.size())) != static_cast<int>(messages.size()))
            throw std::runtime_error("produce_batch: a message was refused");
    }

    void assign(const Options& options, int64_t offset) {
        PartitionList* list = library_.list_new(options.partitions());
        for (int32_t p = 0; p < options.partitions(); ++p)
            library_.list_add(list, options.topic().c_str(), p)->offset = offset;
        library_.assign(client_, list);
        library_.list_destroy(list);
        queue_ = library_.consumer_queue(client_);
    }

    void subscribe(const Options& options) {
        PartitionList* list = library_.list_new(1);
        library_.list_add(list, options.topic().c_str(), -1);
        library_.subscribe(client_, list);
        library_.list_destroy(list);
        queue_ = library_.consumer_queue(client_);
    }

    /// Calls `f(message)` for what has come.
    template <class F>
    void take_batch(int timeout_ms, F&& f) {
        Message* messages[1000];
        const ssize_t count = library_.consume_batch(queue_, timeout_ms, messages, std::size(messages));
        for (ssize_t i = 0; i < count; ++i) {
            f(*messages[i]);
            library_.message_destroy(messages[i]);
        }
    }

    template <class F>
    void take_one(int timeout_ms, F&& f) {
        if (Message* message = library_.consumer_poll(client_, timeout_ms)) {
            f(*message);
            library_.message_destroy(message);
        }
    }

private:
    void set(const char* name, const std::string& value) {
        char error[512] = "";
        if (library_.conf_set(conf_, name, value.c_str(), error, sizeof error))
            throw std::invalid_argument(error);
    }

    void set_producer(const Options& options) {
        set("acks", "all");
        set("enable.idempotence", options.number("idempotence", 1) ? "true" : "false");
        set("linger.ms", options.linger_ms());
        set("compression.type", options.text("compression", "none"));
        set("queue.buffering.max.messages", std::to_string(options.queue_messages()));
        set("queue.buffering.max.kbytes", std::to_string(options.queue_kbytes()));
        if (options.has("copy-max"))
            set("message.copy.max.bytes", std::to_string(options.number("copy-max", 0)));
        if (const auto size = options.number("batch-size", 0))
            set("batch.size", std::to_string(size));
        if (options.size() > 900'000)
            set("message.max.bytes", std::to_string(options.size() + 1000));
        library_.conf_set_report(conf_, on_report_);
    }

    void set_consumer(const Options& options) {
        set("group.id", options.text("group", "bench"));
        set("enable.auto.commit", "false");
        set("auto.offset.reset", "earliest");
        if (options.number("crc", 0))
            set("check.crcs", "true");
    }

    OnReport on_report_;
    Library library_;
    Conf* conf_ = nullptr;
    Client* client_ = nullptr;
    Topic* topic_ = nullptr;
    Queue* queue_ = nullptr;
};

/// Sends a share of the messages, as ottla-bench's Sender.
class Sender {
public:
    Sender(const Options& options, const Calls& calls, uint64_t outstanding)
        : calls_(calls)
        , outstanding_(outstanding)
        , partitions_(static_cast<uint64_t>(options.partitions()))
        , call_(options.text("api", "producev") == "produce" ? Handle::Call::produce : Handle::Call::producev)
        , values_(options)
        , keys_(calls.many)
        , messages_(calls.many) {}

    static void on_report(Client*, const Message* message, void*) {
        auto& self = *static_cast<Sender*>(message->opaque);
        self.reports_.done();
        if (message->error)
            self.reports_.failed();
    }

    bool has_room() { return sent_ + calls_.many <= reports_.seen() + outstanding_ || sent_ + calls_.many <= reports_.look() + outstanding_; }

    void send(Handle& producer, uint64_t most) {
        const uint64_t count = std::min<uint64_t>(most, calls_.many);
        const int flags = calls_.lend ? 0 : copy_flag;
        for (uint64_t i = 0; i < count; ++i, ++sent_) {
            const auto partition = calls_.keyed || partitions_ == 1 ? -1 : static_cast<int32_t>(sent_ % partitions_);
            const auto key = calls_.keyed ? keys_[i].of(sent_) : std::string_view();
            const auto value = values_.next();
            if (calls_.many == 1) {
                producer.send(call_, value, key, partition, this, flags);
                continue;
            }
            messages_[i] = {};
            messages_[i].partition = partition;
            messages_[i].payload = const_cast<char*>(value.data());
            messages_[i].size = value.size();
            messages_[i].key = const_cast<char*>(key.data());
            messages_[i].key_size = key.size();
            messages_[i].opaque = this;
        }
        if (calls_.many > 1)
            producer.send_many(std::span(messages_).first(count), flags);
    }

    uint64_t sent() const { return sent_; }

    const ReportCount& reports() const { return reports_; }

private:
    const Calls& calls_;
    const uint64_t outstanding_;
    const uint64_t partitions_;
    const Handle::Call call_;
    Values values_;
    std::vector<Keys> keys_;
    std::vector<Message> messages_;
    uint64_t sent_ = 0;
    ReportCount reports_;
};

nlohmann::json produce(const Options& options) {
    const Load load(options);
    const Calls calls(options, load.outstanding);
    Patience patience(options);
    std::vector<std::unique_ptr<Sender>> senders;
    for (uint64_t i = 0; i < calls.threads; ++i)
        senders.push_back(std::make_unique<Sender>(options, calls, load.outstanding / calls.threads));
    Handle producer(options, producer_type, nullptr, Sender::on_report);
    nlohmann::json out;
    measure_produce(
        out,
        load,
        calls,
        senders,
        patience,
        [&](Sender& sender, uint64_t most) { sender.send(producer, most); },
        [&](int timeout_ms) { return producer.poll(timeout_ms) != 0; },
        [] { return ""; }
    );
    return out;
}

nlohmann::json stalled(const Options& options) {
    Values values(options);
    Keys keys;
    const bool keyed = options.number("keys", 0) != 0;
    Reports reports;
    Patience patience(options);
    Handle producer(options, producer_type, &reports);
    const auto send = [&](uint64_t i) {
        const int error = producer.try_send(
            Handle::Call::producev, values.next(), keyed ? keys.of(i) : std::string_view(), -1, nullptr, copy_flag
        );
        if (error && error != queue_full)
            throw std::runtime_error("produce: error " + std::to_string(error));
        return error == 0;
    };
    send(0);
    while (reports.done == 0) {
        producer.poll(100);
        patience.test("");
    }
    nlohmann::json out = measure_stalled(options, values.size(), send, [&](int ms) { producer.poll(ms); });
    // What waits would be waited for: nothing more is asked of this process.
    out["client"] = "librdkafka";
    out["mode"] = "stalled";
    std::cout << out.dump() << std::endl;
    std::_Exit(0);
}

nlohmann::json consume(const Options& options) {
    const Load load(options);
    const bool one_by_one = options.text("api", "batch") == "poll";
    Patience patience(options);
    Handle consumer(options, consumer_type, nullptr);
    consumer.assign(options, beginning);
    uint64_t count = 0;
    uint64_t bytes = 0;
    uint64_t touched = 0;
    uint64_t errors = 0;
    const auto add = [&](const Message& message) {
        if (message.error) {
            errors += message.error != partition_eof;
            return;
        }
        ++count;
        bytes += message.size;
        touched += message.size ? *static_cast<uint8_t*>(message.payload) : 0;
    };
    const auto read_until = [&](uint64_t end) {
        while (count < end) {
            const uint64_t before = count;
            if (one_by_one)
                consumer.take_one(1000, add);
            else
                consumer.take_batch(1000, add);
            if (count != before)
                patience.renew();
            else
                patience.test("");
        }
    };
    read_until(load.warmup);
    const uint64_t count_before = count;
    const uint64_t bytes_before = bytes;
    const Measure measure;
    read_until(count_before + load.count);
    nlohmann::json out;
    measure.finish(out, count - count_before, bytes - bytes_before);
    out["errors"] = errors;
    out["touched"] = touched;
    return out;
}

nlohmann::json latency(const Options& options) {
    Values values(options);
    Pace pace(options);
    Reports reports;
    reports.sent.resize(pace.total);
    reports.samples.reserve(pace.total);
    reports.skip = pace.skip;
    Handle producer(options, producer_type, &reports);
    std::jthread server([&](const std::stop_token& stop) {
        while (!stop.stop_requested())
            producer.poll(100);
    });
    pace.start = Clock::now();
    std::optional<Measure> measure;
    for (uint64_t i = 0; i < pace.total; ++i) {
        std::this_thread::sleep_until(pace.due(i));
        if (i == pace.skip)
            measure.emplace();
        reports.sent[i] = Clock::now();
        producer.send(Handle::Call::producev, values.next(), {}, -1, reinterpret_cast<void*>(i + 1));
    }
    Patience patience(options);
    for (uint64_t seen = 0; reports.done < pace.total; seen = reports.done) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (seen != reports.done)
            patience.renew();
        else
            patience.test("");
    }
    nlohmann::json out;
    measure->finish(out, pace.total - pace.skip, (pace.total - pace.skip) * values.size());
    server.request_stop();
    server.join();
    out["errors"] = reports.errors;
    add_percentiles(out, reports.samples);
    return out;
}

nlohmann::json end_to_end(const Options& options) {
    const auto partitions = static_cast<uint64_t>(options.partitions());
    Reports reports;
    Handle consumer(options, consumer_type, nullptr);
    consumer.assign(options, end);
    Handle producer(options, producer_type, &reports);
    Pace pace(options);
    std::vector<double> samples;
    samples.reserve(pace.total);
    std::atomic<bool> probed = false;
    std::atomic<uint64_t> received = 0;
    std::jthread reader([&](const std::stop_token& stop) {
        while (!stop.stop_requested())
            consumer.take_one(100, [&](const Message& message) {
                if (message.error)
                    return;
                const auto now = Clock::now().time_since_epoch();
                const Stamp stamp = read_stamp({static_cast<const char*>(message.payload), message.size});
                if (stamp.index < 0) {
                    probed = true;
                    return;
                }
                if (static_cast<uint64_t>(stamp.index) >= pace.skip)
                    samples.push_back(microseconds(now - Clock::duration(stamp.sent_ns)));
                received.fetch_add(1, std::memory_order_release);
            });
    });
    std::string value(Values(options).next());
    const auto send = [&](int64_t index) {
        write_stamp(value, index);
        const auto turn = static_cast<uint64_t>(std::max<int64_t>(index, 0));
        producer.send(Handle::Call::producev, value, {}, static_cast<int32_t>(turn % partitions), nullptr);
        producer.poll(0);
    };
    Patience patience(options);
    while (!probed) {
        send(-1);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        patience.test("");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    pace.start = Clock::now();
    std::optional<Measure> measure;
    for (uint64_t i = 0; i < pace.total; ++i) {
        std::this_thread::sleep_until(pace.due(i));
        if (i == pace.skip)
            measure.emplace();
        send(static_cast<int64_t>(i));
    }
    for (int i = 0; i < 20'000 && received < pace.total; ++i)
        producer.poll(1);
    nlohmann::json out;
    measure->finish(out, pace.total - pace.skip, (pace.total - pace.skip) * value.size());
    reader.request_stop();
    reader.join();
    out["errors"] = pace.total - received;
    add_percentiles(out, samples);
    return out;
}

nlohmann::json first_or_idle(const Options& options) {
    const std::string role = options.text("role", "producer");
    const double stay = options.mode() == "idle" ? options.real("duration", 10) : 0;
    Patience patience(options);
    Reports reports;
    nlohmann::json out;
    const Measure measure;
    const auto serve = [&](auto step) {
        while (!step())
            patience.test("");
        std::cout << "FIRST" << std::endl;
        const auto until =
            Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(stay));
        while (Clock::now() < until)
            step();
        measure.finish(out, 1, options.size());
    };
    if (role == "producer") {
        Values values(options, options.size());
        Handle producer(options, producer_type, &reports);
        producer.send(Handle::Call::producev, values.next(), {}, -1, nullptr);
        serve([&] {
            producer.poll(1000);
            return reports.done != 0;
        });
    } else {
        Handle consumer(options, consumer_type, nullptr);
        role == "group" ? consumer.subscribe(options) : consumer.assign(options, beginning);
        bool read = false;
        serve([&] {
            consumer.take_one(1000, [&](const Message& message) { read = read || !message.error; });
            return read;
        });
    }
    out["errors"] = reports.errors;
    return out;
}

} // namespace
} // namespace ottla::bench::rdkafka

int main(int argc, char** argv) {
    using namespace ottla::bench;
    return run(
        argc,
        argv,
        "librdkafka",
        {
            {"produce", rdkafka::produce},
            {"stalled", rdkafka::stalled},
            {"consume", rdkafka::consume},
            {"latency", rdkafka::latency},
            {"e2e", rdkafka::end_to_end},
            {"idle", rdkafka::first_or_idle},
            {"first", rdkafka::first_or_idle},
            {"version",
             [](const Options& options) {
                 return nlohmann::json{{"version", rdkafka::Library(options.text("library", "")).version()}};
             }},
        }
    );
}
