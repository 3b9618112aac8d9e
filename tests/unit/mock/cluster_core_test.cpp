// Turn-taking on connections, faults, versions, producer ids, coordinators.
#include "mock/cluster_core.hpp"

#include <ottla/msg/api_versions.hpp>
#include <ottla/msg/find_coordinator.hpp>
#include <ottla/msg/init_producer_id.hpp>
#include <ottla/msg/metadata.hpp>

#include "unit/mock/cluster_world.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

msg::ApiVersionsRequest versions_request() {
    msg::ApiVersionsRequest request;
    request.client_software_name = "test";
    request.client_software_version = "1.0";
    return request;
}

std::optional<std::pair<int, int>> range_of(const msg::ApiVersionsResponse& answer, int16_t key) {
    for (const auto& api : answer.api_keys)
        if (api.api_key == key)
            return std::pair<int, int>(api.min_version, api.max_version);
    return std::nullopt;
}

/// A request head without body, for what the message tables do not know.
Buffer raw_head(int16_t key, int16_t version) {
    Buffer frame = Buffer::allocate(10);
    store_be(frame.mutable_data(), key);
    store_be(frame.mutable_data() + 2, version);
    store_be(frame.mutable_data() + 4, int32_t{77});
    store_be(frame.mutable_data() + 8, int16_t{-1});
    return frame;
}

} // namespace

TEST_CASE("requests of a connection are done one after the other") {
    ClusterWorld world;
    world.create("t", 1);
    const ConnectionId connection = world.core.connect(1);
    world.put(connection, fetch_request("t", 0, 0, {.max_wait_ms = 100}), 12, 1);
    world.put(connection, produce_request("t", 0, batch_of({"a"})), 12, 2);
    CHECK(world.answers[connection].empty());
    CHECK(world.core.backlog_bytes(connection) > 0);
    CHECK(world.partition("t", 0).log.end_offset() == 0);

    world.advance(100ms);
    REQUIRE(world.answers[connection].size() == 2);
    CHECK(load_be<int32_t>(world.answers[connection][0].data()) == 1);
    CHECK(load_be<int32_t>(world.answers[connection][1].data()) == 2);
    CHECK(world.core.backlog_bytes(connection) == 0);
}

TEST_CASE("ApiVersions lists what the broker accepts, in every version") {
    ClusterWorld world;
    for (int16_t v = 0; v <= 4; ++v) {
        const auto answer = world.ask(versions_request(), v);
        CHECK(range_of(answer, 0) == std::pair(0, 13));
        CHECK(range_of(answer, 1) == std::pair(4, 18));
        CHECK(range_of(answer, 3) == std::pair(0, 13));
        CHECK(range_of(answer, 18) == std::pair(0, 4));
        CHECK_FALSE(range_of(answer, 7));
    }
    auto nameless = versions_request();
    nameless.client_software_name = "-";
    CHECK(world.ask(nameless, 3).error_code == number(Errc::invalid_request));
}

TEST_CASE("a version of ApiVersions that the broker does not know is answered in version 0") {
    ClusterWorld world;
    const ConnectionId connection = world.connections[1];
    world.core.on_frame(connection, raw_head(18, 99), world.now);
    const auto answer = world.take<msg::ApiVersionsRequest>(connection, 0);
    REQUIRE(answer);
    CHECK(answer->error_code == number(Errc::unsupported_version));
    CHECK(range_of(*answer, 18) == std::pair(0, 4));
    CHECK(answer->api_keys.size() == 1);

    world.core.limit_versions(18, 0, 2);
    world.put(connection, versions_request(), 3);
    const auto limited = world.take<msg::ApiVersionsRequest>(connection, 0);
    REQUIRE(limited);
    CHECK(limited->error_code == number(Errc::unsupported_version));
    CHECK(world.closed.empty());
}

TEST_CASE("requests that make no sense close the connection") {
    ClusterWorld world;

    struct Row {
        const char* what;
        Buffer frame;
    };

    const Row rows[] = {
        {"an unknown API", raw_head(4711, 0)},
        {"a version before the announced ones", raw_head(1, 3)},
        {"a version after the announced ones", raw_head(1, 19)},
        {"Produce v2, which is announced but not accepted", raw_head(0, 2)},
        {"a body that is missing", raw_head(3, 4)},
        {"a head cut short", raw_head(3, 4).slice(0, 7)},
        {"nothing", Buffer::allocate(0)},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const ConnectionId connection = world.core.connect(1);
        world.core.on_frame(connection, row.frame, world.now);
        CHECK(world.closed.contains(connection));
        CHECK(world.answers[connection].empty());
    }
}

