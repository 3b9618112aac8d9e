// ottla produce: lines of files or of stdin become messages.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <ottla/producer.hpp>
#include <unistd.h>

#include "common.hpp"
#include "input.hpp"

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

class Sender {
public:
    explicit Sender(const ProduceOptions& options)
        : options_(options)
        , key_delimiter_(unescape(options.key_delimiter))
        , header_texts_(parse_headers(options.headers))
        , producer_(
              make_config(options),
              ProducerOptions{.on_batch_delivery = [this](std::span<const Delivery> reports) { note(reports); }}
          ) {
        for (const auto& [key, value] : header_texts_)
            headers_.push_back({key, value ? Bytes(*value) : Bytes()});
    }

    /// Whether there is any use in sending more.
    bool wants_more() const {
        return !interrupted() && failed_ == 0 && (options_.count == 0 || accepted_ < options_.count);
    }

    /// Sends one message; returns `wants_more`. Waits while the producer's queue is full.
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
                throw KafkaException(refusal(ec, text.size()));
            producer_.poll(100ms);
            progress_.update(accepted_, bytes_);
            if (!wants_more())
                return false;
        }
        ++accepted_;
        bytes_ += text.size();
        if ((accepted_ & 1023) == 0)
            serve();
        return wants_more();
    }

    /// Takes in delivery reports and shows progress.
    void serve() {
        producer_.poll(0ms);
        progress_.update(accepted_, bytes_);
    }

    /// Waits until all that was accepted is acknowledged or has failed, a while only once interrupted; says what did not go
    /// well.
    void finish() {
        constexpr auto patience = 2s;
        std::optional<std::chrono::steady_clock::time_point> limit;
        while (producer_.flush(200ms) > 0) {
            progress_.update(accepted_ - producer_.outstanding(), bytes_);
            const auto now = std::chrono::steady_clock::now();
            if (interrupted() && now > limit.value_or(now))
                break;
            if (interrupted() && !limit)
                limit = now + patience;
        }
        progress_.clear();
        if (interrupted()) {
            const size_t open = producer_.outstanding();
            fmt::print(
                stderr,
                "ottla: interrupted: {} messages were sent, {} acknowledged\n",
                accepted_,
                open ? fmt::format("{} are not", open) : "all are"
            );
            producer_.close(0ms);
        } else if (failed_ > 0) {
            fmt::print(
                stderr,
                "ottla: {} of {} messages were not delivered; the first: {}\n",
                failed_,
                accepted_,
                first_error_
            );
        }
        if (failed_ > 0 || interrupted())
            exit_code = exit_failed;
        if (options_.json)
            say("{}\n", summary().dump());
    }

private:
    using HeaderTexts = std::vector<std::pair<std::string, std::optional<std::string>>>;

    static HeaderTexts parse_headers(const std::vector<std::string>& headers) {
        HeaderTexts texts;
        for (const auto& header : headers) {
            const size_t equals = header.find('=');
            if (equals == 0)
                throw UsageError("-H " + header + ": expected key=value, or key alone for a null value");
            texts.emplace_back(
                header.substr(0, equals),
                equals == std::string::npos ? std::nullopt : std::optional(header.substr(equals + 1))
            );
        }
        return texts;
    }

    static Config make_config(const ProduceOptions& options) {
        Config config = options.connection.config();
        // Files are expected to arrive in order and once; whoever asks for other guarantees gets those.
        const auto other_wishes = find_given(
            config,
            {"enable.idempotence",
             "acks",
             "request.required.acks",
             "retries",
             "message.send.max.retries",
             "max.in.flight",
             "max.in.flight.requests.per.connection"}
        );
        if (other_wishes.empty())
            config.set("enable.idempotence", "true");
        if (options.codec.empty())
            return config;
        const auto codec = find_given(config, {"compression.type", "compression.codec"});
        if (!codec.empty())
            throw UsageError(fmt::format("-z and -X {} both name a codec: give one of them", codec));
        return config.set("compression.type", options.codec);
    }

    Error refusal(const error_code& ec, size_t size) const {
        const bool too_large = ec == Errc::msg_size_too_large;
        return {
            ec,
            fmt::format(
                "{}: message {}, of {} bytes: {}",
                options_.topic,
                accepted_ + 1,
                size,
                too_large ? "larger than message.max.bytes allows" : error_text(to_errc(ec))
            )};
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
                continue;
            }
            const Errc code = to_errc(report.error());
            // A message that fell with another one tells nothing.
            if (failed_++ == 0 || (first_failed_ == Errc::_invalid_different_record && code != first_failed_)) {
                first_failed_ = code;
                const bool placed = report.partition() >= 0;
                const std::string place = fmt::format("{}{}: ", report.topic(), placed ? fmt::format("[{}]", report.partition()) : "");
                std::string_view text = report.detail();
                if (text.starts_with(place))
                    text.remove_prefix(place.size());
                first_error_ = fmt::format("{}{}: {}", place, error_name(code), text.empty() ? error_text(code) : std::string(text));
            }
        }
    }

    const ProduceOptions& options_;
    const std::string key_delimiter_;
    const HeaderTexts header_texts_;
    std::vector<Header> headers_;
    uint64_t accepted_ = 0;
    uint64_t delivered_ = 0;
    uint64_t failed_ = 0;
    uint64_t bytes_ = 0;
    double latency_ms_sum_ = 0;
    double latency_ms_max_ = 0;
    const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    Errc first_failed_ = Errc::no_error;
    std::string first_error_;
    Progress progress_{"produced", isatty(STDERR_FILENO) != 0};
    Producer producer_; // last: its callback writes to the members above
};

