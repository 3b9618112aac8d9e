// Statistics against the embedded cluster: what is told is true, and has the shape that docs/statistics.schema.json says.
#include <algorithm>
#include <mutex>
#include <numeric>
#include <sstream>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "producer_world.hpp"
#include "statistics_schema.hpp"

namespace ottla::test {
namespace {

using Json = nlohmann::json;
using Strings = std::vector<std::string>;

constexpr int16_t produce_api = 0;
constexpr int16_t fetch_api = 1;

/// Polls until `done` or ten seconds are over.
template <class Client, class F>
void poll_until(Client& client, F done) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!done() && std::chrono::steady_clock::now() < deadline)
        client.poll(10ms);
    REQUIRE(done());
}

/// Reads until `done(message)` or ten seconds are over.
template <class F>
void read_until(Consumer& consumer, F done) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    bool enough = false;
    while (!enough && std::chrono::steady_clock::now() < deadline)
        if (const auto message = consumer.poll(10ms))
            enough = done(*message);
    REQUIRE(enough);
}

void produce(Producer& producer, const std::string& topic, int count, int32_t partition = 0) {
    for (int i = 0; i < count; ++i)
        producer.produce({.topic = topic, .value = "value " + std::to_string(i), .partition = partition});
}

const BrokerMetrics& broker(const Metrics& metrics, int32_t node) { return metrics.brokers.at(node); }

TEST_CASE("the schema finds what is wrong", "[statistics]") {
    Json good = Json::parse(to_json({.type = "producer"}));
    CHECK(schema().problems(good) == Strings{});
    Json bad = good;
    bad["tx"] = "12";
    bad["surprise"] = 1;
    bad["type"] = "admin";
    bad["rx"] = -1;
    bad.erase("ts");
    CHECK(schema().problems(bad) == Strings{
        ": lacks ts", "/rx: -1 is below 0", "/surprise: not in the schema", "/tx: not of type integer", "/type: \"admin\" is none of those allowed"});
}

