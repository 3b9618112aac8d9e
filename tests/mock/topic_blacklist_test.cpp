// topic.blacklist: topics that match are treated as if they did not exist.
#include <ottla/producer.hpp>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

struct ThreeTopics : ConsumerWorld {
    ThreeTopics() {
        for (const std::string topic : {"orders", "orders-test", "old-orders"}) {
            REQUIRE_FALSE(cluster.create_topic(topic, 1));
            fill(topic, 0, 1, topic + "-");
        }
    }
};

} // namespace

TEST_CASE("a pattern does not find what topic.blacklist excludes", "[mock][group]") {
    ThreeTopics world;
    Consumer consumer(world.config({{"group.id", "g"}, {"topic.blacklist", "test$, ^old"}}));
    consumer.subscribe({"^.*orders"});
    CHECK(values_of(consumer, 1) == std::vector<std::string>{"orders-0"});
    CHECK(consumer.assignment() == std::vector<TopicPartition>{{.topic = "orders", .partition = 0}});
}

TEST_CASE("nothing can be sent to a topic that topic.blacklist excludes", "[mock]") {
    ThreeTopics world;
    std::vector<Errc> outcomes;
    Producer producer(
        {{"bootstrap.servers", world.cluster.bootstrap_servers()}, {"topic.blacklist", "test"}, {"topic.metadata.propagation.max.ms", "1"}},
        {.on_delivery = [&](const Delivery& delivery) { outcomes.push_back(to_errc(delivery.error())); }}
    );
    producer.produce({.topic = "orders-test", .value = "x"});
    producer.flush(30s);
    CHECK(outcomes == std::vector{Errc::_unknown_topic});
    producer.produce({.topic = "orders", .value = "x"});
    producer.flush(30s);
    CHECK(outcomes == std::vector{Errc::_unknown_topic, Errc::no_error});
}
