// The hot paths with fixed inputs, for bench/guard, which counts their instructions and allocations for two
// numbers of messages and takes the difference. `append` and `decode` run in this thread alone; the others
// are whole clients against a null broker. Nothing depends on time: batches end by their number of
// records, timestamps are given.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <ottla/consumer.hpp>
#include <ottla/producer.hpp>

#include "accumulator/accumulator.hpp"
#include "client/slice_reader.hpp"
#include "core/produce/sealer.hpp"
#include "mock/canned_batch.hpp"
#include "wire/pieces.hpp"

using namespace std::chrono_literals;

extern "C" __attribute__((weak)) unsigned long malloccount_calls();

namespace {

using namespace ottla;

constexpr size_t value_size = 100;
constexpr int32_t batch_records = 5000;
constexpr int64_t timestamp_ms = 1'700'000'000'000;

/// Encoding into the partition's buffer, sealing (head, checksum), giving back.
void append(int64_t count) {
    accumulator::Accumulator accumulator({.limits = {.records = batch_records}}, [] {});
    core::produce::Sealer sealer(Compression::none, -1);
    const std::string value(value_size, 'x');
    const auto append_one = [&] {
        const Errc code = accumulator.append(
            {.topic = "bench",
             .key = {},
             .value = value,
             .headers = {},
             .timestamp_ms = timestamp_ms,
             .partition = 0,
             .token = {}}
        );
        if (code != Errc::no_error)
            throw std::runtime_error("a record was refused");
    };
    append_one();
    accumulator::Topic& topic = *accumulator.topics().front();
    accumulator::BatchList rejected;
    accumulator.set_partitions(topic, 1, rejected);
    for (int64_t i = 1; i < count; ++i) {
        append_one();
        accumulator.drain_ready([&](accumulator::PartitionBuffer& buffer) {
            for (auto full = buffer.take({}, Duration::max() / 2, false, 10); !full.empty();) {
                accumulator::Batch* batch = full.pop();
                if (sealer.seal(*batch, {1, 0}, 0, {}))
                    throw std::runtime_error("a batch could not be sealed");
                accumulator.finish(batch);
            }
        });
    }
}

/// From a fetched slice to record views whose values are looked at.
void decode(int64_t count) {
    const auto canned = mock::CannedBatch::make({.value_size = value_size}, timestamp_ms);
    std::vector<Buffer> pieces;
    canned->read(0, 0, 1'000'000, pieces);
    const Buffer slice = wire::Pieces(pieces).flatten();
    client::DecodeContext context;
    client::SliceReader reader;
    std::vector<RecordView> records;
    std::vector<Buffer> decompressed;
    uint64_t touched = 0;
    for (int64_t done = 0; done < count;) {
        reader.begin({.records = slice, .from = 0, .next = 0, .messages = 0, .aborted = {}}, context);
        while (reader.take_batch(context, records, decompressed) == client::SliceReader::Step::records) {
            for (const RecordView& record : records)
                touched += record.value()[0];
            done += static_cast<int64_t>(records.size());
            records.clear();
        }
        reader.end(context);
    }
    if (touched == 0)
        throw std::runtime_error("nothing was read");
}

void produce(const std::string& bootstrap, int64_t count) {
    int64_t done = 0;
    int64_t errors = 0;
    Producer producer(
        {{"bootstrap.servers", bootstrap},
         {"linger.ms", "100000"},
         {"message.timeout.ms", "0"},
         {"batch.num.messages", std::to_string(batch_records)},
         {"queue.buffering.max.messages", "10000000"},
         {"queue.buffering.max.kbytes", "2097151"}},
        {.on_delivery =
             [&](const Delivery& delivery) {
                 ++done;
                 errors += delivery.error().failed();
             }}
    );
    const std::string value(value_size, 'x');
    const auto send = [&] {
        producer.produce({.topic = "bench", .value = value, .timestamp_ms = timestamp_ms});
    };
    // Records that wait for the first metadata are encoded twice; how many there are depends on time.
    send();
    producer.flush(60s);
    for (int64_t i = 0; i < count; ++i) {
        send();
        if (i % batch_records == 0)
            producer.poll(0ms);
    }
    while (done <= count)
        if (producer.poll(60s) == 0)
            throw std::runtime_error("no report in 60 s");
    if (errors)
        throw std::runtime_error("a message was not acknowledged");
}

void consume(const std::string& bootstrap, int64_t count) {
    Consumer consumer({{"bootstrap.servers", bootstrap}});
    consumer.assign({{"bench", 0, offset_beginning}});
    uint64_t touched = 0;
    Records records;
    for (int64_t done = 0; done < count;) {
        consumer.poll_records(records, 60s);
        if (records.empty() || !records.events().empty())
            throw std::runtime_error("no records");
        for (const auto& batch : records.batches())
            for (const RecordView& record : batch) {
                touched += record.value()[0];
                ++done;
            }
    }
}

uint64_t take(const Message& message) {
    if (message.error())
        throw std::runtime_error(message.error().message());
    return message.value()[0];
}

/// One message a call.
void poll(const std::string& bootstrap, int64_t count) {
    Consumer consumer({{"bootstrap.servers", bootstrap}});
    consumer.assign({{"bench", 0, offset_beginning}});
    uint64_t touched = 0;
    for (int64_t done = 0; done < count;)
        if (const auto message = consumer.poll(60s)) {
            touched += take(*message);
            ++done;
        }
    if (touched == 0)
        throw std::runtime_error("nothing was read");
}

/// A thousand a call.
void consume_many(const std::string& bootstrap, int64_t count) {
    Consumer consumer({{"bootstrap.servers", bootstrap}});
    consumer.assign({{"bench", 0, offset_beginning}});
    uint64_t touched = 0;
    for (int64_t done = 0; done < count;)
        for (const auto& message : consumer.consume(1000, 60s)) {
            touched += take(message);
            ++done;
        }
    if (touched == 0)
        throw std::runtime_error("nothing was read");
}

/// What decides how many instructions the same source takes.
std::string platform() {
#if defined(__clang__)
    const char* compiler = "clang";
#else
    const char* compiler = "gcc";
#endif
    std::string name = fmt::format("{} {}, glibc {}", compiler, __VERSION__, gnu_get_libc_version());
#if defined(__x86_64__)
    name += __builtin_cpu_supports("avx2") ? ", x86-64 with avx2" : ", x86-64";
#endif
    return name;
}

} // namespace

