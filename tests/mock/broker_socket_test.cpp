// The embedded cluster as a socket sees it: frames whole, in parts, nonsense; order, back pressure, stopping.
#include <memory>
#include <random>
#include <thread>

#include <ottla/mock_cluster.hpp>

#include "mock/broker_requests.hpp"
#include "mock/raw_client.hpp"

using namespace ottla;
using namespace std::chrono_literals;

namespace {

bool answers(const MockCluster& cluster) {
    RawClient client(cluster.port(1));
    return client.ask(msg::MetadataRequest(), 9).brokers.size() == cluster.brokers().size();
}

Buffer size_prefix(int32_t size) {
    Buffer prefix = Buffer::allocate(4);
    store_be(prefix.mutable_data(), size);
    return prefix;
}

} // namespace

TEST_CASE("brokers announce the ports they listen on") {
    MockCluster cluster({.brokers = 3});
    RawClient client(cluster.port(2));
    const auto answer = client.ask(msg::MetadataRequest(), 9);
    REQUIRE(answer.brokers.size() == 3);
    std::string list;
    for (const auto& broker : answer.brokers)
        list += (list.empty() ? "" : ",") + broker.host + ":" + std::to_string(broker.port);
    CHECK(list == cluster.bootstrap_servers());
    CHECK(cluster.connection_count(2) == 1);
    CHECK(cluster.connection_count() == 1);
    CHECK(cluster.request_count(3) == 1);
}

TEST_CASE("what is produced is fetched, byte for byte but for offset and epoch") {
    MockCluster cluster;
    REQUIRE_FALSE(cluster.create_topic("t", 1));
    RawClient client(cluster.port(1));
    for (const size_t size : {10, 5000, 300000}) {
        const std::string value(size, 'v');
        const Buffer batch = one_record_batch(value);
        const int64_t at = cluster.offsets("t", 0)->second;
        CHECK(client.ask(produce_to("t", batch), 9).responses[0].partition_responses[0].base_offset == at);
        const auto fetched = client.ask(fetch_from("t", at, 0), 12).responses[0].partitions[0];
        REQUIRE(fetched.records.pieces.size() == 1);
        const Buffer& bytes = fetched.records.pieces[0];
        REQUIRE(bytes.size() == batch.size());
        CHECK(std::memcmp(bytes.data() + 16, batch.data() + 16, batch.size() - 16) == 0);
        CHECK(load_be<int64_t>(bytes.data()) == at);
    }
}

TEST_CASE("requests may come in pieces of any size") {
    MockCluster cluster;
    RawClient client(cluster.port(1));
    const Buffer frame = RawClient::frame_of(msg::MetadataRequest(), 9);
    for (size_t i = 0; i < frame.size(); ++i)
        REQUIRE(client.write(frame.slice(i, 1)));
    CHECK(client.take<msg::MetadataRequest>(9).brokers.size() == 1);
}

TEST_CASE("pipelined requests are answered in order, though the first one waits") {
    MockCluster cluster;
    REQUIRE_FALSE(cluster.create_topic("t", 1));
    RawClient client(cluster.port(1));
    client.put(fetch_from("t", 0, 100), 12, 1);
    client.put(produce_to("t", one_record_batch("a")), 9, 2);
    client.put(msg::MetadataRequest(), 9, 3);

    int32_t id = 0;
    CHECK(client.take<msg::FetchRequest>(12, &id).responses[0].partitions[0].records.size() == 0);
    CHECK(id == 1);
    client.take<msg::ProduceRequest>(9, &id);
    CHECK(id == 2);
    client.take<msg::MetadataRequest>(9, &id);
    CHECK(id == 3);
}

TEST_CASE("a produce on one connection wakes a fetch on another") {
    MockCluster cluster;
    REQUIRE_FALSE(cluster.create_topic("t", 1));
    RawClient consumer(cluster.port(1));
    consumer.put(fetch_from("t", 0, 9000), 12);
    RawClient producer(cluster.port(1));
    const auto begin = std::chrono::steady_clock::now();
    producer.ask(produce_to("t", one_record_batch("a")), 9);
    CHECK(consumer.take<msg::FetchRequest>(12).responses[0].partitions[0].records.size() > 0);
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
}

TEST_CASE("sizes that cannot be end the connection at once") {
    MockCluster cluster;
    for (const int32_t size : {-1, INT32_MIN, INT32_MAX, 100 * 1024 * 1024 + 1, 0x48545450}) {
        INFO("size " << size);
        RawClient client(cluster.port(1));
        client.write(size_prefix(size));
        CHECK(client.is_closed());
    }
    CHECK(answers(cluster));
}

TEST_CASE("a frame of nonsense ends the connection") {
    MockCluster cluster;
    std::mt19937 random(1);
    for (int i = 0; i < 200; ++i) {
        const size_t size = random() % 300;
        std::string noise(4 + size, '\0');
        store_be(reinterpret_cast<uint8_t*>(noise.data()), static_cast<int32_t>(size));
        for (size_t at = 4; at < noise.size(); ++at)
            noise[at] = static_cast<char>(random());
        // Half of them begin like a request, so that bodies are reached too.
        if (i % 2 && size >= 4) {
            store_be(reinterpret_cast<uint8_t*>(noise.data()) + 4, static_cast<int16_t>(random() % 25));
            store_be(reinterpret_cast<uint8_t*>(noise.data()) + 6, static_cast<int16_t>(random() % 14));
        }
        RawClient client(cluster.port(1));
        client.write(noise);
        client.write(size_prefix(-1));
        CHECK(client.is_closed());
    }
    CHECK(answers(cluster));
}

