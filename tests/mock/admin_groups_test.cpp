// The admin client's view of groups and offsets, against the embedded cluster.
#include <thread>

#include <boost/asio/use_future.hpp>
#include <ottla/admin.hpp>

#include "catch.hpp"
#include "mock/consumer_world.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

constexpr int16_t key_list_offsets = 2;
constexpr int16_t key_offset_commit = 8;
constexpr int16_t key_offset_fetch = 9;
constexpr int16_t key_describe_groups = 15;
constexpr int16_t key_list_groups = 16;
constexpr int16_t key_delete_groups = 42;
constexpr int16_t key_offset_delete = 47;
constexpr int16_t key_consumer_group_describe = 69;

struct AdminWorld : ConsumerWorld {
    AdminWorld() : ConsumerWorld({.brokers = 3}), admin(config()) {
        REQUIRE_FALSE(cluster.create_topic("t", 6));
        for (int32_t p = 0; p < 6; ++p)
            fill("t", p, 10 + p);
    }

    /// Commits in the name of a group that has never had members.
    void commit(const std::string& group, int32_t partition, int64_t offset, const std::string& metadata = "") {
        CommittedOffset row;
        row.topic = "t";
        row.partition = partition;
        row.offset = offset;
        row.metadata = metadata;
        Consumer(config({{"group.id", group}})).commit({row});
    }

    /// A member that has been given something.
    Consumer member(const std::string& group, std::initializer_list<std::pair<const std::string, std::string>> more = {}) {
        Config all = config({{"group.id", group}, {"client.id", "reader"}, {"enable.auto.commit", "false"}});
        for (const auto& [name, value] : more)
            all.set(name, value);
        Consumer consumer(all);
        consumer.subscribe({"t"});
        for (const auto deadline = Clock::now() + 20s; consumer.assignment().empty() && Clock::now() < deadline;)
            consumer.poll(20ms);
        REQUIRE(consumer.assignment().size() == 6);
        return consumer;
    }

    AdminClient admin;
};

std::vector<std::string> ids(const GroupListings& listings) {
    std::vector<std::string> all;
    for (const auto& group : listings.groups)
        all.push_back(group.id);
    return all;
}

std::string text_of(const std::vector<CommittedOffset>& offsets) {
    std::string text;
    for (const auto& offset : offsets)
        text += offset.topic + "[" + std::to_string(offset.partition) + "]" +
                (offset.error ? error_name(offset.error.errc()) : std::to_string(offset.offset)) + offset.metadata + " ";
    return text;
}

Errc code_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const KafkaException& e) {
        return e.error().code();
    }
    return Errc::no_error;
}

} // namespace

