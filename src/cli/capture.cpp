#include "capture.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <list>
#include <map>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>

#include "capture_connection.hpp"
#include "common.hpp"

#if OTTLA_WITH_PCAP
#include <pcap/pcap.h>
#endif

namespace ottla::cli {

bool is_capture(Bytes begin) {
    constexpr uint32_t magics[] = {
        0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34, 0x0a0d0d0a}; // pcap, with ns, patched, pcapng
    if (begin.size() < 4)
        return false;
    const uint32_t big =
        uint32_t{begin[0]} << 24 | uint32_t{begin[1]} << 16 | uint32_t{begin[2]} << 8 | begin[3];
    const uint32_t little = __builtin_bswap32(big);
    return std::any_of(std::begin(magics), std::end(magics), [&](uint32_t magic) {
        return magic == big || magic == little;
    });
}

#if OTTLA_WITH_PCAP

namespace {

// Beyond so many connections the one that was silent longest is taken for ended.
constexpr size_t most_connections = 10'000;

std::string time_text(int64_t time_us) {
    constexpr int64_t second = 1'000'000;
    const int64_t fraction = (time_us % second + second) % second;
    const auto seconds = static_cast<time_t>((time_us - fraction) / second);
    tm parts = {};
    gmtime_r(&seconds, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    return fmt::format("{}.{:06}Z", text, fraction);
}

class Capture {
public:
    Capture(const ConversationOptions& options, const std::vector<uint16_t>& ports, FramePrinter& printer)
        : options_{options, ports}
        , printer_(printer)
        , sink_([this](
                    const SeenFrame& frame, const Endpoint& client, const Endpoint& broker, int64_t time_us
                ) { print(frame, client, broker, time_us); }) {}

    void add(int link_type, Bytes captured, size_t size, int64_t time_us) {
        TcpSegment segment;
        switch (read_packet(link_type, captured, size, segment)) {
        case PacketKind::tcp:
            add_segment(segment, time_us);
            break;
        case PacketKind::other:
            break;
        case PacketKind::cut:
            ++cut_;
            break;
        case PacketKind::fragment:
            ++fragments_;
            break;
        }
    }

    /// After the last packet.
    void finish() {
        while (!connections_.empty())
            end(connections_.begin());
        if (cut_)
            printer_.complain(
                fmt::format("{} packets were captured too short to be used (snapshot length)", cut_)
            );
        if (fragments_)
            printer_.complain(fmt::format("{} fragments of IP packets are left out", fragments_));
        if (printer_.frames() > 0)
            return;
        if (foreign_ == 0)
            printer_.complain("there is no TCP connection with data in the capture");
        else
            printer_.complain(fmt::format(
                "none of the {} connections in the capture {}",
                foreign_,
                options_.ports.empty()
                    ? "speaks Kafka's protocol, as far as can be seen: name the brokers' port with --port"
                    : "is to a broker at that port"
            ));
    }

private:
    using Key = std::pair<Endpoint, Endpoint>; // the lesser first

    struct Entry {
        Entry(
            Key ends,
            const CaptureConnection::Options& options,
            const CaptureConnection::Sink& sink,
            const TcpSegment& first
        )
            : key(ends)
            , connection(options, sink, first) {}

        Key key;
        CaptureConnection connection;
    };

    using Entries = std::list<Entry>; // first the one that was silent longest

    void add_segment(const TcpSegment& segment, int64_t time_us) {
        const Key key = std::minmax(segment.source, segment.target);
        auto found = index_.find(key);
        if (found != index_.end() && found->second->connection.is_followed_by(segment)) {
            end(found->second);
            found = index_.end();
        }
        if (found == index_.end()) {
            if (segment.rst || (!segment.syn && segment.payload.size() + segment.missing == 0))
                return;
            if (connections_.size() == most_connections)
                end(connections_.begin());
            connections_.emplace_back(key, options_, sink_, segment);
            found = index_.emplace(key, std::prev(connections_.end())).first;
        }
        const auto entry = found->second;
        connections_.splice(connections_.end(), connections_, entry);
        entry->connection.add(segment, time_us);
    }

    void end(Entries::iterator entry) {
        entry->connection.finish();
        if (entry->connection.is_foreign())
            ++foreign_;
        index_.erase(entry->key);
        connections_.erase(entry);
    }

    void print(const SeenFrame& frame, const Endpoint& client, const Endpoint& broker, int64_t time_us) {
        const std::string from = to_string(client);
        const std::string to = to_string(broker);
        const FramePlace place{
            .members =
                fmt::format(R"("time":"{}","client":"{}","broker":"{}",)", time_text(time_us), from, to),
            .name = fmt::format(" of client {} and broker {}", from, to)};
        printer_.print(frame, place);
    }

    const CaptureConnection::Options options_;
    FramePrinter& printer_;
    const CaptureConnection::Sink sink_;
    Entries connections_;
    std::map<Key, Entries::iterator> index_;
    uint64_t foreign_ = 0;
    uint64_t cut_ = 0;
    uint64_t fragments_ = 0;
};

/// A Source as a stream of C, which is what libpcap reads.
class Stream {
public:
    explicit Stream(Source& source)
        : source_(source)
        , file_(::fopencookie(this, "r", {.read = read, .write = nullptr, .seek = nullptr, .close = nullptr})
          ) {
        if (!file_)
            throw std::runtime_error(fmt::format("cannot read {}: {}", source.name(), std::strerror(errno)));
        std::setvbuf(file_, nullptr, _IOFBF, size_t{256} << 10);
    }

    FILE* file() { return file_; }

    /// Throws what reading threw: it cannot pass through C.
    void rethrow() const {
        if (problem_)
            std::rethrow_exception(problem_);
    }

private:
    static ssize_t read(void* self, char* into, size_t size) {
        auto& stream = *static_cast<Stream*>(self);
        try {
            return static_cast<ssize_t>(stream.source_.read({reinterpret_cast<uint8_t*>(into), size}));
        } catch (...) {
            stream.problem_ = std::current_exception();
            return -1;
        }
    }

    Source& source_;
    FILE* file_;
    std::exception_ptr problem_;
};

int64_t microseconds(const timeval& time) {
    constexpr int64_t farthest = 1'000'000'000'000; // seconds; what a file says may be anything
    return std::clamp<int64_t>(time.tv_sec, -farthest, farthest) * 1'000'000 +
           std::clamp<int64_t>(time.tv_usec, 0, 999'999);
}

} // namespace

void decode_capture(
    Source& source,
    const ConversationOptions& options,
    const std::vector<uint16_t>& ports,
    FramePrinter& printer
) {
    Stream stream(source);
    char problem[PCAP_ERRBUF_SIZE] = {};
    pcap_t* const opened = pcap_fopen_offline(stream.file(), problem);
    if (!opened) {
        std::fclose(stream.file());
        stream.rethrow();
        throw std::runtime_error(fmt::format("{}: {}", source.name(), problem));
    }
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> file(opened, pcap_close); // closes the stream, too
    const int link_type = pcap_datalink(opened);
    if (!knows_link_type(link_type)) {
        const char* const name = pcap_datalink_val_to_name(link_type);
        throw std::runtime_error(fmt::format(
            "{}: packets of link type {} ({}) cannot be read",
            source.name(),
            link_type,
            name ? name : "unknown"
        ));
    }
    Capture capture(options, ports, printer);
    int status = 1;
    while (status == 1 && !printer.is_done()) {
        pcap_pkthdr* header = nullptr;
        const u_char* data = nullptr;
        status = pcap_next_ex(opened, &header, &data);
        if (status == 1)
            capture.add(link_type, Bytes(data, header->caplen), header->len, microseconds(header->ts));
    }
    if (status == PCAP_ERROR && !interrupted())
        printer.complain(fmt::format("{}: {}", source.name(), pcap_geterr(opened)));
    capture.finish();
    stream.rethrow();
}

#else

void decode_capture(Source& source, const ConversationOptions&, const std::vector<uint16_t>&, FramePrinter&) {
    throw std::runtime_error(
        fmt::format("{} is a capture: this ottla was built without libpcap and cannot read it", source.name())
    );
}

#endif

} // namespace ottla::cli
