// What a client tells on its log: which lines each context has, who is told, and when.
#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

#include "catch.hpp"
#include "producer_world.hpp"

#include <ottla/admin.hpp>

using namespace ottla;
using namespace ottla::test;

namespace {

struct Line {
    int level;
    std::string facility;
    std::string client;
    std::string text;
    std::thread::id thread;
};

/// Collects lines of any thread.
class Lines {
public:
    LogSink sink() {
        return [this](int level, std::string_view facility, std::string_view client, std::string_view text) {
            const std::lock_guard lock(mutex_);
            lines_.push_back({level, std::string(facility), std::string(client), std::string(text), std::this_thread::get_id()});
        };
    }
    std::vector<Line> all() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    size_t count(const std::string& facility, const std::string& text = "") const {
        const auto lines = all();
        return static_cast<size_t>(std::count_if(lines.begin(), lines.end(), [&](const Line& line) {
            return line.facility == facility && line.text.find(text) != std::string::npos;
        }));
    }

private:
    mutable std::mutex mutex_;
    std::vector<Line> lines_;
};

void produce(const Config& config, LogSink sink, int messages) {
    Producer producer(config, {.on_log = std::move(sink)});
    for (int i = 0; i < messages; ++i)
        producer.produce({.topic = "orders", .value = "x"});
    CHECK(producer.flush(10s) == 0);
}

} // namespace

TEST_CASE("without debug a healthy producer is silent", "[mock][log]") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    Lines lines;
    produce(world.config(), lines.sink(), 10);
    CHECK(lines.all().empty());
}

TEST_CASE("each context brings its lines", "[mock][log]") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    struct {
        const char* context;
        std::vector<std::string> facilities;
    } const rows[] = {
        {"broker", {"CONNECT", "CONNECTED"}},
        {"feature", {"APIVERSION"}},
        {"metadata", {"METADATA"}},
        {"topic", {"PARTCNT", "LEADER"}},
        {"protocol", {"SEND", "RECV"}},
        {"msg", {"SEAL", "DELIVERY"}},
        {"eos", {"PID"}},
        {"generic", {"INIT", "TERMINATE"}},
        {"conf", {"CONF"}},
    };
    std::set<std::string> everything;
    for (const auto& row : rows) {
        INFO(row.context);
        Lines lines;
        produce(world.config({{"debug", row.context}, {"enable.idempotence", "true"}}), lines.sink(), 3);
        for (const auto& facility : row.facilities) {
            INFO(facility);
            CHECK(lines.count(facility) > 0);
            everything.insert(facility);
        }
        for (const Line& line : lines.all()) {
            INFO(line.facility << ": " << line.text);
            CHECK(line.level == 7);
            CHECK(line.client.find("rdkafka#producer-") == 0);
        }
    }
    Lines lines;
    produce(world.config({{"debug", "all"}, {"enable.idempotence", "true"}}), lines.sink(), 3);
    for (const auto& facility : everything) {
        INFO(facility);
        CHECK(lines.count(facility) > 0);
    }
}

TEST_CASE("lines name what matters", "[mock][log]") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    Lines lines;
    produce(world.config({{"debug", "protocol,msg,topic,broker"}, {"linger.ms", "100"}}), lines.sink(), 3);
    CHECK(lines.count("SEND", "Produce v") == 1);
    CHECK(lines.count("RECV", "Produce v") == 1);
    CHECK(lines.count("SEAL", "orders[0]: a batch of 3 messages") == 1);
    CHECK(lines.count("DELIVERY", "orders[0]: 3 messages acknowledged, first offset 0") == 1);
    CHECK(lines.count("PARTCNT", "orders: 1 partitions instead of 0") == 1);
    CHECK(lines.count("CONNECTED", "Produce 0-") + lines.count("CONNECTED", "Produce 3-") >= 1);
}

TEST_CASE("lines are not made per message", "[mock][log]") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    Lines lines;
    produce(world.config({{"debug", "all"}, {"linger.ms", "200"}, {"batch.num.messages", "1000000"}}), lines.sink(), 5000);
    CHECK(lines.all().size() < 200);
}

