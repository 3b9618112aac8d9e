// ottla consume: messages of a topic to stdout.
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <ottla/admin.hpp>
#include <ottla/consumer.hpp>
#include <unistd.h>

#include "common.hpp"
#include "format.hpp"

namespace ottla::cli {
namespace {

using namespace std::chrono_literals;

struct ConsumeOptions {
    ConnectionOptions connection;
    std::string topic;
    std::vector<int32_t> partitions;
    std::vector<std::string> offsets;
    std::string key_delimiter;
    std::string delimiter = "\\n";
    std::string format;
    uint64_t count = 0;
    bool exit_at_end = false;
    bool json = false;
    bool null_text = false;
    bool unbuffered = false;
    bool quiet = false;
};

/// -o: where to begin, and perhaps where to end.
struct Span {
    int64_t begin = offset_beginning;
    std::optional<int64_t> begin_time_ms;
    std::optional<int64_t> end_time_ms;
};

Span parse_offsets(const std::vector<std::string>& texts) {
    Span span;
    const auto number = [](const std::string& text, size_t from) {
        size_t used = 0;
        int64_t value = 0;
        try {
            value = std::stoll(text.substr(from), &used);
        } catch (const std::exception&) {
            used = 0;
        }
        if (used == 0 || from + used != text.size())
            throw UsageError("-o " + text + ": expected beginning, end, stored, N, -N (the last N), s@MS or e@MS");
        return value;
    };
    for (const auto& text : texts) {
        if (text == "beginning" || text == "earliest")
            span.begin = offset_beginning;
        else if (text == "end" || text == "latest")
            span.begin = offset_end;
        else if (text == "stored")
            span.begin = offset_stored;
        else if (text.starts_with("s@"))
            span.begin_time_ms = number(text, 2);
        else if (text.starts_with("e@"))
            span.end_time_ms = number(text, 2);
        else if (const int64_t n = number(text, 0); n < 0)
            span.begin = offset_tail(-n);
        else
            span.begin = n;
    }
    return span;
}

/// Collects output and writes it in large pieces.
class Output {
public:
    explicit Output(bool unbuffered) : limit_(unbuffered ? 0 : size_t{1} << 18) {}