TEST_CASE("versions can be limited and APIs removed") {
    ClusterWorld world;
    world.core.limit_versions(3, 0, 5);
    world.core.limit_versions(60, 0, -1);
    const auto answer = world.ask(versions_request(), 3);
    CHECK(range_of(answer, 3) == std::pair(0, 5));
    CHECK_FALSE(range_of(answer, 60));
    CHECK(world.ask(msg::MetadataRequest(), 5).brokers.size() == 1);
    world.put(world.connections[1], msg::MetadataRequest(), 6);
    CHECK(world.closed.contains(world.connections[1]));
}

TEST_CASE("an injected error is answered instead of the work") {
    ClusterWorld world;
    world.create("t", 1);
    world.core.faults().add(0, every_broker, 1, {Faults::Kind::error, Errc::not_enough_replicas});
    const auto error = [&] {
        return world.ask(produce_request("t", 0, batch_of({"a"})), 12)
            .responses[0]
            .partition_responses[0]
            .error_code;
    };
    CHECK(error() == number(Errc::not_enough_replicas));
    CHECK(world.partition("t", 0).log.end_offset() == 0);
    CHECK(error() == 0);
    CHECK(world.core.request_count(0, every_broker) == 2);
    CHECK(world.core.request_count(0, 2) == 0);
}

TEST_CASE("a dropped request is not done, a dropped answer is") {
    ClusterWorld world;
    world.create("t", 1);
    world.core.faults().add(0, every_broker, 1, {Faults::Kind::drop_request});
    world.core.faults().add(0, every_broker, 1, {Faults::Kind::drop_reply});

    const ConnectionId first = world.core.connect(1);
    world.put(first, produce_request("t", 0, batch_of({"a"})), 12);
    CHECK(world.closed.contains(first));
    CHECK(world.partition("t", 0).log.end_offset() == 0);

    const ConnectionId second = world.core.connect(1);
    world.put(second, produce_request("t", 0, batch_of({"a"})), 12);
    CHECK(world.closed.contains(second));
    CHECK(world.answers[second].empty());
    CHECK(world.partition("t", 0).log.end_offset() == 1);
}

TEST_CASE("a delayed answer comes late, the request is done at once") {
    ClusterWorld world;
    world.create("t", 1);
    world.core.faults().set_delay(0, every_broker, 50ms);
    const ConnectionId connection = world.core.connect(1);
    world.put(connection, produce_request("t", 0, batch_of({"a"})), 12);
    CHECK(world.partition("t", 0).log.end_offset() == 1);
    world.advance(49ms);
    CHECK(world.answers[connection].empty());
    world.advance(1ms);
    CHECK(world.answers[connection].size() == 1);
}

TEST_CASE("a broker that ends may lose what it has not acknowledged, and the next leader's sequences follow what is left") {
    ClusterWorld world(2);
    world.create("t", 1, 2);
    Partition& partition = world.partition("t", 0);
    const int32_t leader = partition.leader;
    const ConnectionId connection = world.core.connect(leader);
    world.put(connection, produce_request("t", 0, batch_of({"a", "b"}, {7, 0, 0})), 12);
    world.core.faults().set_delay(0, every_broker, 50ms);
    world.put(connection, produce_request("t", 0, batch_of({"c"}, {7, 0, 2})), 12);
    REQUIRE(partition.log.end_offset() == 3);

    const bool lost = GENERATE(true, false);
    world.core.stop(leader, world.now, lost ? ClusterCore::Tail::lost : ClusterCore::Tail::kept);

    CHECK(partition.leader == 3 - leader);
    CHECK(partition.log.end_offset() == (lost ? 2 : 3));
    CHECK(world.core.lost_batches() == (lost ? 1 : 0));
    world.core.faults().set_delay(0, every_broker, 0ms);
    const auto again = world.ask(produce_request("t", 0, batch_of({"c"}, {7, 0, 2})), 12, 3 - leader);
    CHECK(again.responses.at(0).partition_responses.at(0).error_code == 0);
    CHECK(again.responses.at(0).partition_responses.at(0).base_offset == 2);
    CHECK(partition.log.end_offset() == 3);
}

