// kcat, thus librdkafka, as a client of the embedded cluster. Hidden: run by CTest where kcat is installed.
#include <string>

#include <fmt/format.h>
#include <ottla/mock_cluster.hpp>

#include "mock/kcat.hpp"

using namespace ottla;

namespace {

std::string numbers(int count) {
    std::string lines;
    for (int i = 1; i <= count; ++i)
        lines += std::to_string(i) + "\n";
    return lines;
}

/// Produces 1..count, one message a line, then reads the partition from its beginning.
void round_trip(
    const MockCluster& cluster, const std::string& topic, const std::string& settings, int count
) {
    const auto produced = shell(fmt::format(
        "seq 1 {} | timeout 60 {} -b {} -P -t {} -p 0 {}",
        count,
        kcat(),
        cluster.bootstrap_servers(),
        topic,
        settings
    ));
    INFO(produced.output);
    REQUIRE(produced.status == 0);
    REQUIRE(cluster.offsets(topic, 0)->second == count);
    const auto consumed = shell(fmt::format(
        "timeout 60 {} -b {} -C -t {} -p 0 -o beginning -e -q -u", kcat(), cluster.bootstrap_servers(), topic
    ));
    CHECK(consumed.status == 0);
    CHECK(consumed.output == numbers(count));
}

} // namespace

TEST_CASE("kcat produces and consumes with every codec", "[.kcat]") {
    MockCluster cluster;
    for (const std::string codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
        INFO(codec);
        REQUIRE_FALSE(cluster.create_topic(codec, 1));
        round_trip(cluster, codec, "-X compression.codec=" + codec, 5000);
    }
}

TEST_CASE("kcat produces with every kind of acknowledgement", "[.kcat]") {
    MockCluster cluster;
    for (const std::string acks : {"0", "1", "all"}) {
        const std::string topic = "acks-" + acks;
        REQUIRE_FALSE(cluster.create_topic(topic, 1));
        if (acks != "0") {
            round_trip(cluster, topic, "-X acks=" + acks, 1000);
            continue;
        }
        // Without acknowledgements kcat may end before the broker has read everything.
        shell(fmt::format(
            "seq 1 1000 | timeout 60 {} -b {} -P -t {} -p 0 -X acks=0",
            kcat(),
            cluster.bootstrap_servers(),
            topic
        ));
        const auto consumed = shell(fmt::format(
            "timeout 60 {} -b {} -C -t {} -p 0 -o beginning -c 1000 -q -u",
            kcat(),
            cluster.bootstrap_servers(),
            topic
        ));
        CHECK(consumed.output == numbers(1000));
    }
}

TEST_CASE("kcat's idempotent producer neither loses nor doubles when answers are lost", "[.kcat]") {
    MockCluster cluster({.brokers = 3});
    REQUIRE_FALSE(cluster.create_topic("t", 1, 3));
    cluster.drop_reply_next(0, 2);
    cluster.fail_next(0, 1, Errc::not_enough_replicas);
    cluster.drop_request_next(0, 1);
    round_trip(cluster, "t", "-X enable.idempotence=true -X batch.num.messages=100", 3000);
    CHECK(cluster.request_count(22) >= 1);
}

TEST_CASE("kcat follows a leader that moved", "[.kcat]") {
    MockCluster cluster({.brokers = 2});
    REQUIRE_FALSE(cluster.create_topic("t", 1, 2));
    const int32_t other = *cluster.leader("t", 0) == 1 ? 2 : 1;
    const auto first =
        shell(fmt::format("echo a | timeout 60 {} -b {} -P -t t -p 0", kcat(), cluster.bootstrap_servers()));
    REQUIRE(first.status == 0);
    REQUIRE_FALSE(cluster.move_leader("t", 0, other));
    const auto second =
        shell(fmt::format("echo b | timeout 60 {} -b {} -P -t t -p 0", kcat(), cluster.bootstrap_servers()));
    REQUIRE(second.status == 0);
    const auto consumed = shell(
        fmt::format("timeout 60 {} -b {} -C -t t -o beginning -e -q -u", kcat(), cluster.bootstrap_servers())
    );
    CHECK(consumed.output == "a\nb\n");
}

TEST_CASE("kcat lists metadata, makes topics by asking and finds offsets by time", "[.kcat]") {
    MockCluster cluster({.brokers = 3});
    const auto listing =
        shell(fmt::format("timeout 60 {} -b {} -L -t fresh", kcat(), cluster.bootstrap_servers()));
    INFO(listing.output);
    CHECK(listing.status == 0);
    CHECK(listing.output.find("3 brokers") != std::string::npos);
    const auto produced = shell(
        fmt::format("seq 1 3 | timeout 60 {} -b {} -P -t fresh -p 0", kcat(), cluster.bootstrap_servers())
    );
    CHECK(produced.status == 0);
    const auto found =
        shell(fmt::format("timeout 60 {} -b {} -Q -t fresh:0:1", kcat(), cluster.bootstrap_servers()));
    INFO(found.output);
    CHECK(found.output.find("offset 0") != std::string::npos);
}
