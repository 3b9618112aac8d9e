// Incremental fetch sessions of the embedded cluster (KIP-227), by requests.
#include "unit/mock/cluster_world.hpp"

using namespace ottla;
using namespace ottla::mock;
using namespace std::chrono_literals;

namespace {

constexpr int16_t by_name = 12;

struct SessionWorld : ClusterWorld {
    explicit SessionWorld(FetchSessionLimits limits = {})
        : ClusterWorld(1, [&] {
            CoreOptions options;
            options.fetch_sessions = limits;
            return options;
        }()) {
        create("t", 4);
    }

    /// Asks for these partitions, from offset 0, without waiting; ids of the topics are filled in.
    msg::FetchRequest request(std::vector<int32_t> partitions, int32_t session = 0, int32_t epoch = 0) {
        auto wanted = fetch_request("t", 0, 0, {.max_wait_ms = 0});
        wanted.session_id = session;
        wanted.session_epoch = epoch;
        const auto line = wanted.topics[0].partitions[0];
        wanted.topics.clear();
        for (const int32_t partition : partitions) {
            if (wanted.topics.empty())
                wanted.topics.emplace_back().topic = "t";
            wanted.topics[0].topic_id = core.find_topic("t")->id;
            wanted.topics[0].partitions.push_back(line);
            wanted.topics[0].partitions.back().partition = partition;
        }
        return wanted;
    }

    void produce(int32_t partition) {
        const auto answer = ask(produce_request("t", partition, batch_of({"value"})), 12);
        REQUIRE(answer.responses[0].partition_responses[0].error_code == 0);
    }

    size_t sessions() { return core.fetch_sessions(1).count(); }
};

/// "partition", or "partition:ERROR", as in the answer.
std::vector<std::string> partitions_of(const msg::FetchResponse& response) {
    std::vector<std::string> all;
    if (response.error_code != 0)
        all.push_back(error_name(static_cast<Errc>(response.error_code)));
    for (const auto& topic : response.responses)
        for (const auto& line : topic.partitions)
            all.push_back(
                std::to_string(line.partition_index) +
                (line.error_code ? ":" + error_name(static_cast<Errc>(line.error_code)) : "")
            );
    return all;
}

using Lines = std::vector<std::string>;

} // namespace

TEST_CASE("an answer in a session has only what has changed") {
    for (const int16_t version : {int16_t{7}, by_name, int16_t{13}, int16_t{18}}) {
        INFO("version " << version);
        SessionWorld world;
        const auto full = world.ask(world.request({0, 1, 2}), version);
        const int32_t id = full.session_id;
        CHECK(id > 0);
        CHECK(partitions_of(full) == Lines{"0", "1", "2"});

        auto answer = world.ask(world.request({}, id, 1), version);
        CHECK(answer.session_id == id);
        CHECK(partitions_of(answer).empty());

        world.produce(1);
        CHECK(partitions_of(world.ask(world.request({}, id, 2), version)) == Lines{"1"});

        world.produce(0); // records of partition 1 are still there, but it had its turn
        CHECK(partitions_of(world.ask(world.request({}, id, 3), version)) == Lines{"0", "1"});

        auto change = world.request({3, 0}, id, 4);
        change.topics[0].partitions[1].fetch_offset = 1;
        auto& forgotten = change.forgotten_topics_data.emplace_back();
        forgotten.topic = "t";
        forgotten.topic_id = change.topics[0].topic_id;
        forgotten.partitions = {1};
        CHECK(partitions_of(world.ask(change, version)) == Lines{"3"}); // new, and 0 is at its end
    }
}

TEST_CASE("errors are said again until they are gone, and then that they are gone") {
    SessionWorld world;
    const int32_t id = world.ask(world.request({0, 9}), by_name).session_id;
    CHECK(partitions_of(world.ask(world.request({}, id, 1), by_name)) == Lines{"9:UNKNOWN_TOPIC_OR_PART"});
    auto beyond = world.request({0}, id, 2);
    beyond.topics[0].partitions[0].fetch_offset = 77;
    CHECK(
        partitions_of(world.ask(beyond, by_name)) == Lines{"0:OFFSET_OUT_OF_RANGE", "9:UNKNOWN_TOPIC_OR_PART"}
    );
    CHECK(
        partitions_of(world.ask(world.request({0}, id, 3), by_name)) == Lines{"0", "9:UNKNOWN_TOPIC_OR_PART"}
    );
}

