// Mode consume: CPU per message at full speed.
#include "clients.hpp"

using namespace std::chrono_literals;

namespace ottla::bench {

namespace {

/// Counts messages and touches the first byte of each value.
struct Tally {
    uint64_t count = 0;
    uint64_t bytes = 0;
    uint64_t touched = 0;

    void add(Bytes value) {
        ++count;
        bytes += value.size();
        touched += value.empty_or_null() ? 0 : value[0];
    }
};

} // namespace

nlohmann::json run_consume(const Options& options) {
    const Load load(options);
    const std::string api = options.text("api", "records"); // records | poll | consume
    LastError last;
    Patience patience(options);
    const char* const check_crcs = options.number("crc", 1) ? "true" : "false";
    Consumer consumer(client_config(options).set("auto.offset.reset", "earliest").set("check.crcs", check_crcs), consumer_options(last));
    assign_all(consumer, options, offset_beginning);

    Tally tally;
    uint64_t errors = 0;
    const auto take = [&](const Message& message) {
        if (message.error()) {
            ++errors;
            last.note(message.error().message());
        } else {
            tally.add(message.value());
        }
    };
    Records records;
    const auto step = [&] {
        const uint64_t before = tally.count;
        if (api == "poll") {
            if (const auto message = consumer.poll(1000ms))
                take(*message);
        } else if (api == "consume") {
            for (const auto& message : consumer.consume(1000, 1000ms))
                take(message);
        } else {
            consumer.poll_records(records, 1000ms);
            for (const auto& batch : records.batches())
                for (const RecordView& record : batch)
                    tally.add(record.value());
            for (const auto& event : records.events())
                take(event);
        }
        if (tally.count != before)
            patience.renew();
        else
            patience.test(last.text());
    };
    while (tally.count < load.warmup)
        step();
    const Tally begin = tally;
    const Measure measure;
    while (tally.count - begin.count < load.count)
        step();
    nlohmann::json out;
    measure.finish(out, tally.count - begin.count, tally.bytes - begin.bytes);
    out["errors"] = errors;
    out["touched"] = tally.touched;
    return out;
}

} // namespace ottla::bench
