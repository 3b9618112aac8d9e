// Reading against the embedded cluster: what was put in comes out, by every way of reading.
#include <set>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

TEST_CASE("messages come out as they were put in", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    const std::vector<record::BuildRecord> records{
        {.offset = 0,
         .timestamp_ms = 1111,
         .key = "key",
         .value = "value",
         .headers = {{"h1", "x"}, {"h2", nullptr}, {"h1", ""}}},
        {.offset = 1, .timestamp_ms = 2222, .key = nullptr, .value = nullptr},
        {.offset = 2, .timestamp_ms = 3333, .key = "", .value = ""},
    };
    world.put("t", 0, record::build_batch({}, records).value());

    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = offset_beginning}});
    CHECK(consumer.position({{"t", 0}}).at(0).offset == offset_invalid);
    for (const auto& expected : records) {
        auto message = consumer.poll(10s);
        REQUIRE(message);
        for (int round = 0; round < 2; ++round) {
            CHECK_FALSE(message->error());
            CHECK(message->topic() == "t");
            CHECK(message->partition() == 0);
            CHECK(message->offset() == expected.offset);
            CHECK(message->timestamp_ms() == expected.timestamp_ms);
            CHECK(message->timestamp_type() == TimestampType::create_time);
            CHECK(message->key() == expected.key);
            CHECK(message->value() == expected.value);
            std::vector<Header> headers;
            for (const auto& header : message->record().headers())
                headers.push_back(header);
            CHECK(headers == expected.headers);
            message->detach(); // the same in the second round
        }
        CHECK(consumer.position({{"t", 0}}).at(0).offset == expected.offset + 1);
    }
    CHECK_FALSE(consumer.poll(0ms));
}

TEST_CASE("a message that was never filled, or moved away, is of nothing", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 1);
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0}});
    auto filled = consumer.poll(10s);
    REQUIRE(filled);
    Message moved = std::move(*filled);
    CHECK(moved.value().text() == "v0");
    Message never;
    for (Message* empty : {&never, &*filled}) {
        CHECK_FALSE(empty->error());
        CHECK(empty->topic().empty());
        CHECK(empty->partition() == -1);
        empty->detach();
    }
}

TEST_CASE("a partition whose broker is slow does not slow the others", "[mock][consumer]") {
    ConsumerWorld world({.brokers = 2});
    world.cluster.create_topic("t", 2);
    for (int32_t p = 0; p < 2; ++p)
        REQUIRE_FALSE(world.cluster.move_leader("t", p, p + 1));
    constexpr int count = 2'000;
    world.fill("t", 0, 10, "slow");
    world.fill("t", 1, count, "quick");
    world.cluster.delay(1, 10min, 1); // Fetch: no answer in the life of this test
    Consumer consumer(world.config({{"socket.timeout.ms", "300000"}, {"fetch.message.max.bytes", "1000"}, {"queued.min.messages", "1"}}));
    consumer.assign({{.topic = "t", .partition = 0}, {.topic = "t", .partition = 1}});
    CHECK(values_of(consumer, count) == numbered("quick", count));
    CHECK(world.cluster.request_count(1, 1) == 1);
    world.cluster.delay(1, 0ms, 1);
    world.cluster.drop_connections(1);
    CHECK(values_of(consumer, 10) == numbered("slow", 10));
}

TEST_CASE("every codec is read, by messages and by batches", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    std::vector<std::string> expected;
    for (const auto codec :
         {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
        const std::string prefix = "c" + std::to_string(static_cast<int>(codec)) + "-";
        world.fill("t", 0, 100, prefix, {.compression = codec});
        const auto values = numbered(prefix, 100);
        expected.insert(expected.end(), values.begin(), values.end());
    }
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    CHECK(values_of(consumer, expected.size()) == expected);

    consumer.seek({.topic = "t", .partition = 0, .offset = 0});
    std::vector<std::string> seen;
    Records records;
    const auto deadline = Clock::now() + 10s;
    while (seen.size() < expected.size() && Clock::now() < deadline) {
        consumer.poll_records(records, 100ms);
        size_t count = 0;
        for (const auto& batch : records.batches()) {
            CHECK(batch.topic() == "t");
            CHECK(batch.partition() == 0);
            for (const RecordView& record : batch)
                seen.emplace_back(record.value().text());
            count += batch.size();
        }
        CHECK(records.count() == count);
        CHECK(records.events().empty());
    }
    CHECK(seen == expected);
    CHECK(consumer.position({{"t", 0}}).at(0).offset == 500);
}

TEST_CASE("a call hands out half a megabyte of decompressed bytes and the rest of a batch", "[mock][consumer]") {
    const auto codec = GENERATE(Compression::lz4, Compression::none);
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    constexpr size_t batches = 40;
    constexpr size_t value_size = 10'000;
    for (size_t i = 0; i < batches; ++i)
        world.fill("t", static_cast<int32_t>(i % 2), 10, std::string(value_size, 'x'), {.compression = codec});
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}, {.topic = "t", .partition = 1, .offset = 0}});
    size_t seen = 0;
    size_t largest = 0;
    Records records;
    const auto deadline = Clock::now() + 10s;
    while (seen < batches * 10 && Clock::now() < deadline) {
        consumer.poll_records(records, 100ms);
        seen += records.count();
        largest = std::max(largest, records.count());
    }
    CHECK(seen == batches * 10);
    if (codec != Compression::none)
        CHECK(largest * value_size <= 512 * 1024 + 10 * value_size);
    else
        CHECK(largest * value_size > 512 * 1024 + 10 * value_size); // views of what was received anyway
}

