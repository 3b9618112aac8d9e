// Metadata, CreateTopics, DeleteTopics, DescribeCluster: how topics are made, seen and removed.
#include <ottla/msg/create_topics.hpp>
#include <ottla/msg/delete_topics.hpp>
#include <ottla/msg/describe_cluster.hpp>
#include <ottla/msg/metadata.hpp>

#include "unit/mock/cluster_world.hpp"

using namespace ottla;
using namespace ottla::mock;

namespace {

msg::MetadataRequest about(std::vector<std::string> names) {
    msg::MetadataRequest request;
    request.topics.emplace();
    for (auto& name : names)
        request.topics->emplace_back().name = name;
    return request;
}

msg::CreateTopicsRequest create(const std::string& name, int32_t partitions, int16_t replicas) {
    msg::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = partitions;
    topic.replication_factor = replicas;
    return request;
}

Errc error_of(ClusterWorld& world, const msg::CreateTopicsRequest& request) {
    return static_cast<Errc>(world.ask(request, 7).topics.at(0).error_code);
}

} // namespace

TEST_CASE("metadata tells brokers, controller, leaders and replicas in every version") {
    ClusterWorld world(3);
    world.create("t", 3, 2);
    for (int16_t v = 0; v <= 13; ++v) {
        INFO("version " << v);
        const auto answer = world.ask(about({"t"}), v);
        REQUIRE(answer.brokers.size() == 3);
        CHECK(answer.brokers[1].port == 9002);
        if (v >= 1)
            CHECK(answer.controller_id == 1);
        REQUIRE(answer.topics.size() == 1);
        CHECK(answer.topics[0].error_code == 0);
        REQUIRE(answer.topics[0].partitions.size() == 3);
        for (const auto& partition : answer.topics[0].partitions) {
            CHECK(partition.replica_nodes.size() == 2);
            CHECK(partition.isr_nodes == partition.replica_nodes);
            CHECK(partition.leader_id == partition.replica_nodes[0]);
        }
        if (v >= 10)
            CHECK(answer.topics[0].topic_id == world.core.find_topic("t")->id);
    }
}

TEST_CASE("all topics are asked for by an empty list in version 0 and by null later") {
    ClusterWorld world;
    world.create("a", 1);
    world.create("b", 1);
    msg::MetadataRequest all;
    all.topics = std::nullopt;
    CHECK(world.ask(about({}), 0).topics.size() == 2);
    CHECK(world.ask(about({}), 1).topics.empty());
    CHECK(world.ask(all, 1).topics.size() == 2);
    CHECK(world.ask(all, 13).topics.size() == 2);
}

TEST_CASE("topics can be asked for by id") {
    ClusterWorld world;
    world.create("t", 1);
    msg::MetadataRequest request;
    request.topics.emplace();
    auto& wanted = request.topics->emplace_back();
    wanted.name = std::nullopt;
    wanted.topic_id = world.core.find_topic("t")->id;
    CHECK(world.ask(request, 12).topics[0].name == "t");
    wanted.topic_id = Uuid{{1}};
    CHECK(world.ask(request, 12).topics[0].error_code == number(Errc::unknown_topic_id));
    CHECK(world.ask(request, 10).topics[0].error_code == number(Errc::invalid_request));
}

TEST_CASE("a topic that is asked for appears if both sides allow it") {
    ClusterWorld world;
    auto request = about({"new"});
    request.allow_auto_topic_creation = false;
    CHECK(world.ask(request, 4).topics[0].error_code == number(Errc::unknown_topic_or_part));
    request.allow_auto_topic_creation = true;
    CHECK(world.ask(request, 4).topics[0].partitions.size() == 4);
    CHECK(world.ask(about({"a/b"}), 4).topics[0].error_code == number(Errc::topic_exception));

    CoreOptions options;
    options.auto_create_topics = false;
    ClusterWorld strict(1, options);
    CHECK(strict.ask(request, 4).topics[0].error_code == number(Errc::unknown_topic_or_part));
}

