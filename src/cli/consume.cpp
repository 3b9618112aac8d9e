// ottla consume: messages of a topic to stdout, from partitions that are named; those of a group in consume_group.cpp.
#include <algorithm>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <ottla/admin.hpp>
#include <ottla/consumer.hpp>

#include "consume_options.hpp"
#include "message_printer.hpp"
#include "span.hpp"

namespace ottla::cli {
namespace {

using namespace std::chrono_literals;

/// The partitions to read; asks the cluster whether they exist.
std::vector<int32_t> find_partitions(const ConsumeOptions& options) {
    AdminClient admin(options.connection.config());
    const auto cluster = admin.list_topics(options.topics.front(), options.timeout());
    std::vector<int32_t> all;
    for (const auto& topic : cluster.topics) {
        if (topic.error != Errc::no_error)
            throw KafkaException(Error(topic.error, options.topics.front() + ": " + error_text(topic.error)));
        for (const auto& partition : topic.partitions)
            all.push_back(partition.id);
    }
    for (const int32_t partition : options.partitions)
        if (std::find(all.begin(), all.end(), partition) == all.end())
            throw KafkaException(Error(
                Errc::_unknown_partition,
                fmt::format("{}[{}]: no such partition, there are {}", options.topics.front(), partition, all.size())
            ));
    return options.partitions.empty() ? all : options.partitions;
}

void check_usage(const ConsumeOptions& options) {
    const std::set<int32_t> distinct(options.partitions.begin(), options.partitions.end());
    for (const int32_t partition : distinct)
        if (std::count(options.partitions.begin(), options.partitions.end(), partition) > 1)
            throw UsageError(fmt::format("--partition {} is given twice", partition));
}

void read_partitions(const ConsumeOptions& options) {
    check_usage(options);
    const std::string& topic = options.topics.front();
    const Span span = parse_span(options.offsets);
    MessagePrinter printer(options);
    Config config = options.connection.config();
    const bool ends = options.exit_at_end || span.end_time_ms;
    if (ends)
        config.set("enable.partition.eof", "true");
    Consumer consumer(config);
    const auto partitions = find_partitions(options);

    std::vector<TopicPartitionOffset> assignment;
    for (int32_t partition : partitions)
        assignment.push_back({topic, partition, span.begin});
    if (span.begin_time_ms) {
        for (auto& entry : assignment)
            entry.offset = *span.begin_time_ms;
        assignment = consumer.offsets_for_times(assignment, options.timeout());
    }
    catch_signals(); // until here nothing was begun that a signal should end in order
    consumer.assign(assignment);
    std::set<int32_t> open(partitions.begin(), partitions.end());

    Records records;
    const auto print = [&](const RecordBatch& batch) {
        const MessagePlace place{batch.topic(), batch.partition()};
        for (const RecordView& record : batch) {
            if (span.end_time_ms && record.timestamp_ms() >= *span.end_time_ms) {
                open.erase(batch.partition());
                return true;
            }
            if (!printer.print(place, record))
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
            if (event.error().errc() != Errc::_partition_eof) {
                printer.flush();
                throw KafkaException(event.error());
            }
            if (ends)
                open.erase(event.partition());
        }
        if (!printer.flush())
            break;
    }
    printer.end();
}

void run(const ConsumeOptions& options) {
    if (!options.group.empty())
        consume_as_member(options);
    else if (options.topics.size() > 1)
        throw UsageError("several topics: only a group (-G) reads them");
    else
        read_partitions(options);
}

} // namespace

void add_consume(CLI::App& app) {
    auto* command = app.add_subcommand("consume", "Print the messages of a topic, or of what a group gives to this member");
    auto options = std::make_shared<ConsumeOptions>();
    options->connection.add_to(*command);
    command->add_option("-t,--topic,topic", options->topics, "Topic; with -G several, or patterns that begin with ^")
        ->required()
        ->check(not_empty());
    command->add_option("-G,--group", options->group, "Read as a member of this group, and commit")->check(not_empty());
    command->add_option("-p,--partition", options->partitions, "Partition (repeatable); default: all")
        ->check(CLI::Range(0, INT32_MAX))
        ->allow_extra_args(false);
    command
        ->add_option(
            "-o,--offset",
            options->offsets,
            "Where to begin: beginning, end, stored, N, -N (the last N), s@MS; where to end: e@MS"
        )
        ->allow_extra_args(false);
    command->add_option("-c,--count", options->count, "Stop after so many messages")->check(CLI::PositiveNumber);
    command->add_flag("-e,--exit", options->exit_at_end, "Stop when the end of every partition has been reached");
    auto* key = command->add_option(
        "-K,--key-delimiter", options->key_delimiter, "Print the key and this before the value"
    );
    auto* delimiter = command->add_option("-D,--delimiter", options->delimiter, "Printed after each message")
                          ->capture_default_str();
    auto* format = command
                       ->add_option("-f,--format", options->format, "Format with %t %p %o %k %s %K %S %R %T %h %%")
                       ->excludes(key, delimiter);
    command->add_flag("-J,--json", options->json, "One JSON object a line")->excludes(format, key, delimiter);
    command->add_flag("-Z,--null", options->null_text, "Print NULL for null keys and values");
    command->add_flag("-u,--unbuffered", options->unbuffered, "Write each message at once");
    command->add_flag("-q,--quiet", options->quiet, "No summary");
    command->add_option("-m,--timeout", options->timeout_s, "Seconds to wait for the cluster at the beginning")
        ->check(CLI::Range(1, 86'400))
        ->capture_default_str();
    command->callback([options] { run(*options); });
}

} // namespace ottla::cli