TEST_CASE("the configuration in force is told with secrets masked", "[mock][log]") {
    ProducerWorld world;
    Lines lines;
    { Producer producer(world.config({{"debug", "conf"}, {"sasl.password", "hush-hush"}}), {.on_log = lines.sink()}); }
    CHECK(lines.count("CONF", "  linger.ms = 1") == 1);
    CHECK(lines.count("CONF", "  log_level = 7") == 1);
    CHECK(lines.count("CONF", "  sasl.password = ********") == 1);
    CHECK(lines.count("CONFWARN", "sasl.password has no effect in this version") == 1);
    for (const Line& line : lines.all())
        CHECK(line.text.find("hush-hush") == std::string::npos);
}

TEST_CASE("log_level drops what is above it", "[mock][log]") {
    ProducerWorld world;
    Lines lines;
    { Producer producer(world.config({{"log_level", "3"}, {"sasl.password", "x"}}), {.on_log = lines.sink()}); }
    CHECK(lines.all().empty());
}

TEST_CASE("with log.queue lines come from poll calls only", "[mock][log]") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    Lines lines;
    {
        Producer producer(world.config({{"debug", "all"}, {"log.queue", "true"}}), {.on_log = lines.sink()});
        std::this_thread::sleep_for(50ms);
        CHECK(lines.all().empty());
        producer.produce({.topic = "orders", .value = "x"});
        CHECK(producer.flush(10s) == 0);
        producer.poll(0ms);
        CHECK(lines.count("DELIVERY") == 1);
    }
    for (const Line& line : lines.all())
        CHECK(line.thread == std::this_thread::get_id());
}

TEST_CASE("a consumer tells what it reads, an admin client what it is asked", "[mock][log]") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    produce(world.config(), {}, 3);
    Lines lines;
    {
        Consumer consumer(world.config({{"debug", "fetch,consumer"}}), {.on_log = lines.sink()});
        consumer.assign({{"orders", 0, offset_beginning}});
        CHECK(consumer.consume(3, 10s).size() == 3);
        consumer.seek({"orders", 0, 1});
        consumer.close();
    }
    CHECK(lines.count("ASSIGN", "orders[0]: from offset -2") == 1);
    CHECK(lines.count("OFFSET", "orders[0]: reading begins at offset 0") == 1);
    CHECK(lines.count("FETCH", "orders[0]: 3 messages in ") == 1);
    CHECK(lines.count("SEEK", "orders[0]: to offset 1") == 1);
    AdminClient admin(Config{{"bootstrap.servers", world.cluster.bootstrap_servers()}, {"debug", "admin"}}, {.on_log = lines.sink()});
    admin.list_topics("orders", 10s);
    CHECK(lines.count("METADATA", "orders is asked for") == 1);
}

TEST_CASE("a lost connection is told at once, with its reason", "[mock][log]") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    Lines lines;
    Producer producer(world.config({{"debug", "broker"}}), {.on_log = lines.sink()});
    producer.produce({.topic = "orders", .value = "x"});
    REQUIRE(producer.flush(10s) == 0);
    world.cluster.stop(1);
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (lines.count("ERROR", "_TRANSPORT: ") == 0 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(10ms);
    CHECK(lines.count("ERROR", "_TRANSPORT: ") > 0);
}

TEST_CASE("log.connection.close=false keeps silent about closed connections", "[mock][log]") {
    ProducerWorld world;
    world.cluster.create_topic("orders", 1);
    Lines lines;
    Producer producer(world.config({{"debug", "broker"}, {"log.connection.close", "false"}}), {.on_log = lines.sink()});
    producer.produce({.topic = "orders", .value = "x"});
    REQUIRE(producer.flush(10s) == 0);
    const size_t before = lines.count("FAIL");
    world.cluster.drop_connections(1);
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (lines.count("FAIL") == before && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(10ms);
    CHECK(lines.count("FAIL") > before);
    CHECK(lines.count("ERROR") == 0);
}
