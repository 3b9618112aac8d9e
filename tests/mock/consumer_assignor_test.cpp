// Assignors of the application, against the embedded cluster.
#include <ottla/assignor.hpp>

#include "mock/group_workers.hpp"

using namespace ottla;
using namespace ottla::test;

namespace {

/// Everything to the member whose id comes first.
class First final : public PartitionAssignor {
public:
    std::string name() const override { return "first"; }

    Result<GroupAssignment> assign(std::span<const TopicLayout> topics, std::span<const GroupMember> members) override {
        const auto first = std::min_element(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
        GroupAssignment all;
        for (const auto& member : members)
            all[member.id];
        for (const auto& topic : topics)
            for (int32_t p = 0; p < topic.partitions; ++p)
                all[first->id].partitions.push_back({topic.name, p});
        return all;
    }
};

ConsumerOptions with_first() {
    ConsumerOptions options;
    options.assignors.push_back(std::make_shared<First>());
    return options;
}

} // namespace

TEST_CASE("an application's assignor divides the partitions", "[mock][group]") {
    GroupWorld world;
    Config config = world.member();
    if (GENERATE(false, true))
        config.set("partition.assignment.strategy", "first, range");
    Consumer one(config, with_first());
    Consumer two(config, with_first());
    one.subscribe({"t"});
    two.subscribe({"t"});
    CHECK(comes([&] {
        (void)one.poll(10ms);
        (void)two.poll(10ms);
        return world.cluster.group("g")->members.size() == 2 && world.cluster.group("g")->state == "Stable" &&
               one.assignment().size() + two.assignment().size() == 4;
    }));
    CHECK(world.cluster.group("g")->protocol == "first");
    CHECK((one.assignment().empty() || two.assignment().empty()));
}

TEST_CASE("assignors that cannot be used are refused when the consumer is made", "[mock][group]") {
    GroupWorld world;
    const auto refusal = [](const Config& config) {
        try {
            Consumer consumer(config, with_first());
        } catch (const KafkaException& e) {
            return std::string(e.what());
        }
        return std::string("none");
    };
    CHECK(refusal(world.member({{"partition.assignment.strategy", "first,nobody"}})).find("nobody") != std::string::npos);
    CHECK(refusal(world.new_member()).find("group.protocol=consumer") != std::string::npos);
}

TEST_CASE("an assignor that throws ends the round, and nothing else", "[mock][group]") {
    class Thrower final : public PartitionAssignor {
    public:
        std::string name() const override { return "thrower"; }
        std::optional<std::vector<uint8_t>> user_data(std::span<const std::string>) override { throw std::runtime_error("not that"); }
        Result<GroupAssignment> assign(std::span<const TopicLayout> topics, std::span<const GroupMember> members) override {
            if (!std::exchange(thrown_, true))
                throw std::runtime_error("not this time");
            return First().assign(topics, members);
        }
        void on_assignment(const MemberAssignment&, const ConsumerGroupMetadata&) override { throw 7; }

    private:
        bool thrown_ = false;
    };
    GroupWorld world;
    ConsumerOptions options;
    options.assignors.push_back(std::make_shared<Thrower>());
    Consumer consumer(world.member(), std::move(options));
    consumer.subscribe({"t"});
    std::string told;
    size_t messages = 0;
    CHECK(comes([&] {
        const auto message = consumer.poll(20ms);
        if (message && message->error())
            told = message->error().message();
        else if (message)
            ++messages;
        return messages == 40;
    }));
    CHECK(told.find("not this time") != std::string::npos);
}