TEST_CASE("a topic is created as wanted, or the reason is given") {
    ClusterWorld world(2);
    for (int16_t v = 2; v <= 7; ++v)
        CHECK(world.ask(create("t" + std::to_string(v), 3, 2), v).topics[0].error_code == 0);
    CHECK(world.core.find_topic("t2")->partitions.size() == 3);

    CHECK(error_of(world, create("t2", 1, 1)) == Errc::topic_already_exists);
    CHECK(error_of(world, create("", 1, 1)) == Errc::topic_exception);
    CHECK(error_of(world, create("..", 1, 1)) == Errc::topic_exception);
    CHECK(error_of(world, create("a b", 1, 1)) == Errc::topic_exception);
    CHECK(error_of(world, create(std::string(250, 'x'), 1, 1)) == Errc::topic_exception);
    CHECK(error_of(world, create("n", 0, 1)) == Errc::invalid_partitions);
    CHECK(error_of(world, create("n", -2, 1)) == Errc::invalid_partitions);
    CHECK(error_of(world, create("n", 2000000000, 1)) == Errc::policy_violation);
    CHECK(error_of(world, create("n", 1, 3)) == Errc::invalid_replication_factor);
    CHECK(error_of(world, create("n", 1, 0)) == Errc::invalid_replication_factor);
    CHECK_FALSE(world.core.find_topic("n"));

    const auto made = world.ask(create("defaults", -1, -1), 7).topics[0];
    CHECK(made.num_partitions == 4);
    CHECK(made.replication_factor == 1);
    CHECK(made.topic_id == world.core.find_topic("defaults")->id);
}

TEST_CASE("validation alone creates nothing, and a topic named twice is refused once") {
    ClusterWorld world;
    auto request = create("t", 1, 1);
    request.validate_only = true;
    CHECK(error_of(world, request) == Errc::no_error);
    CHECK_FALSE(world.core.find_topic("t"));

    request.validate_only = false;
    request.topics.push_back(request.topics[0]);
    const auto answer = world.ask(request, 7);
    REQUIRE(answer.topics.size() == 1);
    CHECK(answer.topics[0].error_code == number(Errc::invalid_request));
}

TEST_CASE("replicas can be placed by hand") {
    ClusterWorld world(3);
    auto request = create("t", -1, -1);
    auto& assignments = request.topics[0].assignments;
    const auto place = [&](int32_t partition, std::vector<int32_t> brokers) {
        auto& assignment = assignments.emplace_back();
        assignment.partition_index = partition;
        assignment.broker_ids = std::move(brokers);
    };
    place(1, {3, 1});
    CHECK(error_of(world, request) == Errc::invalid_replica_assignment);
    place(0, {2});
    CHECK(error_of(world, request) == Errc::invalid_replica_assignment);
    assignments.back().broker_ids = {2, 2};
    CHECK(error_of(world, request) == Errc::invalid_replica_assignment);
    assignments.back().broker_ids = {2, 7};
    CHECK(error_of(world, request) == Errc::invalid_replica_assignment);
    assignments.back().broker_ids = {2, 3};
    request.topics[0].num_partitions = 2;
    CHECK(error_of(world, request) == Errc::invalid_request);
    request.topics[0].num_partitions = -1;
    CHECK(error_of(world, request) == Errc::no_error);
    CHECK(world.partition("t", 0).leader == 2);
    CHECK(world.partition("t", 1).leader == 3);
}

