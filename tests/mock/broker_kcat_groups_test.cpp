// kcat, thus librdkafka, as a member of groups of the embedded cluster. Hidden: run by CTest where kcat is installed.
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <ottla/mock_cluster.hpp>

#include "mock/kcat.hpp"

using namespace ottla;
using namespace std::chrono_literals;

namespace {

constexpr int partitions = 4;

/// A member that runs until it is told to stop. It commits what it has read every 50 ms, and when it stops.
class Member {
public:
    Member(const MockCluster& cluster, const std::string& settings = "") {
        const std::string command = fmt::format(
            "echo $$; exec timeout 60 {} -b {} -G g -u -q -X auto.offset.reset=earliest -X auto.commit.interval.ms=50 "
            "-X session.timeout.ms=6000 -X heartbeat.interval.ms=100 {} t 2>/dev/null",
            kcat(),
            cluster.bootstrap_servers(),
            settings
        );
        pipe_ = ::popen(command.c_str(), "r");
        REQUIRE(pipe_);
        std::array<char, 32> first_line;
        REQUIRE(std::fgets(first_line.data(), first_line.size(), pipe_));
        pid_ = std::atoi(first_line.data());
        REQUIRE(pid_ > 0);
    }

    Member(const Member&) = delete;

    ~Member() {
        if (pipe_)
            stop();
    }

    /// Lets it leave; gives the lines that it has read.
    std::vector<int> stop(int signal = SIGTERM) {
        ::kill(pid_, signal);
        std::istringstream lines(read_all(pipe_));
        ::pclose(pipe_);
        pipe_ = nullptr;
        std::vector<int> numbers;
        for (int number; lines >> number;)
            numbers.push_back(number);
        return numbers;
    }

private:
    std::FILE* pipe_ = nullptr;
    int pid_ = 0;
};

template <class Condition>
bool comes_true(Condition condition) {
    for (int i = 0; i < 3000; ++i) {
        if (condition())
            return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

bool is_stable(const MockCluster& cluster, size_t members) {
    const auto group = cluster.group("g");
    return group && group->state == "Stable" && group->members.size() == members;
}

/// first..last, in turn to each partition.
void produce(const MockCluster& cluster, int first, int last) {
    for (int partition = 0; partition < partitions; ++partition) {
        const auto run = shell(fmt::format(
            "seq {} {} {} | timeout 60 {} -b {} -P -t t -p {}",
            first + partition,
            partitions,
            last,
            kcat(),
            cluster.bootstrap_servers(),
            partition
        ));
        INFO(run.output);
        REQUIRE(run.status == 0);
    }
}

int64_t committed(const MockCluster& cluster) {
    int64_t sum = 0;
    for (const auto& each : cluster.committed("g"))
        sum += each.offset;
    return sum;
}

std::vector<int> from_to(int first, int last) {
    std::vector<int> numbers;
    for (int i = first; i <= last; ++i)
        numbers.push_back(i);
    return numbers;
}

} // namespace

TEST_CASE("two kcats of a group share a topic, and a third one goes on where they stopped", "[.kcat]") {
    MockCluster cluster;
    REQUIRE_FALSE(cluster.create_topic("t", partitions));
    Member one(cluster);
    REQUIRE(comes_true([&] { return is_stable(cluster, 1); }));
    Member two(cluster);
    REQUIRE(comes_true([&] { return is_stable(cluster, 2); }));
    CHECK(cluster.group("g")->protocol == "range");
    produce(cluster, 1, 400);
    REQUIRE(comes_true([&] { return committed(cluster) == 400; }));

    auto read = one.stop();
    REQUIRE(comes_true([&] { return is_stable(cluster, 1); }));
    const auto rest = two.stop();
    CHECK(comes_true([&] { return cluster.group("g")->state == "Empty"; }));
    CHECK(read.size() == 200);
    CHECK(rest.size() == 200);
    read.insert(read.end(), rest.begin(), rest.end());
    std::sort(read.begin(), read.end());
    CHECK(read == from_to(1, 400));

    produce(cluster, 401, 408);
    Member third(cluster);
    REQUIRE(comes_true([&] { return committed(cluster) == 408; }));
    read = third.stop();
    std::sort(read.begin(), read.end());
    CHECK(read == from_to(401, 408));
}

TEST_CASE("a static kcat that is killed comes back without a rebalance", "[.kcat]") {
    MockCluster cluster;
    REQUIRE_FALSE(cluster.create_topic("t", partitions));
    Member one(cluster, "-X group.instance.id=one");
    REQUIRE(comes_true([&] { return is_stable(cluster, 1); }));
    Member two(cluster, "-X group.instance.id=two");
    REQUIRE(comes_true([&] { return is_stable(cluster, 2); }));
    const auto before = *cluster.group("g");
    two.stop(SIGTERM); // static members do not leave
    Member again(cluster, "-X group.instance.id=two");
    REQUIRE(comes_true([&] { return cluster.group("g")->members != before.members; }));
    produce(cluster, 1, 40);
    REQUIRE(comes_true([&] { return committed(cluster) == 40; }));
    CHECK(cluster.group("g")->generation == before.generation);
    CHECK(one.stop().size() == 20);
    CHECK(again.stop().size() == 20);
}

TEST_CASE("kcats go on when their coordinator moves or ends", "[.kcat]") {
    MockCluster cluster({.brokers = 3});
    REQUIRE_FALSE(cluster.create_topic("t", partitions, 3));
    Member one(cluster);
    REQUIRE(comes_true([&] { return is_stable(cluster, 1); }));
    Member two(cluster);
    REQUIRE(comes_true([&] { return is_stable(cluster, 2); }));
    produce(cluster, 1, 40);
    REQUIRE(comes_true([&] { return committed(cluster) == 40; }));

    const auto coordinator = [&] { return *cluster.coordinator(MockCluster::Coordinator::group, "g"); };
    REQUIRE_FALSE(cluster.move_coordinator(MockCluster::Coordinator::group, "g", coordinator() % 3 + 1));
    produce(cluster, 41, 80);
    REQUIRE(comes_true([&] { return committed(cluster) == 80; }));
    cluster.stop(coordinator());
    produce(cluster, 81, 120);
    REQUIRE(comes_true([&] { return committed(cluster) == 120; }));
    CHECK(comes_true([&] { return is_stable(cluster, 2); }));
    auto read = one.stop();
    const auto rest = two.stop();
    read.insert(read.end(), rest.begin(), rest.end());
    const std::set<int> all(read.begin(), read.end());
    CHECK(std::vector<int>(all.begin(), all.end()) == from_to(1, 120));
}