void send_files(Sender& sender, const ProduceOptions& options, const std::string& delimiter) {
    const auto idle = [&] {
        sender.serve();
        return sender.wants_more();
    };
    const std::vector<std::string> standard_input{"-"};
    for (const auto& file : options.files.empty() ? standard_input : options.files) {
        if (!sender.wants_more())
            return;
        Input input(file, idle);
        if (!options.whole) {
            input.split(delimiter, [&](std::string_view text) { return sender.send(text); });
        } else if (std::string content; input.read_all(content)) {
            sender.send(content);
        }
    }
}

void run(const ProduceOptions& options) {
    const std::string delimiter = unescape(options.delimiter);
    catch_signals();
    Sender sender(options);
    try {
        send_files(sender, options, delimiter);
    } catch (const std::exception& e) { // what was read before is sent nevertheless
        fmt::print(stderr, "ottla: {}\n", e.what());
        exit_code = exit_failed;
    }
    sender.finish();
}

} // namespace

void add_produce(CLI::App& app) {
    auto* command = app.add_subcommand("produce", "Send the lines of files, or of stdin, as messages");
    auto options = std::make_shared<ProduceOptions>();
    options->connection.add_to(*command);
    command->add_option("-t,--topic", options->topic, "Topic")->required()->check(not_empty());
    command->add_option("-p,--partition", options->partition, "Partition; -1: chosen by key, or at random")
        ->check(CLI::Range(-1, INT32_MAX))
        ->capture_default_str();
    auto* key = command->add_option(
        "-K,--key-delimiter", options->key_delimiter, "What separates key and value in a line (\\t, \\x1f, ...)"
    );
    auto* delimiter = command->add_option("-D,--delimiter", options->delimiter, "What separates messages")
                          ->check(not_empty())
                          ->capture_default_str();
    command->add_option("-z,--compression", options->codec, "gzip, snappy, lz4, zstd or none");
    command->add_option("-H,--header", options->headers, "Header of every message, key=value (repeatable)")
        ->allow_extra_args(false);
    command->add_option("-c,--count", options->count, "Stop after so many messages")->check(CLI::PositiveNumber);
    command->add_flag("-Z,--null", options->null_for_empty, "Send empty keys and values as null");
    auto* lines = command->add_flag(
        "-l,--lines", options->lines, "Send files line by line: the default, kept for kcat's users"
    );
    command->add_flag("--whole", options->whole, "Send each file as one message")
        ->excludes(lines, delimiter, key);
    command->add_flag("-J,--json", options->json, "Print what was done as JSON");
    command->add_option("files", options->files, "Files to send; - or none: stdin");
    command->callback([options] { run(*options); });
}

} // namespace ottla::cli
