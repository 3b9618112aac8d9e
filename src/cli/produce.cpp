// ottla produce: lines of files or of stdin become messages.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <ottla/producer.hpp>
#include <unistd.h>

#include "common.hpp"

namespace ottla::cli {
namespace {

using namespace std::chrono_literals;

struct ProduceOptions {
    ConnectionOptions connection;
    std::string topic;
    int32_t partition = partition_any;
    std::string key_delimiter;
    std::string delimiter = "\\n";
    std::string codec;
    std::vector<std::string> headers;
    std::vector<std::string> files;
    uint64_t count = 0;
    bool whole = false;
    bool lines = false;
    bool null_for_empty = false;
    bool json = false;
};

/// Cuts what is read into pieces at a delimiter, without copying but for pieces that straddle two reads.
class Splitter {
public:
    explicit Splitter(std::string delimiter) : delimiter_(std::move(delimiter)) {}

    /// Calls `piece(string_view)` for each, until the end of file or until it returns false. The last one need not be
    /// followed by a delimiter; an empty rest is no piece.
    template <class F>
    void run(int fd, const std::string& name, F&& piece) {
        size_t end = 0; // of what has been read into buffer_
        for (;;) {
            if (buffer_.size() - end < block)
                buffer_.resize(std::max(end + block, buffer_.size() * 2));
            const ssize_t got = ::read(fd, buffer_.data() + end, block);
            if (got < 0) {
                if (errno == EINTR && !interrupted())
                    continue;
                if (interrupted())
                    return;
                throw std::runtime_error(fmt::format("cannot read {}: {}", name, std::strerror(errno)));
            }
            const size_t from = end < delimiter_.size() ? 0 : end - delimiter_.size() + 1;
            end += static_cast<size_t>(got);
            const std::string_view all(buffer_.data(), end);
            size_t begin = 0;
            for (size_t at = all.find(delimiter_, from); at != std::string_view::npos; at = all.find(delimiter_, begin)) {
                if (!piece(all.substr(begin, at - begin)))
                    return;
                begin = at + delimiter_.size();
            }
            if (got == 0) {
                if (begin < end)
                    piece(all.substr(begin));
                return;
            }
            std::memmove(buffer_.data(), buffer_.data() + begin, end - begin);
            end -= begin;
        }
    }

private:
    static constexpr size_t block = size_t{1} << 20;
    const std::string delimiter_;
    std::string buffer_;
};

class Sender {
public:
    explicit Sender(const ProduceOptions& options)
        : options_(options)
        , key_delimiter_(unescape(options.key_delimiter))
        , producer_(make_config(options), ProducerOptions{.on_batch_delivery = [this](std::span<const Delivery> reports) { note(reports); }}) {
        for (const auto& header : options.headers) {
            const size_t equals = header.find('=');
            header_texts_.push_back({header.substr(0, equals), equals == std::string::npos ? std::nullopt : std::optional(header.substr(equals + 1))});
        }
        for (const auto& [key, value] : header_texts_)
            headers_.push_back({key, value ? Bytes(*value) : Bytes()});
    }

    bool send(std::string_view text) {
        Bytes key;
        std::string_view value = text;
        if (!key_delimiter_.empty())
            if (const size_t at = text.find(key_delimiter_); at != std::string_view::npos) {
                key = part(text.substr(0, at));
                value = text.substr(at + key_delimiter_.size());
            }
        const ProducerRecord record{
            .topic = options_.topic,
            .value = part(value),
            .key = key,
            .partition = options_.partition,
            .headers = headers_,
        };
        for (;;) {
            error_code ec;
            producer_.produce(record, nullptr, ec);
            if (!ec)
                break;
            if (ec != Errc::_queue_full)
                throw KafkaException(Error(ec, fmt::format("message {} of {} bytes: {}", accepted_ + 1, text.size(), error_text(to_errc(ec)))));
            producer_.poll(100ms);
            if (interrupted())
                return false;
        }
        ++accepted_;
        bytes_ += text.size();
        if ((accepted_ & 1023) == 0) {
            producer_.poll(0ms);
            progress_.update(accepted_, bytes_);
        }
        return !interrupted() && failed_ == 0 && (options_.count == 0 || accepted_ < options_.count);
    }

