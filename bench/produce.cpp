// Modes produce and stalled: CPU per message at full speed, from one thread or several, one record a call or many, copied or
// lent; memory behind a broker that does not answer.
#include <thread>

#include "clients.hpp"

using namespace std::chrono_literals;

namespace ottla::bench {
namespace {

/// Sends a share of the messages. Used by one thread; `done` and `errors` are written by the one that serves reports.
class Sender {
public:
    Sender(const Options& options, const Calls& calls, uint64_t outstanding)
        : calls_(calls)
        , outstanding_(outstanding)
        , partitions_(static_cast<uint64_t>(options.partitions()))
        , topic_(options.topic())
        , values_(options) {
        // All records of a call need keys of their own.
        keys_.resize(calls.keyed ? calls.many : 0);
        records_.resize(calls.many, {.topic = topic_, .lend_value = calls.lend});
        opaques_.resize(calls.many, this);
    }

    static void on_report(const Delivery& delivery, LastError& last) {
        auto& self = *static_cast<Sender*>(delivery.opaque());
        self.reports_.done();
        if (delivery.error()) {
            self.reports_.failed();
            last.note(delivery.error().message());
        }
    }

    bool has_room() { return sent_ + calls_.many <= reports_.seen() + outstanding_ || sent_ + calls_.many <= reports_.look() + outstanding_; }

    /// Up to `most` messages in one call.
    void send(Producer& producer, uint64_t most) {
        const uint64_t count = std::min<uint64_t>(most, calls_.many);
        for (uint64_t i = 0; i < count; ++i, ++sent_) {
            ProducerRecord& record = records_[i];
            record.value = values_.next();
            if (calls_.keyed)
                record.key = keys_[i].of(sent_);
            else if (partitions_ > 1) // in turn, for every client alike, whatever its own partitioner does
                record.partition = static_cast<int32_t>(sent_ % partitions_);
        }
        if (count == 1)
            producer.produce(records_[0], this);
        else if (producer.produce_many(std::span(records_).first(count), {}, std::span(opaques_).first(count)) != count)
            throw std::runtime_error("produce_many: a record was refused");
    }

    uint64_t sent() const { return sent_; }

    const ReportCount& reports() const { return reports_; }

private:
    const Calls& calls_;
    const uint64_t outstanding_;
    const uint64_t partitions_;
    const std::string topic_;
    Values values_;
    std::vector<Keys> keys_;
    std::vector<ProducerRecord> records_;
    std::vector<void*> opaques_;
    uint64_t sent_ = 0;
    ReportCount reports_;
};

} // namespace

nlohmann::json run_produce(const Options& options) {
    const Load load(options);
    const Calls calls(options, load.outstanding);
    LastError last;
    Patience patience(options);
    std::vector<std::unique_ptr<Sender>> senders;
    for (uint64_t i = 0; i < calls.threads; ++i)
        senders.push_back(std::make_unique<Sender>(options, calls, load.outstanding / calls.threads));
    Producer producer(producer_config(options), producer_options(last, [&](const Delivery& delivery) { Sender::on_report(delivery, last); }));
    nlohmann::json out;
    measure_produce(
        out,
        load,
        calls,
        senders,
        patience,
        [&](Sender& sender, uint64_t most) { sender.send(producer, most); },
        [&](int timeout_ms) { return producer.poll(std::chrono::milliseconds(timeout_ms)) != 0; },
        [&] { return last.text(); }
    );
    return out;
}

nlohmann::json run_stalled(const Options& options) {
    Values values(options);
    Keys keys;
    const std::string topic = options.topic();
    const bool keyed = options.number("keys", 0) != 0;
    bool first = false;
    LastError last;
    Patience patience(options);
    Producer producer(producer_config(options), producer_options(last, [&](const Delivery&) { first = true; }));
    const auto send = [&](uint64_t i) {
        ProducerRecord record{.topic = topic, .value = values.next()};
        if (keyed)
            record.key = keys.of(i);
        error_code ec;
        producer.produce(record, nullptr, ec);
        if (ec && ec != Errc::_queue_full)
            throw KafkaException(Error(ec, "produce"));
        return !ec;
    };
    send(0);
    while (!first) {
        producer.poll(100ms);
        patience.test(last.text());
    }
    return measure_stalled(options, values.size(), send, [&](int ms) { producer.poll(std::chrono::milliseconds(ms)); });
}

} // namespace ottla::bench