TEST_CASE("peers that leave in the middle of a frame do no harm") {
    MockCluster cluster;
    for (const size_t part : {1, 3, 4, 9, 12}) {
        RawClient closes(cluster.port(1));
        closes.write(RawClient::frame_of(msg::MetadataRequest(), 9).slice(0, part));
        RawClient resets(cluster.port(1));
        resets.write(RawClient::frame_of(msg::MetadataRequest(), 9).slice(0, part));
        resets.reset();
    }
    {
        RawClient announces_much(cluster.port(1));
        announces_much.write(size_prefix(100 * 1024 * 1024));
        announces_much.write(std::string(100000, 'x'));
    }
    CHECK(answers(cluster));
}

TEST_CASE("a frame larger than the first allocation arrives whole") {
    MockCluster cluster;
    REQUIRE_FALSE(cluster.create_topic("t", 1));
    RawClient client(cluster.port(1));
    const auto answer = client.ask(produce_to("t", one_record_batch(std::string(9'000'000, 'x'))), 9);
    CHECK(
        answer.responses[0].partition_responses[0].error_code ==
        static_cast<int16_t>(Errc::msg_size_too_large)
    );
    CHECK(client.ask(msg::MetadataRequest(), 9).brokers.size() == 1);
}

TEST_CASE("a peer that does not read is not served without end, and gets all once it reads") {
    MockCluster cluster;
    REQUIRE_FALSE(cluster.create_topic("t", 1));
    RawClient client(cluster.port(1));
    client.ask(produce_to("t", one_record_batch(std::string(1'000'000, 'x'))), 9);
    constexpr uint64_t enough = 60; // megabytes; sockets hold some, too
    uint64_t requests = 0;
    const auto is_served = [&] {
        for (int i = 0; i < 100 && cluster.request_count(1) < requests; ++i)
            std::this_thread::sleep_for(10ms);
        return cluster.request_count(1) == requests;
    };
    while (is_served() && requests < enough)
        client.put(fetch_from("t", 0, 0), 12, static_cast<int32_t>(requests++));
    CHECK(requests < enough);

    for (uint64_t i = 0; i < requests; ++i) {
        int32_t id = -1;
        const auto answer = client.take<msg::FetchRequest>(12, &id);
        CHECK(id == static_cast<int32_t>(i));
        CHECK(answer.responses[0].partitions[0].records.size() > 1'000'000);
    }
    CHECK(cluster.request_count(1) == requests);
}

TEST_CASE("hundreds of connections are served") {
    MockCluster cluster;
    REQUIRE_FALSE(cluster.create_topic("t", 1));
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 300; ++i)
        clients.push_back(std::make_unique<RawClient>(cluster.port(1)));
    for (auto& client : clients)
        client->put(fetch_from("t", 0, 9000), 12);
    RawClient(cluster.port(1)).ask(produce_to("t", one_record_batch("a")), 9);
    size_t served = 0;
    for (auto& client : clients)
        served += client->take<msg::FetchRequest>(12).responses[0].partitions[0].records.size() > 0;
    CHECK(served == clients.size());
}

TEST_CASE("a stopped broker refuses connections until it starts on the same port") {
    MockCluster cluster({.brokers = 2});
    RawClient client(cluster.port(1));
    client.ask(msg::MetadataRequest(), 9);
    cluster.stop(1);
    CHECK(client.is_closed());
    CHECK_THROWS(RawClient(cluster.port(1)));
    CHECK(RawClient(cluster.port(2)).ask(msg::MetadataRequest(), 9).brokers.size() == 1);
    cluster.start(1);
    CHECK(answers(cluster));
}

TEST_CASE("connections can be dropped, requests and answers lost, answers delayed") {
    MockCluster cluster;
    REQUIRE_FALSE(cluster.create_topic("t", 1));
    {
        RawClient client(cluster.port(1));
        client.ask(msg::MetadataRequest(), 9);
        cluster.drop_connections(1);
        CHECK(client.is_closed());
    }
    cluster.drop_request_next(0, 1);
    cluster.drop_reply_next(0, 1);
    for (const int64_t end : {0, 1}) {
        RawClient client(cluster.port(1));
        client.put(produce_to("t", one_record_batch("a")), 9);
        CHECK(client.is_closed());
        CHECK(cluster.offsets("t", 0)->second == end);
    }
    cluster.delay(3, 50ms);
    RawClient client(cluster.port(1));
    const auto begin = std::chrono::steady_clock::now();
    client.ask(msg::MetadataRequest(), 9);
    CHECK(std::chrono::steady_clock::now() - begin >= 50ms);
}

TEST_CASE("a cluster ends while clients wait") {
    auto cluster = std::make_unique<MockCluster>();
    REQUIRE_FALSE(cluster->create_topic("t", 1));
    RawClient client(cluster->port(1));
    client.put(fetch_from("t", 0, 9000), 12);
    while (cluster->request_count(1) == 0)
        std::this_thread::sleep_for(1ms);
    cluster.reset();
    CHECK(client.is_closed());
}
