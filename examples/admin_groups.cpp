// Groups and offsets: lists and describes groups, computes lag, sets a group back, deletes it.
//   admin_groups [bootstrap-servers]
#include <cstdio>

#include <boost/asio/use_future.hpp>
#include <ottla/admin.hpp>
#include <ottla/consumer.hpp>
#include <ottla/producer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;
using example::expect;

/// Ten messages, of which the group has read four.
void prepare(const std::string& servers) {
    ottla::Producer producer({{"bootstrap.servers", servers}});
    for (int i = 0; i < 10; ++i)
        producer.produce({.topic = "example-orders", .value = "order", .partition = 0});
    producer.flush(10s);
    ottla::Consumer consumer({{"bootstrap.servers", servers}, {"group.id", "example-billing"}, {"auto.offset.reset", "earliest"}});
    consumer.assign({{.topic = "example-orders", .partition = 0}});
    consumer.consume(4, 10s);
    consumer.commit();
}

void run(const std::string& servers) {
    ottla::AdminClient admin({{"bootstrap.servers", servers}});
    admin.create_topics({{.name = "example-orders", .partitions = 1}}, 10s);
    prepare(servers);

    const ottla::GroupListings found = admin.list_groups({.states = {ottla::GroupState::empty}}, 10s);
    for (const auto& group : found.groups)
        std::printf("%s is %s\n", group.id.c_str(), std::string(to_string(group.state)).c_str());
    expect(!found.groups.empty() && found.errors.empty(), "the group is there");

    const auto described = admin.describe_groups({"example-billing"}, 10s);
    for (const auto& member : described.at(0).members)
        std::printf("%s at %s reads %zu partitions\n", member.client_id.c_str(), member.host.c_str(), member.assignment.size());
    expect(!described.at(0).error && described.at(0).members.empty(), "nobody is in it now");

    // Lag: what has been committed against where the partitions end.
    std::map<ottla::TopicPartition, ottla::OffsetSpec> ends;
    const auto committed = admin.list_group_offsets("example-billing", 10s);
    for (const auto& offset : committed)
        ends.emplace(ottla::TopicPartition{offset.topic, offset.partition}, ottla::OffsetSpec::latest());
    const ottla::ListedOffsets listed = admin.list_offsets(ends, 10s);
    int64_t lag = 0;
    for (const auto& offset : committed)
        lag += listed.at({offset.topic, offset.partition}).offset - offset.offset;
    std::printf("it lags by %lld\n", static_cast<long long>(lag));
    expect(lag == 6, "six are still to be read");

    // While nobody is in the group, its offsets can be set and deleted.
    ottla::CommittedOffset again;
    again.topic = "example-orders";
    again.partition = 0;
    again.offset = 0;
    const ottla::PartitionResults altered = admin.alter_group_offsets("example-billing", {again}, 10s);
    expect(!altered.at({"example-orders", 0}), "the group begins anew");

    // Each operation takes a completion token, too. Here: a future.
    const auto deleted = admin.async_delete_groups({"example-billing", "example-nobody"}, boost::asio::use_future).get();
    expect(!deleted.at("example-billing"), "it is deleted");
    expect(deleted.at("example-nobody").errc() == ottla::Errc::group_id_not_found, "one is not known");
    admin.delete_topics({"example-orders"}, 10s);
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    try {
        run(cluster.bootstrap_servers());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