    std::string& buffer() { return buffer_; }
    /// False when nobody reads any more.
    bool check() { return buffer_.size() <= limit_ || flush(); }
    bool flush() {
        for (size_t at = 0; at < buffer_.size();) {
            const ssize_t put = ::write(STDOUT_FILENO, buffer_.data() + at, buffer_.size() - at);
            if (put < 0 && errno == EINTR)
                continue;
            if (put < 0) {
                buffer_.clear();
                if (errno == EPIPE)
                    return false;
                throw std::runtime_error(fmt::format("cannot write to stdout: {}", std::strerror(errno)));
            }
            at += static_cast<size_t>(put);
        }
        buffer_.clear();
        return true;
    }

private:
    const size_t limit_;
    std::string buffer_;
};

std::vector<int32_t> find_partitions(const ConsumeOptions& options) {
    if (!options.partitions.empty())
        return options.partitions;
    AdminClient admin(options.connection.config());
    for (const auto& topic : admin.list_topics(options.topic, 30s).topics) {
        if (topic.error != Errc::no_error)
            throw KafkaException(Error(topic.error, options.topic + ": " + error_text(topic.error)));
        std::vector<int32_t> all;
        for (const auto& partition : topic.partitions)
            all.push_back(partition.id);
        return all;
    }
    throw KafkaException(Error(Errc::unknown_topic_or_part, options.topic + ": no such topic"));
}

void run(const ConsumeOptions& options) {
    catch_signals();
    const Span span = parse_offsets(options.offsets);
    const std::string delimiter = unescape(options.delimiter);
    const std::string key_delimiter = unescape(options.key_delimiter);
    const std::optional<Format> format = options.format.empty() ? std::nullopt : std::optional<Format>(options.format);
    Config config = options.connection.config();
    const bool ends = options.exit_at_end || span.end_time_ms;
    if (ends)
        config.set("enable.partition.eof", "true");
    const auto partitions = find_partitions(options);

    Consumer consumer(config);
    std::vector<TopicPartitionOffset> assignment;
    for (int32_t partition : partitions)
        assignment.push_back({options.topic, partition, span.begin});
    if (span.begin_time_ms) {
        for (auto& entry : assignment)
            entry.offset = *span.begin_time_ms;
        assignment = consumer.offsets_for_times(assignment, 30s);
    }
    consumer.assign(assignment);
    std::set<int32_t> open(partitions.begin(), partitions.end());

    Output output(options.unbuffered);
    const std::string_view null_text = options.null_text ? "NULL" : "";
    Progress progress("consumed");
    uint64_t count = 0;
    uint64_t bytes = 0;
    Records records;
    const auto print = [&](const RecordBatch& batch) {
        const MessagePlace place{batch.topic(), batch.partition()};
        for (const RecordView& record : batch) {
            if (span.end_time_ms && record.timestamp_ms() >= *span.end_time_ms) {
                open.erase(batch.partition());
                return true;
            }
            std::string& out = output.buffer();
            if (options.json) {
                append_json(out, place, record);
                out += '\n';
            } else if (format) {
                format->append(out, place, record, null_text);
            } else {
                if (!key_delimiter.empty()) {
                    out += record.key().is_null() ? null_text : record.key().text();
                    out += key_delimiter;
                }
                out += record.value().is_null() ? null_text : record.value().text();
                out += delimiter;
            }
            ++count;
            bytes += record.value().size();
            if (!output.check() || (options.count && count >= options.count))
                return false;
        }
        return true;
    };
    for (bool go_on = true; go_on && !open.empty() && !interrupted();) {
        consumer.poll_records(records, 200ms);
        for (const auto& batch : records.batches()) {
            if (!open.contains(batch.partition()))
                continue;
            if (!(go_on = print(batch)))
                break;
        }
        if (!go_on)
            break;
        for (const Message& event : records.events()) {
            if (event.error().errc() == Errc::_partition_eof) {
                if (ends)
                    open.erase(event.partition());
            } else {
                output.flush();
                throw KafkaException(event.error());
            }
        }
        progress.update(count, bytes);
        if (records.count() == 0 && !output.flush())
            break;
    }
    output.flush();
    if (options.exit_at_end && !options.quiet && isatty(STDERR_FILENO))
        fmt::print(stderr, "% {} messages, {} bytes of values\n", count, bytes);
}

} // namespace

void add_consume(CLI::App& app) {
    auto* command = app.add_subcommand("consume", "Print the messages of a topic");
    auto options = std::make_shared<ConsumeOptions>();
    options->connection.add_to(*command);
    command->add_option("-t,--topic", options->topic, "Topic")->required();
    command->add_option("-p,--partition", options->partitions, "Partition (repeatable); default: all")->allow_extra_args(false);
    command->add_option("-o,--offset", options->offsets, "Where to begin: beginning, end, stored, N, -N (the last N), s@MS; where to end: e@MS (repeatable)")->allow_extra_args(false);
    command->add_option("-c,--count", options->count, "Stop after so many messages");
    command->add_flag("-e,--exit", options->exit_at_end, "Stop when the end of every partition has been reached");
    command->add_option("-f,--format", options->format, "Format with %t %p %o %k %s %K %S %T %h %%");
    command->add_flag("-J,--json", options->json, "One JSON object a line");
    command->add_option("-K,--key-delimiter", options->key_delimiter, "Print the key and this before the value");
    command->add_option("-D,--delimiter", options->delimiter, "Printed after each message")->capture_default_str();
    command->add_flag("-Z,--null", options->null_text, "Print NULL for null keys and values");
    command->add_flag("-u,--unbuffered", options->unbuffered, "Write each message at once");
    command->add_flag("-q,--quiet", options->quiet, "No summary");
    command->callback([options] { run(*options); });
}

} // namespace ottla::cli
