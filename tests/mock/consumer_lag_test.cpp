// How far behind an application is, by what fetching has shown; and where reading begins by age (KIP-1106).
#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

using Values = std::vector<std::string>;

/// Ten records in the first of two partitions.
struct LagWorld : ConsumerWorld {
    LagWorld() {
        cluster.create_topic("t", 2);
        fill("t", 0, 10);
    }
};

/// A record of an age.
void put(ConsumerWorld& world, std::chrono::hours age, const std::string& value) {
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    const std::vector<record::BuildRecord> records{{.timestamp_ms = (now - age).count(), .value = value}};
    world.put("t", 0, record::build_batch({}, records).value());
}

} // namespace

TEST_CASE("the lag is known from fetching, and goes down as records are handed out", "[mock][consumer]") {
    LagWorld world;
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 2}});
    CHECK_THROWS_AS(consumer.current_lag({"t", 1}), KafkaException);
    CHECK(values_of(consumer, 3) == Values{"v2", "v3", "v4"});
    CHECK(consumer.current_lag({"t", 0}) == 5);
    CHECK(values_of(consumer, 5).size() == 5);
    CHECK(consumer.current_lag({"t", 0}) == 0);

    consumer.seek({.topic = "t", .partition = 0, .offset = 9});
    CHECK(values_of(consumer, 1) == Values{"v9"});
    CHECK(consumer.current_lag({"t", 0}) == 0);
    consumer.pause({{"t", 0}});
    consumer.seek({.topic = "t", .partition = 0, .offset = 4});
    CHECK(consumer.current_lag({"t", 0}) == std::nullopt); // nothing has been heard since
}

TEST_CASE("reading begins at the first record that is young enough", "[mock][consumer]") {
    ConsumerWorld world;
    world.cluster.create_topic("t", 1);
    put(world, std::chrono::hours(50), "old");
    put(world, std::chrono::hours(10), "young");
    put(world, std::chrono::hours(1), "younger");
    Consumer day(world.config({{"auto.offset.reset", "by_duration:P1D"}}));
    day.assign({{.topic = "t", .partition = 0}});
    CHECK(values_of(day, 2) == Values{"young", "younger"});

    Consumer minute(world.config({{"auto.offset.reset", "by_duration:PT1M"}, {"enable.partition.eof", "true"}}));
    minute.assign({{.topic = "t", .partition = 0}});
    CHECK(values_of(minute, 1) == Values{"_PARTITION_EOF 3"}); // nothing is that young
}

TEST_CASE("the lag is that of the stream that reads, and of polls after it", "[mock][consumer][stream]") {
    LagWorld world;
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    {
        auto stream = consumer.stream({"t", 0});
        Records records;
        for (size_t seen = 0; seen < 10; seen += records.count())
            REQUIRE(stream.poll_records(records, 10s));
        CHECK(stream.poll_records(records, 0ms)); // there is no more
        CHECK(consumer.current_lag({"t", 0}) == 0);
    }
    CHECK(consumer.current_lag({"t", 0}) == 0);
}

TEST_CASE("what was known of a partition's ends stays known over a seek", "[mock][consumer]") {
    LagWorld world;
    Consumer consumer(world.config());
    consumer.assign({{.topic = "t", .partition = 0, .offset = 0}});
    REQUIRE(values_of(consumer, 10).size() == 10);
    int unknown = 0;
    for (int i = 0; i < 20'000; ++i) {
        consumer.seek({.topic = "t", .partition = 0, .offset = i % 10});
        unknown += consumer.cached_watermarks({"t", 0}).high != 10;
    }
    CHECK(unknown == 0);
}
