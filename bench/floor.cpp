// Mode floor: what a hand-made loop costs here, without queue, bookkeeping or callbacks. `role` produce:
// encode, copy, crc, 1 MB writes; consume: read, crc, walk, whole batches of 64 KiB; latency: a round trip at
// a fixed rate. The other end is a forked process on loopback TCP, whose own cost does not count. One thread,
// no Kafka requests.
#include <array>
#include <cstring>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/varint.hpp"
#include "clients.hpp"
#include "record/batch_header.hpp"
#include "record/record_writer.hpp"

namespace ottla::bench {
namespace {

constexpr size_t produce_batch = 1'000'000;
constexpr size_t fetch_batch = 64 * 1024;
constexpr size_t fetch_read = 1'000'000;

[[noreturn]] void fail(const char* what) {
    throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

/// The connection to a forked process that runs `other_end(socket)` and ends.
class Peer {
public:
    template <class F>
    explicit Peer(F other_end) {
        const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), length) ||
            ::listen(listener, 1) || ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length))
            fail("loopback");
        child_ = ::fork();
        if (child_ < 0)
            fail("fork");
        if (child_ == 0) {
            const int accepted = ::accept(listener, nullptr, nullptr);
            no_delay(accepted);
            other_end(accepted);
            ::_exit(0);
        }
        socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), length))
            fail("connect");
        no_delay(socket_);
        ::close(listener);
    }

    ~Peer() {
        ::close(socket_);
        ::waitpid(child_, nullptr, 0);
    }

    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    int socket() const { return socket_; }

private:
    static void no_delay(int socket) {
        const int on = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }

    int socket_ = -1;
    pid_t child_ = -1;
};

bool write_all(int socket, const uint8_t* bytes, size_t size) {
    while (size != 0) {
        const ssize_t written = ::send(socket, bytes, size, MSG_NOSIGNAL);
        if (written <= 0)
            return false;
        bytes += written;
        size -= static_cast<size_t>(written);
    }
    return true;
}

bool read_all(int socket, uint8_t* bytes, size_t size) {
    while (size != 0) {
        const ssize_t got = ::recv(socket, bytes, size, 0);
        if (got <= 0)
            return false;
        bytes += got;
        size -= static_cast<size_t>(got);
    }
    return true;
}

/// Encodes records into one batch until it is full or has `most`; returns its bytes.
class BatchWriter {
public:
    BatchWriter(Values& values, size_t size)
        : values_(values)
        , limit_(size)
        , bytes_(size + values.size() + 200) {}

    size_t write(uint64_t most) {
        uint8_t* at = bytes_.data() + record::batch_header_size;
        int32_t count = 0;
        for (; static_cast<uint64_t>(count) < most; ++count) {
            const Bytes value(values_.next());
            const record::RecordSize size = record::record_size(count, 0, {}, value, {});
            if (count && static_cast<size_t>(at - bytes_.data()) + size.total > limit_)
                break;
            at = record::put_record(at, value.size(), count, 0, {}, value, {});
        }
        record::BatchHeader header;
        header.batch_length =
            static_cast<int32_t>(static_cast<size_t>(at - bytes_.data()) - record::batch_prefix_size);
        header.last_offset_delta = count - 1;
        header.record_count = count;
        record::write_batch_header(bytes_.data(), header);
        const uint8_t* from = bytes_.data() + record::at::attributes;
        store_be(bytes_.data() + record::at::crc, crc32c(0, from, static_cast<size_t>(at - from)));
        records_ = static_cast<uint64_t>(count);
        return static_cast<size_t>(at - bytes_.data());
    }

    const uint8_t* data() const { return bytes_.data(); }

    uint64_t records() const { return records_; }

private:
    Values& values_;
    size_t limit_;
    std::vector<uint8_t> bytes_;
    uint64_t records_ = 0;
};