    void finish() {
        while (producer_.flush(500ms) > 0 && !interrupted())
            progress_.update(accepted_ - producer_.outstanding(), bytes_);
        if (interrupted())
            fmt::print(stderr, "ottla: interrupted, {} messages are not acknowledged\n", producer_.outstanding());
        if (failed_ > 0)
            fmt::print(stderr, "ottla: {} of {} messages were not delivered; the first: {}\n", failed_, accepted_, first_error_);
        if (failed_ > 0 || interrupted())
            exit_code = exit_failed;
        if (options_.json)
            fmt::print("{}\n", summary().dump());
    }

private:
    static Config make_config(const ProduceOptions& options) {
        Config config = options.connection.config();
        const auto given = [&](const char* name) { return config.values().contains(name); };
        // Files are expected to arrive in order and once; whoever asks for other guarantees gets those.
        if (!given("enable.idempotence") && !given("acks") && !given("request.required.acks") && !given("max.in.flight"))
            config.set("enable.idempotence", "true");
        if (!options.codec.empty())
            config.set("compression.type", options.codec);
        return config;
    }

    Bytes part(std::string_view text) const { return options_.null_for_empty && text.empty() ? Bytes() : Bytes(text); }

    nlohmann::ordered_json summary() const {
        const uint64_t reports = std::max<uint64_t>(1, delivered_ + failed_);
        return {
            {"accepted", accepted_},
            {"delivered", delivered_},
            {"failed", failed_},
            {"bytes", bytes_},
            {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count()},
            {"latency_ms_mean", latency_ms_sum_ / static_cast<double>(reports)},
            {"latency_ms_max", latency_ms_max_},
        };
    }

    void note(std::span<const Delivery> reports) {
        // The messages of a batch differ by linger at most.
        const double latency = static_cast<double>(reports.front().latency().count()) / 1000;
        latency_ms_sum_ += latency * static_cast<double>(reports.size());
        latency_ms_max_ = std::max(latency_ms_max_, latency);
        for (const Delivery& report : reports) {
            if (!report.error()) {
                ++delivered_;
            } else if (failed_++ == 0) {
                first_error_ = fmt::format("{}[{}]: {}", report.topic(), report.partition(), error_text(to_errc(report.error())));
            }
        }
    }

    const ProduceOptions& options_;
    const std::string key_delimiter_;
    std::vector<std::pair<std::string, std::optional<std::string>>> header_texts_;
    std::vector<Header> headers_;
    uint64_t accepted_ = 0;
    uint64_t delivered_ = 0;
    uint64_t failed_ = 0;
    uint64_t bytes_ = 0;
    double latency_ms_sum_ = 0;
    double latency_ms_max_ = 0;
    const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::string first_error_;
    Progress progress_{"produced"};
    Producer producer_; // last: its callback writes to the members above
};

void run(const ProduceOptions& options) {
    catch_signals();
    const std::string delimiter = unescape(options.delimiter);
    if (delimiter.empty())
        throw UsageError("-D: the delimiter must not be empty");
    if (options.whole && options.files.empty())
        throw UsageError("--whole sends files: name at least one");
    Sender sender(options);
    auto files = options.files;
    if (files.empty())
        files.push_back("-");
    for (const auto& file : files) {
        const bool from_stdin = file == "-";
        const int fd = from_stdin ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            throw std::runtime_error(fmt::format("cannot open {}: {}", file, std::strerror(errno)));
        if (options.whole) {
            std::string content;
            char block[1 << 16];
            for (ssize_t got; (got = ::read(fd, block, sizeof block)) > 0;)
                content.append(block, static_cast<size_t>(got));
            sender.send(content);
        } else {
            Splitter(delimiter).run(fd, from_stdin ? "stdin" : file, [&](std::string_view text) { return sender.send(text); });
        }
        if (!from_stdin)
            ::close(fd);
    }
    sender.finish();
}

} // namespace

void add_produce(CLI::App& app) {
    auto* command = app.add_subcommand("produce", "Send the lines of files, or of stdin, as messages");
    auto options = std::make_shared<ProduceOptions>();
    options->connection.add_to(*command);
    command->add_option("-t,--topic", options->topic, "Topic")->required();
    command->add_option("-p,--partition", options->partition, "Partition; -1: chosen by key, or at random")->capture_default_str();
    command->add_option("-K,--key-delimiter", options->key_delimiter, "What separates key and value in a line (\\t, \\x1f, ...)");
    command->add_option("-D,--delimiter", options->delimiter, "What separates messages")->capture_default_str();
    command->add_option("-z,--compression", options->codec, "gzip, snappy, lz4, zstd or none");
    command->add_option("-H,--header", options->headers, "Header of every message, key=value (repeatable)")->allow_extra_args(false);
    command->add_option("-c,--count", options->count, "Stop after so many messages");
    command->add_flag("-Z,--null", options->null_for_empty, "Send empty keys and values as null");
    command->add_flag("-l,--lines", options->lines, "Send files line by line: the default, kept for kcat's users");
    command->add_flag("--whole", options->whole, "Send each file as one message");
    command->add_flag("-J,--json", options->json, "Print what was done as JSON");
    command->add_option("files", options->files, "Files to send; - or none: stdin");
    command->callback([options] { run(*options); });
}

} // namespace ottla::cli