TEST_CASE("brokers that speak only old versions are read", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.cluster.limit_versions(1, 4, 4);
    world.cluster.limit_versions(2, 1, 1);
    world.fill("t", 0, 3);
    Consumer consumer(world.config());
    CHECK(consumer.query_watermarks({"t", 0}, 10s).high == 3);
    consumer.assign({{.topic = "t", .partition = 0, .offset = offset_beginning}});
    CHECK(values_of(consumer, 3) == numbered("v", 3));
}

TEST_CASE("many partitions on several brokers are read side by side", "[mock][consumer]") {
    ConsumerWorld world({.brokers = 3});
    constexpr int partitions = 30;
    world.cluster.create_topic("t", partitions);
    std::vector<TopicPartitionOffset> assignment;
    for (int p = 0; p < partitions; ++p) {
        world.fill("t", p, 20, "p" + std::to_string(p) + "-");
        assignment.push_back({.topic = "t", .partition = p, .offset = offset_beginning});
    }
    Consumer consumer(world.config());
    consumer.assign(assignment);
    CHECK(consumer.assignment().size() == partitions);
    std::map<int, std::vector<std::string>> seen;
    for (const auto& message : consumer.consume(20 * partitions, 10s)) {
        REQUIRE_FALSE(message.error());
        seen[message.partition()].emplace_back(message.value().text());
    }
    REQUIRE(seen.size() == partitions);
    for (const auto& [partition, values] : seen)
        CHECK(values == numbered("p" + std::to_string(partition) + "-", 20));
}

TEST_CASE("consume returns what has come when time is up", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    world.fill("t", 0, 3);
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    CHECK(consumer.consume(2, 10s).size() == 2);
    CHECK(consumer.consume(5, 300ms).size() == 1);
    CHECK(consumer.consume(0, -1ms).empty());
    CHECK_THROWS_AS(consumer.consume(1'000'001, 0ms), KafkaException);
}

TEST_CASE("a message that is produced later arrives promptly", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    Consumer consumer(world.config({{"fetch.wait.max.ms", "10000"}, {"socket.timeout.ms", "60000"}}));
    consumer.assign({{.topic = "t", .partition = 0, .offset = offset_end}});
    CHECK_FALSE(consumer.poll(500ms)); // the broker is waiting by now
    for (int i = 0; i < 5; ++i) {
        const auto before = Clock::now();
        world.fill("t", 0, 1);
        const auto message = consumer.poll(5s);
        REQUIRE(message);
        CHECK(message->offset() == i);
        CHECK(Clock::now() - before < 1s);
    }
}

TEST_CASE("the end of each partition is told once per reaching it", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 2);
    world.fill("t", 0, 2);
    Consumer consumer(world.config({{"enable.partition.eof", "true"}}));
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}, {.topic = "t", .partition = 1, .offset = 0}}
    );
    const auto seen = values_of(consumer, 4);
    CHECK(
        std::multiset<std::string>(seen.begin(), seen.end()) ==
        std::multiset<std::string>{"v0", "v1", "_PARTITION_EOF 2", "_PARTITION_EOF 0"}
    );
    CHECK_FALSE(consumer.poll(700ms));
    world.fill("t", 0, 1);
    CHECK(values_of(consumer, 2) == std::vector<std::string>{"v0", "_PARTITION_EOF 3"});

    Records records;
    consumer.seek({.topic = "t", .partition = 0, .offset = 3});
    consumer.poll_records(records, 5s);
    REQUIRE(records.events().size() == 1);
    CHECK(records.events()[0].error().errc() == Errc::_partition_eof);
    CHECK(records.events()[0].offset() == 3);
}
