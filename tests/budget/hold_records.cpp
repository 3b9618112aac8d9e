// An application that holds on to what it reads, in a process of its own, so that its memory can be told apart.
//   hold_records fill SERVERS TOPIC PARTITIONS KBYTES     so much into each partition
//   hold_records hold SERVERS TOPIC BUDGET SECONDS COUNT  reads as a member of a group, each Records is held for ten seconds, for
//                                                         so long; then reads on without holding, until COUNT records
#include <charconv>
#include <chrono>
#include <cstdio>
#include <deque>
#include <fstream>
#include <stdexcept>
#include <string>

#include <ottla/consumer.hpp>
#include <ottla/producer.hpp>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto holding = 10s;
constexpr size_t value_size = 1000;

int64_t number(std::string_view text) {
    int64_t value = 0;
    if (std::from_chars(text.begin(), text.end(), value).ec != std::errc())
        throw std::invalid_argument(std::string(text));
    return value;
}

/// In kB, as the kernel counts: VmHWM is the peak.
int64_t memory(const std::string& what) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(what))
            return number(line.substr(line.find_first_of("0123456789"), line.find(" kB") - line.find_first_of("0123456789")));
    return -1;
}

void fill(const std::string& servers, const std::string& topic, int64_t partitions, int64_t kbytes) {
    ottla::Producer producer({{"bootstrap.servers", servers}, {"compression.type", "lz4"}, {"linger.ms", "20"}});
    std::string value;
    uint64_t draw = 1;
    for (int64_t i = 0; i < kbytes; ++i)
        for (int64_t p = 0; p < partitions; ++p) {
            value.clear();
            while (value.size() < value_size) { // half of it compresses
                draw = draw * 6364136223846793005 + 1442695040888963407;
                value += std::to_string(draw >> 1) + "aaaaaaaaaaaaaaaaaaa";
            }
            producer.produce({.topic = topic, .value = value, .partition = static_cast<int32_t>(p)}, 30s);
        }
    if (producer.flush(60s) != 0)
        throw std::runtime_error("not all was delivered");
}

int64_t connects(const ottla::Consumer& consumer) {
    int64_t all = 0;
    for (const auto& [node, broker] : consumer.metrics().brokers)
        all += broker.connects;
    return all;
}

void hold(const std::string& servers, const std::string& topic, const std::string& budget, int64_t seconds, int64_t count) {
    ottla::Consumer consumer(
        {{"bootstrap.servers", servers}, {"group.id", "holders"}, {"auto.offset.reset", "earliest"}, {"ottla.memory.budget", budget},
         {"session.timeout.ms", "6000"}, {"heartbeat.interval.ms", "1000"}});
    int assigned = 0;
    int taken = 0;
    consumer.subscribe(
        {topic},
        {.on_assign = [&](const auto&) { ++assigned; }, .on_revoke = [&](const auto&) { ++taken; }, .on_lost = [&](const auto&) { ++taken; }});
    struct Held {
        Clock::time_point until;
        ottla::Records records;
    };
    std::deque<Held> held;
    int64_t records = 0;
    int64_t bytes = 0;
    int64_t stuck = 0;
    int64_t connects_before = 0;
    const auto begin = Clock::now();
    const auto stop_holding = begin + std::chrono::seconds(seconds);
    const auto give_up = stop_holding + 120s;
    for (auto now = begin; records < count && now < give_up; now = Clock::now()) {
        while (!held.empty() && (held.front().until <= now || now >= stop_holding))
            held.pop_front();
        auto some = consumer.poll_records(100ms);
        if (some.count() == 0) {
            stuck += !held.empty();
            continue;
        }
        if (connects_before == 0 && now > begin + 5s)
            connects_before = connects(consumer);
        records += static_cast<int64_t>(some.count());
        for (const auto& batch : some.batches())
            for (const auto& record : batch)
                bytes += static_cast<int64_t>(record.value().size());
        held.push_back({now + holding, std::move(some)});
    }
    std::printf(
        R"({"peak_kb": %ld, "records": %ld, "bytes": %ld, "waits": %ld, "assigned": %d, "taken": %d, "reconnects": %ld})"
        "\n",
        memory("VmHWM"), long{records}, long{bytes}, long{stuck}, assigned, taken, long{connects(consumer) - connects_before});
    held.clear();
    consumer.close();
}

} // namespace

int main(int argc, char** argv) {
    try {
        const std::vector<std::string> words(argv + 1, argv + argc);
        if (words.size() == 5 && words[0] == "fill")
            fill(words[1], words[2], number(words[3]), number(words[4]));
        else if (words.size() == 6 && words[0] == "hold")
            hold(words[1], words[2], words[3], number(words[4]), number(words[5]));
        else
            throw std::invalid_argument("usage: hold_records fill SERVERS TOPIC PARTITIONS KBYTES | hold SERVERS TOPIC BUDGET SECONDS COUNT");
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