int main(int argc, char** argv) {
    const std::string path = argc > 1 ? argv[1] : "";
    const int64_t count = argc > 2 ? std::atoll(argv[2]) : 0;
    const std::string bootstrap = argc > 3 ? argv[3] : "";
    try {
        if (path == "platform")
            std::puts(platform().c_str());
        else if (path == "append" && count > 0)
            append(count);
        else if (path == "decode" && count > 0)
            decode(count);
        else if (path == "produce" && count > 0 && !bootstrap.empty())
            produce(bootstrap, count);
        else if (path == "consume" && count > 0 && !bootstrap.empty())
            consume(bootstrap, count);
        else if (path == "poll" && count > 0 && !bootstrap.empty())
            poll(bootstrap, count);
        else if (path == "consume_many" && count > 0 && !bootstrap.empty())
            consume_many(bootstrap, count);
        else {
            std::cerr << "usage: bench-paths platform | append N | decode N | (produce|consume|poll|consume_many) N "
                         "HOST:PORT\n";
            return 2;
        }
    } catch (const std::exception& e) {
        std::cerr << "bench-paths: " << path << ": " << e.what() << '\n';
        return 1;
    }
    if (malloccount_calls)
        std::printf("allocations %lu\n", malloccount_calls());
    return 0;
}
