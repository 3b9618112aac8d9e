// Groups of the embedded cluster as a socket sees them, and as the handle tells of them.
#include <chrono>

#include <ottla/mock_cluster.hpp>
#include <ottla/msg/join_group.hpp>

#include "mock/raw_client.hpp"

using namespace ottla;
using namespace std::chrono_literals;

namespace {

msg::JoinGroupRequest join(std::chrono::milliseconds session) {
    msg::JoinGroupRequest request;
    request.group_id = "g";
    request.session_timeout_ms = static_cast<int32_t>(session.count());
    request.rebalance_timeout_ms = 60'000;
    request.protocol_type = "consumer";
    request.protocols.emplace_back().name = "range";
    return request;
}

} // namespace

TEST_CASE("a group is told of, and its sessions end by the clock") {
    MockCluster cluster({.group_min_session_timeout = 50ms});
    CHECK_FALSE(cluster.group("g"));
    RawClient client(cluster.port(1));
    CHECK(client.ask(join(100ms), 3).generation_id == 1);
    RawClient other(cluster.port(1));
    const auto joined = other.ask(join(1min), 3); // waits until the first one's session has ended
    CHECK(joined.generation_id >= 2);
    const auto group = *cluster.group("g");
    CHECK(group.state == "CompletingRebalance");
    CHECK(group.generation == joined.generation_id);
    CHECK(group.protocol == "range");
    CHECK(group.leader == joined.member_id);
    CHECK(group.members == std::vector{joined.member_id});
}

TEST_CASE("limits of groups are options") {
    MockCluster cluster(
        {.group_initial_rebalance_delay = 20ms, .group_max_session_timeout = 10s, .group_max_size = 1}
    );
    RawClient client(cluster.port(1));
    CHECK(client.ask(join(1s), 9).error_code == static_cast<int16_t>(Errc::invalid_session_timeout));
    CHECK(client.ask(join(10'001ms), 9).error_code == static_cast<int16_t>(Errc::invalid_session_timeout));
    CHECK(client.ask(join(10s), 3).generation_id == 1); // when the delay is over
    CHECK(client.ask(join(10s), 3).error_code == static_cast<int16_t>(Errc::group_max_size_reached));
}