TEST_CASE("sessions that are not there, or elsewhere, or go by something else") {
    SessionWorld world;
    CHECK(partitions_of(world.ask(world.request({}, 5, 1), by_name)) == Lines{"FETCH_SESSION_ID_NOT_FOUND"});
    const int32_t id = world.ask(world.request({0}), by_name).session_id;
    CHECK(partitions_of(world.ask(world.request({}, id, 2), by_name)) == Lines{"INVALID_FETCH_SESSION_EPOCH"});
    CHECK(partitions_of(world.ask(world.request({}, id, 1), 13)) == Lines{"FETCH_SESSION_TOPIC_ID_ERROR"});
    CHECK(partitions_of(world.ask(world.request({}, id, 1), by_name)).empty());
}

TEST_CASE("a session ends by a new one, by request, when nothing is left in it, and with its broker") {
    SessionWorld world;
    int32_t id = world.ask(world.request({0}), by_name).session_id;
    CHECK(world.sessions() == 1);
    const int32_t next = world.ask(world.request({0}, id, 0), by_name).session_id;
    CHECK(next != id);
    CHECK(world.sessions() == 1);
    CHECK(world.ask(world.request({0}, next, -1), by_name).session_id == 0);
    CHECK(world.sessions() == 0);

    id = world.ask(world.request({0}), by_name).session_id;
    auto forget = world.request({}, id, 1);
    forget.forgotten_topics_data.emplace_back().topic = "t";
    forget.forgotten_topics_data[0].partitions = {0};
    CHECK(world.ask(forget, by_name).session_id == 0);
    CHECK(world.sessions() == 0);

    world.ask(world.request({0}), by_name);
    CHECK(world.ask(world.request({0}, 0, -1), by_name).session_id == 0); // wants none
    CHECK(world.ask(world.request({0}, 0, 0), 6).session_id == 0);        // knows none
    CHECK(world.sessions() == 1);
    world.core.stop(1, world.now);
    CHECK(world.sessions() == 0);
}

TEST_CASE("a session in which another request went on does not answer the one that waits") {
    SessionWorld world;
    const int32_t id = world.ask(world.request({0}), by_name).session_id;
    const ConnectionId slow = world.core.connect(1);
    auto waiting = world.request({}, id, 1);
    waiting.max_wait_ms = 100;
    world.put(slow, waiting, by_name);
    CHECK(partitions_of(world.ask(world.request({}, id, 2), by_name)).empty());
    world.advance(100ms);
    const auto late = world.take<msg::FetchRequest>(slow, by_name);
    REQUIRE(late);
    CHECK(partitions_of(*late) == Lines{"INVALID_FETCH_SESSION_EPOCH"});
}

TEST_CASE("when all slots are taken, old and small sessions make room for larger ones") {
    SessionWorld world({.slots = 2, .eviction = 1000ms});
    const int32_t small = world.ask(world.request({0}), by_name).session_id;
    const int32_t large = world.ask(world.request({0, 1, 2}), by_name).session_id;
    CHECK(world.ask(world.request({0, 1}), by_name).session_id == 0); // both are safe for a second

    world.advance(900ms);
    world.ask(world.request({}, small, 1), by_name);
    world.ask(world.request({}, large, 1), by_name);
    world.advance(200ms);
    CHECK(world.ask(world.request({0}), by_name).session_id == 0); // not larger than the smallest
    const int32_t fresh = world.ask(world.request({0, 1}), by_name).session_id;
    CHECK(fresh > 0);
    CHECK(partitions_of(world.ask(world.request({}, small, 2), by_name)) == Lines{"FETCH_SESSION_ID_NOT_FOUND"});
    CHECK(partitions_of(world.ask(world.request({}, large, 2), by_name)).empty());

    world.advance(1001ms);
    CHECK(world.ask(world.request({0}), by_name).session_id > 0); // in place of one that nobody used for so long
    CHECK(world.sessions() == 2);

    SessionWorld none({.slots = 0});
    CHECK(none.ask(none.request({0, 1}), by_name).session_id == 0);
}
