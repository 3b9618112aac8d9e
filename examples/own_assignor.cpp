// Partitions divided by the application: members say how much they can carry, and get their share by that.
//   own_assignor [bootstrap-servers]
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include <ottla/admin.hpp>
#include <ottla/assignor.hpp>
#include <ottla/consumer.hpp>

#include "example_cluster.hpp"

namespace {

using namespace std::chrono_literals;
using example::expect;

/// Each member tells its weight (1 to 255); each partition goes to whoever has the least for his weight.
class ByWeight final : public ottla::PartitionAssignor {
public:
    explicit ByWeight(uint8_t weight) : weight_(weight) {}

    std::string name() const override { return "by-weight"; }

    std::optional<std::vector<uint8_t>> user_data(std::span<const std::string>) override { return std::vector{weight_}; }

    ottla::Result<ottla::GroupAssignment>
    assign(std::span<const ottla::TopicLayout> topics, std::span<const ottla::GroupMember> members) override {
        ottla::GroupAssignment all;
        for (const auto& topic : topics)
            for (int32_t partition = 0; partition < topic.partitions; ++partition) {
                const ottla::GroupMember* best = nullptr;
                size_t least = SIZE_MAX;
                for (const auto& member : members) {
                    const bool wants = std::find(member.topics.begin(), member.topics.end(), topic.name) != member.topics.end();
                    const size_t weight = member.user_data && !member.user_data->empty() ? std::max<size_t>(member.user_data->front(), 1) : 1;
                    const size_t load = (all[member.id].partitions.size() + 1) * 256 / weight;
                    if (wants && load < least) {
                        best = &member;
                        least = load;
                    }
                }
                if (best)
                    all[best->id].partitions.push_back({topic.name, partition});
            }
        return all;
    }

private:
    const uint8_t weight_;
};

ottla::Consumer member(const std::string& servers, uint8_t weight) {
    ottla::ConsumerOptions options;
    options.assignors.push_back(std::make_shared<ByWeight>(weight));
    const ottla::Config config{{"bootstrap.servers", servers}, {"group.id", "carriers"}, {"heartbeat.interval.ms", "100"}};
    return ottla::Consumer(config, std::move(options));
}

} // namespace

int main(int argc, char** argv) {
    example::Cluster cluster(argc, argv);
    try {
        ottla::AdminClient admin({{"bootstrap.servers", cluster.bootstrap_servers()}});
        admin.create_topics({{.name = "parcels", .partitions = 8}}, 10s);
        ottla::Consumer strong = member(cluster.bootstrap_servers(), 3);
        ottla::Consumer weak = member(cluster.bootstrap_servers(), 1);
        strong.subscribe({"parcels"});
        weak.subscribe({"parcels"});
        const auto limit = std::chrono::steady_clock::now() + 30s;
        do {
            strong.poll(20ms);
            weak.poll(20ms);
        } while (strong.assignment().size() != 6 && std::chrono::steady_clock::now() < limit);
        weak.poll(20ms);
        std::printf("the strong one has %zu partitions, the weak one %zu\n", strong.assignment().size(), weak.assignment().size());
        expect(strong.assignment().size() == 6, "three quarters");
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
