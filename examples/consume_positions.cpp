// Moving around in a partition: watermarks, offsets by time, seek, the last few messages, pause and resume.
#include <cstdio>

#include <ottla/consumer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;
using example::expect;

void fill(const std::string& servers) {
    ottla::Producer producer({{"bootstrap.servers", servers}});
    for (int i = 0; i < 10; ++i)
        for (const int32_t partition : {0, 1})
            producer.produce(
                {.topic = "events", .value = std::to_string(i), .partition = partition, .timestamp_ms = 1000 + i});
    expect(producer.flush(10s) == 0, "all are acknowledged");
}

int64_t next_offset(ottla::Consumer& consumer) {
    const auto message = consumer.poll(10s);
    expect(message && !message->error(), "a message");
    return message->offset();
}

void run(const std::string& servers) {
    ottla::Consumer consumer({{"bootstrap.servers", servers}});
    const ottla::TopicPartition first{.topic = "events", .partition = 0};
    const ottla::TopicPartition second{.topic = "events", .partition = 1};

    const ottla::Watermarks marks = consumer.query_watermarks(first, 10s);
    std::printf("offsets %ld to %ld\n", long{marks.low}, long{marks.high} - 1);
    expect(marks.low == 0 && marks.high == 10, "high is the offset of the next message to come");

    // The first message that is not older than 1004 ms since 1970.
    const auto found =
        consumer.offsets_for_times({{.topic = "events", .partition = 0, .offset = 1004}}, 10s);
    expect(found[0].offset == 4, "an offset by time");

    consumer.assign(found);
    expect(next_offset(consumer) == 4, "reading starts there");
    consumer.seek({.topic = "events", .partition = 0, .offset = 8});
    expect(next_offset(consumer) == 8, "and goes on where seek says");
    expect(consumer.position({first})[0].offset == 9, "position: the next one");
    consumer.assign({{.topic = "events", .partition = 0, .offset = ottla::offset_tail(3)}});
    expect(next_offset(consumer) == 7, "the last three");

    // Of a paused partition nothing is returned; what had been fetched is kept for later.
    consumer.assign(
        {{.topic = "events", .partition = 0, .offset = 0}, {.topic = "events", .partition = 1, .offset = 0}});
    consumer.pause({first});
    for (const auto& message : consumer.consume(10, 10s))
        expect(message.partition() == second.partition, "only the other partition");
    consumer.resume({first});
    expect(consumer.consume(10, 10s).size() == 10, "nothing was lost");
    consumer.close();
}

} // namespace

int main() {
    try {
        ottla::MockCluster kafka({.default_partitions = 2});
        fill(kafka.bootstrap_servers());
        run(kafka.bootstrap_servers());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
