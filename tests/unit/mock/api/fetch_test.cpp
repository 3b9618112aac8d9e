#include "unit/mock/cluster_world.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

constexpr int16_t version = 12;

auto fetch(ClusterWorld& world, const msg::FetchRequest& request, int16_t v = version) {
    return world.ask(request, v).responses.at(0).partitions.at(0);
}

void produce(ClusterWorld& world, const std::string& topic, int32_t partition, const std::string& value) {
    const auto answer = world.ask(produce_request(topic, partition, batch_of({value})), 12);
    REQUIRE(answer.responses[0].partition_responses[0].error_code == 0);
}

} // namespace

TEST_CASE("a fetch gives what was produced, in every version") {
    ClusterWorld world;
    world.create("t", 1);
    produce(world, "t", 0, "hello");
    for (int16_t v = 4; v <= 18; ++v) {
        INFO("version " << v);
        auto request = fetch_request("t", 0, 0);
        request.topics[0].topic_id = world.core.find_topic("t")->id;
        const auto partition = fetch(world, request, v);
        CHECK(partition.error_code == 0);
        CHECK(partition.high_watermark == 1);
        CHECK(partition.last_stable_offset == 1);
        CHECK(partition.records.size() == batch_of({"hello"}).size());
    }
    auto stranger = fetch_request("", 0, 0);
    stranger.topics[0].topic_id = Uuid{{9}};
    CHECK(fetch(world, stranger, 13).error_code == number(Errc::unknown_topic_id));
}

TEST_CASE("a fetch waits for records, and a produce wakes it") {
    ClusterWorld world;
    world.create("t", 2);
    const ConnectionId consumer = world.core.connect(1);
    world.put(consumer, fetch_request("t", 1, 0), version);
    CHECK(world.answers[consumer].empty());

    produce(world, "t", 0, "elsewhere");
    CHECK(world.answers[consumer].empty());
    produce(world, "t", 1, "here");
    const auto response = world.take<msg::FetchRequest>(consumer, version);
    REQUIRE(response);
    CHECK(response->responses[0].partitions[0].records.size() > 0);
    CHECK(world.partition("t", 1).waiting.empty());
}

TEST_CASE("a fetch is answered empty when its time is up") {
    ClusterWorld world;
    world.create("t", 1);
    const ConnectionId consumer = world.core.connect(1);
    world.put(consumer, fetch_request("t", 0, 0, {.max_wait_ms = 100}), version);
    world.advance(99ms);
    CHECK(world.answers[consumer].empty());
    world.advance(1ms);
    const auto response = world.take<msg::FetchRequest>(consumer, version);
    REQUIRE(response);
    CHECK(response->responses[0].partitions[0].error_code == 0);
    CHECK(response->responses[0].partitions[0].records.size() == 0);
    CHECK(world.partition("t", 0).waiting.empty());
    CHECK(world.core.poll(world.now) == TimePoint::max());
}

TEST_CASE("a fetch waits until min_bytes have come together") {
    ClusterWorld world;
    world.create("t", 2);
    const auto one = static_cast<int32_t>(batch_of({"0123456789"}).size());
    auto request = fetch_request("t", 0, 0, {.min_bytes = 2 * one + 1});
    request.topics[0].partitions.push_back(request.topics[0].partitions[0]);
    request.topics[0].partitions[1].partition = 1;
    const ConnectionId consumer = world.core.connect(1);
    world.put(consumer, request, version);
    produce(world, "t", 0, "0123456789");
    produce(world, "t", 1, "0123456789");
    CHECK(world.answers[consumer].empty());
    produce(world, "t", 0, "0123456789");
    const auto response = world.take<msg::FetchRequest>(consumer, version);
    REQUIRE(response);
    CHECK(response->responses[0].partitions[0].records.size() == static_cast<size_t>(2 * one));
    CHECK(response->responses[0].partitions[1].records.size() == static_cast<size_t>(one));
}

TEST_CASE("the first batch comes however small the limits are, further ones obey them") {
    ClusterWorld world;
    world.create("t", 2);
    for (int i = 0; i < 3; ++i) {
        produce(world, "t", 0, std::string(100, 'a'));
        produce(world, "t", 1, std::string(100, 'b'));
    }
    const size_t one = batch_of({std::string(100, 'a')}).size();
    const auto sizes = [&](FetchLimits limits) {
        auto request = fetch_request("t", 0, 0, limits);
        request.topics[0].partitions.push_back(request.topics[0].partitions[0]);
        request.topics[0].partitions[1].partition = 1;
        const auto response = world.ask(request, version);
        return std::pair(
            response.responses[0].partitions[0].records.size(),
            response.responses[0].partitions[1].records.size()
        );
    };
    CHECK(sizes({.partition_max_bytes = 1}) == std::pair(one, size_t{0}));
    CHECK(sizes({.max_bytes = 1}) == std::pair(one, size_t{0}));
    CHECK(sizes({.partition_max_bytes = static_cast<int32_t>(one + 10)}) == std::pair(one + 10, one + 10));
    CHECK(sizes({.max_bytes = static_cast<int32_t>(4 * one)}) == std::pair(3 * one, one));
    CHECK(sizes({}) == std::pair(3 * one, 3 * one));
}