TEST_CASE("a leader that takes over has what the old one will still acknowledge") {
    ClusterWorld world(2);
    world.create("t", 1, 2);
    Partition& partition = world.partition("t", 0);
    const int32_t old = partition.leader;
    world.core.faults().set_delay(0, every_broker, 50ms);
    world.put(world.core.connect(old), produce_request("t", 0, batch_of({"a"})), 12);
    REQUIRE_FALSE(world.core.move_leader("t", 0, 3 - old, world.now));
    world.core.stop(3 - old, world.now, ClusterCore::Tail::lost);
    CHECK(partition.log.end_offset() == 1);
}

TEST_CASE("a throttled client is told, and its next request waits") {
    ClusterWorld world;
    world.core.faults().set_throttle(every_broker, 200ms);
    const ConnectionId connection = world.core.connect(1);
    world.put(connection, msg::MetadataRequest(), 9);
    const auto answer = world.take<msg::MetadataRequest>(connection, 9);
    REQUIRE(answer);
    CHECK(answer->throttle_time_ms == 200);

    world.put(connection, msg::MetadataRequest(), 9);
    world.advance(199ms);
    CHECK(world.answers[connection].empty());
    world.advance(1ms);
    CHECK(world.answers[connection].size() == 1);
}

TEST_CASE("dropping a broker's connections leaves those to others") {
    ClusterWorld world(2);
    world.core.drop_connections(1);
    CHECK(world.closed == std::set<ConnectionId>{world.connections[1]});
    CHECK(world.ask(msg::MetadataRequest(), 9, 2).brokers.size() == 2);
    CHECK(world.core.connection_count(1) == 1);
    CHECK(world.core.open_connections() == 1);
}

TEST_CASE("every plain producer gets an id of its own") {
    ClusterWorld world;
    msg::InitProducerIdRequest request;
    request.transactional_id = std::nullopt;
    const auto first = world.ask(request, 4);
    request.producer_id = first.producer_id;
    request.producer_epoch = 0;
    const auto second = world.ask(request, 4);
    CHECK(first.error_code == 0);
    CHECK(first.producer_epoch == 0);
    CHECK(second.producer_id != first.producer_id);
}

TEST_CASE("a transactional id keeps its producer id under growing epochs") {
    ClusterWorld world;
    msg::InitProducerIdRequest request;
    request.transactional_id = "tx";
    request.transaction_timeout_ms = 1000;
    const auto first = world.ask(request, 4);
    const auto second = world.ask(request, 4);
    CHECK(second.producer_id == first.producer_id);
    CHECK(second.producer_epoch == first.producer_epoch + 1);

    request.producer_id = first.producer_id;
    request.producer_epoch = first.producer_epoch;
    CHECK(world.ask(request, 4).error_code == number(Errc::producer_fenced));
    CHECK(world.ask(request, 3).error_code == number(Errc::invalid_producer_epoch));
    request.producer_epoch = second.producer_epoch;
    CHECK(world.ask(request, 4).producer_epoch == second.producer_epoch + 1);

    request.transaction_timeout_ms = 0;
    CHECK(world.ask(request, 4).error_code == number(Errc::invalid_transaction_timeout));
    request.transactional_id = "";
    CHECK(world.ask(request, 4).error_code == number(Errc::invalid_request));
}

TEST_CASE("a coordinator is a broker that is up, the same one for the same key") {
    ClusterWorld world(3);
    msg::FindCoordinatorRequest request;
    request.key = "group";
    request.coordinator_keys = {};
    const auto old = world.ask(request, 3);
    CHECK(old.error_code == 0);
    CHECK(old.port == 9000 + old.node_id);

    msg::FindCoordinatorRequest many;
    many.coordinator_keys = {"group", "other"};
    const auto answer = world.ask(many, 4);
    REQUIRE(answer.coordinators.size() == 2);
    CHECK(answer.coordinators[0].node_id == old.node_id);
    CHECK(answer.coordinators[1].port == 9000 + answer.coordinators[1].node_id);
}

TEST_CASE("the same seed makes the same cluster") {
    ClusterWorld a(3);
    ClusterWorld b(3);
    a.create("t", 3);
    b.create("t", 3);
    CHECK(a.core.cluster_id() == b.core.cluster_id());
    CHECK(a.core.find_topic("t")->id == b.core.find_topic("t")->id);
    CHECK(a.partition("t", 0).leader == b.partition("t", 0).leader);
}