TEST_CASE_METHOD(AdminWorld, "the groups of all brokers are listed") {
    for (int i = 0; i < 8; ++i)
        commit("g" + std::to_string(i), 0, 1);
    const Consumer reader = member("live");

    const auto all = admin.list_groups({}, 10s);
    CHECK(ids(all) == std::vector<std::string>{"g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "live"});
    CHECK(all.errors.empty());
    CHECK(all.groups[0].state == GroupState::empty);
    CHECK(all.groups[0].is_simple());
    CHECK(all.groups[8].state == GroupState::stable);
    CHECK(all.groups[8].type == GroupType::classic);
    CHECK(all.groups[8].protocol_type == "consumer");
    CHECK(all.groups[8].coordinator == cluster.coordinator(MockCluster::Coordinator::group, "live"));

    CHECK(ids(admin.list_groups({.states = {GroupState::stable}}, 10s)) == std::vector<std::string>{"live"});
    CHECK(ids(admin.list_groups({.types = {GroupType::consumer}}, 10s)).empty());
    CHECK(ids(admin.async_list_groups({.states = {GroupState::stable, GroupState::dead}}, boost::asio::use_future).get()) ==
          std::vector<std::string>{"live"});
}

TEST_CASE_METHOD(AdminWorld, "a broker that cannot list its groups is named, the others still tell") {
    for (int i = 0; i < 8; ++i)
        commit("g" + std::to_string(i), 0, 1);
    cluster.fail_next(key_list_groups, 1, Errc::cluster_authorization_failed, 2);
    const auto some = admin.list_groups({}, 10s);
    REQUIRE(some.errors.size() == 1);
    CHECK(some.errors[0].errc() == Errc::cluster_authorization_failed);
    CHECK(some.errors[0].message().find("broker 2") != std::string::npos);
    for (const auto& group : some.groups)
        CHECK(group.coordinator != 2);
    cluster.fail_next(key_list_groups, 2, Errc::coordinator_load_in_progress, 2);
    CHECK(admin.list_groups({}, 10s).groups.size() == 8);
}

TEST_CASE_METHOD(AdminWorld, "brokers that cannot choose by state or type say so") {
    commit("g", 0, 1);
    cluster.limit_versions(key_list_groups, 0, 4);
    CHECK(ids(admin.list_groups({.states = {GroupState::empty}}, 10s)) == std::vector<std::string>{"g"});
    CHECK(admin.list_groups({.types = {GroupType::classic}}, 10s).errors.at(0).errc() == Errc::_unsupported_feature);
    cluster.limit_versions(key_list_groups, 0, 3);
    AdminClient old(config());
    CHECK(old.list_groups({.states = {GroupState::empty}}, 10s).errors.size() == 3);
    const auto all = old.list_groups({}, 10s);
    REQUIRE(ids(all) == std::vector<std::string>{"g"});
    CHECK(all.groups[0].state == GroupState::unknown);
    CHECK(all.groups[0].type == GroupType::unknown);
}

TEST_CASE_METHOD(AdminWorld, "groups are described with their members and what those read") {
    const Consumer reader = member("live", {{"group.instance.id", "one"}, {"client.rack", "r1"}});
    commit("idle", 0, 1);
    const auto groups = admin.describe_groups({"live", "idle", "nobody"}, 10s);
    REQUIRE(groups.size() == 3);

    const auto& live = groups[0];
    CHECK(live.id == "live");
    CHECK_FALSE(live.error);
    CHECK(live.type == GroupType::classic);
    CHECK(live.state == GroupState::stable);
    CHECK(live.protocol_type == "consumer");
    CHECK(live.assignor == "range");
    CHECK(live.coordinator.id == cluster.coordinator(MockCluster::Coordinator::group, "live"));
    CHECK(live.coordinator.port == cluster.port(live.coordinator.id));
    CHECK_FALSE(live.authorized_operations);
    REQUIRE(live.members.size() == 1);
    const auto& one = live.members[0];
    CHECK(one.id == reader.member_id());
    CHECK(one.instance_id == "one");
    CHECK(one.client_id == "reader");
    CHECK(one.host == "/127.0.0.1");
    CHECK(one.rack == "r1");
    CHECK(one.topics == std::vector<std::string>{"t"});
    CHECK(one.assignment == reader.assignment());
    CHECK_FALSE(one.target);

    CHECK(groups[1].state == GroupState::empty);
    CHECK(groups[1].is_simple());
    CHECK(groups[1].members.empty());
    CHECK(groups[2].error.errc() == Errc::group_id_not_found);

    const auto allowed = admin.describe_groups({"live"}, 10s, {.authorized_operations = true}).at(0).authorized_operations;
    REQUIRE(allowed);
    CHECK(std::find(allowed->begin(), allowed->end(), AclOperation::read) != allowed->end());
}

TEST_CASE_METHOD(AdminWorld, "old brokers describe groups, too") {
    const Consumer reader = member("live");
    cluster.limit_versions(key_consumer_group_describe, 0, -1);
    cluster.limit_versions(key_describe_groups, 0, 2);
    AdminClient old(config());
    const auto groups = old.describe_groups({"live", "nobody"}, 10s, {.authorized_operations = true});
    CHECK(groups.at(0).members.at(0).assignment.size() == 6);
    CHECK_FALSE(groups.at(0).authorized_operations);
    CHECK(groups.at(1).state == GroupState::dead);
    CHECK_FALSE(groups.at(1).error);
}

TEST_CASE_METHOD(AdminWorld, "a group is described wherever its coordinator has moved to") {
    commit("g", 0, 1);
    CHECK(admin.describe_groups({"g"}, 10s).at(0).state == GroupState::empty);
    const auto first = *cluster.coordinator(MockCluster::Coordinator::group, "g");
    cluster.coordinator_failover(100ms, 100ms);
    REQUIRE_FALSE(cluster.move_coordinator(MockCluster::Coordinator::group, "g", first % 3 + 1));
    CHECK(admin.describe_groups({"g"}, 10s).at(0).coordinator.id == first % 3 + 1);
    CHECK(text_of(admin.list_group_offsets("g", 10s)) == "t[0]1 ");
}

TEST_CASE_METHOD(AdminWorld, "what a group has committed is listed, all of it or some") {
    commit("g", 0, 4, "note");
    commit("g", 5, 0);
    commit("other", 1, 1);
    CHECK(text_of(admin.list_group_offsets("g", 10s)) == "t[0]4note t[5]0 ");
    CHECK(text_of(admin.list_group_offsets("g", 10s, {.partitions = {{{"t", 5}, {"t", 1}}}})) == "t[5]0 t[1]-1001 ");
    CHECK(admin.list_group_offsets("nobody", 10s).empty());
    CHECK(text_of(admin.async_list_group_offsets("other", {}, boost::asio::use_future).get()) == "t[1]1 ");
    for (const int16_t version : {int16_t{7}, int16_t{2}}) {
        cluster.limit_versions(key_offset_fetch, 0, version);
        CHECK(text_of(AdminClient(config()).list_group_offsets("g", 10s)) == "t[0]4note t[5]0 ");
    }
    cluster.limit_versions(key_offset_fetch, 0, 1);
    AdminClient old(config());
    CHECK(code_of([&] { old.list_group_offsets("g", 10s); }) == Errc::_unsupported_feature);
    CHECK(text_of(old.list_group_offsets("g", 10s, {.partitions = {{{"t", 5}}}})) == "t[5]0 ");
    cluster.limit_versions(key_offset_fetch, 0, 9);
    cluster.fail_next(key_offset_fetch, 1, Errc::group_authorization_failed);
    CHECK(code_of([&] { admin.list_group_offsets("g", 10s); }) == Errc::group_authorization_failed);
}

TEST_CASE_METHOD(AdminWorld, "offsets of a group without members can be set") {
    const auto row = [](int32_t partition, int64_t offset) {
        CommittedOffset out;
        out.topic = "t";
        out.partition = partition;
        out.offset = offset;
        return out;
    };
    const auto results = admin.alter_group_offsets("g", {row(0, 7), row(1, 0)}, 10s);
    CHECK_FALSE(results.at({"t", 0}));
    CHECK_FALSE(results.at({"t", 1}));
    CHECK(text_of(admin.list_group_offsets("g", 10s)) == "t[0]7 t[1]0 ");
    CHECK(code_of([&] { admin.alter_group_offsets("g", {row(0, offset_end)}, 10s); }) == Errc::_invalid_arg);
    CHECK(admin.alter_group_offsets("g", {}, 10s).empty());

    const Consumer reader = member("live");
    CHECK(admin.alter_group_offsets("live", {row(0, 3)}, 10s).at({"t", 0}).errc() == Errc::unknown_member_id);
    CHECK(admin.async_alter_group_offsets("h", {row(2, 2)}, boost::asio::use_future).get().size() == 1);
    cluster.fail_next(key_offset_commit, 1, Errc::topic_authorization_failed);
    CHECK(admin.alter_group_offsets("h", {row(2, 2)}, 10s).at({"t", 2}).errc() == Errc::topic_authorization_failed);
}

TEST_CASE_METHOD(AdminWorld, "committed offsets can be deleted unless the group reads the topic") {
    commit("g", 0, 4);
    commit("g", 5, 4);
    const auto results = admin.delete_group_offsets("g", {{"t", 5}, {"nope", 0}}, 10s);
    CHECK_FALSE(results.at({"t", 5}));
    CHECK(results.at({"nope", 0}).errc() == Errc::unknown_topic_or_part);
    CHECK(text_of(admin.list_group_offsets("g", 10s)) == "t[0]4 ");
    CHECK(code_of([&] { admin.delete_group_offsets("nobody", {{"t", 0}}, 10s); }) == Errc::group_id_not_found);

    const Consumer reader = member("live");
    CHECK(admin.async_delete_group_offsets("live", {{"t", 0}}, boost::asio::use_future).get().at({"t", 0}).errc() ==
          Errc::group_subscribed_to_topic);
    cluster.limit_versions(key_offset_delete, 0, -1);
    AdminClient old(config());
    CHECK(code_of([&] { old.delete_group_offsets("g", {{"t", 0}}, 10s); }) == Errc::_unsupported_feature);
}

TEST_CASE_METHOD(AdminWorld, "groups without members can be deleted") {
    commit("a", 0, 4);
    commit("b", 0, 4);
    const Consumer reader = member("live");
    const auto results = admin.delete_groups({"a", "live", "nobody", "a"}, 10s);
    CHECK(results.size() == 3);
    CHECK_FALSE(results.at("a"));
    CHECK(results.at("live").errc() == Errc::non_empty_group);
    CHECK(results.at("nobody").errc() == Errc::group_id_not_found);
    CHECK(ids(admin.list_groups({}, 10s)) == std::vector<std::string>{"b", "live"});
    CHECK_FALSE(admin.async_delete_groups({"b"}, boost::asio::use_future).get().at("b"));
    cluster.fail_next(key_delete_groups, 1, Errc::group_authorization_failed);
    CHECK(admin.delete_groups({"live"}, 10s).at("live").errc() == Errc::group_authorization_failed);
}

TEST_CASE_METHOD(AdminWorld, "offsets of many partitions are asked of each leader once") {
    std::map<TopicPartition, OffsetSpec> wanted;
    for (int32_t p = 0; p < 6; ++p)
        wanted.emplace(TopicPartition{"t", p}, p == 0 ? OffsetSpec::earliest() : p == 1 ? OffsetSpec::at(1003) : OffsetSpec::latest());
    const auto before = cluster.request_count(key_list_offsets);
    const auto listed = admin.list_offsets(wanted, 10s);
    std::vector<int64_t> offsets;
    for (const auto& [where, one] : listed) {
        CHECK_FALSE(one.error);
        offsets.push_back(one.offset);
    }
    CHECK(offsets == std::vector<int64_t>{0, 3, 12, 13, 14, 15});
    CHECK(listed.at({"t", 1}).timestamp_ms == 1003);
    CHECK(cluster.request_count(key_list_offsets) - before == 3);
    CHECK(admin.list_offsets({{{"t", 1}, OffsetSpec::at(999'999)}}, 10s).at({"t", 1}).offset == -1);
    CHECK(admin.list_offsets({}, 10s).empty());
}

TEST_CASE_METHOD(AdminWorld, "partitions whose leader moves are found, those that do not exist have an error") {
    std::map<TopicPartition, OffsetSpec> wanted{{{"nope", 0}, OffsetSpec::latest()}, {{"t", 99}, OffsetSpec::latest()}};
    for (int32_t p = 0; p < 6; ++p)
        wanted.emplace(TopicPartition{"t", p}, OffsetSpec::latest());
    cluster.fail_next(key_list_offsets, 1, Errc::not_leader_for_partition, 1);
    cluster.drop_request_next(key_list_offsets, 1, 2);
    const auto listed = admin.async_list_offsets(wanted, IsolationLevel::read_committed, boost::asio::use_future).get();
    for (int32_t p = 0; p < 6; ++p)
        CHECK(listed.at({"t", p}).offset == 10 + p);
    CHECK(listed.at({"nope", 0}).error.errc() == Errc::unknown_topic_or_part);
    CHECK(listed.at({"t", 99}).error.errc() == Errc::_unknown_partition);
    CHECK(admin.list_topics(std::nullopt, 10s).topics.size() == 1); // none was created by asking
}

TEST_CASE_METHOD(AdminWorld, "old brokers tell offsets, too") {
    cluster.limit_versions(key_list_offsets, 1, 1);
    AdminClient old(config());
    const std::map<TopicPartition, OffsetSpec> wanted{
        {{"t", 0}, OffsetSpec::latest()}, {{"t", 1}, OffsetSpec::at(0)}, {{"t", 2}, OffsetSpec::max_timestamp()}};
    const auto listed = old.list_offsets(wanted, 10s, IsolationLevel::read_committed);
    CHECK(listed.at({"t", 0}).offset == 10);
    CHECK(listed.at({"t", 1}).offset == 0);
    CHECK(listed.at({"t", 2}).error.errc() == Errc::_unsupported_feature);
}

TEST_CASE_METHOD(AdminWorld, "calls end with an error when the admin client goes") {
    cluster.delay(key_describe_groups, 5s);
    const Engine engine; // outlives the client, and so do its handlers
    auto client = std::make_unique<AdminClient>(config(), engine);
    auto described = client->async_describe_groups({"g"}, {}, boost::asio::use_future([](error_code ec, auto groups) {
                                                       return ec ? to_errc(ec) : groups.at(0).error.errc();
                                                   }));
    std::this_thread::sleep_for(100ms);
    client.reset();
    CHECK(described.get() == Errc::_destroy);
}

TEST_CASE("names of states and types are read whatever their case") {
    CHECK(parse_group_state("stable") == GroupState::stable);
    CHECK(parse_group_state("PREPARINGREBALANCE") == GroupState::preparing_rebalance);
    CHECK(parse_group_type("Consumer") == GroupType::consumer);
    CHECK_FALSE(parse_group_type("consume"));
    CHECK(to_string(GroupState::completing_rebalance) == "CompletingRebalance");
    CHECK(to_string(static_cast<GroupType>(77)) == "Unknown");
}
