// Two members of one group on one engine, that is on one thread: neither may wait for what the other is waiting for.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <ottla/consumer.hpp>
#include <ottla/engine.hpp>

#include "client.hpp"

namespace chaos {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto patience = 60s; // less than the 300 s after which a group goes on without a member that does not join

} // namespace

void run_pair(World& world) {
    const auto& settings = world.settings;
    ottla::Engine engine;
    std::vector<ottla::Consumer> members;
    const auto begin = Clock::now();
    for (int i = 0; i < 2; ++i) {
        auto config = common_config(settings);
        config.set("group.id", settings.group).set("client.id", settings.name + std::to_string(i));
        if (settings.protocol == "consumer")
            config.set("group.protocol", "consumer");
        else
            config.set("partition.assignment.strategy", settings.assignor);
        members.emplace_back(config, engine);
        members.back().subscribe({settings.topic});
    }
    const auto share = static_cast<size_t>(settings.partitions) / 2;
    while (members[0].assignment().size() != share || members[1].assignment().size() != share) {
        for (auto& member : members)
            member.poll(10ms);
        if (Clock::now() - begin > patience)
            return world.ledger.trouble("the two have not joined");
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
    world.ledger.note("joined after " + std::to_string(took.count()) + " ms");
    for (auto& member : members)
        member.close(10s);
}

} // namespace chaos
