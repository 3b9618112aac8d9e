// ottla consume -G: messages that a group gives to this member. What has been written is committed, and nothing else.
#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include <fmt/format.h>
#include <ottla/admin.hpp>
#include <ottla/consumer.hpp>

#include "consume_options.hpp"
#include "message_printer.hpp"
#include "partition_text.hpp"
#include "span.hpp"

namespace ottla::cli {
namespace {

using namespace std::chrono_literals;

Config member_config(const ConsumeOptions& options) {
    if (!options.partitions.empty())
        throw UsageError("-p and -G: a group says by itself which partitions a member reads");
    Config config = options.connection.config();
    for (const auto name : {"group.id", "enable.auto.offset.store"})
        if (!find_given(config, {name}).empty())
            throw UsageError(fmt::format("-G and -X {}: leave out the property", name));
    config.set("group.id", options.group);
    config.set("enable.auto.offset.store", "false");
    const Span span = parse_span(options.offsets);
    const bool named = span.begin == offset_beginning || span.begin == offset_end || span.begin == offset_stored;
    if (span.begin_time_ms || span.end_time_ms || !named)
        throw UsageError("-G begins where the group has got to; -o may only be beginning or end, for where it has not been");
    const auto reset = find_given(config, {"auto.offset.reset"});
    if (!reset.empty() && !options.offsets.empty())
        throw UsageError("-o and -X auto.offset.reset: give one of them");
    if (reset.empty())
        config.set("auto.offset.reset", span.begin == offset_end ? "latest" : "earliest");
    if (options.exit_at_end)
        config.set("enable.partition.eof", "true");
    return config;
}

/// One line on stderr for each topic that does not exist, for the group just waits for it.
void warn_of_missing_topics(const ConsumeOptions& options) {
    AdminClient admin(options.connection.config());
    for (const auto& name : options.topics) {
        if (name.starts_with('^'))
            continue;
        for (const auto& topic : admin.list_topics(name, options.timeout()).topics)
            if (topic.error != Errc::no_error)
                fmt::print(stderr, "ottla: {}: {}: {}\n", error_name(topic.error), name, error_text(topic.error));
    }
}

class GroupReader {
public:
    explicit GroupReader(const ConsumeOptions& options)
        : options_(options)
        , printer_(options)
        , consumer_(member_config(options), {.on_commit = [](const Error& error, const auto& rows) { tell_commit(error, rows); }}) {}

    void run() {
        warn_of_missing_topics(options_);
        catch_signals(); // until here nothing was begun that a signal should end in order
        consumer_.subscribe(
            options_.topics,
            {.on_assign = [this](const auto& partitions) { tell("assigned", partitions, true); },
             .on_revoke = [this](const auto& partitions) { tell("revoked", partitions, false); },
             .on_lost = [this](const auto& partitions) { tell("lost", partitions, false); }}
        );
        Records records;
        while (!interrupted() && !at_end()) {
            consumer_.poll_records(records, 200ms);
            if (!print(records))
                break;
        }
        printer_.end();
        consumer_.close();
    }

private:
    static void tell_commit(const Error& error, const std::vector<CommittedOffset>& rows) {
        for (const auto& row : rows)
            if (row.error)
                fmt::print(stderr, "ottla: {}[{}] is not committed: {}\n", row.topic, row.partition, row.error.message());
        if (error && rows.empty() && error.errc() != Errc::_no_offset)
            fmt::print(stderr, "ottla: nothing is committed: {}\n", error.message());
    }

    void tell(const char* what, const std::vector<TopicPartition>& partitions, bool have) {
        for (const auto& partition : partitions)
            have ? open_[partition] = true : open_.erase(partition) > 0;
        if (!options_.quiet)
            fmt::print(stderr, "% {}: {} {}\n", options_.group, what, partition_text(partitions));
    }

    /// Whether there is something of this member's, and all of it has been read.
    bool at_end() const {
        return options_.exit_at_end && !open_.empty() &&
               std::none_of(open_.begin(), open_.end(), [](const auto& entry) { return entry.second; });
    }

    /// False when no more is wanted.
    bool print(const Records& records) {
        bool more = true;
        std::vector<TopicPartitionOffset> printed;
        for (const auto& batch : records.batches()) {
            const MessagePlace place{batch.topic(), batch.partition()};
            for (const RecordView& record : batch) {
                if (&record == batch.begin())
                    printed.push_back({batch.topic(), batch.partition()});
                more = printer_.print(place, record);
                printed.back().offset = record.offset() + 1;
                printed.back().leader_epoch = record.leader_epoch();
                if (!more)
                    break;
            }
            if (!more)
                break;
        }
        const bool read = printer_.flush();
        if (read) // else nobody knows how much of it was
            consumer_.store_offsets(printed);
        for (const Message& event : records.events())
            note(event);
        return more && read;
    }

    void note(const Message& event) {
        if (event.error().errc() == Errc::_partition_eof) {
            if (const auto at = open_.find({event.topic(), event.partition()}); at != open_.end())
                at->second = false;
            return;
        }
        if (event.error().errc() == Errc::_max_poll_exceeded) { // it comes back by itself
            fmt::print(stderr, "ottla: {}\n", event.error().message());
            return;
        }
        printer_.end();
        throw KafkaException(event.error());
    }

    const ConsumeOptions& options_;
    MessagePrinter printer_;
    std::map<TopicPartition, bool> open_; ///< what is assigned, and whether its end has still to be reached
    Consumer consumer_;
};

} // namespace

void consume_as_member(const ConsumeOptions& options) {
    GroupReader reader(options);
    reader.run();
}

} // namespace ottla::cli