nlohmann::json floor_of_produce(const Options& options) {
    const Load load(options);
    Values values(options);
    const Peer sink([](int socket) {
        std::vector<uint8_t> space(1 << 20);
        while (::recv(socket, space.data(), space.size(), 0) > 0)
            ;
    });
    BatchWriter batch(values, produce_batch);
    const auto send = [&](uint64_t count) {
        while (count != 0) {
            const size_t size = batch.write(count);
            if (!write_all(sink.socket(), batch.data(), size))
                fail("write");
            count -= batch.records();
        }
    };
    send(load.warmup);
    const Measure measure;
    send(load.count);
    nlohmann::json out;
    measure.finish(out, load.count, load.count * values.size());
    return out;
}

/// Checks the batch and touches each value's first byte; 0 for one that is damaged.
uint64_t walk(const uint8_t* batch, size_t size, uint64_t& touched) {
    if (crc32c(0, batch + record::at::attributes, size - record::at::attributes) !=
        load_be<uint32_t>(batch + record::at::crc))
        return 0;
    const uint8_t* const end = batch + size;
    uint64_t count = 0;
    for (const uint8_t* at = batch + record::batch_header_size; at < end; ++count) {
        int32_t length = 0;
        int32_t delta = 0;
        int32_t value = 0;
        at = get_varint32(at, end, length);
        const uint8_t* const next = at + length;
        at = get_varint32(at + 1, end, delta); // timestamp
        at = get_varint32(at, end, delta);     // offset
        at = get_varint32(at + 1, end, value); // after a null key
        touched += *at;
        at = next;
    }
    return count;
}

nlohmann::json floor_of_consume(const Options& options) {
    const Load load(options);
    Values values(options);
    BatchWriter batch(values, std::max(fetch_batch, values.size() + 200));
    const size_t size = batch.write(UINT64_MAX);
    const size_t block = std::max<size_t>(1, fetch_read / size);
    const Peer source([&](int socket) {
        std::vector<uint8_t> all;
        for (size_t i = 0; i < block; ++i)
            all.insert(all.end(), batch.data(), batch.data() + size);
        while (write_all(socket, all.data(), all.size()))
            ;
    });
    std::vector<uint8_t> space(block * size);
    uint64_t received = 0;
    uint64_t touched = 0;
    const auto receive_until = [&](uint64_t end) {
        while (received < end) {
            if (!read_all(source.socket(), space.data(), space.size()))
                fail("read");
            for (size_t i = 0; i < block; ++i) {
                const uint64_t count = walk(space.data() + i * size, size, touched);
                if (count == 0)
                    throw std::runtime_error("a checksum is wrong");
                received += count;
            }
        }
    };
    receive_until(load.warmup);
    const uint64_t begin = received;
    const Measure measure;
    receive_until(begin + load.count);
    nlohmann::json out;
    measure.finish(out, received - begin, (received - begin) * values.size());
    out["touched"] = touched;
    return out;
}

nlohmann::json floor_of_latency(const Options& options) {
    Pace pace(options);
    std::vector<uint8_t> space(options.size());
    const Peer echo([&](int socket) {
        while (read_all(socket, space.data(), space.size()) && write_all(socket, space.data(), space.size()))
            ;
    });
    std::vector<double> samples;
    samples.reserve(pace.total);
    pace.start = Clock::now();
    std::optional<Measure> measure;
    for (uint64_t i = 0; i < pace.total; ++i) {
        std::this_thread::sleep_until(pace.due(i));
        if (i == pace.skip)
            measure.emplace();
        const auto sent = Clock::now();
        if (!write_all(echo.socket(), space.data(), space.size()) ||
            !read_all(echo.socket(), space.data(), space.size()))
            fail("echo");
        if (i >= pace.skip)
            samples.push_back(microseconds(Clock::now() - sent));
    }
    nlohmann::json out;
    measure->finish(out, pace.total - pace.skip, (pace.total - pace.skip) * options.size());
    add_percentiles(out, samples);
    return out;
}

} // namespace

nlohmann::json run_floor(const Options& options) {
    const std::string role = options.text("role", "produce");
    nlohmann::json out;
    if (role == "produce")
        out = floor_of_produce(options);
    else if (role == "consume")
        out = floor_of_consume(options);
    else if (role == "latency")
        out = floor_of_latency(options);
    else
        throw std::invalid_argument("--role " + role + ": there are produce, consume and latency");
    out["errors"] = 0;
    return out;
}

} // namespace ottla::bench
