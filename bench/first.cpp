// Modes first and idle: to the first message, and what a client does afterwards when there is nothing to do.
// A runner times the process from outside until it prints FIRST, and samples it while it is idle.
#include <iostream>

#include "clients.hpp"

using namespace std::chrono_literals;

namespace ottla::bench {
namespace {

nlohmann::json run_until(const Options& options, std::chrono::duration<double> stay) {
    const std::string role = options.text("role", "producer");
    uint64_t errors = 0;
    LastError last;
    Patience patience(options);
    const Measure measure;
    nlohmann::json out;
    const auto serve = [&](auto step) {
        while (!step())
            patience.test(last.text());
        std::cout << "FIRST" << std::endl;
        const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(stay);
        while (Clock::now() < end)
            step();
        measure.finish(out, 1, options.size());
        out["errors"] = errors;
    };
    if (role == "producer") {
        Values values(options, options.size());
        bool done = false;
        Producer producer(producer_config(options), producer_options(last, [&](const Delivery& delivery) {
                              done = true;
                              errors += delivery.error().failed();
                          }));
        const std::string topic = options.topic();
        producer.produce({.topic = topic, .value = values.next()});
        serve([&] {
            producer.poll(1000ms);
            return done;
        });
    } else if (role == "consumer" || role == "group") {
        Config config = client_config(options);
        config.set("auto.offset.reset", "earliest");
        if (role == "group")
            config.set("group.id", options.text("group", "bench"));
        Consumer consumer(config, consumer_options(last));
        if (role == "group")
            consumer.subscribe({options.topic()});
        else
            assign_all(consumer, options, offset_beginning);
        Records records;
        serve([&] {
            consumer.poll_records(records, 1000ms);
            return records.count() != 0;
        });
    } else {
        throw std::invalid_argument("--role " + role + ": there are producer, consumer and group");
    }
    return out;
}

} // namespace

nlohmann::json run_first(const Options& options) {
    return run_until(options, 0s);
}

nlohmann::json run_idle(const Options& options) {
    return run_until(options, std::chrono::duration<double>(options.real("duration", 10)));
}

} // namespace ottla::bench