TEST_CASE("a producer's statistics are true, and of the documented shape", "[statistics]") {
    ProducerWorld world({.default_partitions = 1});
    std::optional<Json> last;
    ProducerOptions options;
    options.on_delivery = [](const Delivery&) {};
    options.on_statistics = [&](std::string_view json) { last = Json::parse(json); };
    Producer producer(world.config({{"statistics.interval.ms", "50"}, {"client.id", "counter"}, {"enable.idempotence", "true"}}), options);
    produce(producer, "t", 1000);
    REQUIRE(producer.flush(10s) == 0);
    last.reset();
    poll_until(producer, [&] { return last.has_value(); });

    CHECK(schema().problems(*last) == Strings{});
    const Json all = *last;
    REQUIRE(all.contains("eos"));
    CHECK(all["name"].get<std::string>().starts_with("counter#producer-"));
    CHECK(all["type"] == "producer");
    CHECK(all["msg_cnt"] == 0);
    CHECK(all["msg_size"] == 0);
    CHECK(all["msg_max"] == 100'000);
    CHECK(all["txmsgs"] == 1000);
    CHECK(all["eos"]["idemp_state"] == "Assigned");
    CHECK(all["eos"]["epoch_cnt"] == 1);
    const Json& partition = all["topics"]["t"]["partitions"]["0"];
    CHECK(partition["txmsgs"] == 1000);
    CHECK(partition["msgs"] == 1000);
    CHECK(partition["acked_msgid"] == 1000);
    CHECK(partition["next_ack_seq"] == 1000);
    CHECK(partition["msgq_cnt"] == 0);
    CHECK(partition["msgs_inflight"] == 0);
    CHECK(partition["leader"] == 1);
    CHECK(partition["txbytes"] == all["txmsg_bytes"]);
    CHECK(partition["txbytes"].get<int>() > 1000 * 10);
    const std::string name = "127.0.0.1:" + std::to_string(world.cluster.port(1)) + "/1";
    const Json& node = all["brokers"][name];
    CHECK(node["nodeid"] == 1);
    CHECK(node["state"] == "UP");
    CHECK(node["toppars"]["t-0"]["partition"] == 0);
    CHECK(node["req"]["Produce"] == world.cluster.request_count(produce_api));
    CHECK(node["rxidle"].get<int64_t>() >= 0);
    int64_t sent = 0;
    for (const auto& [n, b] : all["brokers"].items()) {
        sent += b["tx"].get<int64_t>();
        CHECK(b["rx"] == b["tx"]);
        const int64_t by_api = std::accumulate(
            b["req"].begin(), b["req"].end(), int64_t{0}, [](int64_t sum, const Json& count) { return sum + count.get<int64_t>(); });
        CHECK(by_api == b["tx"]);
    }
    CHECK(all["tx"] == sent);
}

TEST_CASE("of statistics that nobody fetches the newest waits", "[statistics]") {
    ProducerWorld world;
    int served = 0;
    std::atomic<int> made{0};
    struct Counter : MetricsListener {
        explicit Counter(std::atomic<int>& c) : count(c) {}
        void on_metrics(const Metrics&) override { ++count; }
        std::atomic<int>& count;
    };
    ProducerOptions options;
    options.on_statistics = [&](std::string_view) { ++served; };
    options.metrics_listener = std::make_shared<Counter>(made);
    Producer producer(world.config({{"statistics.interval.ms", "10"}}), options);
    while (made < 4)
        std::this_thread::sleep_for(5ms);
    CHECK(producer.poll(0ms) == 1);
    CHECK(served == 1);
}

TEST_CASE("a snapshot tells what is queued and in flight", "[statistics]") {
    ProducerWorld world({.default_partitions = 1});
    world.cluster.delay(produce_api, 10s);
    Producer producer(world.config({{"linger.ms", "0"}, {"batch.num.messages", "10"}, {"enable.idempotence", "true"}}));
    produce(producer, "t", 25);
    Metrics now;
    poll_until(producer, [&] {
        now = producer.metrics();
        const auto topic = now.topics.find("t");
        return topic != now.topics.end() && topic->second.partitions.contains(0) && topic->second.partitions.at(0).messages_in_flight > 0 &&
               broker(now, 1).messages_in_flight == topic->second.partitions.at(0).messages_in_flight; // all of it has left
    });
    CHECK(now.messages == 25);
    CHECK(now.bytes == 10 * 7 + 15 * 8);
    const PartitionMetrics& partition = now.topics.at("t").partitions.at(0);
    CHECK(partition.messages_in_flight + partition.messages_queued == 25);
    CHECK(partition.messages_accepted == 25);
    CHECK(partition.messages_delivered == 0);
    CHECK(partition.oldest_sequence == 0);
    CHECK(broker(now, 1).messages_in_flight == partition.messages_in_flight);
    CHECK(broker(now, 1).requests_in_flight >= 1);
    // Without an interval nothing is measured.
    CHECK(broker(now, 1).send_wait.count == 0);
    CHECK(now.topics.at("t").batch_messages.count == 0);

    producer.purge();
    producer.poll(0ms);
    const PartitionMetrics after = producer.metrics().topics.at("t").partitions.at(0);
    CHECK(after.messages_failed == 25);
    CHECK(after.messages_accepted == 25);
    CHECK(producer.metrics().messages == 0);
}

TEST_CASE("stages of a message's way are measured", "[statistics]") {
    ProducerWorld world({.default_partitions = 1});
    world.cluster.delay(produce_api, 100ms);
    Producer producer(world.config({{"statistics.interval.ms", "3600000"}, {"batch.num.messages", "100"}, {"linger.ms", "20"}}));
    produce(producer, "t", 150);
    REQUIRE(producer.flush(10s) == 0);
    const Metrics now = producer.metrics();
    const TopicMetrics& topic = now.topics.at("t");
    CHECK(topic.batch_messages.sum == 150);
    CHECK(topic.batch_messages.max == 100);
    CHECK(topic.batch_bytes.sum == topic.partitions.at(0).bytes_sent);
    CHECK(topic.batch_bytes.count == topic.batch_messages.count);
    const BrokerMetrics& node = broker(now, 1);
    CHECK(node.queue_time.count == topic.batch_messages.count);
    CHECK(node.queue_time.max > 0);
    CHECK(node.rtt.max >= 100'000);
    CHECK(node.rtt.count >= node.requests.at("Produce"));
    CHECK(node.send_wait.count >= node.requests.at("Produce"));
    CHECK(node.throttle_time.count == 0);
}

TEST_CASE("messages that are sent again count again", "[statistics]") {
    ProducerWorld world({.default_partitions = 1});
    Producer producer(world.config());
    world.cluster.drop_reply_next(produce_api, 1);
    produce(producer, "t", 10);
    REQUIRE(producer.flush(10s) == 0);
    const Metrics now = producer.metrics();
    const PartitionMetrics& partition = now.topics.at("t").partitions.at(0);
    CHECK(partition.messages_delivered == 10);
    CHECK(partition.messages_sent > 10);
    CHECK(now.messages_sent == partition.messages_sent);
    CHECK(broker(now, 1).disconnects >= 1);
    CHECK(broker(now, 1).send_errors >= 1);
}

TEST_CASE("throttling is told by poll and by the listener", "[statistics]") {
    ProducerWorld world;
    struct Listener : MetricsListener {
        std::mutex mutex;
        std::vector<ThrottleEvent> throttled;
        void on_throttle(const ThrottleEvent& event) override {
            std::lock_guard lock(mutex);
            throttled.push_back(event);
        }
    };
    const auto listener = std::make_shared<Listener>();
    std::vector<ThrottleEvent> told;
    ProducerOptions options;
    options.on_throttle = [&](const ThrottleEvent& event) { told.push_back(event); };
    options.metrics_listener = listener;
    Producer producer(world.config({{"statistics.interval.ms", "3600000"}}), options);
    world.cluster.throttle(30ms);
    produce(producer, "t", 1);
    poll_until(producer, [&] { return std::any_of(told.begin(), told.end(), [](const auto& e) { return e.node == 1; }); });
    world.cluster.throttle(0ms);
    const auto event = *std::find_if(told.begin(), told.end(), [](const auto& e) { return e.node == 1; });
    CHECK(event.time == 30ms);
    CHECK(event.broker == "127.0.0.1:" + std::to_string(world.cluster.port(1)) + "/1");
    CHECK(broker(producer.metrics(), 1).throttle_time.p50 == 30);
    std::lock_guard lock(listener->mutex);
    CHECK(listener->throttled.size() >= told.size());
}

TEST_CASE("a listener hears of requests and batches, and may throw", "[statistics]") {
    ProducerWorld world({.default_partitions = 1});
    struct Listener : MetricsListener {
        std::mutex mutex;
        std::map<std::string, int> requests;
        int messages = 0;
        std::chrono::microseconds slowest{};
        void on_request(const Request& request) override {
            std::lock_guard lock(mutex);
            ++requests[std::string(request.api)];
            if (request.api == "Produce")
                slowest = std::max(slowest, request.rtt);
            throw std::runtime_error("not my day");
        }
        void on_batch(const Batch& batch) override {
            std::lock_guard lock(mutex);
            messages += batch.messages;
            if (batch.topic != "t" || batch.error || batch.latency < 50ms)
                messages = -1'000'000;
        }
    };
    const auto listener = std::make_shared<Listener>();
    std::atomic<int> complaints{0};
    ProducerOptions options;
    options.metrics_listener = listener;
    options.on_log = [&](int, std::string_view, std::string_view, std::string_view text) {
        complaints += text.find("not my day") != std::string_view::npos;
    };
    world.cluster.delay(produce_api, 50ms);
    {
        Producer producer(world.config(), options);
        produce(producer, "t", 10);
        REQUIRE(producer.flush(10s) == 0);
    }
    std::lock_guard lock(listener->mutex);
    CHECK(listener->messages == 10);
    CHECK(listener->requests["Produce"] == static_cast<int>(world.cluster.request_count(produce_api)));
    CHECK(listener->requests["Metadata"] >= 1);
    CHECK(listener->slowest >= 50ms);
    CHECK(complaints > 0);
}

TEST_CASE("snapshots may be taken by any thread, also inside the engine and by one that runs it", "[statistics]") {
    ProducerWorld world({.default_partitions = 1});
    boost::asio::io_context io;
    struct Listener : MetricsListener {
        Producer* producer = nullptr;
        int64_t seen = 0;
        void on_batch(const Batch&) override { seen = producer->metrics().topics.at("t").partitions.at(0).messages_accepted; }
    };
    const auto listener = std::make_shared<Listener>();
    ProducerOptions options;
    options.metrics_listener = listener;
    Producer producer(world.config(), Engine(io.get_executor()), options);
    listener->producer = &producer;
    CHECK(producer.metrics().brokers.empty()); // nobody runs the loop, and nobody is waited for
    std::atomic<bool> stop{false};
    std::atomic<bool> right{true}; // checks are for the test's own thread
    std::thread other([&] {
        while (!stop)
            right = right && producer.metrics().type == "producer";
    });
    bool done = false;
    int64_t delivered = 0;
    producer.async_send({.topic = "t", .value = "v"}, [&](error_code ec, const DeliveryReport&) {
        CHECK(!ec);
        delivered = producer.metrics().topics.at("t").partitions.at(0).messages_delivered;
        done = true;
    });
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!done && std::chrono::steady_clock::now() < deadline)
        io.run_one_for(10ms);
    stop = true;
    other.join();
    CHECK(right);
    CHECK(delivered == 1);
    CHECK(listener->seen == 1);
}

TEST_CASE("a closed producer still has its name and totals of nothing", "[statistics]") {
    ProducerWorld world;
    Producer producer(world.config({{"client.id", "gone"}}));
    producer.close(1s);
    CHECK(producer.metrics().client_id == "gone");
    CHECK(producer.metrics().brokers.empty());
    CHECK(schema().problems(Json::parse(to_json(producer.metrics()))) == Strings{});
}

TEST_CASE("an open transaction shows in the statistics", "[statistics]") {
    ProducerWorld world({.default_partitions = 1});
    Producer producer(world.config({{"transactional.id", "tx"}}));
    CHECK(producer.metrics().idempotence.value_or(IdempotenceMetrics{}).producer_id == -1);
    producer.init_transactions(10s);
    CHECK(producer.metrics().idempotence->transaction_state == "Ready");
    CHECK_FALSE(producer.metrics().idempotence->takes_messages);
    producer.begin_transaction();
    CHECK(producer.metrics().idempotence->transaction_state == "InTransaction");
    CHECK(producer.metrics().idempotence->takes_messages);
    CHECK(producer.metrics().idempotence->producer_id >= 0);
    CHECK(schema().problems(Json::parse(to_json(producer.metrics()))) == Strings{});
    producer.abort_transaction(10s);
}

TEST_CASE("a consumer's statistics are true, and of the documented shape", "[statistics]") {
    ProducerWorld world({.default_partitions = 1});
    {
        Producer producer(world.config());
        produce(producer, "t", 500);
        REQUIRE(producer.flush(10s) == 0);
    }
    std::optional<Json> last;
    ConsumerOptions options;
    options.on_statistics = [&](std::string_view json) { last = Json::parse(json); };
    Consumer consumer(
        {{"bootstrap.servers", world.cluster.bootstrap_servers()}, {"statistics.interval.ms", "30"}, {"enable.partition.eof", "true"}},
        options);
    consumer.assign({{"t", 0, offset_beginning}});
    int read = 0;
    read_until(consumer, [&](const Message&) { return ++read == 200; });
    const Metrics half = consumer.metrics();
    CHECK(half.type == "consumer");
    const PartitionMetrics& partition = half.topics.at("t").partitions.at(0);
    CHECK(partition.position == 200);
    CHECK(partition.lag == 300);
    CHECK(partition.messages_received == 500);
    CHECK(partition.messages_fetched_ahead == 500); // the slice that is being read counts until its end
    read_until(consumer, [&](const Message& message) { return message.error().errc() == Errc::_partition_eof; });
    last.reset();
    poll_until(consumer, [&] { return last.has_value(); });
    CHECK(schema().problems(*last) == Strings{});
    CHECK((*last)["rxmsgs"] == 500);
    const Json& row = (*last)["topics"]["t"]["partitions"]["0"];
    CHECK(row["rxmsgs"] == 500);
    CHECK(row["rxbytes"] == (*last)["rxmsg_bytes"]);
    CHECK(row["app_offset"] == 500);
    CHECK(row["next_offset"] == 500);
    CHECK(row["hi_offset"] == 500);
    CHECK(row["lo_offset"] == 0);
    CHECK(row["eof_offset"] == 500);
    CHECK(row["fetchq_cnt"] == 0);
    CHECK(row["fetch_state"] == "active");
    CHECK(row["broker"] == 1);
    CHECK(row["desired"] == true);
    CHECK(world.cluster.request_count(fetch_api) >= 1);
    CHECK_FALSE(last->contains("eos"));
    consumer.close();
    CHECK_THROWS_AS(consumer.assignment(), KafkaException);
    CHECK(consumer.metrics().brokers.empty());
}

TEST_CASE("messages fetched before a seek are told as dropped", "[statistics]") {
    ProducerWorld world({.default_partitions = 1});
    {
        Producer producer(world.config());
        produce(producer, "t", 100);
        REQUIRE(producer.flush(10s) == 0);
    }
    Consumer consumer({{"bootstrap.servers", world.cluster.bootstrap_servers()}});
    consumer.assign({{"t", 0, offset_beginning}});
    read_until(consumer, [](const Message&) { return true; });
    consumer.seek({"t", 0, 90});
    int read = 0;
    read_until(consumer, [&](const Message&) { return ++read == 10; });
    const PartitionMetrics partition = consumer.metrics().topics.at("t").partitions.at(0);
    CHECK(partition.stale_drops == 100);
    CHECK(partition.position == 100);
    CHECK(partition.messages_received > 100);
}

} // namespace
} // namespace ottla::test