TEST_CASE("offsets outside the log are out of range, its end is not") {
    CoreOptions options;
    options.topic_defaults.retention_bytes = 1;
    ClusterWorld world(1, options);
    world.create("t", 1);
    produce(world, "t", 0, "gone");
    produce(world, "t", 0, "kept");
    const auto error = [&](int64_t offset) {
        return fetch(world, fetch_request("t", 0, offset, {.max_wait_ms = 0})).error_code;
    };
    CHECK(error(0) == number(Errc::offset_out_of_range));
    CHECK(error(1) == 0);
    CHECK(error(2) == 0);
    CHECK(error(3) == number(Errc::offset_out_of_range));
    CHECK(error(-1) == number(Errc::offset_out_of_range));
}

TEST_CASE("a fetch under another leader epoch is refused") {
    ClusterWorld world(2);
    world.create("t", 1, 2);
    world.core.move_leader("t", 0, 2, world.now);
    world.core.move_leader("t", 0, 1, world.now);
    const int32_t epoch = world.partition("t", 0).leader_epoch;
    const auto error = [&](int32_t known, int32_t broker) {
        auto request = fetch_request("t", 0, 0, {.max_wait_ms = 0});
        request.topics[0].partitions[0].current_leader_epoch = known;
        return world.ask(request, version, broker).responses[0].partitions[0].error_code;
    };
    CHECK(error(epoch, 1) == 0);
    CHECK(error(-1, 1) == 0);
    CHECK(error(epoch - 1, 1) == number(Errc::fenced_leader_epoch));
    CHECK(error(epoch + 1, 1) == number(Errc::unknown_leader_epoch));
    CHECK(error(epoch, 2) == 0); // a replica is read from, too
    CHECK(error(epoch - 1, 2) == number(Errc::fenced_leader_epoch));
}

TEST_CASE("a leader that moves away answers waiting fetches and names the new one") {
    ClusterWorld world(2);
    world.create("t", 1, 2);
    world.core.move_leader("t", 0, 1, world.now);
    auto request = fetch_request("t", 0, 0);
    request.topics[0].topic_id = world.core.find_topic("t")->id;
    request.topics[0].partitions[0].current_leader_epoch = world.partition("t", 0).leader_epoch;
    const ConnectionId consumer = world.core.connect(1);
    world.put(consumer, request, 16);
    CHECK(world.answers[consumer].empty());
    world.core.move_leader("t", 0, 2, world.now);
    const auto response = world.take<msg::FetchRequest>(consumer, 16);
    REQUIRE(response);
    CHECK(response->responses[0].partitions[0].error_code == number(Errc::fenced_leader_epoch));
    CHECK(response->responses[0].partitions[0].current_leader.leader_id == 2);
    REQUIRE(response->node_endpoints.size() == 1);
    CHECK(response->node_endpoints[0].port == 9002);
}

TEST_CASE("a deleted topic answers waiting fetches") {
    ClusterWorld world;
    world.create("t", 1);
    const ConnectionId consumer = world.core.connect(1);
    world.put(consumer, fetch_request("t", 0, 0), version);
    REQUIRE_FALSE(world.core.delete_topic("t"));
    world.advance(0ms);
    const auto response = world.take<msg::FetchRequest>(consumer, version);
    REQUIRE(response);
    CHECK(response->responses[0].partitions[0].error_code == number(Errc::unknown_topic_or_part));
}

TEST_CASE("a connection that closes while its fetch waits leaves nothing behind") {
    ClusterWorld world;
    world.create("t", 1);
    const ConnectionId consumer = world.core.connect(1);
    world.put(consumer, fetch_request("t", 0, 0), version);
    world.core.on_closed(consumer);
    CHECK(world.partition("t", 0).waiting.empty());
    CHECK(world.core.poll(world.now) == TimePoint::max());
    produce(world, "t", 0, "a");
    CHECK(world.answers[consumer].empty());
}

TEST_CASE("a log that ends earlier than the client believes shows where they part") {
    ClusterWorld world(2);
    world.create("t", 1, 2);
    world.core.move_leader("t", 0, 1, world.now);
    produce(world, "t", 0, "a");
    auto request = fetch_request("t", 0, 5);
    request.topics[0].partitions[0].last_fetched_epoch = 0;
    const auto partition = fetch(world, request);
    CHECK(partition.error_code == 0);
    CHECK(partition.diverging_epoch.end_offset == 0);
    CHECK(partition.diverging_epoch.epoch == 0);
}

TEST_CASE("an injected error is the session's or each partition's, as the error is") {
    ClusterWorld world;
    world.create("t", 1);
    world.core.faults().add(1, every_broker, 1, {Faults::Kind::error, Errc::not_leader_for_partition});
    world.core.faults().add(1, every_broker, 1, {Faults::Kind::error, Errc::fetch_session_id_not_found});
    const auto first = world.ask(fetch_request("t", 0, 0), version);
    CHECK(first.error_code == 0);
    CHECK(first.responses[0].partitions[0].error_code == number(Errc::not_leader_for_partition));
    const auto second = world.ask(fetch_request("t", 0, 0), version);
    CHECK(second.error_code == number(Errc::fetch_session_id_not_found));
    CHECK(second.responses.empty());
}