TEST_CASE("topics are deleted by name and by id") {
    ClusterWorld world;
    world.create("a", 1);
    world.create("b", 1);
    msg::DeleteTopicsRequest by_name;
    by_name.topic_names = {"a", "missing"};
    const auto first = world.ask(by_name, 5);
    CHECK(first.responses[0].error_code == 0);
    CHECK(first.responses[1].error_code == number(Errc::unknown_topic_or_part));

    msg::DeleteTopicsRequest by_id;
    by_id.topics.emplace_back().topic_id = world.core.find_topic("b")->id;
    by_id.topics.emplace_back().topic_id = Uuid{{1}};
    by_id.topics[0].name = by_id.topics[1].name = std::nullopt;
    const auto second = world.ask(by_id, 6);
    CHECK(second.responses[0].name == "b");
    CHECK(second.responses[1].error_code == number(Errc::unknown_topic_id));
    CHECK(world.core.topics().empty());
}

TEST_CASE("a topic that is made again has another id") {
    ClusterWorld world;
    world.create("t", 1);
    const Uuid before = world.core.find_topic("t")->id;
    world.core.delete_topic("t");
    world.create("t", 1);
    CHECK(world.core.find_topic("t")->id != before);
    CHECK_FALSE(world.core.find_topic(before));
}

TEST_CASE("a stopped broker hands its partitions over and vanishes from metadata") {
    ClusterWorld world(2);
    world.create("pair", 2, 2);
    auto request = create("single", -1, -1);
    auto& assignment = request.topics[0].assignments.emplace_back();
    assignment.partition_index = 0;
    assignment.broker_ids = {1};
    REQUIRE(error_of(world, request) == Errc::no_error);

    world.core.stop(1, world.now);
    CHECK(world.closed.contains(world.connections[1]));
    CHECK(world.partition("pair", 0).leader == 2);
    CHECK(world.partition("pair", 1).leader == 2);
    const auto answer = world.ask(about({"single", "pair"}), 12, 2);
    CHECK(answer.brokers.size() == 1);
    CHECK(answer.controller_id == 2);
    CHECK(answer.topics[0].partitions[0].error_code == number(Errc::leader_not_available));
    CHECK(answer.topics[0].partitions[0].leader_id == -1);
    CHECK(answer.topics[1].partitions[0].isr_nodes == std::vector<int32_t>{2});
    CHECK(answer.topics[1].partitions[0].offline_replicas == std::vector<int32_t>{1});

    world.core.start(1, world.now);
    CHECK(world.partition("single", 0).leader == 1);
    CHECK(world.partition("pair", 0).leader == 2);
}

TEST_CASE("the cluster describes itself") {
    ClusterWorld world(2);
    msg::DescribeClusterRequest request;
    for (int16_t v = 0; v <= 2; ++v) {
        const auto answer = world.ask(request, v);
        CHECK(answer.cluster_id == world.core.cluster_id());
        CHECK(answer.brokers.size() == 2);
    }
    request.endpoint_type = 2;
    CHECK(world.ask(request, 1).error_code == number(Errc::mismatched_endpoint_type));
}

TEST_CASE("an injected metadata error is that of each topic, but for the call to start anew") {
    ClusterWorld world;
    world.create("t", 1);
    world.core.faults().add(3, every_broker, 1, {Faults::Kind::error, Errc::leader_not_available});
    world.core.faults().add(3, every_broker, 1, {Faults::Kind::error, Errc::rebootstrap_required});
    const auto first = world.ask(about({"t"}), 13);
    CHECK(first.error_code == 0);
    CHECK(first.topics[0].error_code == number(Errc::leader_not_available));
    CHECK(first.topics[0].partitions.empty());
    CHECK(world.ask(about({"t"}), 13).error_code == number(Errc::rebootstrap_required));
}

TEST_CASE("a request cannot make more than ten thousand partitions in all its topics") {
    ClusterWorld world;
    auto request = create("a", 6000, 1);
    request.topics.push_back(request.topics[0]);
    request.topics[1].name = "b";
    const auto answer = world.ask(request, 7);
    CHECK(answer.topics[0].error_code == 0);
    CHECK(answer.topics[1].error_code == number(Errc::policy_violation));
}
