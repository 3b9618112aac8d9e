// Creates, lists and deletes topics: every topic has its own outcome.
//   admin_topics [bootstrap-servers]
#include <cstdio>

#include <boost/asio/use_future.hpp>
#include <ottla/admin.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;
using example::expect;

void run(const std::string& servers) {
    ottla::AdminClient admin({{"bootstrap.servers", servers}});

    // Left out or -1: the broker's default.
    const std::vector<ottla::NewTopic> wanted{
        {.name = "example-jobs", .partitions = 3, .configs = {{"retention.bytes", "1000000"}}},
        {.name = "example-logs"},
        {.name = "a name with spaces", .partitions = 1},
    };
    const ottla::TopicResults created = admin.create_topics(wanted, 10s);
    for (const auto& [name, error] : created)
        std::printf("%s: %s\n", name.c_str(), error ? error.message().c_str() : "created");
    expect(!created.at("example-jobs") && !created.at("example-logs"), "two are created");
    expect(created.at("a name with spaces").errc() == ottla::Errc::topic_exception, "one has a bad name");

    // The whole cluster, or one topic of it.
    const ottla::ClusterDescription cluster = admin.list_topics("example-jobs", 10s);
    for (const auto& broker : cluster.brokers)
        std::printf("broker %d at %s:%u\n", broker.id, broker.host.c_str(), unsigned{broker.port});
    const ottla::TopicDescription& jobs = cluster.topics.at(0);
    for (const auto& partition : jobs.partitions)
        std::printf("%s[%d] is led by broker %d\n", jobs.name.c_str(), partition.id, partition.leader);
    expect(jobs.error == ottla::Errc::no_error && jobs.partitions.size() == 3, "three partitions");

    // Each operation takes a completion token, too. Here: a future.
    const auto deleted =
        admin.async_delete_topics({"example-jobs", "example-logs", "never-was"}, boost::asio::use_future).get();
    expect(!deleted.at("example-jobs") && !deleted.at("example-logs"), "two are deleted");
    expect(deleted.at("never-was").errc() == ottla::Errc::unknown_topic_or_part, "one is not known");

    // Asking for a topic does not create it.
    const auto gone = admin.list_topics("example-jobs", 10s);
    expect(gone.topics.at(0).error == ottla::Errc::unknown_topic_or_part, "it is gone");
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
