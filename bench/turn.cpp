// Mode turn: how long the client holds up a loop that it is embedded in. Mode compress: how long a codec works on one piece.
#include <algorithm>
#include <ctime>
#include <thread>

#include <boost/asio/io_context.hpp>

#include "clients.hpp"
#include "codec/codec.hpp"

using namespace std::chrono_literals;

namespace ottla::bench {
namespace {

/// CPU time of this thread: what a turn takes when nothing else runs on its core.
double thread_microseconds() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

/// Times what the loop's handlers take: by the clock, and by CPU.
class Turns {
public:
    explicit Turns(boost::asio::io_context& io)
        : io_(io) {}

    /// Runs one handler, if one is ready.
    bool run_one() {
        const auto begin = Clock::now();
        const double cpu = thread_microseconds();
        if (io_.poll_one() == 0)
            return false;
        if (measures_) {
            cpu_.push_back(thread_microseconds() - cpu);
            wall_.push_back(microseconds(Clock::now() - begin));
        }
        return true;
    }

    void measure() {
        measures_ = true;
        wall_.reserve(1 << 20);
        cpu_.reserve(1 << 20);
    }

    void finish(nlohmann::json& out) {
        out["turns"] = wall_.size();
        add_percentiles(out, wall_);
        nlohmann::json by_cpu;
        add_percentiles(by_cpu, cpu_);
        for (const auto& [name, value] : by_cpu.items())
            out["cpu_" + name] = value;
    }

private:
    boost::asio::io_context& io_;
    bool measures_ = false;
    std::vector<double> wall_;
    std::vector<double> cpu_;
};

Compression codec_of(const std::string& name) {
    for (const auto codec : {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd})
        if (codec::name_of(codec) == name)
            return codec;
    throw std::invalid_argument("--compression " + name + ": there are none, gzip, snappy, lz4 and zstd");
}

} // namespace

nlohmann::json run_turn(const Options& options) {
    constexpr uint64_t run = 64; // messages between turns
    const Load load(options);
    Values values(options);
    Keys keys;
    const bool with_keys = options.number("keys", 0) != 0;
    const auto partitions = static_cast<uint64_t>(options.partitions());
    const std::string topic = options.topic();
    uint64_t sent = 0;
    uint64_t done = 0;
    uint64_t errors = 0;
    LastError last;
    Patience patience(options);
    boost::asio::io_context io;
    Turns turns(io);
    Producer producer(
        producer_config(options),
        Engine(io.get_executor()),
        producer_options(last, [&](const Delivery& delivery) {
            ++done;
            if (delivery.error()) {
                ++errors;
                last.note(delivery.error().message());
            }
        })
    );
    const auto step = [&] {
        const bool worked = turns.run_one();
        if (producer.poll(0ms) || worked)
            patience.renew();
        else {
            patience.test(last.text());
            std::this_thread::sleep_for(20us);
        }
    };
    const auto send_until = [&](uint64_t end) {
        while (sent < end) {
            for (uint64_t i = 0; i < run && sent < end && sent - done < load.outstanding; ++i, ++sent) {
                ProducerRecord record{.topic = topic, .value = values.next()};
                if (with_keys)
                    record.key = keys.of(sent);
                else if (partitions > 1)
                    record.partition = static_cast<int32_t>(sent % partitions);
                producer.produce(record);
            }
            step();
        }
        while (done < end)
            step();
    };
    send_until(load.warmup);
    turns.measure();
    const Measure measure;
    send_until(load.warmup + load.count);
    nlohmann::json out;
    measure.finish(out, load.count, load.count * values.size());
    out["errors"] = errors;
    turns.finish(out);
    return out;
}

nlohmann::json run_compress(const Options& options) {
    const std::string name = options.text("compression", "zstd");
    const Compression codec = codec_of(name);
    if (codec == Compression::none)
        throw std::invalid_argument("--compression none: nothing to measure");
    const double wanted = options.real("level", -1);
    if (wanted < -1 || wanted > codec::max_level(codec) || wanted != static_cast<int>(wanted))
        throw std::invalid_argument("--level: -1 to " + std::to_string(codec::max_level(codec)) + " for " + name);
    const auto level = static_cast<int>(wanted);
    const auto batch = static_cast<size_t>(std::max<int64_t>(1, options.number("batch-size", 1'000'000)));
    const auto piece = static_cast<size_t>(std::max<int64_t>(1, options.number("piece", 64 * 1024)));
    const auto rounds = static_cast<uint64_t>(std::max<int64_t>(1, options.number("count", 100)));
    Values values(options);
    std::vector<uint8_t> plain;
    codec::Compressor compressor;
    std::vector<double> pieces;
    uint64_t packed = 0;
    double cpu = 0;
    const auto timed = [&](auto work) {
        const double begin = thread_microseconds();
        work();
        pieces.push_back(thread_microseconds() - begin);
        cpu += pieces.back();
    };
    const auto compress = [&] {
        plain.clear();
        while (plain.size() < batch) {
            const Bytes value(values.next());
            plain.insert(plain.end(), value.begin(), value.end());
        }
        timed([&] { compressor.begin(codec, level, plain.size(), 0); });
        for (std::span<const uint8_t> rest(plain); !rest.empty(); rest = rest.subspan(std::min(piece, rest.size())))
            timed([&] {
                if (Error error = compressor.feed(rest.first(std::min(piece, rest.size()))))
                    throw std::runtime_error(error.message());
                if (Error error = rest.size() > piece ? compressor.flush() : Error())
                    throw std::runtime_error(error.message());
            });
        timed([&] {
            auto output = compressor.finish();
            if (!output)
                throw std::runtime_error(output.error().message());
            packed += output->size();
        });
    };
    compress();
    pieces.clear();
    packed = 0;
    cpu = 0;
    const Measure measure;
    for (uint64_t i = 0; i < rounds; ++i)
        compress();
    nlohmann::json out;
    measure.finish(out, rounds, rounds * plain.size());
    out["errors"] = 0;
    out["bytes_us"] = static_cast<double>(rounds * plain.size()) / cpu;
    out["ratio"] = static_cast<double>(rounds * plain.size()) / static_cast<double>(packed);
    add_percentiles(out, pieces);
    return out;
}

} // namespace ottla::bench
